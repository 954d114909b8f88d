"""A trained ensemble against chemical systems it has not seen."""

from __future__ import annotations

import numpy as np

from .ensemble import Ensemble
from .evaluate import intervals, report
from .sources import Rows, fold_of
from .uncertainty import HYPOTHETICAL, calibrate, weighted_quantile


def judge(ensemble: Ensemble, seen: Rows, unseen: Rows) -> tuple[dict[str, object], float]:
    """Figures on unseen systems, and how much better the mean of the members is than one of them.

    That ratio is measured on one half of the unseen systems; intervals are judged on the other.
    """
    half = fold_of(unseen.system, 2, "halves") == 0
    shrink = _shrink(ensemble, seen, unseen.select(half))
    energy, width, distance = calibrate(ensemble, seen, shrink).half_width(ensemble, unseen.features)
    rest = ~half
    figures = report(unseen, energy)
    figures |= intervals(unseen.select(rest), energy[rest], width[rest], distance[rest] <= 1.0)
    figures["shrink"] = shrink
    return figures, shrink


def _shrink(ensemble: Ensemble, seen: Rows, unseen: Rows) -> float:
    """The factor with which calibrated intervals hold the share they promise, on rows of the target's own kind."""
    energy, width, _ = calibrate(ensemble, seen).half_width(ensemble, unseen.features)
    mine = unseen.weight == 1.0
    says = np.where(np.char.startswith(unseen.source[mine], "wbm"), HYPOTHETICAL, 1.0)
    return weighted_quantile((np.abs(energy - unseen.energy) / width)[mine], says)
