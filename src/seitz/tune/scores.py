"""How well predictions do: errors with intervals from resampling groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import TuneError

_DRAWS = 1000
_TINY = 1e-300


class Figure(NamedTuple):
    """A figure of merit with its 95 % interval, from resampling groups."""

    value: float
    lower: float
    upper: float


class Score(NamedTuple):
    """Errors of predictions on some rows, in the unit of the target; R² without a unit."""

    mae: Figure
    rmse: Figure
    r2: Figure
    n: int
    n_groups: int


def gain(
    predicted: FloatArray,
    other: FloatArray,
    targets: FloatArray,
    groups: Sequence[str],
    level: float = 0.95,
) -> Figure:
    """How much lower the mean absolute error of (n,) predictions is than that of others, as a share of the latter.

    Both are of the same rows, and the same groups are drawn for both: what makes a group hard for all is left out.
    """
    names, which = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    own, theirs = (np.bincount(which, np.abs(values - targets)) for values in (predicted, other))
    counts = _counts(len(names), 0)
    drawn = 1.0 - (counts @ own) / np.maximum(counts @ theirs, _TINY)
    low, high = np.quantile(drawn, [(1.0 - level) / 2, (1.0 + level) / 2])
    return Figure(float(1.0 - own.sum() / max(theirs.sum(), _TINY)), float(low), float(high))


def _counts(n: int, random_state: int) -> FloatArray:
    """(draws, n) how often each of n groups is drawn."""
    drawn = np.random.default_rng(random_state).integers(0, n, (_DRAWS, n))
    counts = np.zeros((_DRAWS, n))
    np.add.at(counts, (np.arange(_DRAWS)[:, None], drawn), 1.0)
    return counts


def score(predicted: FloatArray, targets: FloatArray, groups: Sequence[str], random_state: int = 0) -> Score:
    """Mean absolute error, root mean square error and R², with intervals.

    Whole groups are drawn with replacement, so that many rows of one system do not feign certainty.

    Raises
    ------
    TuneError
        Shapes that differ: nothing is broadcast.
    """
    if predicted.shape != targets.shape or predicted.ndim != 1 or len(groups) != len(targets):
        raise TuneError(
            f"predictions of shape {predicted.shape} against targets of shape {targets.shape}, {len(groups)} groups"
        )
    error = predicted - targets
    names, which = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.stack([np.bincount(which, weights) for weights in
                     (np.ones_like(error), np.abs(error), error**2, targets, targets**2)])  # fmt: skip
    counts = _counts(len(names), random_state)
    spread = [np.nanquantile(column, [0.025, 0.975]) for column in _figures(counts @ sums.T)]
    whole = [float(column[0]) for column in _figures(sums.sum(axis=1)[None])]
    mae, rmse, r2 = (
        Figure(value, float(ends[0]), float(ends[1])) for value, ends in zip(whole, spread, strict=True)
    )
    return Score(mae, rmse, r2, len(error), len(names))


def _figures(sums: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    n, absolute, square, total, total2 = sums.T
    variance = total2 / n - (total / n) ** 2
    r2 = 1.0 - (square / n) / np.where(variance > 1e-300, variance, np.inf)
    return absolute / n, np.sqrt(square / n), r2


def as_dict(found: Score | None) -> dict[str, Any] | None:
    """The score as JSON has it."""
    if found is None:
        return None
    figures = {name: list(getattr(found, name)) for name in ("mae", "rmse", "r2")}
    return {**figures, "n": found.n, "n_groups": found.n_groups}
