"""All methods on the same folds: what each reaches on rows it has not seen, and which is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seitz._typing import FloatArray, IndexArray

from .kernel import Gains, Kernel
from .loop import Curve, DivergedError
from .methods import (
    KERNEL_ALONE,
    Blend,
    KernelMethod,
    Network,
    blend_weights,
    rows_without,
)
from .networks import Views
from .simple import MedianOfExamples
from .task import Fitted, Method, Task

#: Called as ``progress(what is done now, steps done, all steps)``; the number of steps may shrink.
Progress = Callable[[str, int, int], None]

_FAR = 1.1  # times the error of the best on the first fold: what is worse is not trained further
_GAIN = 0.99  # a mean of several must do better than the best of them by this


@dataclass(eq=False)
class Entry:
    """What one method reached.

    Attributes
    ----------
    unseen
        (n,) values of training rows, each by a fit that had not seen it; NaN for folds that were left out.
    curves, scales
        Of networks, by fold: losses, and mean and spread of the targets that they are in units of.
    """

    method: Method
    unseen: FloatArray
    curves: list[Curve] = field(default_factory=list)
    scales: list[tuple[float, float]] = field(default_factory=list)
    note: str = ""
    parts: tuple[tuple[Method, float], ...] = ()
    test: FloatArray | None = None
    fitted: Fitted | None = None

    @property
    def name(self) -> str:
        return self.method.name

    @property
    def complete(self) -> bool:
        """Whether every row was judged."""
        return bool(np.isfinite(self.unseen).all())

    @property
    def epochs(self) -> int | None:
        """How long a network is trained on all rows: the best epoch of the mean of all folds."""
        return _best_epoch(self.curves) if self.curves else None


@dataclass(frozen=True)
class Mean:
    """Stands for a mean of several methods among the others."""

    name: str = "weighted mean"
    baseline: bool = False
    uses_model: bool = True
    slow: bool = False

    def fit(self, task: Task) -> Fitted:
        raise NotImplementedError("its parts are fitted")


@dataclass(frozen=True, eq=False)
class Contest:
    """The rows, the folds, and how they are learned from."""

    views: Views
    targets: FloatArray
    groups: tuple[str, ...]
    folds: tuple[IndexArray, ...]
    seed: int = 0
    device: str | None = None
    work: Path | None = None
    progress: Progress | None = None
    fits: dict[tuple[str, int | None], Fitted] = field(default_factory=dict)
    """What quick methods have learned, by name and fold; None for all rows."""
    gains: dict[int | None, Gains] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Networks whose training ended in no numbers, and how."""

    def run(self, methods: Sequence[Method]) -> list[Entry]:
        """All methods, and a mean of some if that is better; quick ones first."""
        entries: list[Entry] = []
        steps = len(methods) * len(self.folds)
        for done, method in enumerate(sorted(methods, key=lambda m: m.slow)):
            try:
                entries.append(self._judged(method, entries, done * len(self.folds), steps))
            except DivergedError as error:
                self.left_out[method.name] = str(error)
        blend = self._blended([entry for entry in entries if entry.complete])
        return entries if blend is None else [*entries, blend]

    def errors(self, entry: Entry, rows: IndexArray | None = None) -> float:
        """Mean absolute error on rows that were judged."""
        error = np.abs(entry.unseen - self.targets)
        return float(np.nanmean(error if rows is None else error[rows]))

    def best(self, entries: Sequence[Entry]) -> Entry | None:
        """The best of some entries that judged every row, a mean of them included."""
        complete = [entry for entry in entries if entry.complete]
        blend = self._blended([entry for entry in complete if not entry.parts])
        return min([*complete, *([] if blend is None else [blend])], key=self.errors, default=None)

    def refit(self, entry: Entry) -> Fitted:
        """The method on all rows."""
        if entry.fitted is None:
            if entry.parts:
                parts = [self._fitted(method, None) for method, _ in entry.parts]
                entry.fitted = Blend(parts, [weight for _, weight in entry.parts])
            else:
                entry.fitted = self._fitted(entry.method, None, entry.epochs)
        return entry.fitted

    def process(self, fold: int | None = None) -> Kernel:
        """The Gaussian process that widths of intervals and distances are from; of all rows by default."""
        method = KernelMethod() if self.views.value.shape[1] else KERNEL_ALONE
        found: Any = self._fitted(method, fold)  # a Process: that method gives nothing else
        kernel: Kernel = found.kernel
        return kernel

    def deviations(self) -> tuple[FloatArray, FloatArray]:
        """Deviations of training rows by processes that have not seen them, as ``Kernel.deviations``."""
        width, latent = np.empty(len(self.targets)), np.empty(len(self.targets))
        for k, held in enumerate(self.folds):
            width[held], latent[held] = self.process(k).deviations(self.views.rows(held))
        return width, latent

    def _judged(self, method: Method, others: Sequence[Entry], done: int, steps: int) -> Entry:
        entry = Entry(method, np.full(len(self.targets), np.nan))
        for k, held in enumerate(self.folds):
            say = partial(self._say, f"{method.name}, fold {k + 1} of {len(self.folds)}", done + k, steps)
            say()
            fitted = self._fitted(method, k, epochs=None, say=say)
            entry.unseen[held] = fitted.predict(self.views.rows(held))
            if isinstance(fitted, Network):
                entry.curves.append(fitted.curve)
                entry.scales.append((fitted.mean, fitted.spread))
            if method.slow and k == 0 and len(self.folds) > 1 and self._far(entry, others, held):
                entry.note = "left after the first fold: far behind"
                break
        if len(entry.curves) == len(self.folds) > 1:
            self._judge_at_epochs_of_others(entry)
        return entry

    def _judge_at_epochs_of_others(self, entry: Entry) -> None:
        """Values of each fold after as many epochs as are best on the other folds: its own would flatter it."""
        for k, held in enumerate(self.folds):
            curve, (mean, spread) = entry.curves[k], entry.scales[k]
            epoch = _best_epoch([other for j, other in enumerate(entry.curves) if j != k])
            entry.unseen[held] = curve.outputs[min(epoch, len(curve.outputs) - 1)] * spread + mean

    def _far(self, entry: Entry, others: Sequence[Entry], held: IndexArray) -> bool:
        best = min((self.errors(other, held) for other in others if other.complete), default=np.inf)
        return self.errors(entry, held) > _FAR * best

    def _say(self, what: str, done: int, steps: int, epoch: int = 0, n_epochs: int = 0, *_: float) -> None:
        if self.progress is not None:
            self.progress(f"{what}, epoch {epoch} of {n_epochs}" if epoch else what, done, steps)

    def _fitted(
        self,
        method: Method,
        fold: int | None,
        epochs: int | None = None,
        say: Callable[..., None] | None = None,
    ) -> Fitted:
        """What a method learns without a fold; quick ones are asked more than once."""
        key = method.name, fold
        if key in self.fits:
            return self.fits[key]
        fitted = method.fit(replace(self._task(method, fold, epochs), progress=say))
        if not method.slow:
            self.fits[key] = fitted
        return fitted

    def _task(self, method: Method, fold: int | None, epochs: int | None) -> Task:
        held = None if fold is None else self.folds[fold]
        name = f"{method.name.replace(' ', '-')}-{'all' if fold is None else fold}.checkpoint"
        rows = np.arange(len(self.targets)) if held is None else rows_without(len(self.targets), held)
        return Task(
            self.views.rows(rows), self.targets[rows], tuple(self.groups[k] for k in rows.tolist()),
            None if held is None else (self.views.rows(held), self.targets[held]), epochs, self.seed,
            None if self.work is None or not method.slow else self.work / name, None, self.device,
            self.gains.setdefault(fold, {}),
        )  # fmt: skip

    def _blended(self, entries: list[Entry]) -> Entry | None:
        """A mean of methods, if it does better on unseen rows than each of them."""
        # Networks are left to themselves: a mean with them would be several times larger.
        some = [e for e in entries if not (e.method.slow or isinstance(e.method, MedianOfExamples))]
        if len(some) < 2:
            return None
        weights = blend_weights(np.column_stack([entry.unseen for entry in some]), self.targets)
        unseen = np.sum([w * entry.unseen for w, entry in zip(weights, some, strict=True)], axis=0)
        parts = tuple((entry.method, float(w)) for w, entry in zip(weights, some, strict=True) if w)
        blend = Entry(Mean(uses_model=any(m.uses_model for m, _ in parts)), unseen, parts=parts)
        best = min(self.errors(entry) for entry in entries)
        return blend if len(parts) > 1 and self.errors(blend) < _GAIN * best else None


def _best_epoch(curves: Sequence[Curve]) -> int:
    """The epoch with the smallest mean loss; runs that ended earlier count with their last."""
    longest = max(len(curve.validation) for curve in curves)
    losses = [np.pad(curve.validation, (0, longest - len(curve.validation)), mode="edge") for curve in curves]
    return int(np.mean(losses, axis=0).argmin())
