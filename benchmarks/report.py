"""Results: one row per figure, a table for people and a JSON file for later comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from measure import Times, machine

_WIDTHS = (62, 12, 12, 12, 12)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should reach."""

    limit: float
    better: Literal["lower", "higher"]

    def holds(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value <= self.limit if self.better == "lower" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.better == 'lower' else '≥'} {self.limit:,g}"


def at_most(limit: float) -> Bar:
    """Bar for times and sizes."""
    return Bar(limit, "lower")


def at_least(limit: float) -> Bar:
    """Bar for rates and ratios."""
    return Bar(limit, "higher")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the best and the median of ``n`` repetitions, in ``unit``."""

    name: str
    unit: str
    best: float
    median: float
    n: int = 1
    bar: Bar | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the bar holds; None without a bar."""
        return None if self.bar is None else self.bar.holds(self.best)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A measurement that could not be made here."""

    name: str
    reason: str


def duration(name: str, times: Times, unit: str = "µs", *, bar: Bar | None = None, note: str = "") -> Row:
    """Row of a duration; the unit begins with s, ms or µs."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit.partition("/")[0]]
    return Row(name, unit, times.best * scale, times.median * scale, len(times.seconds), bar, note)


def rate(name: str, times: Times, unit: str, *, bar: Bar | None = None, note: str = "") -> Row:
    """Row of how many fit into a second."""
    return Row(name, unit, 1 / times.best, 1 / times.median, len(times.seconds), bar, note)


def ratio(name: str, slow: Times, fast: Times, *, bar: Bar | None = None, note: str = "") -> Row:
    """Row of one duration over another: best over best, median over median."""
    n = min(len(slow.seconds), len(fast.seconds))
    return Row(name, "×", slow.best / fast.best, slow.median / fast.median, n, bar, note)


def header() -> str:
    """Head of the table."""
    return _line("", "best", "median", "bar", "") + "\n" + "-" * sum(_WIDTHS)


def line(row: Row | Skipped) -> str:
    """One line of the table."""
    if isinstance(row, Skipped):
        return f"  {row.name}: skipped, {row.reason}"
    verdict = {None: "", True: "pass", False: "MISS"}[row.passed]
    cells = (figure(row.best), figure(row.median), str(row.bar or ""), verdict)
    text = _line(f"  {row.name} [{row.unit}]", *cells)
    return f"{text}\n      {row.note}" if row.note else text


def figure(value: float) -> str:
    """Three significant digits, thousands grouped."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(*cells: str) -> str:
    first, *others = (
        cell.ljust(width) if k == 0 else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return (first + "".join(others)).rstrip()


def write_json(path: Path, cases: dict[str, Sequence[Row | Skipped]], *, quick: bool) -> None:
    """All rows with the machine they were measured on."""
    results = [
        {"case": case, **asdict(row), "passed": row.passed}
        for case, rows in cases.items()
        for row in rows
        if isinstance(row, Row)
    ]
    skipped = [{"case": case, **asdict(row)} for case, rows in cases.items() for row in rows if isinstance(row, Skipped)]
    document = {"machine": machine(), "quick": quick, "results": results, "skipped": skipped}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
