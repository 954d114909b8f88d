"""The models that are shipped: trained on everything, with the figures of the held-out systems on their cards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import seitz
from seitz.elements import SYMBOLS
from seitz.models import Metric, ModelCard

from .ensemble import train
from .fit import Recipe
from .graph import build
from .sources import Rows
from .uncertainty import LEVEL, calibrate

TARGET = Path(__file__).parents[1] / "src" / "seitz" / "data" / "models"
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


def _card(name: str, descriptor: str, rows: Rows, figures: dict[str, Any], title: str) -> ModelCard:
    wanted = seitz.descriptors()[descriptor]
    names = seitz.descriptors()["seitz"].names
    fractions = [names.index(f"frac_{symbol}") for symbol in SYMBOLS[1:101]]
    seen = (rows.features[rows.weight == 1.0][:, fractions] > 0).sum(axis=0)
    return ModelCard(
        name=name, title=title, property="formation energy", unit="eV/atom", descriptor=descriptor,
        schema=wanted.digest,
        elements=tuple(SYMBOLS[z + 1] for z in np.flatnonzero(seen >= SEEN_OFTEN).tolist()),
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
