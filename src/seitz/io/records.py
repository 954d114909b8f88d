"""Records of what is read, or of why it could not be read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import numpy as np

from seitz.cell import Cell
from seitz.errors import ReadError, SeitzError
from seitz.record import Record

#: What the conversion of well-formed but senseless content can raise besides the package's own errors.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_RAW_BYTE = re.compile("[\udc80-\udcff]")  # how Python shows a byte of a file name that is no UTF-8
_ESCAPED_BYTE = re.compile(r"\\x[0-9a-f]{2}")


def built_record(identifier: str, source: str, build: Callable[[], Cell]) -> Record:
    """Record of what ``build`` returns, or of the error in the content that it met."""
    try:
        with np.errstate(all="ignore"):  # overflow ends in numbers that the cell refuses by name
            return Record(identifier, build(), None, source)
    except SeitzError as error:
        return failed_record(identifier, source, error)
    except _MALFORMED as error:
        return failed_record(identifier, source, ReadError(f"malformed: {type(error).__name__}: {error}"))


def failed_record(identifier: str, source: str, error: SeitzError) -> Record:
    """Record of an error, which gets the source in front of its message."""
    return Record(identifier, None, type(error)(f"{source}: {printable(str(error))}"), source)


def printable(text: str) -> str:
    """The same text where it is valid Unicode without NUL.

    Bytes of file names that are no UTF-8 become ``\\xff``, and the backslashes beside them are doubled.
    """
    if text.isascii() and "\0" not in text:
        return text
    if _RAW_BYTE.search(text):
        text = text.replace("\\", "\\\\")
        text = _RAW_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def printable_path(path: str) -> str:
    """The printable form of a path, from which the path can be recovered.

    Examples
    --------
    >>> shown = printable_path("7/Fe\\udcff")
    >>> shown, os.fsdecode(shown.encode().decode("unicode_escape").encode("latin-1"))
    ('7/Fe\\\\xff', '7/Fe\\udcff')
    """
    # A name that only looks escaped is escaped as well, or two files could have one identifier. Where the
    # backslash separates folders, all names are Unicode and there is nothing to tell apart.
    if _ESCAPED_BYTE.search(path) and os.sep != "\\" and not _RAW_BYTE.search(path):
        return path.replace("\\", "\\\\")
    return printable(path)
