"""Standard streams that are closed, full, without a reader, or unable to show every character."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from seitz.errors import SeitzError

_ERRORS = "seitz.plain"  # how streams replace what their encoding lacks
_PLAIN = {
    "Å": "A", "²": "^2", "³": "^3", "°": " deg", "×": "x", "·": "*", "−": "-", "–": "-", "→": "->", "…": "...",
    "α": "alpha", "β": "beta", "γ": "gamma", "χ": "chi", "Δ": "d", "Σ": "sum", "π": "pi", "µ": "u",
    "─": "-", "●": "o", "○": "O", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+",
}  # fmt: skip


class OutputError(SeitzError):
    """Standard output takes nothing more."""


class ReaderGoneError(OutputError):
    """Who read standard output has seen enough."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Inside, a failing standard output raises an OutputError, a failing standard error is silent."""
    _reopen_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)
    before = sys.stdout
    sys.stdout = cast(TextIO, _Checked(before))
    try:
        yield
    finally:
        sys.stdout = before


def write_error(text: str) -> None:
    """Write to standard error, if anybody can be told."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def shows_unicode(stream: TextIO) -> bool:
    """Whether a stream takes every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def encodable(text: str, stream: TextIO) -> str:
    """The text as the stream will show it, so that columns can be laid out."""
    if shows_unicode(stream):
        return text
    return text.encode(stream.encoding, _ERRORS).decode(stream.encoding)


class _Checked:
    """Standard output whose every failure is an OutputError, whoever writes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._failures():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._failures():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self._stream)
            if error.errno == errno.EPIPE:
                raise ReaderGoneError("nobody reads the standard output") from None
            reason = "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
            raise OutputError(f"could not write to standard output: {reason}") from None


def _discard(stream: TextIO) -> None:
    """Let what waits in a failing stream go nowhere, so that the end of the process does not fail on it."""
    with suppress(OSError, ValueError):  # a stream without a descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _reopen_closed() -> None:
    """Occupy closed standard descriptors: else the next file gets their number, and messages land in the table."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):  # writing to 1 must fail
        try:
            os.fstat(number)
        except OSError:
            _occupy(number, mode)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _occupy(number: int, mode: int) -> None:
    opened = os.open(os.devnull, mode)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)


def _plain_text(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(
        _PLAIN.get(x) or x.encode("ascii", "backslashreplace").decode() for x in letters
    ), error.end


codecs.register_error(_ERRORS, _plain_text)


def plain(text: str | os.PathLike[str]) -> str:
    r"""The text on one line, with escapes for what would steer a terminal.

    Examples
    --------
    >>> print(plain("a\x1b[2J\nb"))
    a\x1b[2J\nb
    """
    from seitz.io.records import printable

    letters = printable(os.fspath(text))
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode() for x in letters)
