"""Records of what is read, or of why it could not be read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seitz.cell import Cell
from seitz.errors import ReadError, SeitzError
from seitz.record import Record

#: What the conversion of well-formed but senseless content can raise besides the package's own errors.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


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
    """The same text where it is valid Unicode without NUL; undecodable parts of file names as ``\\udc..``."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
