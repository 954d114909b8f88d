"""The four table formats, written block by block: Parquet, CSV, NPZ and JSON lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import WriteError

from .arrow import float_array, string_array

_COPY_BYTES = 2**20
MAX_TEXT_BYTES = 4 * 2**30
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date of a zip member: equal rows give equal bytes


class BlockWriter(ABC):
    """Writes blocks of rows to a new file; if all are of one size, equal rows give equal bytes."""

    @abstractmethod
    def write(self, ids: Sequence[str], values: FloatArray) -> None:
        """Append rows; ``values`` has one column per name."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the file and close it."""

    @abstractmethod
    def abort(self) -> None:
        """Close everything after an error, without a further one."""


class ParquetBlocks(BlockWriter):
    """One string column ``id``, one double column per name, one row group per block."""

    def __init__(
        self, path: Path, compression: str | None, names: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema(names, metadata)
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd", use_dictionary=False)

    def write(self, ids: Sequence[str], values: FloatArray) -> None:
        self._writer.write_batch(_record_batch(self._schema, ids, values))

    def finish(self) -> None:
        self._writer.close()
        self._file.close()

    def abort(self) -> None:
        with suppress(Exception):
            self._writer.close()
        self._writer.is_open = False  # else its destructor would try, and complain, again
        with suppress(OSError):
            self._file.close()


class TextFile:
    """A new file of text, plain or compressed."""

    def __init__(self, path: Path, compression: str | None) -> None:
        self._stack = ExitStack()
        self._stream: Any = self._stack.enter_context(path.open("wb"))
        if compression == "gz":
            self._stream = self._stack.enter_context(
                gzip.GzipFile(filename="", mode="wb", fileobj=self._stream, compresslevel=6, mtime=0)
            )
        elif compression == "zst":
            import pyarrow as pa

            self._stream = self._stack.enter_context(pa.CompressedOutputStream(self._stream, "zstd"))

    def finish(self) -> None:
        """Complete the file and close it."""
        self._stack.close()

    def abort(self) -> None:
        """Close it after an error, without a further one."""
        with suppress(Exception):
            self._stack.close()


class CsvBlocks(TextFile, BlockWriter):
    """Header ``id,<names>``; every number in the shortest form that reads back as the same double."""

    def __init__(
        self, path: Path, compression: str | None, names: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        super().__init__(path, compression)
        self._schema = _schema(names, {})
        self._stream.write(csv_line(["id", *names]).encode())

    def write(self, ids: Sequence[str], values: FloatArray) -> None:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        buffer = pa.BufferOutputStream()
        arrow_csv.write_csv(
            _record_batch(self._schema, ids, values), buffer, arrow_csv.WriteOptions(include_header=False)
        )
        self._stream.write(buffer.getvalue())


class JsonLinesBlocks(TextFile, BlockWriter):
    """One object per row; what JSON cannot hold (NaN, infinity) is null."""

    def __init__(
        self, path: Path, compression: str | None, names: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        super().__init__(path, compression)
        self._keys = [f", {json.dumps(name)}: " for name in names]

    def write(self, ids: Sequence[str], values: FloatArray) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        # Arrow prints the shortest text that reads back as the same double, several times faster than repr().
        pieces: list[Any] = [pa.array([f'{{"id": {json.dumps(identifier)}' for identifier in ids])]
        for key, column in zip(self._keys, np.ascontiguousarray(values.T), strict=True):
            numbers = pa.array(column)
            pieces += [key, pc.if_else(pc.is_finite(numbers), numbers.cast(pa.string()), "null")]
        lines = pc.binary_join_element_wise(*pieces, "}\n", "")
        self._stream.write("".join(lines.to_pylist()).encode())


class NpzBlocks(BlockWriter):
    """Arrays ``ids``, ``names``, ``values``, ``metadata`` (JSON); rows are spooled until they are counted."""

    def __init__(
        self, path: Path, compression: str | None, names: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        self._path, self._names, self._metadata = path, names, metadata
        self._n_rows, self._longest = 0, 1
        self._stack = ExitStack()
        self._values = self._stack.enter_context(tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115
        self._ids = self._stack.enter_context(tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115

    def write(self, ids: Sequence[str], values: FloatArray) -> None:
        self._n_rows += len(ids)
        self._longest = max(self._longest, *map(len, ids))
        self._values.write(np.ascontiguousarray(values, dtype="<f8").data)
        self._ids.write(json.dumps(list(ids)).encode() + b"\n")

    def finish(self) -> None:
        if self._n_rows * self._longest * 4 > MAX_TEXT_BYTES:
            raise WriteError(
                f"identifiers of up to {self._longest} characters are too long for NPZ: write Parquet"
            )
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as archive:
            write_npy(archive, "names", text_array(self._names))
            write_npy(archive, "metadata", np.array(json.dumps(dict(sorted(self._metadata.items())))))
            with npy_member(archive, "values", "<f8", (self._n_rows, len(self._names))) as member:
                self._values.seek(0)
                shutil.copyfileobj(self._values, member, _COPY_BYTES)
            with npy_member(archive, "ids", f"<U{self._longest}", (self._n_rows,)) as member:
                self._ids.seek(0)
                for line in self._ids:
                    member.write(np.array(json.loads(line), dtype=f"<U{self._longest}").tobytes())
        self._stack.close()

    def abort(self) -> None:
        with suppress(OSError):
            self._stack.close()


def csv_line(cells: Iterable[object]) -> str:
    """One line of a CSV file, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def text_array(texts: Sequence[str]) -> np.ndarray:
    """Array of strings that NumPy can load without pickle, also when empty."""
    return np.array(list(texts), dtype=f"<U{max(1, *map(len, texts))}" if texts else "<U1")


def write_npy(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add one array to an NPZ archive."""
    with npy_member(archive, name, array.dtype.str, array.shape) as member:
        member.write(array.tobytes())


def npy_member(archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...]) -> IO[bytes]:
    """Open a member whose ``.npy`` header is written; its data follows in C order."""
    info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
    member = archive.open(info, "w", force_zip64=True)
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member


def _schema(names: Sequence[str], metadata: Mapping[str, str]) -> Any:
    import pyarrow as pa

    fields: list[Any] = [pa.field("id", pa.string())]
    fields += [pa.field(name, pa.float64()) for name in names]
    return pa.schema(fields, metadata=dict(sorted(metadata.items())))


def _record_batch(schema: Any, ids: Sequence[str], values: FloatArray) -> Any:
    import pyarrow as pa

    columns = map(float_array, values.T)
    return pa.record_batch([string_array(ids), *columns], schema=schema)
