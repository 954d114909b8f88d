"""Dilute, doped and defect structures: the host is found, the changes are found, and only they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from seitz._typing import StructureLike
from seitz.adapters import as_cell, prototype_cell
from seitz.batch import ErrorPolicy, Report
from seitz.cell import Cell
from seitz.descriptors import Descriptor, Walk
from seitz.descriptors import descriptor as find_descriptor
from seitz.elements import SYMBOLS
from seitz.errors import DefectError, OptionError, SeitzError
from seitz.featurize import open_items
from seitz.missing import MissingPolicy
from seitz.record import Record
from seitz.table import FeatureTable, RowWarning
from seitz.tessellation import thread_count

from .changes import Change, Substitution
from .host import HostPlan
from .mapping import Matcher

Key = tuple[bytes, bytes, bytes]


def featurize_dilute(
    structures: StructureLike | Iterable[StructureLike],
    *,
    host: StructureLike | HostPlan = "pure",
    tolerance: float | None = None,
    descriptor: str | Descriptor = "ks2022",
    walk: Walk | None = None,
    missing: MissingPolicy = "zero",
    on_error: ErrorPolicy = "raise",
    n_threads: int | None = None,
) -> FeatureTable:
    """Feature vectors of structures that differ from a host at few sites, at the cost of those sites.

    The vectors equal those of :func:`seitz.featurize`, whatever the changes are: substitutions, vacancies,
    interstitials, relaxed neighbours, any number of them, touching each other or their own images. Structures of one
    host share its cells.

    Parameters
    ----------
    structures
        As for :func:`seitz.featurize`; every site holds one whole atom.
    host
        ``"pure"``: the structure's own lattice with its majority element on every site. Or the perfect structure, as
        anything :func:`seitz.as_cell` takes: a cell of any size, origin, orientation and order of sites. Or the name
        of a prototype, which is scaled to the structure. Or a :class:`HostPlan`.
    tolerance
        How far an atom may be from its site in the host, Å; by default 0.35 of the host's shortest bond.
    descriptor, walk, missing, on_error, n_threads
        As for :func:`seitz.featurize`.

    Raises
    ------
    DefectError
        The structure cannot be mapped onto the host; the message names the sites.

    Examples
    --------
    >>> dilute = Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 24])
    >>> host = dilute.replace(atomic_numbers=[26, 26])
    >>> float(featurize_dilute(dilute, host=host)["NComp"][0])
    2.0
    """
    chosen = find_descriptor(descriptor, walk)
    if on_error not in get_args(ErrorPolicy):
        raise OptionError(f"on_error={on_error!r}: choose one of {', '.join(get_args(ErrorPolicy))}")
    if missing not in get_args(MissingPolicy):
        raise OptionError(f"missing={missing!r}: choose one of {', '.join(get_args(MissingPolicy))}")
    thread_count(n_threads)
    finder = _Finder(host, tolerance, n_threads)
    records = list(open_items(structures, "raise")[0])
    variants: list[_Variant | SeitzError] = [_attempt(finder.variant, record) for record in records]
    values = np.full((len(records), len(chosen)), np.nan)
    warnings: list[RowWarning] = []
    names = [record.id for record in records]
    options: dict[str, Any] = {"descriptor": chosen, "missing": missing, "n_threads": n_threads}
    for plan, rows in _by_plan(variants):
        for done, table in _tables(plan, variants, rows, names, options):
            values[done] = table.values
            warnings += [
                w._replace(index=done[w.index], source=records[done[w.index]].source) for w in table.warnings
            ]
    report = Report(records, on_error)
    for row, outcome in enumerate(variants):
        if isinstance(outcome, SeitzError):
            report.fail(row, outcome)
    warnings.sort(key=lambda warning: warning.index)
    return FeatureTable(values, chosen, tuple(names), report.sorted(), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Variant:
    """One structure as changes of a host."""

    plan: HostPlan
    changes: tuple[Change, ...]


@dataclass(slots=True)
class _Finder:
    """Host and changes of structures; hosts that turn up again are not tessellated again."""

    host: StructureLike | HostPlan
    tolerance: float | None
    n_threads: int | None
    reference: Cell | None = None
    rescale: bool = False
    matcher: Matcher | None = None
    plans: dict[Key, HostPlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.host, HostPlan):
            self.reference = self.host.cell
            self.plans[_key(self.reference)] = self.host
        elif not (isinstance(self.host, str) and self.host == "pure"):
            self.rescale = isinstance(self.host, str) and prototype_cell(self.host) is not None
            self.reference = as_cell(self.host)
        if self.reference is None:
            return
        if not self.reference.is_ordered:
            raise DefectError("the host has shared sites: order it first")
        self.matcher = Matcher(self.reference, tolerance=self.tolerance, rescale=self.rescale)

    def variant(self, record: Record) -> _Variant:
        if record.cell is None:
            raise record.error or SeitzError("no structure")
        if self.matcher is None:
            host, changes = _pure(record.cell)
        else:
            host, changes, _ = self.matcher.match(record.cell)
        plan = self.plans.get(_key(host))
        if plan is None:
            plan = self.plans[_key(host)] = HostPlan(host, self.n_threads)
        return _Variant(plan, changes)


def _pure(cell: Cell) -> tuple[Cell, tuple[Change, ...]]:
    """The structure with its majority element everywhere, and the sites that differ."""
    elements, counts = np.unique(cell.atomic_numbers, return_counts=True)
    most = elements[counts == counts.max()]
    if len(most) > 1:
        tied = " and ".join(SYMBOLS[z] for z in most.tolist())
        raise DefectError(f"{tied} are equally frequent, so no element makes a pure host: give the host")
    numbers = np.full(len(cell), most[0], dtype=np.int32)
    changes = tuple(
        Substitution(site, int(cell.atomic_numbers[site]))
        for site in np.flatnonzero(cell.atomic_numbers != most[0]).tolist()
    )
    return cell.replace(atomic_numbers=numbers), changes


def _key(cell: Cell) -> Key:
    return cell.lattice.tobytes(), cell.frac_coords.tobytes(), cell.atomic_numbers.tobytes()


def _attempt(function: Any, record: Record) -> _Variant | SeitzError:
    try:
        result: _Variant = function(record)
        return result
    except SeitzError as error:
        return error


def _by_plan(variants: list[_Variant | SeitzError]) -> list[tuple[HostPlan, list[int]]]:
    groups: dict[int, tuple[HostPlan, list[int]]] = {}
    for row, variant in enumerate(variants):
        if isinstance(variant, _Variant):
            groups.setdefault(id(variant.plan), (variant.plan, []))[1].append(row)
    return list(groups.values())


def _tables(
    plan: HostPlan,
    variants: list[_Variant | SeitzError],
    rows: list[int],
    names: list[str],
    options: dict[str, Any],
) -> Iterator[tuple[list[int], FeatureTable]]:
    """Features of the variants of one host: together where all is well, else one by one, so that an error costs one."""
    sets = [variant.changes for row in rows if isinstance(variant := variants[row], _Variant)]
    try:
        yield rows, plan.featurize(sets, ids=[names[row] for row in rows], **options)
    except SeitzError as error:
        if len(rows) == 1:
            variants[rows[0]] = error
            return
        for row in rows:
            yield from _tables(plan, variants, [row], names, options)
