"""How all figures look: one template, colours that stay apart for every kind of colour vision, good on white."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seitz._optional import load_optional

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

REQUIREMENT = "'seitz[plot]'"

#: Okabe and Ito's colours, without their black.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
_SCALE = ("#440154", "#3B528B", "#21918C", "#5EC962", "#FDE725")  # Viridis
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)

#: Place of a legend between title and picture.
ABOVE = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.01, "yanchor": "bottom"}

INK, GREY, GRID = "#222222", "#767676", "#E6E6E6"
FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"


def plotly() -> ModuleType:
    """``plotly.graph_objects``; MissingExtraError without it."""
    load_optional("plotly", REQUIREMENT)
    return load_optional("plotly.graph_objects", REQUIREMENT)


def colours(n: int) -> list[str]:
    """As many colours as wanted; beyond the palette, steps of a scale that darkens evenly."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    steps = [k * (len(_SCALE) - 1) / (n - 1) for k in range(n)]
    return [
        _mixed(_SCALE[int(step)], _SCALE[min(int(step) + 1, len(_SCALE) - 1)], step % 1) for step in steps
    ]


def _mixed(first: str, second: str, share: float) -> str:
    pairs = zip(rgb(first), rgb(second), strict=True)
    return "#" + bytes(round((1 - share) * a + share * b) for a, b in pairs).hex()


def see_through(colour: str, opacity: float) -> str:
    """A colour given as ``#rrggbb`` with an opacity."""
    red, green, blue = rgb(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour given as ``#rrggbb``, as three numbers up to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


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
            "legend": {"bgcolor": "rgba(255,255,255,0)", "borderwidth": 0},
            "margin": {"l": 80, "r": 30, "t": 70, "b": 70},
        }
    )
    return go.Figure(data=list(traces), layout={"template": template, "title": {"text": title}, **layout})
