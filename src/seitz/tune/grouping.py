"""Which rows belong together: by chemical system or by composition, from what a table says of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Literal, get_args

import numpy as np

from seitz._typing import FloatArray, IndexArray
from seitz.elements import SYMBOLS
from seitz.errors import OptionError
from seitz.table import FeatureTable

#: What rows of a group have in common.
GroupBy = Literal["system", "composition", "row"]

_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*(?:\.\d+)?)+")
_PART = re.compile(r"([A-Z][a-z]?)(\d*(?:\.\d+)?)")
_DIGITS = 4  # of fractions that count as one composition
_SMALLEST, _ALIKE = 1e-2, 1e-5  # of a column's unit, and of differences that are rounding


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
    return _of_columns(table), "average properties"


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
    columns = np.round(np.nan_to_num(table.values[:, chosen or slice(None)]), _DIGITS) + 0.0
    # Names that mean the same in every table, so that groups of two can be compared.
    return [f"composition {hashlib.sha256(row.tobytes()).hexdigest()[:12]}" for row in columns]


def same_rows(features: FloatArray) -> IndexArray:
    """(n,) a number for each row, equal for rows that describe one crystal, however it is turned, shifted or repeated.

    Columns are compared in units of their largest number. Rows stand in the order of a projection, in which equal ones
    are next to each other.
    """
    if not len(features):
        return np.empty(0, dtype=np.int64)
    z = features / np.maximum(np.abs(features).max(axis=0), _SMALLEST)
    order = np.argsort(z @ np.random.default_rng(0).normal(size=z.shape[1]), kind="stable")
    apart = np.abs(np.diff(z[order], axis=0)).max(axis=1) > _ALIKE
    found = np.empty(len(features), dtype=np.int64)
    found[order] = np.concatenate([[0], np.cumsum(apart)])
    return found
