"""Numbers in blank-separated text, as Python, C and Fortran programs write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import ReadError

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+|[+-]\d{3})?", re.ASCII)
_EXPONENT = re.compile(
    r"(?<=[\d.])[dD]?(?=[+-])|[dD]"
)  # 1.0D+00, and 1.0-100 where three digits ate the letter
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


def number(text: str) -> float:
    """Value of one number, Fortran's ``1.0D+00`` and ``1.0-100`` included; ReadError for anything else."""
    if _NUMBER.fullmatch(text):
        if "e" not in text.lower():
            text = _EXPONENT.sub("e", text)
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    raise ReadError(f"{text[:40]!r} is no number")


def positions(
    rows: Sequence[Sequence[str]], first: int, describe: Callable[[int], str], *, plain: bool = False
) -> FloatArray:
    """(n, 3) numbers in three columns of split lines.

    Parameters
    ----------
    rows
        The fields of each line.
    first
        Index of the first of the three columns.
    describe
        Name of a row in messages, such as ``line 12``.
    plain
        Whether the text is known to hold no underscore, which Python would accept inside a number.

    Raises
    ------
    ReadError
        A row with too few fields, or something that is no number.
    """
    second, third = first + 1, first + 2
    if plain:
        try:
            return np.array([(float(row[first]), float(row[second]), float(row[third])) for row in rows])
        except (ValueError, IndexError):
            pass  # Fortran's exponents, or an error to be named below
    result = np.empty((len(rows), 3))
    for index, row in enumerate(rows):
        if len(row) <= third:
            raise ReadError(f"{describe(index)}: three coordinates expected, found {' '.join(row)[:60]!r}")
        try:
            result[index] = [number(text) for text in row[first : third + 1]]
        except ReadError as error:
            raise ReadError(f"{describe(index)}: {error}") from None
    return result
