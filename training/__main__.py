"""``python -m training DATA``: judge the recipe on held-out chemical systems, then train and write the models."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .ensemble import Ensemble, train
from .evaluate import intervals, report
from .fit import Recipe
from .sources import Rows, fold_of, read
from .uncertainty import LEVEL, calibrate

N_MEMBERS = 6
HELD_OUT = 8  # one of so many groups of chemical systems


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the data sets")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="cache and checkpoints")
    parser.add_argument("--members", type=int, default=N_MEMBERS)
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--held-out", type=int, default=0, help="which group of chemical systems is held out")
    parser.add_argument("--judge-only", action="store_true", help="leave out the final models")
    given = parser.parse_args()
    rows = read(given.data, given.work)
    recipe = Recipe(epochs=given.epochs)
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    ensemble = train(rows.select(~outer), given.members, recipe, given.work, f"judged{given.held_out}")
    figures, shrink = judge(ensemble, rows.select(~outer), rows.select(outer))
    figures["recipe"] = asdict(recipe)
    (given.work / f"figures{given.held_out}.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))
    if not given.judge_only:
        from .release import release

        release(rows, given, recipe, figures, shrink)


def judge(ensemble: Ensemble, seen: Rows, unseen: Rows) -> tuple[dict[str, object], float]:
    """Figures on unseen systems, and how much better the mean of the members is than one of them.

    That ratio is measured on one half of the unseen systems; intervals are judged on the other.
    """
    half = fold_of(unseen.system, 2, "halves") == 0
    energy, scale, hidden = ensemble.predict(unseen.features)
    shrink = _shrink(ensemble, seen, unseen.select(half), (energy[half], scale[half], hidden[half]))
    calibration = calibrate(ensemble, seen, shrink)
    distance = calibration.distance(calibration.embed(hidden))
    width = calibration.half_width(scale, distance)
    rest = ~half
    figures = report(unseen, energy)
    figures |= intervals(unseen.select(rest), energy[rest], width[rest], distance[rest] <= 1.0)
    figures["shrink"] = shrink
    return figures, shrink


def _shrink(
    ensemble: Ensemble, seen: Rows, unseen: Rows, predicted: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> float:
    """The factor with which calibrated intervals hold the share they promise, on rows of the target's own kind."""
    energy, scale, hidden = predicted
    calibration = calibrate(ensemble, seen, 1.0)
    width = calibration.half_width(scale, calibration.distance(calibration.embed(hidden)))
    mine = unseen.weight == 1.0
    return float(np.quantile((np.abs(energy - unseen.energy) / width)[mine], LEVEL))


if __name__ == "__main__":
    main()
