"""What options of ``seitz.tune`` may be; each refusal says which one, what it is, and what to give."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from seitz.errors import OptionError

_LARGEST_SEED = 2**32 - 1  # that all generators take


def is_number(value: object) -> bool:
    """Whether something is a real number; True and False are none."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def check_integer(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number within its bounds.

    Raises
    ------
    OptionError
        It is another thing.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        end = "" if most is None else f" and at most {most}"
        raise OptionError(f"{name}={value!r}: give a whole number, at least {least}{end}")
    return int(value)


def check_seed(value: Any) -> int:
    """A seed that every generator takes."""
    return check_integer("random_state", value, 0, _LARGEST_SEED)


def check_share(name: str, value: Any, *, zero: bool) -> float:
    """A share below 1, and above 0 unless ``zero`` is allowed.

    Raises
    ------
    OptionError
        It is another thing.
    """
    if not is_number(value) or not 0 <= value < 1 or (value == 0 and not zero):
        words = "a share of the rows, at least 0 and less than 1" if zero else "a share between 0 and 1"
        raise OptionError(f"{name}={value!r}: give {words}")
    return float(value)


def check_texts(name: str, value: Any) -> tuple[str, ...]:
    """Texts that a file can hold.

    Raises
    ------
    OptionError
        One text, which would be taken for its letters, or other things.
    """
    if isinstance(value, str):
        raise OptionError(f"{name}={value!r}: give a list of texts, such as [{value!r}]")
    try:
        found = tuple(value)
        for text in found:
            text.encode()
    except (TypeError, AttributeError, UnicodeEncodeError):
        raise OptionError(f"{name}: give texts, such as DOIs") from None
    return found


def check_said(**texts: Any) -> None:
    """Refuse to make a model of nobody knows what.

    Raises
    ------
    OptionError
        A name or a unit is missing.
    """
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise OptionError(f"{name}={text!r}: say what the targets are, and in which unit ('1' for none)")


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], words: str) -> None:
    """Refuse a value of another kind.

    Raises
    ------
    OptionError
        The message says what it should be.
    """
    if not isinstance(value, kind):
        raise OptionError(f"{name}={value!r:.60}: give {words}")


def check_path(name: str, value: Any) -> None:
    """Refuse what is no path."""
    check_kind(name, value, (str, os.PathLike), "the path of a folder")
