"""Parquet tables of structures, read by batches from column buffers without Python objects per number."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seitz._typing import IndexArray
from seitz.cell import Cell, OccupancyPolicy
from seitz.errors import ReadError, SeitzError, StructureError
from seitz.record import Record

from .extxyz import decode_line
from .jsonfile import loads, record_of
from .records import built_record, failed_record, printable
from .streams import MAX_DOCUMENT_BYTES

_BATCH_ROWS = 1024
_BUFFER_BYTES = 2**20
_IDENTIFIERS = ("id", "material_id")
_ESSENTIAL = ("structure", "lattice", "lattice_vectors", "sites", "attributes")
_ARRAYS = ("lattice", "frac_coords", "atomic_numbers")
#: Columns that the other forms of a structure need, any of which may be there.
_OTHERS = (
    "cart_coords", "symbols", "species", "sites", "attributes", "type",
    "lattice_vectors", "cartesian_site_positions", "species_at_sites",
)  # fmt: skip


BoolArray = NDArray[np.bool_]


def parse(stream: io.BufferedReader, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """Records of the rows of a table.

    Columns ``lattice`` (9 numbers, flat or nested), ``frac_coords`` (flat or nested) and ``atomic_numbers``;
    or ``structure`` with a dictionary or its JSON text; or those of another dictionary form. ``id`` or
    ``material_id`` identifies a row, or else its number (from 1).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(_seekable(stream), buffer_size=_BUFFER_BYTES, pre_buffer=False)
        columns = _wanted(file.schema_arrow.names)
        twice = [name for name in columns if file.schema_arrow.names.count(name) > 1]
        if twice:
            raise ReadError(
                f"{file.schema_arrow.names.count(twice[0])} columns are called {twice[0]}: rename all but one"
            )
        row = 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            yield from _batch_records(batch, row + 1, stem, source, occupancy)
            row += batch.num_rows
    except SeitzError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ReadError(f"no readable Parquet: {error}") from None


def _seekable(stream: io.BufferedReader) -> Any:
    """The stream itself, or its content where it is compressed as a whole."""
    if stream.seekable():
        return stream
    content = io.BytesIO()
    while piece := stream.read1(_BUFFER_BYTES):
        content.write(piece)
        if content.tell() > MAX_DOCUMENT_BYTES:
            raise ReadError(
                f"more than {MAX_DOCUMENT_BYTES // 2**20} MiB compressed as a whole: decompress it first"
            )
    content.seek(0)
    return content


def _wanted(names: list[str]) -> list[str]:
    """The columns to read: one whole structure per row, or its parts."""
    keys = [name for name in _IDENTIFIERS if name in names]
    if "structure" in names:
        return [*keys, "structure"]
    if not any(name in names for name in _ESSENTIAL):
        raise ReadError(
            f"no column holds structures ({', '.join(_ESSENTIAL)}); there are {', '.join(names)[:200]}"
        )
    return keys + [name for name in (*_ARRAYS, *_OTHERS) if name in names]


def _batch_records(
    batch: Any, first_row: int, stem: str, source: str, occupancy: OccupancyPolicy
) -> Iterator[Record]:
    names = batch.schema.names
    identifiers = _identifiers(batch, names, first_row, stem)
    table = _table(batch) if all(name in names for name in _ARRAYS) else None
    for index, identifier in enumerate(identifiers):
        place = f"{source} row {first_row + index}"
        if table is not None and table.regular[index]:
            yield built_record(identifier, place, partial(table.cell, index))
        else:
            yield _object_record(batch, index, identifier, place, occupancy)


def _identifiers(batch: Any, names: list[str], first_row: int, stem: str) -> list[str]:
    own = next(
        (batch.column(name).to_pylist() for name in _IDENTIFIERS if name in names), [None] * batch.num_rows
    )
    return [
        printable(str(value)) if isinstance(value, str | int) and value != "" else f"{stem}:{row}"
        for row, value in enumerate(own, start=first_row)
    ]


def _object_record(batch: Any, index: int, identifier: str, place: str, occupancy: OccupancyPolicy) -> Record:
    """Record of one row through Python objects: for every form without arrays, and for rows with an error."""
    row = {name: batch.column(name)[index].as_py() for name in batch.schema.names if name not in _IDENTIFIERS}
    row = {name: value for name, value in row.items() if value is not None}
    content: Any = row
    if "structure" in batch.schema.names:
        content = row.get("structure")
        if isinstance(content, str | bytes):
            try:
                content = loads(content if isinstance(content, str) else decode_line(content))
            except ReadError as error:
                return failed_record(identifier, place, error)
        if content is None:
            return failed_record(identifier, place, StructureError("the structure is null"))
    if isinstance(content, dict):
        content = {**content, "id": identifier}
    return record_of(content, identifier, place, occupancy)


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Numbers of a list column: those of row ``i`` are ``values[starts[i]:ends[i]]``."""

    values: Any
    starts: IndexArray
    ends: IndexArray
    regular: BoolArray  # rows without null, whose inner lists, if any, hold three numbers each


@dataclass(frozen=True, slots=True)
class _Table:
    """The three array columns of one batch."""

    lattice: _Ragged
    frac_coords: _Ragged
    atomic_numbers: _Ragged
    regular: list[bool]

    def cell(self, row: int) -> Cell:
        lattice, coords, numbers = (
            column.values[column.starts[row] : column.ends[row]]
            for column in (self.lattice, self.frac_coords, self.atomic_numbers)
        )
        return Cell(lattice.reshape(3, 3), coords.reshape(-1, 3), numbers)


def _table(batch: Any) -> _Table | None:
    columns = [_ragged(batch.column(name)) for name in _ARRAYS]
    lattice, coords, numbers = columns
    if lattice is None or coords is None or numbers is None:
        return None
    regular = lattice.regular & coords.regular & numbers.regular
    regular &= lattice.ends - lattice.starts == 9
    regular &= (coords.ends - coords.starts) % 3 == 0
    return _Table(lattice, coords, numbers, regular.tolist())


def _ragged(array: Any) -> _Ragged | None:
    """View of a list column as numbers and ranges; None for any other type."""
    import pyarrow as pa

    unpacked = _unpacked(array)
    if unpacked is None:
        return None
    offsets, inner = unpacked
    starts, ends = offsets[:-1], offsets[1:]
    regular = array.is_valid().to_numpy(zero_copy_only=False)
    nested = _unpacked(inner)
    if nested is not None:
        inner_offsets, leaf = nested
        wrong = (np.diff(inner_offsets) != 3) | ~inner.is_valid().to_numpy(zero_copy_only=False)
        before = np.concatenate(([0], np.cumsum(wrong)))
        regular = regular & (before[ends] == before[starts])
        starts, ends, inner = inner_offsets[starts], inner_offsets[ends], leaf
    if not (pa.types.is_integer(inner.type) or pa.types.is_floating(inner.type)):
        return None
    return _Ragged(inner.to_numpy(zero_copy_only=False), starts, ends, regular)


def _unpacked(array: Any) -> tuple[IndexArray, Any] | None:
    """Offsets and values of a list array; None if it is none."""
    import pyarrow as pa

    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return array.offsets.to_numpy().astype(np.int64), array.values
    if pa.types.is_fixed_size_list(array.type):
        offsets = (np.arange(len(array) + 1, dtype=np.int64) + array.offset) * array.type.list_size
        return offsets, array.values
    return None
