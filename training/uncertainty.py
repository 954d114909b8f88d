"""How wide an interval is: the scale head times a factor that depends on the distance from the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ensemble import Ensemble
from .sources import Rows

N_COMPONENTS = 16
N_NEIGHBOURS = 5
N_REFERENCES = 6144
N_BINS = 10
LEVEL = 0.90
#: Share of the calibration rows that are called near.
NEAR = 0.90


@dataclass(frozen=True)
class Calibration:
    """Embedding, reference points, and the factor by distance.

    ``embedding = hidden @ projection + offset``; the distance is the mean to the nearest references, in units of the
    edge of the domain; an interval is value ± factor[bin] · scale, with bins divided at ``edges``.
    """

    projection: np.ndarray
    offset: np.ndarray
    references: np.ndarray
    unit: float
    edges: np.ndarray
    factors: np.ndarray

    def embed(self, hidden: np.ndarray) -> np.ndarray:
        return hidden @ self.projection + self.offset

    def distance(self, embedded: np.ndarray) -> np.ndarray:
        return nearest(embedded, self.references) / self.unit

    def half_width(self, scale: np.ndarray, distance: np.ndarray) -> np.ndarray:
        return scale * self.factors[np.searchsorted(self.edges, distance, side="right")]


def nearest(
    points: np.ndarray, references: np.ndarray, groups: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """(n,) mean distance to the nearest references; with groups, only to those of another group."""
    found = []
    square = (references**2).sum(axis=1)
    for first in range(0, len(points), 2048):
        part = points[first : first + 2048]
        d2 = np.maximum(0.0, (part**2).sum(axis=1)[:, None] - 2.0 * part @ references.T + square)
        if groups is not None:
            d2[groups[0][first : first + 2048, None] == groups[1][None]] = np.inf
        d2.partition(N_NEIGHBOURS - 1, axis=1)
        found.append(np.sqrt(d2[:, :N_NEIGHBOURS]).mean(axis=1))
    return np.concatenate(found)


def calibrate(ensemble: Ensemble, rows: Rows, shrink: float = 1.0, seed: int = 0) -> Calibration:
    """Cross-conformal: residuals of members on the systems they have not seen, by distance from all other systems.

    ``shrink`` is how much better the mean of all members is than one of them.
    """
    _, _, hidden = ensemble.predict(rows.features)
    centre = hidden.mean(axis=0)
    sample = np.random.default_rng(seed).choice(len(hidden), min(8000, len(hidden)), replace=False)
    _, spread, axes = np.linalg.svd(hidden[sample] - centre, full_matrices=False)
    whitening = np.sqrt(len(sample)) / spread[:N_COMPONENTS] ** 0.5  # between raw and white axes
    projection = (axes[:N_COMPONENTS].T * whitening / whitening[0]).astype(np.float32)
    offset = (-centre @ projection).astype(np.float32)
    embedded = hidden @ projection + offset
    dft = np.flatnonzero(rows.weight == 1.0)
    chosen = np.random.default_rng(seed + 1).choice(dft, min(N_REFERENCES, len(dft)), replace=False)
    systems = np.unique(rows.system, return_inverse=True)[1]
    distance = nearest(embedded[dft], embedded[chosen], (systems[dft], systems[chosen]))
    energy, scale = _of(ensemble, rows, dft)
    ratio = np.abs(energy - rows.energy[dft]) / scale * shrink
    unit = float(np.quantile(distance, NEAR))
    edges = np.quantile(distance, np.linspace(0, 1, N_BINS + 1)[1:-1]) / unit
    bins = np.searchsorted(edges, distance / unit, side="right")
    factors = np.array([_conformal(ratio[bins == b]) for b in range(N_BINS)])
    return Calibration(projection, offset, embedded[chosen].astype(np.float32), unit, edges, factors)


def _of(ensemble: Ensemble, rows: Rows, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    part = Ensemble(ensemble.members, ensemble.fold[chosen])
    return part.unseen(rows.features[chosen])


def _conformal(ratios: np.ndarray) -> float:
    rank = min(1.0, np.ceil((len(ratios) + 1) * LEVEL) / len(ratios))
    return float(np.quantile(ratios, rank))
