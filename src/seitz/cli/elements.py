"""One number per element as text, laid out as the periodic table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seitz.elements import SYMBOLS

if TYPE_CHECKING:
    from rich.text import Text

_WIDTH = 4
_STYLES = ("green", "yellow", "bold red")  # the best third of the elements, the middle, the worst


def numbers_by_element(given: object) -> dict[str, float]:
    """The finite numbers of elements in something a file said; none where it is no such mapping."""
    if not isinstance(given, Mapping):
        return {}
    return {
        symbol: float(value)
        for symbol, value in given.items()
        if symbol in SYMBOLS[1:] and isinstance(value, int | float) and math.isfinite(value)
    }


def element_map(values: Mapping[str, float], factor: float = 1000.0) -> Text:
    """Symbols with their numbers, times a factor and rounded, below; coloured by thirds."""
    from rich.text import Text

    from seitz.plots.judging import place

    ranked = sorted(values.values())
    bounds = [ranked[len(ranked) // 3], ranked[2 * len(ranked) // 3]]
    cells = {place(z): symbol for z, symbol in enumerate(SYMBOLS) if symbol in values}
    text = Text(no_wrap=True)
    for row in range(max(row for row, _ in cells) + 1):
        line = [cells.get((row, column)) for column in range(18)]
        if not any(line):
            continue
        for symbol in line:
            text.append(f"{symbol or '':>{_WIDTH}}", "bold")
        text.append("\n")
        for symbol in line:
            number = f"{values[symbol] * factor:.0f}" if symbol else ""
            style = _STYLES[sum(values[symbol] > bound for bound in bounds)] if symbol else ""
            text.append(f"{number:>{_WIDTH}}", style)
        text.append("\n")
    return text
