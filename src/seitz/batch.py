"""One batch of structures to one table: the kernel's blocks, failures, and what rests on doubtful input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from . import _core
from ._typing import FloatArray, IndexArray, IntArray
from .cell import Cell, OccupancyPolicy, format_occupants
from .descriptors import Descriptor
from .elements import SYMBOLS
from .environments import species_of
from .errors import SeitzError, SymmetryError
from .finders import Finder
from .missing import MissingPolicy, apply_policy
from .record import Record
from .table import Failure, FeatureTable, RowWarning
from .tessellation import kernel_error, tessellate

SymmetryPolicy = Literal["none", "orbits"]
ErrorPolicy = Literal["raise", "record"]

#: Neighbours closer than this share of the sum of their covalent radii are hardly ever meant.
CROWDED = 0.5


class Options(NamedTuple):
    """The keyword options shared by every entry point, checked once."""

    descriptor: Descriptor
    symmetry: SymmetryPolicy
    finder: Finder
    symprec: float
    missing: MissingPolicy
    occupancy: OccupancyPolicy
    on_error: ErrorPolicy
    n_threads: int


def featurize_batch(records: Sequence[Record], options: Options) -> FeatureTable:
    """Features of some structures, one row each; failures and warnings count rows from the start of the batch."""
    report = Report(records, options.on_error)
    rows, cells, weights = _usable(records, options, report)
    chosen = options.descriptor
    values = np.full((len(records), len(chosen)), np.nan)
    warnings: list[RowWarning] = []
    if cells:
        blocks, statuses, closeness, offsets, species = _run_kernel(cells, weights, options)
        good = blocks[:, chosen.positions]
        for k in np.flatnonzero(statuses[:, 0]).tolist():
            broken = kernel_error(tuple(statuses[k].tolist()), cells[k])
            if broken is not None:
                report.fail(rows[k], broken)
        elements, starts = _all_elements(cells, species, offsets)
        touched, refused = apply_policy(
            good,
            chosen,
            elements,
            starts,
            lambda k: report.place(rows[k]),
            options.missing,
            on_error=options.on_error,
        )
        values[rows] = good
        report.add(f._replace(index=rows[f.index]) for f in refused)
        warnings += (
            w._replace(index=rows[w.index])
            for w in (*touched, *_crowded(cells, statuses, closeness), *_averaged(cells, statuses))
        )
    warnings.sort(key=lambda warning: warning.index)
    return FeatureTable(
        values,
        chosen,
        tuple(record.id for record in records),
        report.sorted(),
        tuple(w._replace(id=records[w.index].id, source=records[w.index].source) for w in warnings),
    )


class Report:
    """What goes wrong in a batch: raised at once, or one failure per row."""

    def __init__(self, records: Sequence[Record], on_error: ErrorPolicy) -> None:
        self.failures: dict[int, Failure] = {}
        self._records, self._on_error = records, on_error

    def place(self, row: int) -> str:
        """Where a structure comes from, as messages say it."""
        record = self._records[row]
        return record.source or (record.id if record.id != str(row) else f"structure {row}")

    def fail(self, row: int, error: SeitzError) -> None:
        record = self._records[row]
        # Readers put the source in front of their messages; a failure has a field for it.
        message = str(error).removeprefix(f"{record.source}: ") if record.source else str(error)
        if self._on_error == "raise":
            raise type(error)(f"{self.place(row)}: {message}") from None
        self.add([Failure(row, record.id, type(error).__name__, message)])

    def add(self, failures: Iterable[Failure]) -> None:
        for failure in failures:
            record = self._records[failure.index]
            self.failures.setdefault(failure.index, failure._replace(id=record.id, source=record.source))

    def sorted(self) -> tuple[Failure, ...]:
        """One failure per row, by row."""
        return tuple(self.failures[row] for row in sorted(self.failures))


def _usable(
    records: Sequence[Record], options: Options, report: Report
) -> tuple[list[int], list[Cell], list[FloatArray]]:
    """Rows that have a cell, the cells, and the weights of their sites where orbits are wanted."""
    rows: list[int] = []
    cells: list[Cell] = []
    weights: list[FloatArray] = []
    for row, record in enumerate(records):
        try:
            if record.cell is None:
                raise record.error or SeitzError("no structure")
            if options.symmetry == "orbits":
                weights.append(_orbit_weights(record.cell, options))
        except SeitzError as error:
            report.fail(row, error)
            continue
        rows.append(row)
        cells.append(record.cell)
    return rows, cells, weights


def _crowded(cells: Sequence[Cell], statuses: IndexArray, closeness: FloatArray) -> list[RowWarning]:
    """Rows of structures with neighbours so close that positions, lattice or units are probably wrong."""
    found: list[RowWarning] = []
    for row in np.flatnonzero((closeness < CROWDED) & (statuses[:, 0] == 0)).tolist():
        first, second = sorted(statuses[row, 1:].tolist())
        symbols = [SYMBOLS[int(cells[row].atomic_numbers[site])] for site in (first, second)]
        image = " (an image of it)" if first == second else ""
        message = (
            f"sites {first} and {second}{image}, {symbols[0]} and {symbols[1]}, are only {closeness[row]:.2f} of the "
            "sum of their covalent radii apart: check positions and lattice"
        )
        found.append(RowWarning(row, "", message, kind="crowded"))
    return found


def _averaged(cells: Sequence[Cell], statuses: IndexArray) -> list[RowWarning]:
    """Rows of structures with sites that stand for no atom."""
    found: list[RowWarning] = []
    for row, cell in enumerate(cells):
        if cell.is_ordered or statuses[row, 0]:
            continue
        site, content = next(iter(cell.occupancies.items()))
        n = len(cell.occupancies)
        message = (
            f"{n} of {len(cell)} site{'' if len(cell) == 1 else 's'} {'is' if n == 1 else 'are'} averaged over "
            f"{'its' if n == 1 else 'their'} occupants (site {site}: {format_occupants(content)})"
        )
        found.append(RowWarning(row, "", message, kind="averaged"))
    return found


def _orbit_weights(cell: Cell, options: Options) -> FloatArray:
    from .symmetry import site_orbits  # slow to import, and hardly ever wanted

    try:
        return site_orbits(cell, finder=options.finder, symprec=options.symprec).weights
    except SymmetryError:
        tessellate(
            cell
        )  # two atoms at one place defeat the search: then the error that names them is of more use
        raise


def _run_kernel(
    cells: Sequence[Cell], weights: Sequence[FloatArray], options: Options
) -> tuple[FloatArray, IndexArray, FloatArray, IndexArray, IntArray]:
    table, site_species = species_of(cells)
    offsets = np.zeros(len(cells) + 1, dtype=np.int64)
    np.cumsum([len(cell) for cell in cells], out=offsets[1:])
    species = np.concatenate(site_species)
    blocks, statuses, closeness = _core.featurize_batch(
        np.array([cell.lattice for cell in cells]),
        offsets,
        np.concatenate([cell.frac_coords for cell in cells]),
        species,
        np.concatenate(weights) if weights else None,
        table,
        options.descriptor.sections,
        options.n_threads,
    )
    return blocks, statuses, closeness, offsets, species


def _all_elements(
    cells: Sequence[Cell], species: IntArray, offsets: IndexArray
) -> tuple[IntArray, IndexArray]:
    """Elements of every cell one after the other, occupants of shared sites included, and where each cell begins."""
    if all(cell.is_ordered for cell in cells):
        return species, offsets
    elements = [np.array(list(cell.amounts), dtype=np.int32) for cell in cells]
    return np.concatenate(elements), np.concatenate([[0], np.cumsum([len(e) for e in elements])])
