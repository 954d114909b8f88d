"""Ways to make a model for some examples, all of one form: fitted on rows, they predict rows and write themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seitz._typing import FloatArray, IndexArray

from .boosting import boosted, write_trees
from .graphs import FEATURES, Graph
from .kernel import Block, Kernel, fit_kernel, standardised
from .loop import Curve, fit
from .networks import Adapted, Base, Dense, Views, device_of, drawn_again, predictions
from .settings import Settings
from .simple import Line, OffsetSlope
from .splits import folds_of
from .task import Fitted, Task

FROM_NOTHING = 1e-3  # rate of networks that have learned nothing yet
_COMPONENTS = 20  # of the inner layers that trees may ask for


# --- trees -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Trees:
    """Boosted trees, maybe on top of a line."""

    model: Any
    line: Line | None = None
    axes: Block | None = None

    def predict(self, views: Views) -> FloatArray:
        found: FloatArray = self.model.predict(self._columns(views))
        return found if self.line is None else found + self.line.predict(views)

    def _columns(self, views: Views) -> Any:
        if self.axes is None:
            return views.features
        return np.concatenate([views.features, views.value, self.axes.of(views)], axis=1).astype(np.float32)

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        if self.axes is None:
            # Not the input itself: converters to half precision fail where it has several readers.
            return write_trees(graph, self.model, graph.add("Concat", FEATURES, axis=1))
        columns = graph.joined([FEATURES, names["value"], self.axes.write(graph, names)])
        found = write_trees(graph, self.model, columns)
        return found if self.line is None else graph.add("Add", found, self.line.write(graph, names))


@dataclass(frozen=True)
class Boosting:
    """Gradient boosting on the features alone."""

    name: str = "gradient boosting"
    baseline: bool = True
    uses_model: bool = False
    slow: bool = False

    def fit(self, task: Task) -> Trees:
        return Trees(boosted(task.views.features, task.targets, task.seed))


@dataclass(frozen=True)
class BoostedCorrection:
    """Gradient boosting of what offset and slope leave, on features, value and inner layers of the model."""

    name: str = "boosted correction"
    baseline: bool = False
    uses_model: bool = True
    slow: bool = False

    def fit(self, task: Task) -> Trees:
        line = OffsetSlope().fit(task)
        centre, unit = standardised(task.views.hidden)
        z = np.clip((task.views.hidden - centre) * unit, -8.0, 8.0)
        n = max(1, min(_COMPONENTS, len(z) // 3, z.shape[1]))
        axes = Block("hidden", centre, unit, np.linalg.svd(z, full_matrices=False)[2][:n].T)
        found = Trees(None, line, axes)
        return replace(
            found,
            model=boosted(found._columns(task.views), task.targets - line.predict(task.views), task.seed),
        )


# --- Gaussian processes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Process:
    """A fitted Gaussian process, with or without a model behind it."""

    kernel: Kernel
    uses_model: bool

    def predict(self, views: Views) -> FloatArray:
        return self.kernel.predict(views if self.uses_model else views.without_model)

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        return self.kernel.write(graph, names)[0]


@dataclass(frozen=True)
class KernelMethod:
    """A Gaussian process on the features, and on value and inner layers of the model."""

    name: str = "kernel on the model"
    baseline: bool = False
    uses_model: bool = True
    slow: bool = False

    def fit(self, task: Task) -> Process:
        views = task.views if self.uses_model else task.views.without_model
        return Process(fit_kernel(views, task.targets, seed=task.seed, gains=task.gains), self.uses_model)


KERNEL_ALONE = KernelMethod("kernel on the features", False, False)


# --- networks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network with its curve."""

    module: Any
    mean: float
    spread: float
    curve: Curve

    def predict(self, views: Views) -> FloatArray:
        found: FloatArray = predictions(self.module, views.features) * self.spread + self.mean
        return found

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        module = self.module.cpu()
        if isinstance(module, Dense):
            return graph.linear(module.write(graph), np.array([[self.spread]]), self.mean)
        tensors = graph.include(module.body, f"net{len(graph.nodes)}")
        if module.head is None:
            value = graph.as_column(tensors[0])
            scaled = graph.add("Mul", value, np.float64(module.slope))
            return graph.add("Add", scaled, np.float64(module.offset))
        hidden = graph.joined(tensors[1:])
        z = graph.add("Mul", graph.add("Sub", hidden, module.centre.numpy()), module.unit.numpy())
        weights = module.head.weight.detach().numpy().T * self.spread
        return graph.linear(z, weights, float(module.head.bias.detach()) * self.spread + self.mean)


@dataclass(frozen=True)
class NetworkMethod:
    """Training of the model's own network: further, with a new head, or from nothing.

    ``start`` is ``"fine-tune"``, ``"new head"``, ``"scratch"``, or ``"dense"`` for a network of this package.
    """

    base: Base | None
    start: str
    settings: Settings = field(default_factory=Settings)
    name: str = ""
    baseline: bool = False
    uses_model: bool = True
    slow: bool = True

    def fit(self, task: Task) -> Network:
        mean, spread = float(task.targets.mean()), float(task.targets.std()) or 1.0
        module = self._module(task, mean, spread)
        settings = self.settings
        if not self.uses_model:  # nothing to stay near to, and nothing to be careful with
            rate = settings.rate if self.base is None else max(settings.rate, FROM_NOTHING)
            settings = replace(settings, keep=0.0, head_epochs=0, rate=rate)
        held = None
        if task.held is not None:
            held = (task.held[0].features, (task.held[1] - mean) / spread)
        curve = fit(
            module, task.views.features, (task.targets - mean) / spread, validation=held, settings=settings,
            stop=task.epochs, random_state=task.seed, device=device_of(task.device), checkpoint=task.checkpoint,
            progress=task.progress,
        )  # fmt: skip
        return Network(module.cpu(), mean, spread, curve)

    def _module(self, task: Task, mean: float, spread: float) -> Any:
        if self.base is None or self.start == "dense":
            import torch

            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(task.seed)
                return Dense(task.views.features)
        body = self.base.module(hidden=self.start == "new head", dropout=self.settings.dropout)
        if self.start == "scratch":
            drawn_again(body, task.seed)
            value = predictions(_column_of(body), task.views.features)
            slope = spread / (float(value.std()) or 1.0)
            return Adapted(body, slope, mean - slope * float(value.mean()), mean, spread)
        line = OffsetSlope().fit(task)
        found = Adapted(body, line.slope, line.offset, mean, spread)
        if self.start == "new head":
            return found.with_head(*ridge_head(task, (task.targets - mean) / spread))
        found.head_places = self.base.head_places(body)
        return found


def _column_of(body: Any) -> Any:
    return Adapted(body, 1.0, 0.0, 0.0, 1.0)


def ridge_head(task: Task, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Centre, unit, weights and bias of a linear head; its penalty is chosen on folds of the rows, by group."""
    centre, unit = standardised(task.views.hidden)
    z = (task.views.hidden - centre) * unit
    penalties = np.geomspace(1e-2, 1e6, 17) * z.shape[1] / 100.0
    error = np.zeros(len(penalties))
    groups = task.groups if len(set(task.groups)) > 2 else tuple(str(k) for k in range(len(y)))
    for held in folds_of(groups, 5, task.seed):
        seen = np.setdiff1d(np.arange(len(y)), held)
        for k, (weights, bias) in enumerate(_ridges(z[seen], y[seen], penalties)):
            error[k] += float(((z[held] @ weights + bias - y[held]) ** 2).sum())
    weights, bias = _ridges(z, y, penalties[[int(error.argmin())]])[0]
    return centre, unit, weights, bias


def _ridges(z: FloatArray, y: FloatArray, penalties: FloatArray) -> list[tuple[FloatArray, float]]:
    mean, middle = float(y.mean()), z.mean(axis=0)
    left, sizes, right = np.linalg.svd(z - middle, full_matrices=False)
    projected = left.T @ (y - mean)
    found = []
    for penalty in penalties:
        weights = right.T @ (sizes / (sizes**2 + penalty) * projected)
        found.append((weights, mean - float(middle @ weights)))
    return found


# --- several together --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Blend:
    """A weighted mean."""

    parts: Sequence[Fitted]
    weights: Sequence[float]

    def predict(self, views: Views) -> FloatArray:
        found: FloatArray = np.sum(
            [w * p.predict(views) for w, p in zip(self.weights, self.parts, strict=True)], axis=0
        )
        return found

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        total = ""
        for weight, part in zip(self.weights, self.parts, strict=True):
            term = graph.add("Mul", part.write(graph, names), np.float64(weight))
            total = term if not total else graph.add("Add", total, term)
        return total


def blend_weights(predicted: FloatArray, targets: FloatArray, picks: int = 8) -> FloatArray:
    """(m,) weights of a mean of (n, m) predictions, by picking with replacement what lowers the error most.

    Caruana, Niculescu-Mizil, Crew, Ksikes, ICML 2004.
    """
    chosen = np.zeros(predicted.shape[1])
    total = np.zeros(len(targets))
    for k in range(picks):
        errors = np.abs((total[:, None] + predicted) / (k + 1) - targets[:, None]).mean(axis=0)
        best = int(errors.argmin())
        chosen[best] += 1.0
        total = total + predicted[:, best]
    return chosen / picks


def rows_without(n: int, held: IndexArray) -> IndexArray:
    """The other row numbers."""
    found: IndexArray = np.setdiff1d(np.arange(n), held)
    return found
