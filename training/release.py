"""The models that are shipped: trained on everything, with the figures of the held-out systems on their cards."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import seitz
from seitz.elements import SYMBOLS
from seitz.models import Metric, ModelCard
from seitz.models.stamp import with_card

from .baselines import baselines
from .ensemble import train
from .evaluate import report
from .fit import Recipe
from .graph import build
from .judging import Judged, judge
from .learning import learning_curve
from .report import by_element, draw, write
from .sources import DESCRIPTOR, Rows, fold_of
from .uncertainty import LEVEL, calibrate

TARGET = Path(__file__).parents[1] / "src" / "seitz" / "data" / "models"
HELD_OUT = 8  # one of so many groups of chemical systems
KS2022_MEMBERS = 2
SEEN_OFTEN = 10  # rows with DFT labels before an element counts as covered

_TRAINING = (
    "{mp:,} crystals of the Materials Project (parts of MP-20 and MPTS-52), {wbm:,} of WBM whose energies need no new "
    "corrections, {element:,} elemental structures; with a smaller weight, labels of CHGNet 0.3.0 (which was itself "
    "trained on the Materials Project) for {wbm_teacher:,} other WBM crystals, {distorted:,} strained, rattled and "
    "substituted ones"
)
_ARRANGEMENTS = ", and {substituted:,} known compositions in other arrangements, orderings and volumes"
_LICENCE = "CC BY 4.0 (Materials Project, WBM); CHGNet labels: modified BSD"
_CITATION = (
    "Jain et al., APL Mater. 1, 011002 (2013); Wang, Botti, Marques, npj Comput. Mater. 7, 12 (2021); "
    "Deng et al., Nat. Mach. Intell. 5, 1031 (2023); Krajewski et al., Comput. Mater. Sci. 247, 113495 (2025)"
)
_LIMITS = (
    "energies of relaxed PBE(+U) crystals with the corrections of MP2020: other functionals differ by tenths of an eV",
    "crystals more than 0.1 eV/atom above the hull have about three times the error of those near it",
    "molecules in boxes, surfaces and liquids are not in the training data",
)


def release(rows: Rows, given: argparse.Namespace, recipe: Recipe, judged: Judged) -> None:
    """Train on all rows, calibrate, and write the ONNX files and what the documentation shows of them."""
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    seen, unseen = rows.select(~outer), rows.select(outer)
    ensemble = train(rows, given.members, recipe, given.work, "final")
    calibration = calibrate(ensemble, rows, judged.shrink)
    single = ensemble.unseen(rows.features)[0]
    learning = learning_curve(seen, unseen, recipe, given.work)
    extra = {"error_by_element": by_element(rows, single), "learning_curve": learning}
    title = f"formation energy per atom: residual networks on {rows.features.shape[1]} features"
    card = replace(_card("default", DESCRIPTOR, rows, judged.figures, title), extra=extra)
    _write(build(ensemble, calibration), card)
    small = _release_ks2022(rows, given, recipe)
    figures = {"default": judged.figures, "cross_validated": report(rows, single), "ks2022": small.figures}
    write(figures | baselines(seen, unseen, given.work) | {"recipe": asdict(recipe), "learning": learning})
    draw(unseen, judged.energy, judged.half, judged.rest, (rows, single), learning)


def _release_ks2022(rows: Rows, given: argparse.Namespace, recipe: Recipe) -> Judged:
    """A small model on the published features alone; without a length scale, unusual arrangements only confuse it."""
    whole = rows.select(rows.source != "substituted")
    rows = replace(whole, features=np.ascontiguousarray(whole.features[:, :256]))
    recipe = replace(recipe, hidden=256, epochs=min(recipe.epochs, 80))
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    ensemble = train(rows.select(~outer), KS2022_MEMBERS, recipe, given.work, "ks2022-judged")
    judged = judge(ensemble, rows.select(~outer), rows.select(outer))
    ensemble = train(rows, KS2022_MEMBERS, recipe, given.work, "ks2022")
    title = "formation energy per atom from KS2022 alone: for comparison, and for random alloys"
    card = _card("ks2022", "ks2022", whole, judged.figures, title)
    card = replace(
        card, limits=("blind to the volume: a stretched crystal has the energy of the relaxed one", *_LIMITS)
    )
    calibration = calibrate(ensemble, rows, judged.shrink)
    _write(build(ensemble, calibration), card)
    return judged


def _card(name: str, descriptor: str, rows: Rows, figures: dict[str, Any], title: str) -> ModelCard:
    wanted = seitz.descriptors()[descriptor]
    found = Counter(symbol for system in rows.system[rows.weight == 1.0] for symbol in str(system).split("-"))
    elements = tuple(symbol for symbol in SYMBOLS[1:] if found[symbol] >= SEEN_OFTEN)
    return ModelCard(
        name=name, title=title, property="formation energy", unit="eV/atom", descriptor=descriptor,
        schema=wanted.digest,
        elements=elements, volumes=_volumes(rows),
        training=_training(rows), licence=_LICENCE, citation=_CITATION, metrics=_metrics(figures),
        calibration={
            "level": LEVEL,
            "method": "scale of each prediction times a factor by distance from the training data, from residuals on "
            "chemical systems that members had not seen",
        },
        limits=_LIMITS, version=seitz.__version__,
    )  # fmt: skip


def _volumes(rows: Rows) -> tuple[float, float]:
    volume = rows.features[rows.weight == 1.0][
        :, seitz.descriptors()[DESCRIPTOR].names.index("VolumePerAtom")
    ]
    return float(volume.min()), float(volume.max())


def _training(rows: Rows) -> str:
    """The data in words, with their numbers."""
    n = Counter(rows.source.tolist())
    text = _TRAINING + (_ARRANGEMENTS if n["substituted"] else "")
    return text.format(
        mp=n["mp"], wbm=n["wbm"] + n["wbm_random"], element=n["element"], wbm_teacher=n["wbm_teacher"],
        distorted=sum(count for source, count in n.items() if source.startswith("distorted")),
        substituted=n["substituted"],
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


def _write(model: onnx.ModelProto, card: ModelCard) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    target = TARGET / f"{card.name}.onnx"
    temporary = target.with_suffix(".part")
    temporary.write_bytes(with_card(model, card))
    temporary.replace(target)
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")
