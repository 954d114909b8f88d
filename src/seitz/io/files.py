"""Files that are complete or absent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from seitz.errors import WriteError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it over ``path`` only if the block succeeds.

    Whatever happens, also an interruption, an existing file is either untouched or completely replaced, and
    no temporary file stays behind. The content is on the disk, not only in a cache, before it gets its name.

    Raises
    ------
    WriteError
        The folder is missing or not writable, the target is no regular file, or the disk is full.
    """
    target = checked_target(path)
    temporary = target.with_name(f".{target.name[:100]}.{uuid4().hex}.part")
    try:
        yield temporary
        try:
            _fsync(temporary)
            temporary.replace(target)
            _fsync_folder(target.parent)
        except OSError as error:
            raise write_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """The file to replace, behind any symbolic link; WriteError if nothing can be written there."""
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise write_error(target, error) from error
    if mode is not None and stat.S_ISDIR(mode):
        raise WriteError(f"{target}: is a directory: give the name of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise WriteError(f"{target}: is not a regular file: results cannot replace a pipe or a device")
    if not target.parent.is_dir():
        raise WriteError(f"{target}: the folder {target.parent} does not exist: create it first")
    return target


def write_error(target: str | os.PathLike[str], error: BaseException) -> WriteError:
    """The error of a failed write, which says that the target was left alone."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return WriteError(f"{os.fspath(target)}: cannot be written: {reason}; nothing was changed")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)  # Windows flushes only what is open for writing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    with suppress(OSError):  # some network file systems refuse; the file itself is already safe
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
