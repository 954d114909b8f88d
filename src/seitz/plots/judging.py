"""How good predictions are: against known values, element by element, and whether intervals hold what they promise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from seitz._typing import FloatArray
from seitz.elements import MAX_Z, SYMBOLS
from seitz.errors import OptionError

from .style import ABOVE, BLUE, GREY, INK, PALETTE, VERMILION, new_figure, plotly, see_through, with_unit

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_LEVELS = np.linspace(0.05, 0.99, 48)
_MOST_LABELS = 40
_MANY = 20
_MOST_DRAWN = 5000  # points; more are drawn by the graphics card
#: Atomic numbers where a row of the periodic table begins, and how many columns it leaves empty after the second.
_NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)


def parity(
    known: ArrayLike,
    predicted: ArrayLike,
    *,
    quantity: str = "value",
    unit: str = "",
    ids: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    highlight: Sequence[str] = (),
) -> Figure:
    """Predicted against known values, with the mean absolute error of each group.

    Parameters
    ----------
    known, predicted
        (n,) numbers in ``unit``; rows where one of them is NaN are left out.
    ids
        (n,) names, shown under the pointer.
    groups
        (n,) names of groups, each of which gets a colour; without them there is one.
    highlight
        Names among ``ids`` that stand out and are written beside their points (the first 40).

    Raises
    ------
    OptionError
        Numbers that do not belong together, none at all, or a name to be highlighted that is not there.
    """
    x, y = _pair(known, predicted)
    names = _column(ids, len(x), "ids")
    missing = sorted(set(highlight) - set(names))
    if missing:
        raise OptionError(f"highlight: {missing[0]!r} is not among the ids")
    kinds = np.array(_column(groups, len(x), "groups"))
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        raise OptionError("parity: no row has both a known and a predicted value")
    go = plotly()
    scatter = (
        go.Scatter if len(x) <= _MOST_DRAWN else go.Scattergl
    )  # the latter lies above all lines and rings
    ends = [float(min(x[finite].min(), y[finite].min())), float(max(x[finite].max(), y[finite].max()))]
    traces = [go.Scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "width": 1}, showlegend=False)]
    for k, kind in enumerate(dict.fromkeys(kinds[finite].tolist())):
        mine = finite & (kinds == kind)
        error = float(np.abs(x - y)[mine].mean())
        traces.append(
            scatter(
                x=x[mine], y=y[mine], mode="markers", text=np.array(names)[mine],
                name=f"{kind + ': ' if kind else ''}mean error {error:.3g} {unit}".rstrip() + f", n = {mine.sum():,}",
                marker={"size": 5 if mine.sum() > 500 else 8, "color": PALETTE[k % len(PALETTE)],
                        "opacity": 0.45 if mine.sum() > 500 else 0.8},
                hovertemplate="%{text}<br>%{x:.4g} known, %{y:.4g} predicted<extra></extra>",
            )
        )  # fmt: skip
    chosen = [k for k, name in enumerate(names) if name in set(highlight) and finite[k]]
    if chosen:
        traces.append(_marked(scatter, x[chosen], y[chosen], [names[k] for k in chosen]))
    axis = with_unit(quantity, unit)
    return new_figure(
        traces, f"Predicted against known: {quantity}",
        xaxis={"title": {"text": f"known {axis}"}}, yaxis={"title": {"text": f"predicted {axis}"}},
        legend=ABOVE, hovermode="closest",
    )  # fmt: skip


def calibration(
    known: ArrayLike, predicted: ArrayLike, half_width: ArrayLike, *, level: float = 0.9
) -> Figure:
    """How often intervals hold the known value, for every share they could promise.

    The intervals are widened and narrowed in proportion, as those of a Laplace distribution would be. A model that is
    right about itself follows the diagonal; below it, its intervals are too narrow.

    Parameters
    ----------
    known, predicted, half_width
        (n,) numbers in one unit; half of the width of the interval of each prediction.
    level
        Share of cases these intervals promise to hold.

    Raises
    ------
    OptionError
        Numbers that do not belong together, or a level outside 0 to 1.
    """
    x, y = _pair(known, predicted)
    width = np.asarray(half_width, dtype=np.float64)
    if width.shape != x.shape:
        raise OptionError(f"half_width has shape {width.shape}, the values {x.shape}")
    if not 0 < level < 1:
        raise OptionError(f"level={level!r}: a share between 0 and 1, e.g. 0.9")
    rows = np.isfinite(x) & np.isfinite(y) & (width > 0)
    if not rows.any():
        raise OptionError("calibration: no row has a known value and an interval")
    ratio = np.abs(x - y)[rows] / width[rows]
    held = [float((ratio <= math.log(1 - share) / math.log(1 - level)).mean()) for share in _LEVELS]
    at = float((ratio <= 1).mean())
    go = plotly()
    error = np.sqrt(at * (1 - at) / rows.sum())
    traces = [
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "width": 1, "dash": "dash"},
                   showlegend=False, hoverinfo="skip"),
        go.Scatter(x=_LEVELS, y=held, mode="lines", line={"color": BLUE, "width": 3}, name="scaled intervals",
                   hovertemplate="promised %{x:.2f}, held %{y:.3f}<extra></extra>"),
        go.Scatter(x=[level], y=[at], mode="markers", marker={"color": VERMILION, "size": 12},
                   error_y={"array": [1.96 * error]},
                   name=f"intervals as given: {100 * at:.1f} % of {100 * level:.0f} %, n = {rows.sum():,}"),
    ]  # fmt: skip
    return new_figure(
        traces, "Do the intervals hold what they promise?",
        xaxis={"title": {"text": "share promised"}, "range": [0, 1]},
        yaxis={"title": {"text": "share of known values inside"}, "range": [0, 1]}, legend=ABOVE,
    )  # fmt: skip


def periodic_table(values: Mapping[str, float], *, label: str = "", unit: str = "") -> Figure:
    """One number per element as colours in the periodic table.

    Parameters
    ----------
    values
        Numbers by symbol; elements without one stay grey.
    label, unit
        What the numbers are, for the scale of colours.

    Raises
    ------
    OptionError
        A symbol that is no element, or no number at all.
    """
    unknown = [symbol for symbol in values if symbol not in SYMBOLS[1:]]
    if unknown:
        raise OptionError(f"periodic_table: {unknown[0]!r} is no element")
    shown = {symbol: float(value) for symbol, value in values.items() if math.isfinite(value)}
    if not shown:
        raise OptionError("periodic_table: no element has a number")
    go = plotly()
    ends = _ends(list(shown.values()))
    grid = np.full((10, 18), np.nan)
    shapes, notes = [], []
    for z in range(1, MAX_Z + 1):
        row, column = place(z)
        value = shown.get(SYMBOLS[z], math.nan)
        grid[row, column] = value
        if math.isnan(value):
            box = {"x0": column - 0.46, "x1": column + 0.46, "y0": row - 0.46, "y1": row + 0.46}
            shapes.append(
                {"type": "rect", **box, "line": {"width": 0}, "fillcolor": "#F0F0F0", "layer": "below"}
            )
        notes.append(_cell(SYMBOLS[z], value, row, column, ends))
    heat = go.Heatmap(
        z=grid, xgap=3, ygap=3, colorscale="Viridis", hoverinfo="skip", zmin=ends[0], zmax=ends[1],
        colorbar={"title": {"text": with_unit(label, unit), "side": "right"}},
    )  # fmt: skip
    hidden = {"visible": False}
    return new_figure(
        [heat], label.capitalize(), width=1080, height=560,
        xaxis=hidden, yaxis={**hidden, "autorange": "reversed"}, shapes=shapes, annotations=notes,
    )  # fmt: skip


def place(z: int) -> tuple[int, int]:
    """Row and column (from 0) of an element; lanthanides and actinides stand in rows 8 and 9, below their gap."""
    period = next(k for k, noble in enumerate(_NOBLE) if z <= noble) - 1
    along = z - _NOBLE[period] - 1
    length = _NOBLE[period + 1] - _NOBLE[period]
    if length == 32 and 2 <= along < 17:
        return period + 3, along
    return period, along if along < 2 and z != 2 else along + 18 - length


def _ends(values: list[float]) -> tuple[float, float]:
    """Ends of the scale of colours: a single far element does not make all others look alike."""
    if len(values) < _MANY:
        return min(values), max(values)
    low, high = np.quantile(values, [0.02, 0.96])
    return float(low), float(high)


def _cell(symbol: str, value: float, row: int, column: int, ends: tuple[float, float]) -> dict[str, Any]:
    """Symbol and number, dark on bright colours and bright on dark ones."""
    low, high = ends
    bright = math.isnan(value) or (value - low) > 0.6 * (high - low or 1.0)
    number = "" if math.isnan(value) else f"<br><span style='font-size:10px'>{value:.3g}</span>"
    colour = GREY if math.isnan(value) else INK if bright else "#FFFFFF"
    return {
        "x": column, "y": row, "text": f"<b>{symbol}</b>{number}", "showarrow": False,
        "font": {"size": 13, "color": colour},
    }  # fmt: skip


def _marked(scatter: Any, x: FloatArray, y: FloatArray, names: list[str]) -> Any:
    shown = [name if k < _MOST_LABELS else "" for k, name in enumerate(names)]
    ring = {"size": 13, "color": see_through(VERMILION, 0.15), "line": {"color": VERMILION, "width": 2}}
    return scatter(
        x=x, y=y, mode="markers+text", text=shown, textposition="top center", marker=ring, name="highlighted",
        hovertext=names, hoverinfo="text",
    )  # fmt: skip


def _pair(known: ArrayLike, predicted: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(known, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise OptionError(
            f"known values have shape {x.shape}, predicted ones {y.shape}: give one number per structure"
        )
    return x, y


def _column(given: Sequence[str] | None, n: int, name: str) -> list[str]:
    if given is None:
        return [""] * n
    if len(given) != n:
        raise OptionError(f"{name} has {len(given)} entries for {n} structures")
    return [str(entry) for entry in given]
