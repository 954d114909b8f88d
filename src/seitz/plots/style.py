"""How all figures look: one template, colours that stay apart for every kind of colour vision, good on white."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seitz._optional import load_optional

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

REQUIREMENT = "seitz[plot]"

#: Okabe and Ito's colours, without their black.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)

INK, GREY, GRID = "#222222", "#767676", "#E6E6E6"
FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"


def plotly() -> ModuleType:
    """``plotly.graph_objects``; MissingExtraError without it."""
    return load_optional("plotly.graph_objects", REQUIREMENT)


def colours(n: int) -> list[str]:
    """As many colours as wanted; beyond the palette, steps of a scale that darkens evenly."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    sample = load_optional("plotly.colors", REQUIREMENT).sample_colorscale
    return list(sample("Viridis", [k / (n - 1) for k in range(n)]))


def see_through(colour: str, opacity: float) -> str:
    """A colour given as ``#rrggbb`` with an opacity."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def with_unit(quantity: str, unit: str) -> str:
    """Title of an axis."""
    return quantity if unit in ("", "1") else f"{quantity} / {unit}"


def new_figure(traces: Sequence[Any], title: str, **layout: Any) -> Figure:
    """A figure in the style of the package."""
    go = plotly()
    axis = {
        "showgrid": True, "gridcolor": GRID, "zeroline": False, "showline": True, "linecolor": INK, "mirror": True,
        "ticks": "outside", "tickcolor": INK, "ticklen": 5, "automargin": True, "exponentformat": "power",
        "title": {"standoff": 10},
    }  # fmt: skip
    template = go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 15, "color": INK},
            "title": {"x": 0.5, "xanchor": "center", "font": {"size": 18}},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "colorway": PALETTE,
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"font": {"family": FONT, "size": 13}, "namelength": -1},
            "legend": {"bgcolor": "rgba(255,255,255,0.8)", "borderwidth": 0},
            "margin": {"l": 80, "r": 30, "t": 70, "b": 70},
        }
    )
    return go.Figure(data=list(traces), layout={"template": template, "title": {"text": title}, **layout})
