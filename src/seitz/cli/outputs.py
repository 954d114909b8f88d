"""The files one run of ``seitz featurize`` writes: the table, and its siblings for what went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seitz.descriptors import descriptor as find_descriptor
from seitz.descriptors import descriptors
from seitz.errors import ReadError, SeitzError
from seitz.io import Sink, open_sink, write_rows
from seitz.io.paths import expand

from .console import UsageError

_SUFFIXES = (".parquet", ".csv", ".npz", ".jsonl")
_COMPRESSED = (".gz", ".zst")
_HEAD_BYTES = 65536


class Outputs:
    """Checked paths of the table and its siblings."""

    def __init__(self, path: Path, inputs: Sequence[str], descriptor: str) -> None:
        self._descriptor = find_descriptor(descriptor)
        self.path = path
        stem, suffix = _split(path)
        self.failures = path.with_name(f"{stem}.failures{suffix}")
        self.warnings = path.with_name(f"{stem}.warnings{suffix}")
        self._names = {self.path.name, self.failures.name, self.warnings.name}
        self._real = {os.path.realpath(p) for p in (self.path, self.failures, self.warnings)}
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent}: no such folder: create it first, or choose another -o")
        if path.is_dir():
            raise UsageError(f"{path}: is a folder: give the name of a file in it")
        self._check_inputs(inputs)

    @property
    def n_features(self) -> int:
        """Number of columns after the column of identifiers."""
        return len(self._descriptor)

    def __contains__(self, path: object) -> bool:
        """Whether a file found among the inputs is one of these, left by an earlier run."""
        if not isinstance(path, str):
            return False
        return os.path.basename(path) in self._names and os.path.realpath(path) in self._real  # noqa: PTH119

    @contextmanager
    def table(self) -> Iterator[Sink]:
        """The table, open for rows; it appears when all of them are written."""
        metadata = {"seitz.descriptor": self._descriptor.name, "seitz.schema": self._descriptor.digest}
        with open_sink(self.path, names=self._descriptor.names, metadata=metadata) as sink:
            yield sink

    def write_siblings(self, failures: Mapping[str, list[Any]], warnings: Mapping[str, list[Any]]) -> None:
        """Write the siblings that have rows, and remove those of an earlier run that now have none."""
        for path, columns in ((self.failures, failures), (self.warnings, warnings)):
            if columns["index"]:
                write_rows(path, columns)
            else:
                path.unlink(missing_ok=True)

    def _check_inputs(self, inputs: Sequence[str]) -> None:
        """Refuse paths that do not exist, and to replace a data set by its features."""
        for name in inputs:
            if Path(name).is_file() and name in self:
                raise UsageError(f"{name} is an input: choose another -o")
        try:
            next(expand(list(inputs)), None)
            precious = self.path.is_file() and not _holds_features(self.path)
            if precious and any(path in self for path in expand(list(inputs))):
                raise UsageError(f"{self.path} is among the inputs and holds no features: choose another -o")
        except ReadError as error:
            raise UsageError(str(error)) from None


def _split(path: Path) -> tuple[str, str]:
    """Name without and with the suffixes of format and compression."""
    name, compression = path.name, ""
    if path.suffix.lower() in _COMPRESSED:
        name, compression = path.stem, path.suffix
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    if (
        not stem
        or suffix.lower() not in _SUFFIXES
        or (compression and suffix.lower() in (".parquet", ".npz"))
    ):
        raise UsageError(
            f"{path}: the name must end in {', '.join(_SUFFIXES)}; .csv and .jsonl also with .gz or .zst"
        )
    return stem, suffix + compression


def _holds_features(path: Path) -> bool:
    """Whether an existing file can be replaced although structures are searched in its folder."""
    from seitz.io.streams import open_stream

    kind = _split(path)[1].split(".")[1].lower()
    if kind in ("csv", "npz"):  # never structures
        return True
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return b"seitz.descriptor" in (pq.read_schema(path).metadata or {})
        except (pa.ArrowException, OSError):
            return False
    try:
        with open_stream(os.fspath(path)) as stream:
            line = stream.readline(_HEAD_BYTES)
    except (SeitzError, OSError):
        return False
    return any(f'"{known.names[0]}":'.encode() in line for known in descriptors().values())
