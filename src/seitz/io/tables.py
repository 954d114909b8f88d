"""Tables of results: written in a stream, complete or absent, and read back."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import OptionError, ReadError

from .files import Replacements, replacing_together
from .records import printable
from .sinks import BlockWriter, CsvBlocks, JsonLinesBlocks, NpzBlocks, ParquetBlocks
from .streams import open_stream
from .targets import TableFormat, table_format, table_target, write_errors

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
        with write_errors(self._target):
            self._writer.finish()

    def _flush(self) -> None:
        with write_errors(self._target):
            self._writer.write(self._ids, self._block[: len(self._ids)])
        self._ids = []


@contextmanager
def open_sink(
    path: str | os.PathLike[str],
    *,
    names: Sequence[str],
    format: TableFormat | None = None,
    metadata: Mapping[str, str] | None = None,
    together: Replacements | None = None,
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
    together
        The file gets its name with the others of this set, from ``seitz.io.files.replacing_together``.

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
    target, kind, compression = table_target(path, format)
    columns = [printable(name) for name in names]
    if len({"id", *columns}) != len(columns) + 1:
        raise OptionError("column names must be unique, and none of them 'id'")
    with replacing_together(together) as files:
        temporary = files.stage(target)
        with write_errors(target):
            writer = _WRITERS[kind](temporary, compression, columns, dict(metadata or {}))
        try:
            sink = Sink(writer, target, len(columns))
            yield sink
            sink.finish()
        except BaseException:
            writer.abort()
            files.drop(target)
            raise


def read_table(path: str | os.PathLike[str], *, format: TableFormat | None = None) -> Table:
    """Read a table that :func:`open_sink` wrote.

    Raises
    ------
    ReadError
        The file is missing, damaged, or no such table.
    """
    import pyarrow as pa

    from .earlier import holds_results

    name = os.fspath(path)
    kind, _ = table_format(name, format)
    readers = {"parquet": _read_parquet, "csv": _read_csv, "npz": _read_npz, "jsonl": _read_jsonl}
    try:
        return readers[kind](name)
    except (OSError, *_DAMAGED, pa.ArrowException) as error:
        if holds_results(name):
            raise ReadError(
                f"{printable(name)}: holds predictions, or a list of failures or warnings, not features: read it with "
                "pandas or pyarrow"
            ) from None
        raise ReadError(f"{printable(name)}: no readable table: {error}") from error


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
