"""Results: one row per figure, a table for people and a JSON file for later comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from measure import Times, machine

_WIDTHS = (73, 10, 10, 10, 7)


Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the best and the median of ``n`` repetitions, in ``unit``, and what it should reach."""

    name: str
    unit: str
    best: float
    median: float
    n: int = 1
    better: Better = "lower"
    bar: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the bar holds; None without a bar."""
        if self.bar is None:
            return None
        return self.best <= self.bar if self.better == "lower" else self.best >= self.bar


@dataclass(frozen=True, slots=True)
class Skipped:
    """A measurement that could not be made here."""

    name: str
    reason: str


def duration(name: str, times: Times, unit: str = "µs", *, bar: float | None = None, note: str = "") -> Row:
    """Row of a duration; the unit begins with s, ms or µs."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit.partition("/")[0]]
    return Row(name, unit, times.best * scale, times.median * scale, len(times.seconds), "lower", bar, note)


def rate(name: str, times: Times, unit: str, *, bar: float | None = None) -> Row:
    """Row of how many fit into a second."""
    return Row(name, unit, 1 / times.best, 1 / times.median, len(times.seconds), "higher", bar)


def ratio(
    name: str,
    over: Times,
    under: Times,
    *,
    better: Better = "higher",
    bar: float | None = None,
    note: str = "",
) -> Row:
    """Row of one duration over another: best over best, median over median."""
    n = min(len(over.seconds), len(under.seconds))
    return Row(name, "×", over.best / under.best, over.median / under.median, n, better, bar, note)


def header() -> str:
    """Head of the table."""
    return _line("", "best", "median", "bar", "") + "\n" + "-" * sum(_WIDTHS)


def line(row: Row | Skipped) -> str:
    """One line of the table."""
    if isinstance(row, Skipped):
        return f"  {row.name}: skipped, {row.reason}"
    verdict = {None: "", True: "pass", False: "MISS"}[row.passed]
    sign = "≤" if row.better == "lower" else "≥"
    bar = "" if row.bar is None else f"{sign} {row.bar:,g}"
    cells = (figure(row.best), figure(row.median), bar, verdict)
    text = _line(f"  {row.name} [{row.unit}]", *cells)
    return f"{text}\n      {row.note}" if row.note else text


def figure(value: float) -> str:
    """Three significant digits, thousands grouped."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _line(*cells: str) -> str:
    first, *others = (
        cell.ljust(width) if k == 0 else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return (first + "".join(others)).rstrip()


def write_json(path: Path, cases: Mapping[str, Sequence[Row | Skipped]], *, quick: bool) -> None:
    """All rows with the machine they were measured on."""
    results = [
        {"case": case, **asdict(row), "passed": row.passed}
        for case, rows in cases.items()
        for row in rows
        if isinstance(row, Row)
    ]
    skipped = [
        {"case": case, **asdict(row)}
        for case, rows in cases.items()
        for row in rows
        if isinstance(row, Skipped)
    ]
    document = {"machine": machine(), "quick": quick, "results": results, "skipped": skipped}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
