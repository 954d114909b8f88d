"""Tables of texts and numbers, such as lists of failures: written row by row, complete or absent."""

from __future__ import annotations

import json
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from seitz.errors import OptionError, WriteError

from .arrow import array_of
from .files import Replacements, replacing_together
from .records import printable
from .sinks import MAX_TEXT_BYTES, TextFile, csv_line, npy_member, write_npy
from .targets import TableFormat, table_target, write_errors

_GROUP_ROWS = 8192
_GROUP_CHARACTERS = 2**22
_SPOOLED_BYTES = 2**22  # kept in memory until then
_TYPES = (str, int, float, bool)
_EXACT = 2**53  # integers beyond are not all doubles
_Row = tuple[Any, ...]


class RowSink:
    """Rows on their way to a file; made by :func:`open_rows`."""

    def __init__(self, writer: _RowWriter, target: str, columns: Sequence[_Column]) -> None:
        self._writer = writer
        self._target = target
        self._columns = columns
        self._n_rows = self._n_characters = 0
        self._group: list[_Row] = []

    @property
    def n_rows(self) -> int:
        """Number of rows appended so far."""
        return self._n_rows

    def append(self, *values: Any) -> None:
        """Add one row.

        Parameters
        ----------
        *values
            One text, number, truth value or None for each column; anything else is written as its text.

        Raises
        ------
        OptionError
            Too many or too few values, or one that is not of the type of its column.
        WriteError
            The disk is full, or another failure of the system.
        """
        if len(values) != len(self._columns):
            names = ", ".join(column.name for column in self._columns)
            raise OptionError(f"{len(values)} values do not fit {len(self._columns)} columns ({names})")
        row = tuple(column.plain(value) for column, value in zip(self._columns, values, strict=True))
        for column, value in zip(self._columns, row, strict=True):  # only after all of them have fitted
            self._n_characters += column.take(value)
        self._group.append(row)
        self._n_rows += 1
        if len(self._group) >= _GROUP_ROWS or self._n_characters >= _GROUP_CHARACTERS:
            self._flush()

    def finish(self) -> None:
        """Write what is left; called by :func:`open_rows`."""
        self._flush()
        with write_errors(self._target):
            self._writer.finish()

    def _flush(self) -> None:
        if self._group:
            with write_errors(self._target):
                self._writer.write(self._group)
        self._group, self._n_characters = [], 0


@contextmanager
def open_rows(
    path: str | os.PathLike[str],
    columns: Sequence[str] | Mapping[str, type],
    *,
    format: TableFormat | None = None,
    keep_empty: bool = False,
    together: Replacements | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[RowSink]:
    """Open a table of texts and numbers for writing row by row, in bounded memory.

    It gets its name when the block succeeds. If the block fails, an older file is left as it was; if it succeeds
    without a row, there is no file, and an older one of that name is removed.

    Parameters
    ----------
    path
        Target; suffixes as for :func:`open_sink`. Equal rows give equal bytes.
    columns
        Names, or names with their types: ``str``, ``int``, ``float`` or ``bool``. A column without a type gets
        that of its values, and text if they mix. None is null, or empty in CSV and in texts of NPZ, NaN in
        numbers of NPZ; NaN and infinity are null in JSON lines.
    format
        Instead of the one that the suffix names.
    keep_empty
        Write a table also if it has no rows.
    together
        The file gets its name with the others of this set, from ``seitz.io.files.replacing_together``.
    metadata
        What holds for all rows: in Parquet beside the schema, in NPZ as JSON in an array ``metadata``; CSV and JSON
        lines have no place for it.

    Yields
    ------
    RowSink
        Its ``append(...)`` takes the values of one row; ``n_rows`` counts them.

    Raises
    ------
    WriteError
        The target cannot be written; an existing file is left as it was.
    OptionError
        An unknown format or type, or column names that are not unique.
    """
    target, kind, compression = table_target(path, format)
    known = _checked_columns(columns)
    with replacing_together(together) as files:
        temporary = files.stage(target)
        with write_errors(target):
            writer: _RowWriter
            if kind in ("csv", "jsonl"):
                writer = _TextRows(temporary, kind, compression, known)
            else:
                writer = _SpooledRows(temporary, kind, known, metadata or {})
        try:
            sink = RowSink(writer, target, known)
            yield sink
            if sink.n_rows or keep_empty:
                sink.finish()
        except BaseException:
            writer.abort()
            files.drop(target)
            raise
        if not (sink.n_rows or keep_empty):
            writer.abort()
            files.remove(target)


def write_rows(
    path: str | os.PathLike[str], columns: Mapping[str, Sequence[Any]], *, format: TableFormat | None = None
) -> None:
    """Write a small table of texts, numbers, booleans and None, also without rows; otherwise as :func:`open_rows`."""
    lengths = {printable(name): len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise OptionError(f"columns of different lengths: {lengths}")
    with open_rows(path, list(columns), format=format, keep_empty=True) as sink:
        for row in zip(*columns.values(), strict=True):
            sink.append(*row)


# --- columns ------------------------------------------------------------------------------------------------


def _checked_columns(columns: Sequence[str] | Mapping[str, type]) -> list[_Column]:
    types = columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
    if isinstance(columns, str) or not types or len({printable(name) for name in types}) != len(columns):
        raise OptionError(f"columns={columns!r}: give unique names, at least one")
    for name, type_ in types.items():
        if type_ is not None and type_ not in _TYPES:
            raise OptionError(f"column {name!r}: the type {type_!r} is not one of str, int, float, bool")
    return [_Column(printable(name), type_) for name, type_ in types.items()]


class _Column:
    """Name and declared type of a column, and what decides about its type where none is declared."""

    def __init__(self, name: str, declared: type | None) -> None:
        self.name = name
        self.has_null = False
        self.longest = 1
        self._declared = declared
        self._kinds: set[type] = set()
        self._largest = 0

    def plain(self, value: Any) -> Any:
        """The value as plain Python, of the declared type if there is one."""
        value = value.item() if isinstance(value, np.generic) else value
        if value is None:
            return None
        if self._declared is str or not isinstance(value, bool | int | float):
            value = printable(str(value))
        if self._declared is float and type(value) is int:
            value = float(value)
        if self._declared is None:
            return value
        if type(value) is not self._declared or (type(value) is int and not -(2**63) <= value < 2**63):
            raise OptionError(f"column {self.name!r} holds {self._declared.__name__}, not {value!r:.80}")
        return value

    def take(self, value: Any) -> int:
        """Note a value that is about to be written; returns the length of its text."""
        if value is None:
            self.has_null = True
            return 0
        length = len(value) if isinstance(value, str) else len(str(value))
        self.longest = max(self.longest, length)
        self._kinds.add(type(value))
        if type(value) is int:
            self._largest = max(self._largest, value if value >= 0 else -value - 1)
        return length

    @property
    def kind(self) -> type:
        """The one type that holds all values; text where there is no other."""
        if self._declared is not None:
            return self._declared
        if len(self._kinds) == 1:
            (kind,) = self._kinds
            return str if kind is int and self._largest >= 2**63 else kind
        return float if self._kinds == {int, float} and self._largest < _EXACT else str

    @property
    def array_kind(self) -> type:
        """The type in an array that has no null but NaN."""
        if self.has_null and self.kind is int:
            return float if self._largest < _EXACT else str
        return str if self.has_null and self.kind is bool else self.kind


# --- formats ------------------------------------------------------------------------------------------------


class _RowWriter(Protocol):
    """What a format does with rows; they come in groups."""

    def write(self, rows: Sequence[_Row]) -> None: ...

    def finish(self) -> None: ...

    def abort(self) -> None: ...


class _TextRows(TextFile):
    """CSV or JSON lines: nothing needs to be known about the rows to come."""

    def __init__(
        self, path: Path, kind: TableFormat, compression: str | None, columns: Sequence[_Column]
    ) -> None:
        super().__init__(path, compression)
        self._is_csv = kind == "csv"
        self._names = [column.name for column in columns]
        if self._is_csv:
            self._stream.write(csv_line(self._names).encode())

    def write(self, rows: Sequence[_Row]) -> None:
        lines = map(csv_line if self._is_csv else self._json_line, rows)
        self._stream.write("".join(lines).encode())

    def _json_line(self, row: _Row) -> str:
        values = (None if isinstance(value, float) and not math.isfinite(value) else value for value in row)
        return json.dumps(dict(zip(self._names, values, strict=True))) + "\n"


class _SpooledRows:
    """Parquet or NPZ: the rows wait, beyond a few megabytes on the disk, until all types and lengths are known."""

    def __init__(
        self, path: Path, kind: TableFormat, columns: Sequence[_Column], metadata: Mapping[str, str]
    ) -> None:
        self._path, self._kind, self._columns = path, kind, columns
        self._metadata = dict(sorted(metadata.items()))
        self._spool = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES, dir=os.fspath(path.parent))  # noqa: SIM115

    def write(self, rows: Sequence[_Row]) -> None:
        self._spool.write(json.dumps(rows).encode() + b"\n")

    def finish(self) -> None:
        if self._kind == "parquet":
            self._write_parquet()
        else:
            self._write_npz()
        self._spool.close()

    def abort(self) -> None:
        with suppress(OSError):
            self._spool.close()

    def _groups(self) -> Iterator[list[list[Any]]]:
        self._spool.seek(0)
        return map(json.loads, self._spool)

    def _write_parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrow_types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        fields = [(column.name, arrow_types[column.kind]) for column in self._columns]
        schema = pa.schema(fields, metadata=self._metadata or None)
        with self._path.open("wb") as file:
            writer = pq.ParquetWriter(file, schema, compression="zstd")
            try:
                for rows in self._groups():
                    arrays = [
                        array_of(_converted(values, column.kind, None), column.kind)
                        for column, values in zip(self._columns, zip(*rows, strict=True), strict=True)
                    ]
                    writer.write_batch(pa.record_batch(arrays, schema=schema))
                writer.close()
            finally:
                writer.is_open = False  # else its destructor would try, and complain, again

    def _write_npz(self) -> None:
        n_rows = sum(map(len, self._groups()))
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as archive:
            for index, column in enumerate(self._columns):
                dtype = {str: f"<U{column.longest}", int: "<i8", float: "<f8", bool: "|b1"}[column.array_kind]
                if column.array_kind is str and n_rows * column.longest * 4 > MAX_TEXT_BYTES:
                    raise WriteError(
                        f"texts of up to {column.longest} characters in column {column.name!r} are too long "
                        "for NPZ: write Parquet"
                    )
                null = "" if column.array_kind is str else math.nan
                with npy_member(archive, column.name, dtype, (n_rows,)) as member:
                    for rows in self._groups():
                        values = _converted([row[index] for row in rows], column.array_kind, null)
                        member.write(np.array(values, dtype=dtype).tobytes())
            if self._metadata:
                write_npy(archive, "metadata", np.array(json.dumps(self._metadata)))


def _converted(values: Sequence[Any], type_: type, null: Any) -> list[Any]:
    """All values as one type, with something for None."""
    return [null if value is None else value if type(value) is type_ else type_(value) for value in values]
