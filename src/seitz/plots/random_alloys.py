"""How the vector of a random alloy, or what a model makes of it, settles while its ensemble grows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray, IndexArray
from seitz.errors import DescriptorError, OptionError

from .style import ABOVE, BLUE, GREY, INK, VERMILION, new_figure, plotly, see_through, with_unit

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from seitz.alloys import RandomAlloy

#: Name of a feature, or a function from (n, n_features) vectors to (n,) values.
FeatureOrFunction = str | Callable[[FloatArray], Any]

_MAX_POINTS = 500  # of a line; more cannot be seen, and 256 lines of thousands make a file slow
_SHOWN_BANDS = 8  # the vertical axis ends at so many times the criterion
_MAX_BINS = 80


class _Quantity(NamedTuple):
    """One number per ensemble, and per single expansion."""

    title: str
    growing: FloatArray
    single: FloatArray
    error: FloatArray


def convergence(alloy: RandomAlloy, *, criterion: float = 0.005) -> Figure:
    """How every feature of a sampled alloy comes to rest while the ensemble grows.

    One line per feature: its value minus the final one, in units of its range over known materials. The band is the
    criterion; the feature that still changed most in the last three ensembles stands out. The axis ends at eight times
    the criterion, what begins farther out enters from there.

    Parameters
    ----------
    alloy
        Result of :func:`seitz.featurize_random` in sampled mode.
    criterion
        Half the height of the band: ``feature_criterion`` of the sampling.

    Raises
    ------
    OptionError
        An exact alloy, which has no history, or a criterion that is no positive number.
    """
    from seitz.alloys.ranges import feature_ranges

    if isinstance(criterion, bool) or not isinstance(criterion, int | float) or not 0 < criterion < math.inf:
        raise OptionError(f"criterion={criterion!r}: give a positive number, e.g. 0.005")
    sites = _sites(alloy)
    ranges = feature_ranges(alloy.descriptor)
    change = (alloy.history - alloy.history[-1]) / np.where(ranges > 0, ranges, 1.0)
    shown = np.flatnonzero((ranges > 0) & np.isfinite(change).all(axis=0))
    rows = _thinned(len(sites))
    worst = alloy.worst_feature[-1] if alloy.worst_feature else ""
    go = plotly()
    traces = [
        _line(go, sites[rows], change[rows, k], alloy.names[k], GREY, 1.0, opacity=0.35)
        for k in shown.tolist()
        if alloy.names[k] != worst
    ]
    title = f"Convergence of {_name(alloy)}"
    if worst:
        k = alloy.names.index(worst)
        legend = f"changed most at the end: {worst} ({alloy.largest_change[-1]:.2g} of its range)"
        traces.append(_line(go, sites[rows], change[rows, k], worst, VERMILION, 3.0, legend=legend))
    figure = new_figure(
        traces,
        f"{title}: {len(shown)} features, {len(sites)} expansions",
        xaxis={"title": {"text": "sites in the ensemble"}},
        yaxis={
            "title": {"text": "(value − final value) / range of the feature"},
            "range": [-_SHOWN_BANDS * criterion, _SHOWN_BANDS * criterion],
        },
        hovermode="closest",
        legend=ABOVE,
    )
    band = see_through(BLUE, 0.14)
    figure.add_hrect(y0=-criterion, y1=criterion, fillcolor=band, line_width=0, layer="below")
    for edge in (-criterion, criterion):
        figure.add_hline(y=edge, line={"color": BLUE, "width": 1.2, "dash": "dash"})
    figure.add_annotation(
        text=f"criterion ±{criterion:g}", x=0.99, xref="paper", xanchor="right", y=criterion, yanchor="bottom",
        showarrow=False, font={"color": BLUE, "size": 13}, bgcolor="rgba(255,255,255,0.8)",
    )  # fmt: skip
    return figure


def evolution(alloy: RandomAlloy, quantity: FeatureOrFunction, *, label: str | None = None) -> Figure:
    """A feature, or a function of the vector such as a model's prediction, while the ensemble grows.

    The line belongs to the whole ensemble up to each size, the points to single expansions. The band is one standard
    error: for a feature that of the alloy, which falls as 1/√n; for a function, from the spread of its values over
    the expansions up to there.

    Parameters
    ----------
    alloy
        Result of :func:`seitz.featurize_random` in sampled mode.
    quantity
        Name of a feature, or a function that takes (n, n_features) vectors and returns (n,) values.
    label
        Title of the axis, with the unit; by default the feature and its unit, or the function's name.

    Raises
    ------
    OptionError
        An exact alloy, which has no expansions, or a function whose result is not one finite number per vector.
    DescriptorError
        A feature that does not exist.
    """
    sites = _sites(alloy)
    found = _evaluated(alloy, quantity, label)
    go = plotly()
    per_expansion = sites[0]
    traces = []
    known = np.isfinite(found.error)
    if known.any():
        edge = np.concatenate(
            [(found.growing + found.error)[known], (found.growing - found.error)[known][::-1]]
        )
        traces.append(
            go.Scatter(
                x=np.concatenate([sites[known], sites[known][::-1]]), y=edge, fill="toself", mode="lines",
                line={"width": 0}, fillcolor=see_through(BLUE, 0.22), hoverinfo="skip",
                name="± one standard error",
            )
        )  # fmt: skip
    traces.append(
        go.Scatter(
            x=sites, y=found.single, mode="markers", name="single expansions",
            marker={"color": GREY, "size": 6, "opacity": 0.55},
            hovertemplate=f"expansion ending at site %{{x}}: %{{y:.6g}}<extra>{per_expansion} sites</extra>",
        )
    )  # fmt: skip
    traces.append(
        go.Scatter(
            x=sites, y=found.growing, mode="lines", name="growing ensemble", line={"color": BLUE, "width": 3},
            hovertemplate="%{x} sites: %{y:.6g}<extra></extra>",
        )
    )  # fmt: skip
    return new_figure(
        traces,
        f"{_name(alloy)}: ensemble and single expansions",
        xaxis={"title": {"text": "sites in the ensemble"}, "rangemode": "tozero"},
        yaxis={"title": {"text": found.title}},
        legend=ABOVE,
    )


def distribution(alloy: RandomAlloy, quantity: FeatureOrFunction, *, label: str | None = None) -> Figure:
    """A feature, or a function of the vector, over the single expansions, with the value of the whole ensemble.

    Parameters
    ----------
    alloy, quantity, label
        As for :func:`evolution`.

    Raises
    ------
    OptionError
        An exact alloy, which has no expansions, or a function whose result is not one finite number per vector.
    DescriptorError
        A feature that does not exist.
    """
    sites = _sites(alloy)
    found = _evaluated(alloy, quantity, label)
    go = plotly()
    edges = np.histogram_bin_edges(found.single, bins="auto")
    if len(edges) > _MAX_BINS + 1:
        edges = np.histogram_bin_edges(found.single, bins=_MAX_BINS)
    counts, _ = np.histogram(found.single, edges)
    bars = go.Bar(
        x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), name="single expansions",
        marker={"color": see_through(BLUE, 0.45), "line": {"color": BLUE, "width": 1}},
        customdata=np.column_stack([edges[:-1], edges[1:]]),
        hovertemplate="%{customdata[0]:.6g} to %{customdata[1]:.6g}: %{y}<extra></extra>",
    )  # fmt: skip
    top = 1.08 * float(counts.max())
    lines = [
        go.Scatter(
            x=[value, value], y=[0, top], mode="lines", name=f"{name}: {value:.6g}",
            line={"color": colour, "width": width, "dash": dash}, hovertemplate="%{x:.6g}<extra></extra>",
        )
        for name, value, colour, width, dash in (
            ("whole ensemble", float(found.growing[-1]), VERMILION, 4, "solid"),
            ("mean of the expansions", float(found.single.mean()), INK, 2, "dot"),
        )
    ]  # fmt: skip
    margin = 0.5 * float(edges[1] - edges[0])
    return new_figure(
        [bars, *lines],
        f"{_name(alloy)}: {len(sites)} expansions of {sites[0]} sites",
        xaxis={
            "title": {"text": found.title},
            "range": [float(edges[0]) - margin, float(edges[-1]) + margin],
        },
        yaxis={"title": {"text": "number of expansions"}, "range": [0, top]},
        bargap=0,
        legend=ABOVE,
    )


# --- what is drawn -----------------------------------------------------------------------------------------------


def _sites(alloy: RandomAlloy) -> IndexArray:
    """(n_expansions,) size of the ensemble after each expansion."""
    from seitz.alloys import RandomAlloy

    if not isinstance(alloy, RandomAlloy):
        raise OptionError(f"{alloy!r} is no result of seitz.featurize_random for one alloy")
    if not len(alloy.history):
        raise OptionError(
            f'{alloy.id} is exact and has no expansions to draw: compute it with mode="sampled"'
        )
    return np.arange(1, len(alloy.history) + 1) * (alloy.n_sites // len(alloy.history))


def _name(alloy: RandomAlloy) -> str:
    """Composition with three digits, and lattice."""
    formula = re.sub(r"\d+\.\d+", lambda amount: f"{float(amount[0]):.3g}", alloy.target.formula)
    return f"{formula} on {alloy.lattice}"


def _evaluated(alloy: RandomAlloy, quantity: FeatureOrFunction, label: str | None) -> _Quantity:
    n = np.arange(1, len(alloy.history) + 1)
    if isinstance(quantity, str):
        if quantity not in alloy.names:
            raise DescriptorError(f"{alloy.descriptor.name} has no feature {quantity!r}; see .names")
        k = alloy.names.index(quantity)
        growing, single = alloy.history[:, k], alloy.expansions.values[:, k]
        if not np.isfinite(growing).all():
            raise OptionError(f"{quantity} has no value for {alloy.id}: {'; '.join(alloy.warnings)}")
        title = with_unit(quantity, alloy.descriptor.features[k].unit)
        error = alloy.standard_error[k] * np.sqrt(n[-1] / n)
        return _Quantity(label or title, growing, single, error)
    if not callable(quantity):
        raise OptionError(f"{quantity!r} is neither the name of a feature nor a function of the vectors")
    name = getattr(quantity, "__name__", type(quantity).__name__)
    growing = _called(quantity, name, alloy.history)
    single = _called(quantity, name, alloy.expansions.values)
    total, squares = np.cumsum(single - single[0]), np.cumsum((single - single[0]) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(squares - total**2 / n, 0.0) / (n - 1) / n)
    return _Quantity(label or ("value" if name == "<lambda>" else name), growing, single, error)


def _called(function: Callable[[FloatArray], Any], name: str, vectors: FloatArray) -> FloatArray:
    """Checked values of a function of vectors."""
    given = function(vectors.copy())
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptionError(f"{name} returned a {type(given).__name__!r}, not one number per vector") from None
    if values.shape != (len(vectors),):
        raise OptionError(f"{name} returned shape {values.shape} for {len(vectors)} vectors: one number each")
    if not np.isfinite(values).all():
        raise OptionError(f"{name} is not finite for expansion {int(np.argmin(np.isfinite(values)))}")
    return values


def _thinned(n: int) -> IndexArray:
    """Which of n ensembles are drawn: all, or as many as can be seen, denser at the beginning."""
    if n <= _MAX_POINTS:
        return np.arange(n)
    return np.unique(np.geomspace(1, n, 2 * _MAX_POINTS).round().astype(np.int64)) - 1


def _line(
    go: Any,
    x: IndexArray,
    y: FloatArray,
    name: str,
    colour: str,
    width: float,
    *,
    opacity: float = 1.0,
    legend: str = "",
) -> Any:
    """One feature of the picture of convergence."""
    return go.Scatter(
        x=x, y=y.astype(np.float32), mode="lines", name=legend or name, showlegend=bool(legend), opacity=opacity,
        line={"color": colour, "width": width}, hovertemplate=f"{name}<br>%{{x}} sites: %{{y:.5f}}<extra></extra>",
    )  # fmt: skip
