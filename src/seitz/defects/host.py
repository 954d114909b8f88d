"""A host structure prepared for changes: every variant of it costs only the rows that a change can reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from seitz import _core
from seitz._typing import IndexArray, IntArray, StructureLike
from seitz.adapters import as_cell
from seitz.cell import Cell, OccupancyPolicy
from seitz.descriptors import Descriptor, Walk
from seitz.descriptors import descriptor as find_descriptor
from seitz.elements import SYMBOLS
from seitz.environments import species_of
from seitz.errors import DefectError, OptionError
from seitz.featurize import featurize
from seitz.missing import MissingPolicy, apply_policy
from seitz.symmetry import Orbits, site_orbits
from seitz.table import FeatureTable
from seitz.tessellation import kernel_error, thread_count

from .changes import (
    Change,
    ChangeArrays,
    Element,
    as_change_sets,
    change_arrays,
    changed_cell,
    describe,
    element_number,
)

_BLOCK = 4096  # structures
_NOTHING = 1e-9  # atoms


class HostPlan:
    """A host with its cells and rows, from :func:`seitz.host_plan`; it never changes.

    Attributes
    ----------
    cell
        The host.
    """

    cell: Cell

    def __init__(
        self, cell: Cell, n_threads: int | None = None, supercell: Sequence[int] = (1, 1, 1)
    ) -> None:
        self._unit, self._multiples = cell, tuple(map(int, supercell))
        self.cell = cell = cell.supercell(supercell)
        self._table, (self._species,) = species_of([cell])
        self._host = _core.Host(
            cell.lattice, cell.frac_coords, self._species, self._table, thread_count(n_threads)
        )
        error = kernel_error(self._host.status, cell)
        if error is not None:
            raise error

    def __reduce__(self) -> tuple[type[HostPlan], tuple[Cell, None, tuple[int, ...]]]:
        return HostPlan, (self._unit, None, self._multiples)

    def __len__(self) -> int:
        return len(self.cell)

    def __repr__(self) -> str:
        return f"HostPlan({self.cell.formula}, {len(self)} sites, {self.n_distinct_rows} distinct rows)"

    @property
    def n_distinct_rows(self) -> int:
        """Number of distinct rows: how many kinds of sites there are for this representation."""
        return int(self._host.n_classes)

    @cached_property
    def orbits(self) -> Orbits:
        """Crystallographic orbits of the host's sites; those of a supercell are searched in its unit cell."""
        found = site_orbits(self._unit)
        images = len(self.cell) // len(self._unit)
        return Orbits(np.tile(found.labels, images), found.space_group, found.symbol, found.wyckoffs * images)

    def featurize(
        self,
        changes: Any,
        *,
        descriptor: str | Descriptor = "ks2022",
        walk: Walk | None = None,
        missing: MissingPolicy = "zero",
        ids: Sequence[str] | None = None,
        n_threads: int | None = None,
    ) -> FeatureTable:
        """Feature vectors of changed structures, equal to those of the structures themselves.

        Parameters
        ----------
        changes
            One set of changes or a sequence of sets, one row each. A set is a list of :class:`Substitution`,
            :class:`Vacancy`, :class:`Interstitial` and :class:`Displacement`, or a mapping from sites to elements with
            None for a vacancy: ``{0: "Al", 7: None}``. Changes may touch each other and their own periodic images.
        descriptor, walk, missing, n_threads
            As for :func:`seitz.featurize`. Descriptors that are more than statistics of independent rows (Ward2017,
            seitz) are computed from the whole structures.
        ids
            One name per row; by default the changes in short, as ``Al@0+vacancy@7``.

        Raises
        ------
        DefectError
            A change that makes no sense, or leaves no atom.
        OverlapError
            An added or displaced atom is within 1e-3 Å of another; the message names both in the changed structure.

        Examples
        --------
        >>> iron = Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])
        >>> table = host_plan(iron).featurize([{0: "Al"}, {0: "Cr"}])
        >>> table.ids, table["max_Number"].tolist()
        (('Al@0', 'Cr@0'), [26.0, 26.0])
        """
        sets = as_change_sets(changes)
        arrays = change_arrays(sets, len(self))
        if isinstance(ids, str) or not (ids is None or isinstance(ids, Iterable)):
            raise OptionError(f"ids={ids!r}: give a list with one name per set of changes")
        names = tuple(map(describe, sets)) if ids is None else tuple(map(str, ids))
        if len(names) != len(sets):
            raise DefectError(f"{len(names)} ids were given for {len(sets)} sets of changes")
        chosen = find_descriptor(descriptor, walk)
        if not chosen.by_rows:
            cells = [self.changed(changes) for changes in sets]
            table = featurize(
                cells, descriptor=chosen, missing=missing, occupancy="average", n_threads=n_threads
            )
            return FeatureTable(
                table.values,
                chosen,
                names,
                warnings=tuple(w._replace(id=names[w.index]) for w in table.warnings),
            )
        return self._table_of(arrays, chosen, missing, names, n_threads, sets)

    def all_substitutions(
        self,
        elements: Element | Iterable[Element],
        *,
        orbits: Iterable[int] | None = None,
        descriptor: str | Descriptor = "ks2022",
        walk: Walk | None = None,
        missing: MissingPolicy = "zero",
        n_threads: int | None = None,
    ) -> FeatureTable:
        """Every single solute on every orbit of the host at once.

        Parameters
        ----------
        elements
            Solutes, as symbols or atomic numbers; or one of them.
        orbits
            Indices into :attr:`orbits`; by default all of them. One site stands for each: any other gives the same row.

        Returns
        -------
        FeatureTable
            Orbit by orbit, within each the solutes in the order given; ids as ``Al@0`` with the orbit's first site.
        """
        solutes = [elements] if isinstance(elements, str | int | np.integer) else elements
        numbers = np.array([element_number(e, "solute") for e in solutes], dtype=np.int32)
        representatives = self.orbits.representatives
        wanted = range(len(representatives)) if orbits is None else list(orbits)
        for orbit in wanted:
            if (
                isinstance(orbit, bool)
                or not isinstance(orbit, int | np.integer)
                or not 0 <= orbit < len(representatives)
            ):
                raise DefectError(
                    f"{orbit!r} is no orbit of the host, whose orbits are 0 to {len(representatives) - 1}"
                )
        sites = np.repeat(representatives[list(wanted)], len(numbers))
        species = np.tile(numbers, len(list(wanted)))
        names = tuple(
            f"{SYMBOLS[z]}@{site}" for site, z in zip(sites.tolist(), species.tolist(), strict=True)
        )
        n = len(sites)
        arrays = ChangeArrays(
            np.arange(n + 1, dtype=np.int64), sites, species, np.zeros(n, dtype=np.uint8), np.zeros((n, 3))
        )
        chosen = find_descriptor(descriptor, walk)
        if not chosen.by_rows:
            return self.featurize(
                [{s: z} for s, z in zip(sites.tolist(), species.tolist(), strict=True)],
                descriptor=chosen, missing=missing, ids=names, n_threads=n_threads,
            )  # fmt: skip
        return self._table_of(arrays, chosen, missing, names, n_threads, None)

    def changed(self, changes: Any) -> Cell:
        """The structure with one set of changes: what is left of the host in order, then displaced and added atoms."""
        sets = as_change_sets(changes) if changes else [()]
        if len(sets) != 1:
            raise DefectError(f"changed() takes one set of changes, not {len(sets)}")
        return changed_cell(self.cell, sets[0])

    def _table_of(
        self,
        arrays: ChangeArrays,
        chosen: Descriptor,
        missing: MissingPolicy,
        names: tuple[str, ...],
        n_threads: int | None,
        sets: Sequence[Sequence[Change]] | None,
    ) -> FeatureTable:
        keep = arrays.species == 0  # a displaced atom keeps what the host has on its site
        if keep.any():
            arrays = arrays._replace(species=np.where(keep, self._species[arrays.sites], arrays.species))
        elements, starts = self._elements(arrays)
        empty = np.flatnonzero(np.diff(starts) == 0)
        if empty.size:
            raise DefectError(f"{names[empty[0]]}: no atom is left")
        blocks, codes = self._host.blocks(*arrays, self._table, thread_count(n_threads))
        for row in np.flatnonzero(codes[:, 0]).tolist():
            cell = self.cell if sets is None else self.changed(sets[row])
            broken = kernel_error(tuple(codes[row, :3].tolist()), cell)
            if broken is not None:
                raise type(broken)(f"{names[row]}: {broken}")
        values = blocks[:, chosen.positions]
        warnings, _ = apply_policy(
            values, chosen, elements, starts, names.__getitem__, missing, on_error="raise"
        )
        return FeatureTable(values, chosen, names, warnings=warnings)

    def _elements(self, arrays: ChangeArrays) -> tuple[IntArray, IndexArray]:
        """Elements of every changed structure one after the other, and where each one's begin."""
        shares = np.zeros((len(self._table.offsets) - 1, len(SYMBOLS)))
        species = np.repeat(np.arange(len(shares)), np.diff(self._table.offsets))
        np.add.at(shares, (species, self._table.elements), self._table.amounts)
        host = shares[self._species].sum(axis=0)
        n = len(arrays.offsets) - 1
        found: list[IntArray] = []
        counts: list[IndexArray] = []
        for first in range(0, n, _BLOCK):  # a dense table of amounts, but not of everything at once
            last = min(n, first + _BLOCK)
            here = slice(int(arrays.offsets[first]), int(arrays.offsets[last]))
            rows = np.repeat(np.arange(last - first), np.diff(arrays.offsets[first : last + 1]))
            sites, come = arrays.sites[here], arrays.species[here]
            amounts = np.tile(host, (last - first, 1))
            np.subtract.at(amounts, rows[sites >= 0], shares[self._species[sites[sites >= 0]]])
            np.add.at(amounts, rows[come >= 0], shares[come[come >= 0]])
            present = np.nonzero(amounts > _NOTHING)
            found.append(present[1].astype(np.int32))
            counts.append(np.bincount(present[0], minlength=last - first))
        starts = np.concatenate([[0], np.cumsum(np.concatenate([*counts, np.empty(0, dtype=np.int64)]))])
        return np.concatenate([*found, np.empty(0, dtype=np.int32)]), starts.astype(np.int64)


def host_plan(
    host: StructureLike,
    *,
    supercell: Sequence[int] = (1, 1, 1),
    occupancy: OccupancyPolicy = "raise",
    n_threads: int | None = None,
) -> HostPlan:
    """Prepare a host structure for substitutions, vacancies, interstitials and displacements.

    Parameters
    ----------
    host
        Anything :func:`seitz.as_cell` takes: the perfect structure.
    supercell
        How often to repeat it along each of its lattice vectors first.
    occupancy, n_threads
        As for :func:`seitz.featurize`.

    Raises
    ------
    SeitzError
        As for :func:`seitz.tessellate`.
    """
    return HostPlan(as_cell(host, occupancy=occupancy), n_threads, supercell)
