"""Files that are complete or absent."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from seitz.errors import WriteError

from .records import printable

try:
    import fcntl
except ImportError:  # Windows: leftovers of killed runs stay there
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(r"\.(?P<target>.+)\.(?P<host>[0-9a-f]{8})-[0-9a-f]{32}\.part", re.DOTALL)
_FOREIGN_SECONDS = 24 * 3600.0


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of an empty temporary file beside ``path``; move it over ``path`` only if the block succeeds.

    Whatever happens, also an interruption, an existing file is either untouched or completely replaced, and
    no temporary file stays behind; that of a process which was killed is removed by the next one that writes to
    the same target. The content is on the disk, not only in a cache, before it gets its name.

    Raises
    ------
    WriteError
        The folder is missing or not writable, the target is no regular file, or the disk is full.
    """
    with replacing_together() as files:
        yield files.stage(path)


class Replacements:
    """Files on their way to their names, all at once; made by :func:`replacing_together`."""

    def __init__(self) -> None:
        self._staged: dict[Path, tuple[Path, int | None]] = {}
        self._stale: dict[Path, Path] = {}

    def stage(self, path: str | os.PathLike[str]) -> Path:
        """Path of an empty temporary file that will get the name ``path``; WriteError if that cannot be."""
        target = checked_target(path)
        if target in self._staged:
            raise WriteError(f"{printable(os.fspath(path))}: two results would go to this one file")
        _remove_leftovers(target)
        try:
            self._staged[target] = _create_locked(target)
        except OSError as error:
            raise write_error(target, error) from error
        return self._staged[target][0]

    def drop(self, path: str | os.PathLike[str]) -> None:
        """Forget what was staged for a path."""
        staged = self._staged.pop(Path(os.path.realpath(path)), None)
        if staged is not None:
            _discard(*staged)

    def remove(self, path: str | os.PathLike[str]) -> None:
        """Forget what was staged for a path, and remove an older file of that name."""
        self._stale[Path(path)] = checked_target(path)
        self.drop(path)

    def commit(self) -> None:
        """Give all files their names, the one that was staged first last, after older ones are gone."""
        for target, (temporary, _) in self._staged.items():
            try:
                _fsync(temporary)
            except OSError as error:
                raise write_error(target, error) from error
        for target in (*self._staged, *self._stale.values()):
            checked_target(target)
        changed: list[Path] = []
        for path in self._stale:
            with _changing(path, changed):
                path.unlink(missing_ok=True)
        for target, (temporary, _) in reversed(self._staged.items()):
            with _changing(target, changed):
                temporary.replace(target)
            _fsync_folder(target.parent)  # also a power failure must not turn the order around

    def discard(self) -> None:
        """Remove the temporary files that are left."""
        for temporary, lock in self._staged.values():
            _discard(temporary, lock)


@contextmanager
def replacing_together(files: Replacements | None = None) -> Iterator[Replacements]:
    """Yield a set of files that get their names together, when the block has succeeded, or not at all.

    All of them are on the disk and all targets are checked before the first of them gets its name. What was staged
    first, such as a table, gets its name last: wherever a process is killed, nothing that belongs beside it lacks.

    Parameters
    ----------
    files
        A set that is part of a larger one, and left to it.

    Raises
    ------
    WriteError
        A target cannot be written.
    """
    if files is not None:
        yield files
        return
    files = Replacements()
    try:
        yield files
        files.commit()
    finally:
        files.discard()


@contextmanager
def _changing(path: Path, changed: list[Path]) -> Iterator[None]:
    """Note that a name changes, or tell in the error which have changed already."""
    try:
        yield
    except OSError as error:
        failed = write_error(path, error)
        if changed:
            names = ", ".join(printable(str(done)) for done in changed)
            failed = WriteError(str(failed).replace("nothing was changed", f"replaced already: {names}"))
        raise failed from error
    changed.append(path)


def _discard(temporary: Path, lock: int | None) -> None:
    temporary.unlink(missing_ok=True)
    if lock is not None:
        os.close(lock)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """The file to replace, behind any symbolic link; WriteError if nothing can be written there."""
    target = Path(os.path.realpath(path))
    shown = printable(str(target))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise write_error(target, error) from error
    if mode is not None and stat.S_ISDIR(mode):
        raise WriteError(f"{shown}: is a directory: give the name of a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise WriteError(f"{shown}: is not a regular file: results cannot replace a pipe or a device")
    if mode is not None and not os.access(target, os.W_OK):
        raise WriteError(f"{shown}: is write-protected: choose another name, or allow writing to it")
    if not target.parent.is_dir():
        raise WriteError(
            f"{shown}: the folder {printable(str(target.parent))} does not exist: create it first"
        )
    return target


def write_error(target: str | os.PathLike[str], error: BaseException) -> WriteError:
    """The error of a failed write, which says that the target was left alone."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return WriteError(f"{printable(os.fspath(target))}: cannot be written: {reason}; nothing was changed")


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


# --- temporary files and those left behind ------------------------------------------------------------------


def _create_locked(target: Path) -> tuple[Path, int | None]:
    """A new temporary file for a target; its lock tells others that somebody still writes to it."""
    while True:
        temporary = target.with_name(f".{_key(target)}.{_host()}-{uuid4().hex}.part")
        descriptor = os.open(
            temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666
        )
        if fcntl is None:  # Windows could not move a file that is open
            os.close(descriptor)
            return temporary, None
        if _lock(descriptor) is not False and _is_at(temporary, descriptor):
            return temporary, descriptor
        os.close(descriptor)  # taken for a leftover in the moment before it was locked


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files of a target whose writers are gone."""
    for name, key, host in _parts(str(target.parent)) if fcntl is not None else ():
        if key != _key(target):
            continue
        leftover = target.with_name(name)
        with suppress(OSError):  # somebody else's, or gone already
            descriptor = os.open(
                leftover, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            )
            try:
                # Some network file systems do not show the locks of one machine to another.
                foreign = host != _host() and time.time() - os.fstat(descriptor).st_mtime < _FOREIGN_SECONDS
                if not foreign and _lock(descriptor):
                    leftover.unlink()
            finally:
                os.close(descriptor)


@lru_cache(maxsize=16)
def _parts(folder: str) -> tuple[tuple[str, str, str], ...]:
    """Name, target and host of each temporary file in a folder, as it was when this process first wrote there.

    Listed once, since thousands of tables may be written to one folder.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208  # it takes any name
    except OSError:
        return ()
    found = (_PART.fullmatch(name) for name in names if name.endswith(".part"))
    return tuple((match[0], match["target"], match["host"]) for match in found if match)


def _key(target: Path) -> str:
    """What a temporary name shows of its target: as much as fits into the 255 bytes of a name."""
    return target.name if len(os.fsencode(target.name)) <= 200 else f"{crc32(os.fsencode(target.name)):08x}"


@lru_cache(maxsize=1)
def _host() -> str:
    return f"{crc32(os.uname().nodename.encode()) if hasattr(os, 'uname') else 0:08x}"


def _lock(descriptor: int) -> bool | None:
    """Whether this process now holds the lock on an open file; None where files cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
