"""Who may change the pages of a query: one process at a time, while any number reads those that are there."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

from seitz.errors import OptimadeError
from seitz.io.files import write_error
from seitz.io.records import printable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_log = logging.getLogger(__name__)

_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_PROTECTED = (errno.EACCES, errno.EPERM, errno.EROFS)


class PageLock:
    """The lock on a folder, shared with other readers at first; the system takes it from a process that is killed.

    Raises
    ------
    OptimadeError
        Another process is changing the pages.
    WriteError
        The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owned = False
        self._file: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno not in _PROTECTED or not folder.is_dir():
                raise write_error(folder, error) from error
            return  # pages that nobody here can change are read without a lock
        self._take(self._file, shared=True)

    @property
    def is_owned(self) -> bool:
        """Whether others are kept out."""
        return self._owned

    def own(self) -> None:
        """Keep others out, before anything is changed.

        Raises
        ------
        OptimadeError
            Another process reads or changes the pages.
        WriteError
            They are write-protected.
        """
        if self._file is None:
            error = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            raise write_error(self._folder, error)
        if not self._owned:
            self._take(self._file, shared=False)
            self._owned = True

    def release(self) -> None:
        """Let others in."""
        if self._file is not None:
            os.close(self._file)
            self._file, self._owned = None, False

    def _take(self, file: int, *, shared: bool) -> None:
        try:
            _lock(file, shared=shared)
        except OSError as error:
            if error.errno in _BUSY:
                self.release()
                raise OptimadeError(
                    f"another process is fetching the same into {printable(str(self._folder))}: wait until it is "
                    "done, or give another cache"
                ) from None
            _log.warning(
                "%s: cannot be locked (%s): let no second process fetch the same", self._folder, error
            )


def _lock(file: int, *, shared: bool) -> None:
    """Lock an open file, or raise at once."""
    if sys.platform == "win32":
        if not shared:  # there are no shared ones
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
