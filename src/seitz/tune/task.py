"""What all ways to learn have in common: rows in, something that predicts rows and writes itself out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seitz._typing import FloatArray

from .graphs import Graph
from .kernel import Gains
from .networks import Views


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to learn from.

    Attributes
    ----------
    views, targets, groups
        One entry per row.
    held
        The rows that the model will be judged on; None when it is made of all of them.
    epochs
        How long networks are to be trained, if there is no validation part.
    gains
        What trees have found about these rows.
    """

    views: Views
    targets: FloatArray
    groups: tuple[str, ...]
    held: tuple[Views, FloatArray] | None = None
    epochs: int | None = None
    seed: int = 0
    checkpoint: Path | None = None
    progress: Callable[[int, int, float, float], None] | None = None
    device: str | None = None
    gains: Gains = field(default_factory=dict)


class Fitted(Protocol):
    """What was learned."""

    def predict(self, views: Views) -> FloatArray:
        """(n,) values."""

    def write(self, graph: Graph, names: dict[str, str]) -> str:
        """Name of the (n, 1) value in a graph; ``names`` are those of the columns it may use."""


class Method(Protocol):
    """A way to learn."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def baseline(self) -> bool:
        """Whether it is one of those that others must beat."""

    @property
    def uses_model(self) -> bool:
        """Whether it starts from a model."""

    @property
    def slow(self) -> bool:
        """Whether it is left after the first fold if it is far behind."""

    def fit(self, task: Task) -> Fitted:
        """Learn from the rows of a task."""
