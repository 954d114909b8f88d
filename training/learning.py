"""How the error falls with the number of crystals: one member, trained on shares of the chemical systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .ensemble import fitted
from .fit import Recipe, predict
from .sources import Rows, fold_of

SHARES = (1, 2, 4, 8, 16)  # sixteenths of the systems


def learning_curve(seen: Rows, unseen: Rows, recipe: Recipe, folder: Path) -> dict[str, list[float]]:
    """Numbers of DFT labels, and mean absolute errors on unseen rows of each kind."""
    part = fold_of(seen.system, 16, "share")
    jobs = [seen.select(part < share) for share in SHARES]
    found: dict[str, list[float]] = {"n": [], "mp": [], "wbm": []}
    for rows, net in zip(jobs, fitted(jobs, [recipe] * len(jobs), folder, "learning"), strict=True):
        error = np.abs(predict(net, unseen.features)[0] - unseen.energy)
        found["n"].append(int((rows.weight == 1.0).sum()))
        for source in ("mp", "wbm"):
            found[source].append(float(error[unseen.source == source].mean()))
    return found
