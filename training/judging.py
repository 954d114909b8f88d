"""A trained ensemble against chemical systems it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .ensemble import Ensemble
from .evaluate import intervals, report
from .sources import Rows, fold_of
from .uncertainty import calibrate, promised


@dataclass(frozen=True)
class Judged:
    """What an ensemble said about unseen systems.

    ``shrink`` is how much better the mean of the members is than one of them; it is measured on one half of the
    systems, and intervals are judged on the ``rest``.
    """

    figures: dict[str, Any]
    shrink: float
    energy: np.ndarray
    half: np.ndarray
    rest: np.ndarray


def judge(ensemble: Ensemble, seen: Rows, unseen: Rows) -> Judged:
    """Figures on unseen systems, and the predictions behind them."""
    rest = fold_of(unseen.system, 2, "halves") == 1
    shrink = _shrink(ensemble, seen, unseen.select(~rest))
    energy, half, distance = calibrate(ensemble, seen, shrink).half_width(ensemble, unseen.features)
    figures = report(unseen, energy)
    figures |= intervals(unseen.select(rest), energy[rest], half[rest], distance[rest] <= 1.0)
    figures["shrink"] = shrink
    return Judged(figures, shrink, energy, half, rest)


def _shrink(ensemble: Ensemble, seen: Rows, unseen: Rows) -> float:
    """The factor with which calibrated intervals hold the share they promise, on rows of the target's own kind."""
    energy, width, _ = calibrate(ensemble, seen).half_width(ensemble, unseen.features)
    mine = unseen.weight == 1.0
    return promised((np.abs(energy - unseen.energy) / width)[mine])
