"""Compositions of alloys: from formulas, mappings, other packages and tables to fractions by element."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from seitz.elements import MAX_Z, SYMBOLS, atomic_number
from seitz.errors import CompositionError, ElementError

#: Anything that says how much of each element there is: ``"Fe50Ni50"``, ``{"Fe": 0.5, "Ni": 0.5}``, a pymatgen
#: ``Composition``.
CompositionLike = str | Mapping[Any, float]

_TOKEN = re.compile(r"\s*(?:([A-Z][a-z]?)|([(\[{])|([)\]}])|(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(\S))")
_NESTING = 32
_LONGEST = 10_000
_SHOWN = 80
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=True)
class Composition:
    """Fractions of elements; made of amounts in any unit, which are scaled to add up to one.

    Attributes
    ----------
    fractions
        By atomic number, in the order given.

    Raises
    ------
    CompositionError
        Nothing in it, or a negative or infinite amount.
    ElementError
        A key that is no element.
    """

    fractions: Mapping[int, float]

    def __post_init__(self) -> None:
        amounts = _listed(self.fractions)
        largest = max(amounts.values(), default=0.0)
        if not largest > 0:
            raise CompositionError("the composition is empty: give an amount of at least one element")
        total = math.fsum(amount / largest for amount in amounts.values())
        if abs(largest * total - 1.0) < _ROUNDING:  # fractions already: as they are
            largest, total = 1.0, 1.0
        fractions = {z: amount / largest / total for z, amount in amounts.items() if amount > 0}
        object.__setattr__(self, "fractions", MappingProxyType({z: x for z, x in fractions.items() if x > 0}))

    def __reduce__(self) -> tuple[type[Composition], tuple[dict[int, float]]]:
        return Composition, (dict(self.fractions),)

    @property
    def formula(self) -> str:
        """Percentages of the elements, as in ``Fe50Ni50``."""
        return "".join(f"{SYMBOLS[z]}{100 * x:.6g}" for z, x in self.fractions.items())


def as_composition(composition: CompositionLike | Composition) -> Composition:
    """Checked and normalised composition.

    Parameters
    ----------
    composition
        A formula with amounts in any unit and with brackets (``"Hf2.5Zr1Ti25"``, ``"(FeNi)3Al"``), a mapping from
        symbols or atomic numbers to amounts, or a pymatgen ``Composition``.

    Raises
    ------
    CompositionError
        Nothing in it, a negative or infinite amount, or a formula that cannot be read; the message says where.
    ElementError
        A symbol that is no element.

    Examples
    --------
    >>> as_composition("Fe3Al").formula
    'Fe75Al25'
    """
    if isinstance(composition, Composition):
        return composition
    if isinstance(composition, str):
        try:
            return Composition(_parsed(composition))
        except CompositionError as error:
            shown = composition if len(composition) <= _SHOWN else f"{composition[:_SHOWN]}…"
            raise CompositionError(f"{shown!r}: {error}") from None
        except ElementError as error:
            raise ElementError(f"{composition[:_SHOWN]!r}: {error}") from None
    table = composition if isinstance(composition, Mapping) else getattr(composition, "get_el_amt_dict", None)
    if callable(table):
        table = table()
    if not isinstance(table, Mapping):
        raise CompositionError(
            f"{type(composition).__name__!r} is no composition: give a formula, or amounts by element"
        )
    return Composition(table)


def _listed(table: Mapping[Any, float]) -> dict[int, float]:
    amounts: dict[int, float] = {}
    for key, amount in table.items():
        z = _element(key)
        try:
            value = math.nan if isinstance(amount, bool | str) else float(amount)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not 0 <= value < math.inf:
            raise CompositionError(f"{SYMBOLS[z]}: {amount!r} is no amount: give a number of at least 0")
        amounts[z] = amounts.get(z, 0.0) + value
    return amounts


def _element(key: Any) -> int:
    if isinstance(key, bool):
        raise ElementError(f"{key!r} is no element")
    if isinstance(key, int | np.integer):
        if not 1 <= key <= MAX_Z:
            raise ElementError(f"there is no data for atomic number {key}: give 1 to {MAX_Z}")
        return int(key)
    return atomic_number(key if isinstance(key, str) else str(getattr(key, "symbol", key)))


def _parsed(formula: str) -> dict[int, float]:
    """Amounts of the elements of a formula; brackets multiply what is in them."""
    if len(formula) > _LONGEST:
        raise CompositionError(f"a formula of {len(formula)} characters: give at most {_LONGEST}")
    tokens = list(_tokens(formula))
    amounts, end = _group(tokens, 0, 0)
    if end < len(tokens):
        raise CompositionError("a bracket is closed that was never opened")
    return amounts


def _tokens(formula: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(formula.rstrip()):
        symbol, opened, closed, amount, other = match.groups()
        if other is not None:
            for word in (formula[match.start(5) :][:2], other):
                if guess := capitalised(word):
                    raise CompositionError(f"{word!r} has no meaning in a formula: did you mean {guess}?")
            hint = " (amounts cannot be negative)" if other == "-" else ""
            raise CompositionError(f"{other!r} has no meaning in a formula{hint}")
        yield next(
            (kind, text)
            for kind, text in (("symbol", symbol), ("open", opened), ("close", closed), ("amount", amount))
            if text is not None
        )


def capitalised(word: str) -> str:
    """The element whose symbol has lost its capital; empty if there is none."""
    symbol = word[:1].upper() + word[1:]
    return symbol if symbol in SYMBOLS else ""


def _group(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[dict[int, float], int]:
    if depth > _NESTING:
        raise CompositionError(f"brackets are nested deeper than {_NESTING}")
    amounts: dict[int, float] = {}
    while at < len(tokens):
        kind, text = tokens[at]
        if kind == "close":
            break
        if kind == "amount":
            raise CompositionError(f"the number {text} stands behind no element")
        if kind == "open":
            part, at = _group(tokens, at + 1, depth + 1)
            if at == len(tokens):
                raise CompositionError("a bracket is not closed")
            if text + tokens[at][1] not in ("()", "[]", "{}"):
                raise CompositionError(f"the bracket {text} is closed by {tokens[at][1]}")
        else:
            part = {atomic_number(text): 1.0}
        at += 1
        factor = 1.0
        if at < len(tokens) and tokens[at][0] == "amount":
            factor = float(tokens[at][1])
            at += 1
        if not math.isfinite(factor):
            raise CompositionError("an amount is infinite")
        for z, amount in part.items():
            amounts[z] = amounts.get(z, 0.0) + factor * amount
            if not math.isfinite(amounts[z]):
                raise CompositionError("an amount is infinite")
    return amounts, at
