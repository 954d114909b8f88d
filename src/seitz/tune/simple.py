"""The simplest ways to learn: one value for all, and a straight line through the values of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seitz._typing import FloatArray

from .graphs import FEATURES, Graph
from .networks import Views
from .task import Task


@dataclass(frozen=True)
class Line:
    """slope · value of the model + offset."""

    slope: float
    offset: float

    def predict(self, views: Views) -> FloatArray:
        found: FloatArray = self.slope * views.value[:, 0] + self.offset
        return found

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        scaled = graph.add("Mul", names["value"], np.float64(self.slope))
        return graph.add("Add", scaled, np.float64(self.offset))


@dataclass(frozen=True)
class Constant:
    """The median of the examples: what is no better has learned nothing."""

    value: float = 0.0

    def predict(self, views: Views) -> FloatArray:
        found: FloatArray = np.full(len(views), self.value)
        return found

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        features = graph.add("Concat", FEATURES, axis=1)  # as for trees
        return graph.linear(features, np.zeros((graph.n_features, 1)), self.value)


@dataclass(frozen=True)
class MedianOfExamples:
    """The same value for everything: the one with the smallest mean absolute error."""

    name: str = "median of the examples"
    baseline: bool = True
    uses_model: bool = False
    slow: bool = False

    def fit(self, task: Task) -> Constant:
        return Constant(float(np.median(task.targets)))


@dataclass(frozen=True)
class OffsetSlope:
    """The model as it is, with the straight line that fits the examples best (least squares)."""

    name: str = "offset and slope"
    baseline: bool = True
    uses_model: bool = True
    slow: bool = False

    def fit(self, task: Task) -> Line:
        x, y = task.views.value[:, 0], task.targets
        variance = float(x.var())
        if len(y) < 3 or variance <= 1e-12 * max(1.0, float(np.abs(x).max()) ** 2):
            return Line(1.0, float((y - x).mean()))
        slope = float(((x - x.mean()) * (y - y.mean())).mean() / variance)
        return Line(slope, float(y.mean() - slope * x.mean()))
