"""The files one run writes, checked against its inputs: nothing of the user's own is ever replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from seitz.descriptors import Descriptor
from seitz.errors import ReadError, WriteError
from seitz.io.paths import expand
from seitz.io.results import SIBLINGS, ResultSinks, check_siblings, open_results
from seitz.table import sibling

from .console import UsageError
from .earlier import holds_results
from .streams import plain
from .tables import check_output


class Outputs:
    """Checked paths of the table of ``seitz featurize`` and of its siblings."""

    def __init__(self, path: Path, inputs: Sequence[str], descriptor: Descriptor) -> None:
        check_output(path)
        check_inputs(path, searched=inputs)
        self._descriptor = descriptor
        self.path = path
        self.failures = sibling(path, "failures")
        self.warnings = sibling(path, "warnings")

    @property
    def n_features(self) -> int:
        """Number of columns after the column of identifiers."""
        return len(self._descriptor)

    def opened(self) -> AbstractContextManager[ResultSinks]:
        """All files, open for rows; those that got any appear at the end, and replace those of an earlier run."""
        metadata = {"seitz.descriptor": self._descriptor.name, "seitz.schema": self._descriptor.digest}
        return open_results(self.path, names=self._descriptor.names, metadata=metadata)


def check_inputs(
    output: Path | None,
    picture: Path | None = None,
    *,
    named: Sequence[str] = (),
    searched: Sequence[str] = (),
    kinds: Sequence[str] = SIBLINGS,
) -> None:
    """Refuse to replace an input, whatever name leads to it, or a file beside the table that is of no earlier run.

    Parameters
    ----------
    output, picture
        What is written, if anything.
    named
        Inputs that are files, or no paths at all.
    searched
        Inputs that are files, folders or patterns; those that do not exist are refused.
    kinds
        What may stand beside the table.
    """
    try:
        next(expand(list(searched)), None)
    except ReadError as error:
        raise UsageError(str(error)) from None
    targets = {} if output is None else dict.fromkeys((output, *(sibling(output, k) for k in kinds)), "-o")
    if picture is not None:
        targets[picture] = "--plot"
    for path, name in _shared(targets, (*named, *searched)):
        raise UsageError(f"{_both(path, name)} an input: choose another {targets[path]}")
    if output is not None:
        try:
            check_siblings(output, kinds)
        except WriteError as error:
            raise UsageError(f"{str(error).partition(': choose')[0]}: choose another -o") from None
    guarded = [path for path in (output, picture) if path is not None and not holds_results(os.fspath(path))]
    for path, name in _shared(guarded, expand(list(searched))):
        reason = "" if path == picture else " and holds no features"
        raise UsageError(f"{_both(path, name)} among the inputs{reason}: choose another {targets[path]}")


def _shared(targets: Iterable[Path], names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Targets that are one file with an input, and the name of the input."""
    known = {_identity(path): path for path in targets}
    known.pop(None, None)
    if known:
        for name in names:
            if _identity(name) in known:
                yield known[_identity(name)], name


def _identity(path: str | os.PathLike[str]) -> object:
    """Equal for all names of one file: symbolic links, hard links, and ways through the folders."""
    try:
        status = os.stat(path)  # noqa: PTH116  # unlike Path, it takes any name
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _both(ours: Path, name: str) -> str:
    same = os.path.abspath(ours) == os.path.abspath(name)  # noqa: PTH100
    return f"{plain(ours)} is" if same else f"{plain(ours)} is {plain(name)}, which is"
