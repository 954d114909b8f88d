"""Gaussian-process regression on features and on what a model makes of them.

The covariance is a sum: Matérn 3/2 of the standardised features, of the features weighted by how much boosted trees
rest on them, and of the model's inner layers; and linear functions of the inner layers and of the model's value.
Amplitudes, lengths and noise maximise the marginal likelihood (Rasmussen, Williams, Gaussian Processes for Machine
Learning, 2006, eqs. 2.25, 2.26, 4.17, 5.8). Everything is standardised on the small set itself, so a narrow domain is
not squeezed by the scaler of a large one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor

from seitz._typing import FloatArray

from .boosting import importance
from .graphs import Graph
from .networks import Views

MAX_ROWS = 1200  # the cost grows with their cube
_SEARCHED = 400  # rows that the amplitudes are found on
_COMPONENTS = 64  # of the inner layers
_LIMIT = 8.0  # standard deviations that a column may be away
_PRIOR = 0.05
_STEPS = 40
_JITTER = 1e-6

#: Share of each feature in what trees gain, for the target and for its logarithm.
Gains = dict[bool, FloatArray]


@dataclass(frozen=True, eq=False)
class Block:
    """A linear map of standardised columns: clip((x - centre) · unit) · weights, or @ axes.

    Distances are per column: the map includes 1/√(number of columns).
    """

    source: str
    """``"features"``, ``"hidden"`` or ``"value"``."""
    centre: FloatArray
    unit: FloatArray
    weights: FloatArray
    """(n,) a factor for each column, or (n, k) axes."""

    def of(self, views: Views) -> FloatArray:
        """(n, k) mapped rows."""
        x = getattr(views, self.source).astype(np.float64)
        z = np.clip((x - self.centre) * self.unit, -_LIMIT, _LIMIT)
        mapped: FloatArray = z * self.weights if self.weights.ndim == 1 else z @ self.weights
        return mapped

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        """The map in a graph."""
        z = graph.scaled(names[self.source], self.centre, self.unit, _LIMIT)
        return graph.add("Mul" if self.weights.ndim == 1 else "MatMul", z, self.weights)


def standardised(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of columns, and one over their deviations; 0 for columns that do not vary."""
    x = x.astype(np.float64)
    centre, spread = x.mean(axis=0), x.std(axis=0)
    alive = spread > 1e-6 * np.maximum(1.0, np.abs(centre))
    return centre, np.where(alive, 1.0 / np.where(alive, spread, 1.0), 0.0)


def _blocks(views: Views, gains: FloatArray) -> list[tuple[str, Block]]:
    """(kind of covariance, columns) of each part."""
    centre, unit = standardised(views.features)
    n = views.features.shape[1]
    weights = np.sqrt(gains + 1e-3 / n)
    weights *= 1.0 / np.linalg.norm(weights)
    found = [
        ("matern", Block("features", centre, unit, np.full(n, n**-0.5))),
        ("matern", Block("features", centre, unit, weights)),
    ]
    if views.hidden.shape[1]:
        hidden = Block("hidden", *standardised(views.hidden), _axes(views.hidden))
        found += [("matern", hidden), ("linear", hidden)]
    if views.value.shape[1]:
        ones = np.ones(views.value.shape[1])
        found.append(("linear", Block("value", *standardised(views.value), ones)))
    return found


def _axes(hidden: FloatArray) -> FloatArray:
    """Principal axes of standardised columns."""
    centre, unit = standardised(hidden)
    z = np.clip((hidden - centre) * unit, -_LIMIT, _LIMIT)
    if len(z) > _SEARCHED:
        z = z[:: len(z) // _SEARCHED + 1]
    _, _, axes = np.linalg.svd(z, full_matrices=False)
    chosen: FloatArray = axes[:_COMPONENTS].T / math.sqrt(hidden.shape[1])
    return chosen


@dataclass(frozen=True, eq=False)
class Kernel:
    """A fitted process.

    Attributes
    ----------
    blocks
        Parts of the covariance with their amplitudes and lengths.
    points
        Mapped rows of the training set, per part.
    alpha
        (n,) coefficients: value = mean + spread · Σ_i alpha_i k(x, x_i).
    whitener
        (n, n) inverse of the Cholesky factor of the covariance.
    logarithm
        Whether the process is of the logarithm of the target.
    """

    blocks: list[tuple[str, Block]]
    amplitudes: list[float]
    lengths: list[float]
    points: list[FloatArray]
    alpha: FloatArray
    whitener: FloatArray
    noise: float
    mean: float
    spread: float
    low: float
    high: float
    logarithm: bool
    evidence: float

    def predict(self, views: Views) -> FloatArray:
        """(n,) values."""
        return self._value(self._cross(views) @ self.alpha)

    def deviations(self, views: Views) -> tuple[FloatArray, FloatArray]:
        """(n,) standard deviations of new observations, and of the process itself in units of its spread."""
        cross = self._cross(views)
        own = np.zeros(len(views))
        for (kind, block), amplitude in zip(self.blocks, self.amplitudes, strict=True):
            own += amplitude * ((block.of(views) ** 2).sum(axis=1) if kind == "linear" else 1.0)
        variance = np.maximum(own - ((cross @ self.whitener.T) ** 2).sum(axis=1), 0.0)
        width: FloatArray = self.spread * np.sqrt(variance + self.noise)
        return width * self._value(cross @ self.alpha) if self.logarithm else width, np.sqrt(variance)

    def _value(self, latent: FloatArray) -> FloatArray:
        found: FloatArray = np.clip(self.mean + self.spread * latent, self.low, self.high)
        return np.exp(found) if self.logarithm else found

    def _cross(self, views: Views) -> FloatArray:
        total = np.zeros((len(views), len(self.alpha)))
        parts = zip(self.blocks, self.amplitudes, self.lengths, self.points, strict=True)
        for (kind, block), amplitude, length, points in parts:
            mapped = block.of(views)
            if kind == "linear":
                total += amplitude * (mapped @ points.T)
            else:
                u = math.sqrt(3.0) / length * np.sqrt(_square_distances(mapped, points))
                total += amplitude * (1.0 + u) * np.exp(-u)
        return total

    def write(
        self, graph: Graph, names: dict[str, str], *, deviation: bool = False
    ) -> tuple[str, tuple[str, str]]:
        """(n, 1) value and, if wanted, deviations in a graph; in double precision, since large terms cancel."""
        with graph.in_double():
            wide = {name: graph.cast(source, TensorProto.DOUBLE) for name, source in names.items()}
            found = self._write(graph, wide, deviation)
        value, *widths = (graph.cast(x, TensorProto.FLOAT) if x else "" for x in found)
        return value, (widths[0], widths[1])

    def _write(self, graph: Graph, names: dict[str, str], deviation: bool) -> tuple[str, str, str]:
        cross, own = "", ""
        mapped: dict[int, str] = {}
        parts = zip(self.blocks, self.amplitudes, self.lengths, self.points, strict=True)
        for (kind, block), amplitude, length, points in parts:
            x = mapped.setdefault(id(block), "") or block.write(graph, names)
            mapped[id(block)] = x
            square = ""
            if kind == "matern" or deviation:
                square = graph.add("MatMul", graph.add("Mul", x, x), np.ones((points.shape[1], 1)))
            if kind == "linear":
                part = graph.add("MatMul", x, amplitude * points.T)
                variance = graph.add("Mul", square, np.float64(amplitude)) if deviation else ""
            else:
                part = _matern(graph, x, square, points, amplitude, length)
                variance = graph.constant(np.float64(amplitude)) if deviation else ""
            cross = part if not cross else graph.add("Add", cross, part)
            if deviation:
                own = variance if not own else graph.add("Add", own, variance)
        value = graph.linear(cross, self.spread * self.alpha[:, None], self.mean)
        value = graph.between(value, self.low, self.high)
        value = graph.add("Exp", value) if self.logarithm else value
        return value, *(self._write_deviations(graph, cross, own, value) if deviation else ("", ""))

    def _write_deviations(self, graph: Graph, cross: str, own: str, value: str) -> tuple[str, str]:
        white = graph.add("MatMul", cross, self.whitener.T)
        known = graph.add("MatMul", graph.add("Mul", white, white), np.ones((len(self.alpha), 1)))
        left = graph.add("Max", graph.add("Sub", own, known), np.float64(0.0))
        width = graph.add("Sqrt", graph.add("Add", left, np.float64(self.noise)))
        width = graph.add("Mul", width, np.float64(self.spread))
        width = graph.add("Mul", width, value) if self.logarithm else width
        return width, graph.add("Sqrt", left)


def _matern(graph: Graph, x: str, square: str, points: FloatArray, amplitude: float, length: float) -> str:
    cross = graph.add("MatMul", x, 2.0 * points.T)
    d2 = graph.add("Add", graph.add("Sub", (points**2).sum(axis=1)[None], cross), square)
    root = graph.add("Sqrt", graph.add("Max", d2, np.float64(0.0)))
    u = graph.add("Mul", root, np.float64(math.sqrt(3.0) / length))
    decay = graph.add("Mul", graph.add("Exp", graph.add("Neg", u)), np.float64(amplitude))
    return graph.add("Mul", graph.add("Add", u, np.float64(1.0)), decay)


def fit_kernel(
    views: Views,
    targets: FloatArray,
    *,
    seed: int = 0,
    logarithm: bool | None = None,
    gains: Gains | None = None,
) -> Kernel:
    """A process for (n,) targets; of their logarithm if that is more likely, unless it is said.

    ``gains`` keeps what the trees found for the next process of the same rows.
    """
    if len(targets) > MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(targets), MAX_ROWS, replace=False))
        views, targets = views.rows(chosen), targets[chosen]
    kinds = [False, True] if logarithm is None and bool((targets > 0).all()) else [bool(logarithm)]
    known = {} if gains is None else gains
    found = [_fitted(views, targets, seed, kind, known) for kind in kinds]
    return max(found, key=lambda kernel: kernel.evidence)


def _fitted(views: Views, targets: FloatArray, seed: int, logarithm: bool, gains: Gains) -> Kernel:
    y = np.log(targets) if logarithm else targets
    mean, spread = float(y.mean()), float(y.std()) or 1.0
    t = torch.as_tensor((y - mean) / spread)
    if logarithm not in gains:
        gains[logarithm] = importance(views, y, seed)
    blocks = _blocks(views, gains[logarithm])
    points = [block.of(views) for _, block in blocks]
    kinds = [kind for kind, _ in blocks]
    some = np.random.default_rng(seed + 1).permutation(len(t))[:_SEARCHED]
    theta, nll = _likeliest(kinds, [x[some] for x in points], t[torch.as_tensor(some)])
    with torch.no_grad():
        amplitudes, lengths, noise = _unpacked(theta, kinds)
        covariance = _covariance(kinds, _statistics(kinds, points), amplitudes, lengths)
        factor = torch.linalg.cholesky(covariance + (noise + _JITTER) * torch.eye(len(t)))
        alpha = torch.cholesky_solve(t[:, None], factor)[:, 0]
        whitener = torch.linalg.solve_triangular(factor, torch.eye(len(t), dtype=torch.float64), upper=False)
    # Densities of the target itself, so that both kinds can be compared.
    evidence = -nll * len(t) / len(some) - len(t) * math.log(spread) - (float(y.sum()) if logarithm else 0.0)
    return Kernel(
        blocks, amplitudes.tolist(), lengths.tolist(), points, alpha.numpy(), whitener.numpy(), float(noise), mean,
        spread, float(y.min()) - spread, float(y.max()) + spread, logarithm, evidence,
    )  # fmt: skip


def _statistics(kinds: list[str], points: list[FloatArray]) -> list[Tensor]:
    """Per part: products, or distances."""
    return [
        torch.as_tensor(x @ x.T if kind == "linear" else np.sqrt(_square_distances(x, x)))
        for kind, x in zip(kinds, points, strict=True)
    ]


def _square_distances(x: FloatArray, y: FloatArray) -> FloatArray:
    found: FloatArray = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None] - 2.0 * x @ y.T
    return np.maximum(found, 0.0)


def _unpacked(theta: Tensor, kinds: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Amplitudes, lengths (of linear parts without a meaning) and noise."""
    n = len(kinds)
    values = theta.exp()
    return values[:n], values[n : 2 * n], values[-1]


def _covariance(kinds: list[str], parts: list[Tensor], amplitudes: Tensor, lengths: Tensor) -> Tensor:
    total = torch.zeros_like(parts[0])
    for kind, part, amplitude, length in zip(kinds, parts, amplitudes, lengths, strict=True):
        if kind == "linear":
            total = total + amplitude * part
        else:
            u = math.sqrt(3.0) * part / length
            total = total + amplitude * (1.0 + u) * torch.exp(-u)
    return total


def _likeliest(kinds: list[str], points: list[FloatArray], t: Tensor) -> tuple[Tensor, float]:
    """Logarithms of amplitudes, lengths and noise, and the negative logarithm of the likelihood."""
    n = len(kinds)
    start = torch.tensor([math.log(0.5)] * n + [0.0] * n + [math.log(0.1)], dtype=torch.float64)
    theta = start.clone().requires_grad_(True)
    parts = _statistics(kinds, points)
    unit = torch.eye(len(t), dtype=torch.float64)

    def loss() -> Tensor:
        bounded = theta.clamp(-9.0, 5.0)
        amplitudes, lengths, noise = _unpacked(bounded, kinds)
        covariance = _covariance(kinds, parts, amplitudes, lengths) + (noise + _JITTER) * unit
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if int(failed):
            return (theta - start).square().sum() * 1e6
        z = torch.linalg.solve_triangular(factor, t[:, None], upper=False)
        prior = _PRIOR * (theta - start).square().sum()
        return 0.5 * z.square().sum() + factor.diagonal().log().sum() + prior

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser = torch.optim.LBFGS([theta], max_iter=_STEPS, line_search_fn="strong_wolfe")
    optimiser.step(closure)
    with torch.no_grad():
        return theta.detach().clamp(-9.0, 5.0), float(loss())
