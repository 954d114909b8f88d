"""How wide an interval is: what members err by on systems they have not seen, learned and then made to hold.

A small network learns the size of the errors from the features, the place in the space of activations, the scale head
and the distance from the training data. A factor for each range of distances then makes the intervals hold what they
promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .ensemble import Ensemble
from .sources import Rows, fold_of

N_COMPONENTS = 16
N_NEIGHBOURS = 5
N_REFERENCES = 6144
N_BINS = 10
N_HEADS = 5
CLOSE = 0.05  # added to distances before their logarithm
LEVEL = 0.90
#: Share of the calibration rows that are called near.
NEAR = 0.95


class ErrorHead(nn.Module):
    """Logarithm of the expected error, as a correction of the logarithm of the scale head."""

    def __init__(self, n_inputs: int, hidden: int = 64, dropout: float = 0.2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(n_inputs, hidden), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, inputs: Tensor) -> Tensor:
        """(n,) for inputs of which the first column is the logarithm of the scale."""
        return self.body(inputs)[:, 0] + inputs[:, 0]


@dataclass(frozen=True)
class Calibration:
    """Embedding, reference points, heads, and the factor by distance.

    ``embedding = hidden @ projection + offset``; the distance is the mean to the nearest references, in units of the
    edge of the domain; an interval is value ± factor[bin] · error, with bins divided at ``edges``.
    """

    projection: np.ndarray
    offset: np.ndarray
    spread: np.ndarray
    references: np.ndarray
    unit: float
    heads: list[ErrorHead]
    edges: np.ndarray
    factors: np.ndarray

    def half_width(
        self, ensemble: Ensemble, features: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energies, half-widths of their intervals, and distances of rows."""
        energy, scale, hidden = ensemble.predict(features)
        embedded = hidden @ self.projection + self.offset
        distance = nearest(embedded, self.references) / self.unit
        inputs = _inputs(ensemble, features, scale, distance, embedded / self.spread)
        with torch.no_grad():
            error = (
                torch.stack([head(torch.as_tensor(inputs)) for head in self.heads]).mean(dim=0).exp().numpy()
            )
        return energy, error * self.factors[np.searchsorted(self.edges, distance, side="right")], distance


def calibrate(ensemble: Ensemble, rows: Rows, shrink: float = 1.0, seed: int = 0) -> Calibration:
    """Cross-conformal: residuals of members on the systems they have not seen, by distance from all other systems.

    ``shrink`` is how much better the mean of all members is than one of them.
    """
    dft = np.flatnonzero(rows.weight == 1.0)
    _, _, hidden = ensemble.predict(rows.features[dft])
    projection, offset = _axes(hidden, seed)
    embedded = hidden @ projection + offset
    spread = embedded.std(axis=0)
    chosen = np.random.default_rng(seed + 1).choice(len(dft), min(N_REFERENCES, len(dft)), replace=False)
    systems = np.unique(rows.system[dft], return_inverse=True)[1]
    distance = nearest(embedded, embedded[chosen], (systems, systems[chosen]))
    unit = float(np.quantile(distance, NEAR))
    distance /= unit
    part = Ensemble(ensemble.members, ensemble.fold[dft])
    energy, scale = part.unseen(rows.features[dft])
    residual = np.abs(energy - rows.energy[dft])
    inputs = _inputs(ensemble, rows.features[dft], scale, distance, embedded / spread)
    heads, error = _heads(inputs, residual, fold_of(rows.system[dft], N_HEADS, "error"), seed)
    ratio = residual / error * shrink
    edges = np.quantile(distance, np.linspace(0, 1, N_BINS + 1)[1:-1])
    bins = np.searchsorted(edges, distance, side="right")
    factors = np.array([promised(ratio[bins == b]) for b in range(N_BINS)])
    references = embedded[chosen].astype(np.float32)
    return Calibration(projection, offset, spread, references, unit, heads, edges, factors)


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


def promised(ratios: np.ndarray) -> float:
    """The ratio below which lies the promised share of a new one and these (Vovk's conformal quantile)."""
    ordered = np.sort(ratios)
    return float(ordered[min(len(ordered), math.ceil(LEVEL * (len(ordered) + 1))) - 1])


def _axes(hidden: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Projection onto the main directions of the activations, between their own lengths and equal ones."""
    centre = hidden.mean(axis=0)
    sample = np.random.default_rng(seed).choice(len(hidden), min(8000, len(hidden)), replace=False)
    _, spread, axes = np.linalg.svd(hidden[sample] - centre, full_matrices=False)
    whitening = np.sqrt(len(sample)) / spread[:N_COMPONENTS] ** 0.5
    projection = (axes[:N_COMPONENTS].T * whitening / whitening[0]).astype(np.float32)
    return projection, (-centre @ projection).astype(np.float32)


def _inputs(
    ensemble: Ensemble, features: np.ndarray, scale: np.ndarray, distance: np.ndarray, embedded: np.ndarray
) -> np.ndarray:
    with torch.no_grad():
        scaled = ensemble.members[0].scaler(torch.as_tensor(features, dtype=torch.float32)).numpy()
    columns = [np.log(scale)[:, None], np.log(distance + CLOSE)[:, None], embedded, scaled]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _heads(
    inputs: np.ndarray, residual: np.ndarray, fold: np.ndarray, seed: int
) -> tuple[list[ErrorHead], np.ndarray]:
    """One head per fold of systems, trained on the others; and what each says about its own fold."""
    heads: list[ErrorHead] = []
    error = np.empty(len(inputs))
    for k in range(N_HEADS):
        seen = fold != k
        head = _trained_head(inputs[seen], residual[seen], seed + k)
        with torch.no_grad():
            error[~seen] = head(torch.as_tensor(inputs[~seen])).exp().numpy()
        heads.append(head)
    return heads, error


def _trained_head(inputs: np.ndarray, residual: np.ndarray, seed: int, epochs: int = 30) -> ErrorHead:
    """Laplace likelihood of the residuals."""
    torch.manual_seed(seed)
    head = ErrorHead(inputs.shape[1])
    x, y = (torch.as_tensor(a, dtype=torch.float32) for a in (inputs, residual))
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.1)
    steps = epochs * max(1, len(x) // 512)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    for _ in range(steps):
        drawn = torch.randint(len(x), (512,))
        log_error = head(x[drawn])
        loss = (y[drawn] * torch.exp(-log_error) + log_error).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head.eval()
