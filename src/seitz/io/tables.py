"""Tables of results: written in a stream, complete or absent, and read back."""

from __future__ import annotations

import json
import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import OptionError, ReadError, WriteError

from .files import replacing, write_error
from .records import printable
from .sinks import (
    BlockWriter,
    CsvBlocks,
    JsonLinesBlocks,
    NpzBlocks,
    ParquetBlocks,
    csv_line,
    text_array,
    write_npy,
)
from .streams import open_stream

TableFormat = Literal["parquet", "csv", "npz", "jsonl"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

_BLOCK_VALUES = 2**21  # numbers per block: 16 MiB
_MAX_BLOCK_ROWS = 65536
_DAMAGED = (EOFError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
_WRITERS: dict[str, Any] = {
    "parquet": ParquetBlocks,
    "csv": CsvBlocks,
    "npz": NpzBlocks,
    "jsonl": JsonLinesBlocks,
}


class Table(NamedTuple):
    """A table of numbers read back from a file."""

    ids: list[str]
    names: tuple[str, ...]
    values: FloatArray
    """(n_rows, n_names), NaN where a value is missing."""
    metadata: dict[str, str]
    """Empty for CSV and JSON lines, which have no place for it."""


class Sink:
    """Rows on their way to a file; made by :func:`open_sink`."""

    def __init__(self, writer: BlockWriter, target: str, n_names: int) -> None:
        self._writer = writer
        self._target = target
        self._n_rows = 0
        self._ids: list[str] = []
        block_rows = max(1, min(_MAX_BLOCK_ROWS, _BLOCK_VALUES // max(1, n_names)))
        self._block = np.empty((block_rows, n_names))

    @property
    def n_rows(self) -> int:
        """Number of rows appended so far."""
        return self._n_rows

    def append(self, ids: Sequence[str], values: FloatArray) -> None:
        """Add rows.

        Parameters
        ----------
        ids
            Identifier of each row.
        values
            (n_rows, n_names) numbers; NaN where there is none.

        Raises
        ------
        WriteError
            The disk is full, or another failure of the system.
        """
        rows = np.asarray(values, dtype=np.float64)
        if rows.shape != (len(ids), self._block.shape[1]):
            raise OptionError(
                f"values of shape {rows.shape} do not fit {len(ids)} ids and {self._block.shape[1]} names"
            )
        done = 0
        while done < len(ids):
            filled = len(self._ids)
            count = min(len(ids) - done, len(self._block) - filled)
            self._block[filled : filled + count] = rows[done : done + count]
            self._ids += [printable(identifier) for identifier in ids[done : done + count]]
            done += count
            if len(self._ids) == len(self._block):
                self._flush()
        self._n_rows += len(ids)

    def finish(self) -> None:
        """Write what is left; called by :func:`open_sink`."""
        if self._ids:
            self._flush()
        with _write_errors(self._target):
            self._writer.finish()

    def _flush(self) -> None:
        with _write_errors(self._target):
            self._writer.write(self._ids, self._block[: len(self._ids)])
        self._ids = []


@contextmanager
def open_sink(
    path: str | os.PathLike[str],
    *,
    names: Sequence[str],
    format: TableFormat | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[Sink]:
    """Open a table for writing; it gets its name when the block succeeds, and leaves no trace if it fails.

    Parameters
    ----------
    path
        Target; ``.parquet``, ``.csv``, ``.npz`` or ``.jsonl`` choose the format, a further ``.gz`` or
        ``.zst`` compresses CSV and JSON lines. Equal rows give equal bytes, however they were appended.
    names
        Column names after the column ``id``.
    format
        Instead of the one that the suffix names.
    metadata
        Stored in Parquet (key-value metadata of the schema) and NPZ; the other formats have no place for it.

    Yields
    ------
    Sink
        Its ``append(ids, values)`` takes any number of rows, in bounded memory.

    Raises
    ------
    WriteError
        The target cannot be written; an existing file is left as it was.
    OptionError
        An unknown format, or column names that are not unique.
    """
    target, kind, compression = _target(path, format)
    columns = [printable(name) for name in names]
    if len({"id", *columns}) != len(columns) + 1:
        raise OptionError("column names must be unique, and none of them 'id'")
    with replacing(target) as temporary:
        with _write_errors(target):
            writer = _WRITERS[kind](temporary, compression, columns, dict(metadata or {}))
        try:
            sink = Sink(writer, target, len(columns))
            yield sink
            sink.finish()
        except BaseException:
            writer.abort()
            raise


def write_rows(
    path: str | os.PathLike[str], columns: Mapping[str, Sequence[Any]], *, format: TableFormat | None = None
) -> None:
    """Write a small table of texts, numbers, booleans and None; formats and errors as for :func:`open_sink`.

    Columns that mix types become text; NaN and None are null, or empty where the format has no null.
    """
    target, kind, compression = _target(path, format)
    names = [printable(name) for name in columns]
    data = [[_scalar(value) for value in column] for column in columns.values()]
    if len({len(column) for column in data}) > 1:
        raise OptionError(f"columns of different lengths: {dict(zip(names, map(len, data), strict=True))}")
    with replacing(target) as temporary, _write_errors(target):
        if kind == "parquet":
            _write_parquet_rows(temporary, names, data)
        elif kind == "npz":
            with zipfile.ZipFile(temporary, "w") as archive:
                for name, column in zip(names, data, strict=True):
                    write_npy(archive, name, _plain_array(column))
        else:
            _write_text_rows(temporary, kind, compression, names, data)


def read_table(path: str | os.PathLike[str], *, format: TableFormat | None = None) -> Table:
    """Read a table that :func:`open_sink` wrote.

    Raises
    ------
    ReadError
        The file is missing, damaged, or no such table.
    """
    import pyarrow as pa

    name = os.fspath(path)
    kind, _ = _kind(name, format)
    readers = {"parquet": _read_parquet, "csv": _read_csv, "npz": _read_npz, "jsonl": _read_jsonl}
    try:
        return readers[kind](name)
    except (OSError, *_DAMAGED, pa.ArrowException) as error:
        raise ReadError(f"{printable(name)}: no readable table: {error}") from error


# --- names and errors ---------------------------------------------------------------------------------------


def _target(path: str | os.PathLike[str], format: TableFormat | None) -> tuple[str, TableFormat, str | None]:
    name = os.fspath(path)
    if os.path.isdir(name):  # noqa: PTH112  # unlike Path, it takes any name
        raise WriteError(f"{printable(name)}: is a directory: give the name of a file in it")
    return (name, *_kind(name, format))


def _kind(name: str, format: TableFormat | None) -> tuple[TableFormat, str | None]:
    """Format and compression, from the suffixes unless the format is given."""
    file = Path(name.lower())
    compression = file.suffix[1:] if file.suffix in (".gz", ".zst") else None
    suffix = Path(file.stem).suffix if compression else file.suffix
    kind = format or suffix[1:]
    if kind not in TABLE_FORMATS:
        raise OptionError(f"{printable(name)}: the format {kind!r} is not one of {', '.join(TABLE_FORMATS)}")
    if compression and kind not in ("csv", "jsonl"):
        raise OptionError(f"{printable(name)}: {kind} is compressed in itself: leave out .{compression}")
    return kind, compression


@contextmanager
def _write_errors(target: str) -> Iterator[None]:
    """Turn failures of the system into a WriteError."""
    import pyarrow as pa

    try:
        yield
    except WriteError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise write_error(printable(target), error) from error


# --- small tables -------------------------------------------------------------------------------------------


def _scalar(value: Any) -> Any:
    """Plain Python value of a NumPy scalar; NaN and infinity stay."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return printable(value)
    return value if value is None or isinstance(value, bool | int | float) else printable(str(value))


def _write_parquet_rows(path: Path, names: list[str], data: list[list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = []
    for column in data:
        try:
            array = pa.array(column)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            array = pa.array(_texts(column), pa.string())
        arrays.append(array.cast(pa.string()) if pa.types.is_null(array.type) else array)
    pq.write_table(pa.table(arrays, names=names), path, compression="zstd")


def _plain_array(column: list[Any]) -> np.ndarray:
    kinds = {type(value) for value in column}
    if (len(kinds) == 1 and kinds <= {bool, int, float}) or kinds == {int, float}:
        array = np.array(column)
        if array.dtype != object:
            return array
    return text_array(["" if value is None else value for value in _texts(column)])


def _texts(column: list[Any]) -> list[Any]:
    return [value if value is None or isinstance(value, str) else str(value) for value in column]


def _write_text_rows(
    path: Path, kind: TableFormat, compression: str | None, names: list[str], data: list[list[Any]]
) -> None:
    rows: Iterator[tuple[Any, ...]] = zip(*data, strict=True)
    if kind == "csv":
        text = csv_line(names) + "".join(csv_line(row) for row in rows)
    else:
        text = "".join(
            json.dumps(dict(zip(names, map(_json_value, row), strict=True))) + "\n" for row in rows
        )
    content = text.encode()
    if compression == "gz":
        import gzip

        content = gzip.compress(content, mtime=0)
    elif compression == "zst":
        import pyarrow as pa

        content = pa.Codec("zstd").compress(content, asbytes=True)
    path.write_bytes(content)


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- reading back -------------------------------------------------------------------------------------------


def _from_arrow(table: Any) -> Table:
    names = tuple(name for name in table.column_names if name != "id")
    values = np.empty((table.num_rows, len(names)))
    for column, name in enumerate(names):
        values[:, column] = table.column(name).to_numpy()
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return Table(table.column("id").to_pylist(), names, values, metadata)


def _read_parquet(path: str) -> Table:
    import pyarrow.parquet as pq

    with Path(path).open("rb") as stream:
        return _from_arrow(pq.ParquetFile(stream).read())


def _read_csv(path: str) -> Table:
    import csv

    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with open_stream(path) as stream:
        header = next(csv.reader([stream.readline().decode()]), [])
        if not stream.peek(1):
            names = tuple(header[1:])
            return Table([], names, np.empty((0, len(names))), {})
        options = arrow_csv.ConvertOptions(
            column_types={name: pa.float64() for name in header} | {"id": pa.string()}
        )
        return _from_arrow(
            arrow_csv.read_csv(
                stream,
                read_options=arrow_csv.ReadOptions(column_names=header),
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=options,
            )
        )


def _read_npz(path: str) -> Table:
    with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        metadata = json.loads(str(archive["metadata"]))
        return Table(archive["ids"].tolist(), tuple(archive["names"].tolist()), archive["values"], metadata)


def _read_jsonl(path: str) -> Table:
    ids, rows, names = [], [], ()
    with open_stream(path) as stream:
        for line in stream:
            row = json.loads(line, parse_int=float)  # -0 would lose its sign as an integer
            ids.append(row.pop("id"))
            names = tuple(row)
            rows.append(np.array(list(row.values()), dtype=np.float64))
    return Table(ids, names, np.array(rows).reshape(len(ids), len(names)), {})
