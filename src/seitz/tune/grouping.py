"""Which rows belong together: by chemical system or by composition, from what a table says of them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, get_args

import numpy as np

from seitz._typing import FloatArray
from seitz.elements import SYMBOLS
from seitz.errors import OptionError
from seitz.table import FeatureTable

#: What rows of a group have in common.
GroupBy = Literal["system", "composition", "row"]

_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*(?:\.\d+)?)+")
_PART = re.compile(r"([A-Z][a-z]?)(\d*(?:\.\d+)?)")
_DIGITS = 4  # of fractions that count as one composition


def group_names(
    table: FeatureTable, fractions: FloatArray | None, group_by: GroupBy
) -> tuple[list[str], str]:
    """One name per row, and what the names are in words.

    Elements are taken from atomic fractions, where the table or the structures have them; else from ids that are
    formulas; else rows with the same averages of elemental properties count as one composition.

    Raises
    ------
    OptionError
        An unknown ``group_by``.
    """
    if group_by not in get_args(GroupBy):
        raise OptionError(f"group_by={group_by!r}: choose one of {', '.join(get_args(GroupBy))}")
    if group_by == "row":
        return [f"row {k}" for k in range(len(table))], "row"
    parts = _of_fractions(fractions) if fractions is not None else [_of_formula(name) for name in table.ids]
    if all(parts):
        word = "chemical system" if group_by == "system" else "composition"
        return [_name(part, group_by) for part in parts], word
    return _of_columns(table), "composition"


def _name(part: dict[str, float], group_by: GroupBy) -> str:
    if group_by == "system":
        return "-".join(sorted(part))
    total = sum(part.values())
    return " ".join(f"{symbol}{round(part[symbol] / total, _DIGITS):g}" for symbol in sorted(part))


def _of_fractions(fractions: FloatArray) -> list[dict[str, float]]:
    rows = []
    for row in np.nan_to_num(fractions):
        present = np.flatnonzero(row > 0)
        rows.append({SYMBOLS[z + 1]: float(row[z]) for z in present.tolist()} or {"?": 1.0})  # a failed row
    return rows


def _of_formula(name: str) -> dict[str, float]:
    """Amounts of elements, if the beginning of an id is a formula."""
    start = re.split(r"[-_ /.]", name.rpartition("/")[2], maxsplit=1)[0]
    if not _FORMULA.fullmatch(start):
        return {}
    amounts: Counter[str] = Counter()
    for symbol, amount in _PART.findall(start):
        if symbol not in SYMBOLS[1:]:
            return {}
        amounts[symbol] += float(amount or 1.0)  # type: ignore[assignment]  # counters take any number
    return dict(amounts)


def _of_columns(table: FeatureTable) -> list[str]:
    """Rows that agree in everything that depends on the composition alone."""
    chosen = [
        k for k, f in enumerate(table.descriptor.features) if f.source in ("composition", "site properties")
    ]
    columns = np.round(np.nan_to_num(table.values[:, chosen or slice(None)]), _DIGITS)
    _, which = np.unique(columns, axis=0, return_inverse=True)
    return [f"composition {k}" for k in which.reshape(-1).tolist()]
