"""Figures of a tuning, as plotly objects: values against targets, losses by epoch, and errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz.errors import OptionError

from .report import Report, Row

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def parity(found: Report, *, highlight: Collection[str] = (), part: str = "") -> Figure:
    """Values against targets, before and after.

    Values of training rows are by fits that had not seen their groups.

    Parameters
    ----------
    found
        Report of a tuning.
    highlight
        Ids, systems such as ``"Fe-Ni"``, or compositions, drawn in another colour.
    part
        ``"train"``, ``"test"``, or both by default.

    Raises
    ------
    OptionError
        Something to highlight that no row has, or an unknown part.
    """
    from seitz.plots.style import ABOVE, GREY, INK, new_figure, plotly

    rows = _rows(found, part)
    marked = _marked(rows, highlight)
    go = plotly()
    traces = []
    before = [row for row in rows if np.isfinite(row.before)]
    if before:
        traces.append(_points(go, before, [row.before for row in before], "before", GREY))
    traces += _after(go, rows, lambda row: row.after)
    traces += _highlighted(go, marked, [row.after for row in marked])
    ends = [x for row in rows for x in (row.target, row.after)]
    low, high = min(ends), max(ends)
    traces.append(
        go.Scatter(x=[low, high], y=[low, high], mode="lines", line={"color": INK, "width": 1, "dash": "dot"},
                   showlegend=False, hoverinfo="skip")
    )  # fmt: skip
    named = f"{found.property} / {found.unit}"
    return new_figure(
        traces, _title(found), legend=ABOVE,
        xaxis={"title": {"text": f"target: {named}"}}, yaxis={"title": {"text": f"value: {named}"}},
    )  # fmt: skip


def residuals(found: Report, *, highlight: Collection[str] = (), part: str = "") -> Figure:
    """Value minus target against target; parameters and errors as for :func:`parity`."""
    from seitz.plots.style import ABOVE, INK, new_figure, plotly

    rows = _rows(found, part)
    marked = _marked(rows, highlight)
    go = plotly()
    traces = _after(go, rows, lambda row: row.after - row.target)
    traces += _highlighted(go, marked, [row.after - row.target for row in marked])
    figure = new_figure(
        traces, _title(found), legend=ABOVE,
        xaxis={"title": {"text": f"target: {found.property} / {found.unit}"}},
        yaxis={"title": {"text": f"value − target / {found.unit}"}},
    )  # fmt: skip
    figure.add_hline(y=0.0, line={"color": INK, "width": 1, "dash": "dot"})
    return figure


def learning_curve(found: Report, candidate: str = "") -> Figure:
    """Losses of a network by epoch, one pair of lines per fold; epoch 0 is before training.

    Parameters
    ----------
    candidate
        Name of a network among the candidates; by default the best of them.

    Raises
    ------
    OptionError
        No network was trained.
    """
    from seitz.plots.style import ABOVE, BLUE, VERMILION, new_figure, plotly

    networks = [c for c in found.candidates if c.curves]
    if not networks:
        raise OptionError("no network was trained: there are no curves")
    chosen = found.candidate(candidate) if candidate else networks[0]
    go = plotly()
    traces = []
    for k, curve in enumerate(chosen.curves):
        for name, losses, colour in (
            ("training part", curve.train, BLUE),
            ("validation part", curve.validation, VERMILION),
        ):
            traces.append(
                go.Scatter(x=list(range(len(losses))), y=list(losses), mode="lines", name=name, legendgroup=name,
                           showlegend=k == 0, line={"color": colour, "width": 2}, opacity=0.8,
                           hovertemplate=f"fold {k + 1}, epoch %{{x}}: %{{y:.4g}}<extra>{name}</extra>")
            )  # fmt: skip
        best = curve.validation[curve.best]
        traces.append(
            go.Scatter(x=[curve.best], y=[best], mode="markers", showlegend=k == 0, name="best epoch",
                       legendgroup="best", marker={"color": VERMILION, "size": 9, "symbol": "diamond"})
        )  # fmt: skip
    return new_figure(
        traces, f"{chosen.name}: {found.property}", legend=ABOVE, xaxis={"title": {"text": "epoch"}},
        yaxis={"title": {"text": "loss, target in units of its spread"}, "rangemode": "tozero"},
    )  # fmt: skip


def _title(found: Report) -> str:
    where = "test part" if found.n_test else "unseen training rows"
    return f"{found.property}: mean absolute error {found.after.mae.value:.3g} {found.unit}, {where}"


def _after(go: Any, rows: Sequence[Row], value: Callable[[Row], float]) -> list[Any]:
    """Points of each part in a colour of its own."""
    from seitz.plots.style import BLUE, SKY

    traces = []
    for part, name, colour in (("train", "unseen training rows", SKY), ("test", "test part", BLUE)):
        own = [row for row in rows if row.part == part]
        if own:
            traces.append(_points(go, own, [value(row) for row in own], f"after, {name}", colour))
    return traces


def _rows(found: Report, part: str) -> list[Row]:
    if part not in ("", "train", "test"):
        raise OptionError(f"part={part!r}: choose 'train' or 'test', or leave it out")
    rows = [row for row in found.rows if part in ("", row.part)]
    if not rows:
        raise OptionError(f"part={part!r}: there are no such rows")
    return rows


def _marked(rows: Sequence[Row], highlight: Collection[str]) -> list[Row]:
    wanted = {highlight} if isinstance(highlight, str) else set(highlight)
    names = wanted | {"-".join(sorted(name.split("-"))) for name in wanted}
    marked = [row for row in rows if row.id in names or row.group in names]
    if wanted and not marked:
        raise OptionError(f"highlight={min(wanted)!r}: no row has this id or group")
    return marked


def _points(go: Any, rows: Sequence[Row], values: Sequence[float], name: str, colour: str) -> Any:
    return go.Scatter(
        x=[row.target for row in rows], y=list(values), mode="markers", name=name,
        text=[f"{row.id}<br>{row.group}<br>{row.part}" for row in rows],
        marker={"color": colour, "size": 7, "opacity": 0.6},
        hovertemplate="%{text}<br>%{x:.4g} → %{y:.4g}<extra></extra>",
    )  # fmt: skip


def _highlighted(go: Any, rows: Sequence[Row], values: Sequence[float]) -> list[Any]:
    from seitz.plots.style import VERMILION

    if not rows:
        return []
    trace = _points(go, rows, values, "highlighted", VERMILION)
    trace.marker.size, trace.marker.opacity = 11, 1.0
    return [trace]
