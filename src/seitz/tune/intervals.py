"""Intervals from errors on unseen groups, and the edge of the domain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seitz._typing import FloatArray

_NEAR = 0.95  # share of unseen training rows that are in the domain


@dataclass(frozen=True)
class Intervals:
    """value ± factor · deviation of a Gaussian process, and the deviation at the edge of the domain.

    Cross-conformal (Vovk, Ann. Math. Artif. Intell. 74, 9, 2015) with normalised residuals (Papadopoulos, Vovk,
    Gammerman, J. Artif. Intell. Res. 40, 815, 2011): the factor is that quantile of |target - value| / deviation, each
    by a fit that had not seen the row's group. It holds the level for rows that are exchangeable with them.

    Attributes
    ----------
    factor
        None where there are too few rows for the level.
    edge
        Deviation of the process itself at the edge of the domain.
    level, n
        The level, and the rows it rests on.
    """

    factor: float | None
    edge: float
    level: float
    n: int

    def calibration(self) -> dict[str, Any]:
        """What the card says."""
        if self.factor is None:
            return {"method": f"none: {self.n} examples are too few for {100 * self.level:g} %"}
        few = "" if self.n >= 100 else f"; from {self.n} rows, so the level is rough"
        method = (
            "deviation of a Gaussian process times a factor, from residuals on groups that a fit had not seen"
        )
        return {"level": self.level, "method": method + few, "n": self.n, "factor": self.factor}


def calibrate(residuals: FloatArray, widths: FloatArray, latent: FloatArray, level: float) -> Intervals:
    """Factor and edge from (n,) absolute residuals of unseen rows and the deviations there."""
    n = len(residuals)
    rank = math.ceil((n + 1) * level)
    factor = float(np.sort(residuals / widths)[rank - 1]) if rank <= n else None
    return Intervals(factor, float(np.quantile(latent, _NEAR)) or 1.0, level, n)
