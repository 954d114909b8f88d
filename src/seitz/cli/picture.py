"""Predictions as a picture: one line per structure, its interval and its value; an SVG file, without any library."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from seitz.errors import WriteError
from seitz.io.earlier import PICTURE_MARK

from .console import UsageError
from .streams import plain

_ROW, _TOP, _BOTTOM, _RIGHT = 24, 64, 46, 26
_PLOT = 520
_LETTER = 7.4  # mean width of a letter at 13 px
_BLUE, _ORANGE, _GREY = "#4C78A8", "#E4803A", "#8a8f98"  # legible on white and on black
_LONGEST = 44
MOST = 400


class Line(NamedTuple):
    """One structure: NaN where there is no value or no interval."""

    name: str
    value: float
    lower: float
    upper: float
    doubtful: bool


def check_picture(path: Path | None) -> None:
    """Refuse a name that is no picture before anything runs."""
    if path is not None and path.suffix.lower() != ".svg":
        raise UsageError(f"--plot {path}: the picture is an SVG file, name it something.svg")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--plot {path}: no such folder: create it first")


def save_picture(path: Path, lines: Sequence[Line], title: str, axis: str) -> None:
    """Write the picture; the file appears whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(picture(lines, title, axis), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error


def picture(lines: Sequence[Line], title: str, axis: str) -> str:
    """The SVG text."""
    shown = lines[:MOST]
    left = 18 + _LETTER * max((len(_short(line.name)) for line in shown), default=0)
    width, height = left + _PLOT + _RIGHT, _TOP + _ROW * len(shown) + _BOTTOM
    ends = [x for line in shown for x in line[1:4] if math.isfinite(x)] or [0.0, 1.0]
    ticks = ticks_between(min(0.0, *ends), max(0.0, *ends))
    low, high = ticks[0], ticks[-1]

    def across(x: float) -> float:
        return left + (x - low) / (high - low) * _PLOT

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {PICTURE_MARK} width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" font-family="system-ui, sans-serif" font-size="13" fill="{_GREY}">',
        f"<title>{escape(title)}</title>",
        f'<text x="{left:.1f}" y="22" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    parts += _legend(shown, left)
    bottom = _TOP + _ROW * len(shown)
    for tick in ticks:
        zero = abs(tick) < 1e-12
        parts.append(
            f'<path d="M{across(tick):.1f} {_TOP}V{bottom}" stroke="{_GREY}" stroke-opacity="{0.9 if zero else 0.25}"/>'
            f'<text x="{across(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{_label(tick)}</text>'
        )
    for k, line in enumerate(shown):
        parts.extend(_drawn(line, _TOP + _ROW * (k + 0.5), left, across(line.value), _ends(line, across)))
    parts.append(
        f'<text x="{left + _PLOT / 2:.1f}" y="{bottom + 38}" text-anchor="middle">{escape(axis)}</text></svg>\n'
    )
    return "\n".join(parts)


def _ends(line: Line, across: Callable[[float], float]) -> tuple[float, float] | None:
    known = math.isfinite(line.lower) and math.isfinite(line.upper)
    return (across(line.lower), across(line.upper)) if known else None


def _legend(lines: Sequence[Line], left: float) -> Iterator[str]:
    """What the signs mean that the picture has."""
    x = left + 5
    for doubtful, words in ((False, "value and interval"), (True, "the same in doubt")):
        if any(line.doubtful == doubtful and math.isfinite(line.value) for line in lines):
            yield _circle(x, 44, doubtful=doubtful)
            yield f'<text x="{x + 12:.1f}" y="48.5">{words}</text>'
            x += 40 + _LETTER * len(words)


def _circle(x: float, y: float, *, doubtful: bool) -> str:
    colour = _ORANGE if doubtful else _BLUE
    fill = "none" if doubtful else colour
    return f'<circle cx="{x:.1f}" cy="{y}" r="4.5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'


def _drawn(line: Line, y: float, left: float, x: float, ends: tuple[float, float] | None) -> Iterator[str]:
    colour = _ORANGE if line.doubtful else _BLUE
    name = escape(_short(line.name))
    yield f'<text x="{left - 10:.1f}" y="{y + 4.5:.1f}" text-anchor="end">{name}</text>'
    if not math.isfinite(line.value):
        yield f'<text x="{left + 4:.1f}" y="{y + 4.5:.1f}" fill="{_ORANGE}">no value</text>'
        return
    if ends is not None:
        yield (
            f'<path d="M{ends[0]:.1f} {y}H{ends[1]:.1f}" stroke="{colour}" stroke-width="6" '
            'stroke-opacity="0.35" stroke-linecap="round"/>'
        )
    yield _circle(x, y, doubtful=line.doubtful)


def ticks_between(low: float, high: float) -> list[float]:
    """Round numbers that enclose a range: four to nine of them."""
    span = (high - low) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * k for k in range(first, max(last, first + 1) + 1)]


def _label(tick: float) -> str:
    return f"{tick:.6g}".replace("-", "−")


def _short(name: str) -> str:
    name = plain(name)
    return name if len(name) <= _LONGEST else f"…{name[-_LONGEST + 1 :]}"
