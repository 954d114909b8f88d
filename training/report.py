"""What the documentation shows of the bundled models: ``docs/assets/models.json`` and the pictures beside it."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from seitz import plots
from seitz.plots.style import ABOVE, BLUE, GREY, VERMILION, new_figure, plotly

from .evaluate import GAP
from .sources import Rows

ASSETS = Path(__file__).parents[1] / "docs" / "assets"
PICTURES = ASSETS / "pictures" / "models"
SEEN_ENOUGH = 5  # crystals with an element before its error is shown
TEXT = {"mp": "Materials Project", "wbm": "WBM without corrected anions", "wbm_random": "WBM, all anions"}


def by_element(rows: Rows, predicted: np.ndarray) -> dict[str, float]:
    """Mean absolute error of DFT-labelled crystals that contain an element."""
    errors: dict[str, list[float]] = defaultdict(list)
    for k in np.flatnonzero(rows.weight == 1.0):
        for symbol in str(rows.system[k]).split("-"):
            errors[symbol].append(abs(predicted[k] - rows.energy[k]))
    return {
        symbol: round(float(np.mean(found)), 4)
        for symbol, found in sorted(errors.items())
        if len(found) >= SEEN_ENOUGH
    }


def write(figures: dict[str, Any]) -> None:
    """The numbers behind the tables of the documentation."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    (ASSETS / "models.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def draw(
    unseen: Rows,
    predicted: np.ndarray,
    half: np.ndarray,
    judged: np.ndarray,
    cross: tuple[Rows, np.ndarray],
    learning: dict[str, list[float]],
) -> None:
    """All pictures of the default model.

    ``judged`` are the unseen rows that did not adjust the intervals; ``cross`` all rows with what the member said that
    had not seen them.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown = np.flatnonzero(np.isin(unseen.source, list(TEXT)))
    figure = plots.parity(
        unseen.energy[shown],
        predicted[shown],
        quantity="formation energy",
        unit="eV/atom",
        ids=unseen.ids[shown].tolist(),
        groups=[TEXT[source] for source in unseen.source[shown]],
    )
    figure.update_layout(
        title_text="", legend={"orientation": "v", "x": 0.02, "y": 0.98, "yanchor": "top", "xanchor": "left"}
    )
    _save(figure, "parity", 760, 620)
    mine = judged & (unseen.source == "mp")
    figure = plots.calibration(unseen.energy[mine], predicted[mine], half[mine])
    _save(figure.update_layout(title_text=""), "calibration", 700, 560)
    figure = plots.periodic_table(by_element(*cross), label="mean absolute error", unit="eV/atom")
    _save(
        figure.update_layout(title_text="", margin={"t": 10, "b": 10, "l": 10, "r": 10}),
        "elements",
        1080,
        480,
    )
    _save(ranking(*cross), "ranking", 700, 520)
    _save(learning_curve(learning), "learning", 700, 520)


def ranking(rows: Rows, predicted: np.ndarray) -> Any:
    """Share of polymorph pairs in the right order, by how far apart they are."""
    gaps, right = pairs(rows, predicted)
    edges = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.15, 0.3, np.inf])
    bins = np.searchsorted(edges, gaps, side="right") - 1
    x, y, error, n = [], [], [], []
    for b in range(len(edges) - 1):
        mine = bins == b
        if mine.sum() >= 10:
            share = float(right[mine].mean())
            x.append(float(np.median(gaps[mine])))
            y.append(share)
            error.append(1.96 * float(np.sqrt(share * (1 - share) / mine.sum())))
            n.append(int(mine.sum()))
    go = plotly()
    trace = go.Scatter(
        x=x, y=y, error_y={"array": error}, text=[f"{k:,}" for k in n], mode="lines+markers+text",
        textposition="bottom right", marker={"color": BLUE, "size": 10},
        name="pairs in the right order, and how many there are",
    )  # fmt: skip
    figure = new_figure(
        [trace], "", legend=ABOVE,
        xaxis={"title": {"text": "distance of the two energies / eV/atom"}, "type": "log"},
        yaxis={"title": {"text": "share in the right order"}, "range": [0.4, 1.0]},
    )  # fmt: skip
    figure.add_hline(y=0.5, line={"color": GREY, "dash": "dash", "width": 1})
    figure.add_vline(x=GAP, line={"color": GREY, "dash": "dot", "width": 1})
    return figure


def pairs(rows: Rows, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances in energy of all pairs of one formula in the Materials Project, and whether their order is right."""
    members: dict[str, list[int]] = defaultdict(list)
    for k in np.flatnonzero(rows.source == "mp"):
        members[str(rows.formula[k])].append(int(k))
    found = [pair for group in members.values() for pair in combinations(group, 2)]
    first, second = np.array(found).T
    gap = rows.energy[first] - rows.energy[second]
    return np.abs(gap), (predicted[first] - predicted[second]) * gap > 0


def learning_curve(learning: dict[str, list[float]]) -> Any:
    """Error of one member on unseen systems, by the number of crystals it was trained on."""
    go = plotly()
    n = np.array(learning["n"])
    traces = []
    for source, colour in (("mp", BLUE), ("wbm", VERMILION)):
        error = np.array(learning[source])
        power = np.polyfit(np.log(n), np.log(error), 1)[0]
        name = f"{TEXT[source]}: n<sup>{power:.2f}</sup>".replace("-", "−")
        traces.append(
            go.Scatter(x=n, y=error, mode="lines+markers", name=name, marker={"color": colour, "size": 10})
        )
    return new_figure(
        traces, "", legend=ABOVE,
        xaxis={"title": {"text": "crystals with DFT energies in training"}, "type": "log"},
        yaxis={"title": {"text": "mean absolute error / eV/atom"}, "type": "log"},
    )  # fmt: skip


def _save(figure: Any, name: str, width: int, height: int) -> None:
    plots.save(figure, PICTURES / f"{name}.svg", width=width, height=height)
