"""The models that are shipped: trained on everything, with the figures of the held-out systems on their cards."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import seitz
from seitz.elements import SYMBOLS
from seitz.models import Metric, ModelCard

from .ensemble import train
from .fit import Recipe
from .graph import build
from .judging import judge
from .sources import Rows, fold_of
from .uncertainty import LEVEL, calibrate

TARGET = Path(__file__).parents[1] / "src" / "seitz" / "data" / "models"
HELD_OUT = 8  # one of so many groups of chemical systems
KS2022_MEMBERS = 2
SEEN_OFTEN = 10  # rows with DFT labels before an element counts as covered

_TRAINING = (
    "24,255 crystals of the Materials Project (parts of MP-20 and MPTS-52), 5,571 of WBM whose energies need no new "
    "corrections, 722 elemental structures; labels of CHGNet 0.3.0 with a smaller weight for 3,644 other WBM crystals "
    "and 2,928 strained, rattled and substituted ones"
)
_LICENCE = "CC BY 4.0 (Materials Project, WBM); CHGNet labels: modified BSD"
_CITATION = (
    "Jain et al., APL Mater. 1, 011002 (2013); Wang, Botti, Marques, npj Comput. Mater. 7, 12 (2021); "
    "Deng et al., Nat. Mach. Intell. 5, 1031 (2023); Krajewski et al., Comput. Mater. Sci. 247, 113495 (2025)"
)
_LIMITS = (
    "energies of relaxed PBE(+U) crystals with the corrections of MP2020: other functionals differ by tenths of an eV",
    "crystals more than 0.1 eV/atom above the hull have about four times the error of those near it",
    "molecules in boxes, surfaces and liquids are not in the training data",
)


def release(
    rows: Rows, given: argparse.Namespace, recipe: Recipe, figures: dict[str, Any], shrink: float
) -> None:
    """Train on all rows, calibrate, and write the ONNX files."""
    ensemble = train(rows, given.members, recipe, given.work, "final")
    calibration = calibrate(ensemble, rows, shrink)
    card = _card(
        "default", "seitz", rows, figures, "formation energy per atom: residual networks on 446 features"
    )
    _write(build(ensemble, calibration, {"seitz.card": card.to_json()}), "default")
    _release_ks2022(rows, given, recipe)


def _release_ks2022(rows: Rows, given: argparse.Namespace, recipe: Recipe) -> None:
    """A small model on the published features alone."""
    rows = replace(rows, features=np.ascontiguousarray(rows.features[:, :256]))
    recipe = replace(recipe, hidden=256, epochs=min(recipe.epochs, 80))
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    judged = train(rows.select(~outer), KS2022_MEMBERS, recipe, given.work, "ks2022-judged")
    figures, shrink = judge(judged, rows.select(~outer), rows.select(outer))
    (given.work / "figures-ks2022.json").write_text(json.dumps(figures, indent=1))
    ensemble = train(rows, KS2022_MEMBERS, recipe, given.work, "ks2022")
    title = "formation energy per atom from KS2022 alone: for comparison, and for random alloys"
    card = _card("ks2022", "ks2022", rows, figures, title)
    card = replace(
        card, limits=("blind to the volume: a stretched crystal has the energy of the relaxed one", *_LIMITS)
    )
    _write(build(ensemble, calibrate(ensemble, rows, shrink), {"seitz.card": card.to_json()}), "ks2022")


def _card(name: str, descriptor: str, rows: Rows, figures: dict[str, Any], title: str) -> ModelCard:
    wanted = seitz.descriptors()[descriptor]
    found = Counter(symbol for system in rows.system[rows.weight == 1.0] for symbol in str(system).split("-"))
    elements = tuple(symbol for symbol in SYMBOLS[1:] if found[symbol] >= SEEN_OFTEN)
    return ModelCard(
        name=name, title=title, property="formation energy", unit="eV/atom", descriptor=descriptor,
        schema=wanted.digest,
        elements=elements,
        training=_TRAINING, licence=_LICENCE, citation=_CITATION, metrics=_metrics(figures),
        calibration={
            "level": LEVEL,
            "method": "scale of each prediction times a factor by distance from the training data, from residuals on "
            "chemical systems that members had not seen",
        },
        limits=_LIMITS, version=seitz.__version__,
    )  # fmt: skip


_WHERE = {
    "mp": "unseen chemical systems of the Materials Project",
    "wbm": "unseen chemical systems of WBM without corrected anions",
    "wbm_random": "unseen chemical systems of WBM, all anions",
}


def _metrics(figures: dict[str, Any]) -> tuple[Metric, ...]:
    found: list[Metric] = []
    for source, where in _WHERE.items():
        for key, name, unit in (
            ("mae", "mean absolute error", "eV/atom"),
            ("coverage", "share inside the interval", "1"),
        ):
            if f"{key}_{source}" in figures:
                value, lower, upper, n = figures[f"{key}_{source}"]
                found.append(Metric(name, value, unit, where, n, lower, upper))
    value, n = figures["polymorphs"]
    found.append(Metric("pairs of polymorphs in the right order", value, "1", _WHERE["mp"], n))
    for kind in ("strain", "rattle"):
        value, n = figures[f"rises_{kind}"]
        found.append(Metric(f"energy rises under {kind}", value, "1", "unseen distorted crystals", n))
    return tuple(found)


def _write(model: Any, name: str) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    target = TARGET / f"{name}.onnx"
    temporary = target.with_suffix(".part")
    temporary.write_bytes(model.SerializeToString(deterministic=True))
    temporary.replace(target)
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")
