"""Batches of structures to feature tables: the spine from anything that holds atoms to named columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from ._typing import PathLike, StructureLike
from .adapters import as_cell, one_column, prototype_cell
from .batch import ErrorPolicy, Options, SymmetryPolicy, featurize_batch
from .cell import Cell, OccupancyPolicy
from .descriptors import Descriptor, Walk
from .descriptors import descriptor as find_descriptor
from .errors import OptionError, ReadError, SeitzError, StructureError
from .finders import SYMPREC, Finder, check_symprec
from .missing import MissingPolicy
from .record import Record
from .table import FeatureTable, concatenate
from .tessellation import thread_count

#: Called with the number of structures done and their total, None where it is unknown.
Progress = Callable[[int, int | None], None]

_BATCH = 1024
_BATCH_SITES = 100_000


def featurize(
    structures: StructureLike | Iterable[StructureLike],
    *,
    descriptor: str | Descriptor = "ks2022",
    walk: Walk | None = None,
    symmetry: SymmetryPolicy = "none",
    finder: Finder = "moyopy",
    symprec: float = SYMPREC,
    missing: MissingPolicy = "zero",
    occupancy: OccupancyPolicy = "raise",
    on_error: ErrorPolicy = "raise",
    ids: Iterable[object] | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> FeatureTable:
    """Feature vectors of structures, from their exact Wigner-Seitz cells.

    Parameters
    ----------
    structures
        One structure, or a list or stream of them: anything :func:`seitz.as_cell` takes, one row each. A single path
        may also name a folder, a pattern or a file with many structures; :func:`seitz.io.read_structures` takes
        several such paths.
    descriptor
        Name of the descriptor, see :func:`seitz.descriptors`.
    walk
        For Ward2017: ``"self_avoiding"`` (default) gives the values of Ward's own program, ``"no_reversal"`` those
        that published models are run with.
    symmetry
        ``"none"`` computes every site; ``"orbits"`` one site per crystallographic orbit, weighted by multiplicity
        (section 3 of Comput. Mater. Sci. 247, 113495). The kernel is so fast that the former is nearly always faster.
    finder
        With ``symmetry="orbits"``: ``"moyopy"``, or ``"spglib"`` to reproduce published vectors to single precision.
    symprec
        Tolerance of the symmetry search, Å.
    missing
        Where an element lacks a property: ``"zero"`` reads it as 0 as the published implementation does (an unknown
        electronegativity contributes nothing to the ionic features), ``"nan"`` blanks every feature it touches,
        ``"raise"`` refuses the structure. Touched rows are listed in ``table.warnings``.
    occupancy
        ``"raise"`` refuses partially occupied sites; ``"average"`` averages the occupants' properties.
    on_error
        ``"raise"`` stops at the first structure that fails; ``"record"`` leaves its row NaN and lists it in
        ``table.failures``.
    ids
        One name per structure; by default the index of a pandas Series, an id from the data, or the position.
    n_threads
        Threads over structures; all processors by default. The result does not depend on it.
    progress
        Called as ``progress(done, total)`` after every batch.

    Returns
    -------
    FeatureTable
        One row per structure, in order.

    Raises
    ------
    SeitzError
        A structure failed and ``on_error="raise"``; the message names it. Or a folder or file holds none at all.

    Examples
    --------
    >>> from seitz import Cell, featurize
    >>> table = featurize(Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26]))
    >>> table.values.shape, round(float(table["mean_EffectiveCoordination"][0]), 4)
    ((1, 256), 11.9569)
    """
    if ids is None and hasattr(structures, "index") and hasattr(structures, "iloc"):
        ids = structures.index  # a pandas Series
    items, total = open_items(structures, occupancy)
    if ids is not None:
        items = _renamed(items, ids)
    tables = list(
        featurize_batches(
            items,
            descriptor=descriptor,
            walk=walk,
            symmetry=symmetry,
            finder=finder,
            symprec=symprec,
            missing=missing,
            occupancy=occupancy,
            on_error=on_error,
            n_threads=n_threads,
            progress=progress and (lambda done, _: progress(done, total)),
        )
    )
    if not tables and isinstance(structures, str | os.PathLike):
        raise ReadError(f"no structure found in {os.fspath(structures)}")
    if not tables:
        chosen = find_descriptor(descriptor, walk)
        return FeatureTable(np.empty((0, len(chosen))), chosen, ())
    return tables[0] if len(tables) == 1 else concatenate(tables)


def featurize_batches(
    structures: Iterable[StructureLike],
    *,
    descriptor: str | Descriptor = "ks2022",
    walk: Walk | None = None,
    symmetry: SymmetryPolicy = "none",
    finder: Finder = "moyopy",
    symprec: float = SYMPREC,
    missing: MissingPolicy = "zero",
    occupancy: OccupancyPolicy = "raise",
    on_error: ErrorPolicy = "raise",
    n_threads: int | None = None,
    progress: Progress | None = None,
    batch_size: int = _BATCH,
) -> Iterator[FeatureTable]:
    """Like :func:`featurize`, one table per batch: memory stays bounded however long the stream of structures is.

    Row numbers of failures and warnings count from the start of each batch.
    """
    for name, value, choices in (
        ("symmetry", symmetry, SymmetryPolicy),
        ("missing", missing, MissingPolicy),
        ("occupancy", occupancy, OccupancyPolicy),
        ("on_error", on_error, ErrorPolicy),
        ("finder", finder, Finder),
    ):
        if value not in get_args(choices):
            raise OptionError(f"{name}={value!r}: choose one of {', '.join(get_args(choices))}")
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size!r}: give a positive integer")
    options = Options(
        find_descriptor(descriptor, walk),
        symmetry,
        finder,
        check_symprec(symprec),
        missing,
        occupancy,
        on_error,
        thread_count(n_threads),
    )
    return _batches(open_items(structures, occupancy)[0], options, batch_size, progress)


def _batches(
    items: Iterator[Record], options: Options, batch_size: int, progress: Progress | None
) -> Iterator[FeatureTable]:
    done = 0
    while batch := _next_batch(items, batch_size):
        yield featurize_batch(batch, options)
        done += len(batch)
        if progress is not None:
            progress(done, None)


def _next_batch(items: Iterator[Record], batch_size: int) -> list[Record]:
    """Up to ``batch_size`` structures, fewer where they are large: memory is bounded in sites too."""
    batch: list[Record] = []
    n_sites = 0
    for item in items:
        batch.append(item)
        n_sites += 0 if item.cell is None else len(item.cell)
        if len(batch) == batch_size or n_sites >= _BATCH_SITES:
            break
    return batch


# --- what comes in -----------------------------------------------------------------------------------------------


def open_items(structures: Any, occupancy: OccupancyPolicy) -> tuple[Iterator[Record], int | None]:
    """Structures as a stream of items, and their number where it is known."""
    if isinstance(structures, str | os.PathLike):
        named = prototype_cell(structures)
        if named is not None:
            return iter([Record(os.fspath(structures), named)]), 1
        return _file_items([structures], occupancy), None
    if isinstance(structures, Cell | Mapping | Record) or _is_structure(structures):
        structures = [structures]
    structures = one_column(structures)
    if not isinstance(structures, Iterable):
        structures = [structures]  # its error says what a structure is
    total = len(structures) if isinstance(structures, Sequence) else None
    return (_as_item(i, structure, occupancy) for i, structure in enumerate(structures)), total


def _renamed(items: Iterator[Record], ids: Iterable[object]) -> Iterator[Record]:
    """The same records under other names; OptionError where there are not as many of both."""
    names = iter(ids)
    for item in items:
        try:
            yield item._replace(id=str(next(names)))
        except StopIteration:
            raise OptionError("ids: there are fewer than structures") from None
    if next(names, None) is not None:
        raise OptionError("ids: there are more than structures")


def _is_structure(thing: Any) -> bool:
    """Whether it is one structure of another package, although it may be iterable over its sites."""
    return any(
        hasattr(thing, name) for name in ("get_scaled_positions", "frac_coords", "attributes", "entry")
    )


def _file_items(paths: Sequence[PathLike], occupancy: OccupancyPolicy) -> Iterator[Record]:
    from .io import read_structures

    return read_structures(paths, occupancy=occupancy)


def _as_item(index: int, structure: Any, occupancy: OccupancyPolicy) -> Record:
    if isinstance(structure, Record):
        return structure
    name = str(index)
    if type(structure) is Cell and not structure.occupancies:  # most often, and nothing is to be done
        return Record(name, structure)
    if isinstance(structure, str | os.PathLike):
        try:
            named = prototype_cell(structure)
        except SeitzError as error:
            return Record(os.fspath(structure), None, error, os.fspath(structure))
        if named is not None:
            return Record(os.fspath(structure), named)
        return _only_record(structure, occupancy)
    if isinstance(structure, Mapping):
        name = str(structure.get("id") or structure.get("material_id") or index)
    try:
        return Record(name, as_cell(structure, occupancy=occupancy), None)
    except SeitzError as error:
        return Record(name, None, error)
    except (
        Exception
    ) as error:  # another package's object failed while it was read: one row, not the whole batch
        kind = type(structure).__name__
        return Record(name, None, StructureError(f"{kind!r} is malformed: {type(error).__name__}: {error}"))


def _only_record(path: PathLike, occupancy: OccupancyPolicy) -> Record:
    """The structure of a file in a list of structures: one row, whatever the file holds."""
    from .io import read_structures

    records = read_structures(path, occupancy=occupancy)
    try:
        first, second = next(records, None), next(records, None)
    except SeitzError as error:
        return Record(os.fspath(path), None, error, os.fspath(path))
    if first is None or second is not None:
        many = ReadError(
            f"{path}: holds {'no' if first is None else 'more than one'} structure, and is one of a list; "
            "give it alone, or the list to seitz.featurize_files"
        )
        return Record(os.fspath(path), None, many, os.fspath(path))
    return first
