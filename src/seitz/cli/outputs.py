"""The files one run of ``seitz featurize`` writes: the table, and its siblings for what went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from seitz.descriptors import Descriptor
from seitz.errors import ReadError
from seitz.io import RowSink, Sink, open_rows, open_sink
from seitz.io.paths import expand

from .console import UsageError
from .earlier import FAILURE_COLUMNS, WARNING_COLUMNS, holds_results

_SUFFIXES = (".parquet", ".csv", ".npz", ".jsonl")
_COMPRESSED = (".gz", ".zst")


class Rows(NamedTuple):
    """Where the rows of one run go."""

    table: Sink
    failures: RowSink
    warnings: RowSink


class Outputs:
    """Checked paths of the table and its siblings."""

    def __init__(self, path: Path, inputs: Sequence[str], descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self.path = path
        stem, suffix = _split(path)
        self.failures = path.with_name(f"{stem}.failures{suffix}")
        self.warnings = path.with_name(f"{stem}.warnings{suffix}")
        if not os.path.isdir(path.parent):  # noqa: PTH112  # unlike Path, it never raises
            raise UsageError(f"{path.parent}: no such folder: create it first, or choose another -o")
        if os.path.isdir(path):  # noqa: PTH112
            raise UsageError(f"{path}: is a folder: give the name of a file in it")
        self._check_inputs(inputs)

    @property
    def n_features(self) -> int:
        """Number of columns after the column of identifiers."""
        return len(self._descriptor)

    @contextmanager
    def opened(self) -> Iterator[Rows]:
        """All files, open for rows; those that got any appear at the end, and replace those of an earlier run."""
        metadata = {"seitz.descriptor": self._descriptor.name, "seitz.schema": self._descriptor.digest}
        names = self._descriptor.names
        with (
            open_rows(self.failures, _types(FAILURE_COLUMNS)) as failures,
            open_rows(self.warnings, _types(WARNING_COLUMNS)) as warnings,
            open_sink(self.path, names=names, metadata=metadata) as table,  # innermost: the first to appear
        ):
            yield Rows(table, failures, warnings)

    def _check_inputs(self, inputs: Sequence[str]) -> None:
        """Refuse paths that do not exist, and to replace a data set by its features, whatever name leads to it."""
        try:
            next(expand(list(inputs)), None)
        except ReadError as error:
            raise UsageError(str(error)) from None
        ours = {_identity(path): path for path in (self.path, self.failures, self.warnings)}
        ours.pop(None, None)
        if not ours:
            return
        for name in inputs:
            if _identity(name) in ours:
                raise UsageError(f"{_both(ours[_identity(name)], name)} an input: choose another -o")
        for path in (self.failures, self.warnings):
            if path in ours.values() and not holds_results(os.fspath(path)):
                raise UsageError(f"{path} would be replaced and is of no earlier run: choose another -o")
        table = _identity(self.path)
        if table is None or holds_results(os.fspath(self.path)):
            return
        for name in expand(list(inputs)):
            if _identity(name) == table:
                found = _both(self.path, name)
                raise UsageError(f"{found} among the inputs and holds no features: choose another -o")


def _types(columns: Sequence[str]) -> dict[str, type]:
    return {name: int if name == "index" else str for name in columns}


def _identity(path: str | os.PathLike[str]) -> object:
    """Equal for all names of one file: symbolic links, hard links, and ways through the folders."""
    try:
        status = os.stat(path)  # noqa: PTH116  # unlike Path, it takes any name
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _both(ours: Path, name: str) -> str:
    same = os.path.abspath(ours) == os.path.abspath(name)  # noqa: PTH100
    return f"{ours} is" if same else f"{ours} is {name}, which is"


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
