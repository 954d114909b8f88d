"""The training loop: early stopping at the best epoch, checkpoints, and the same bytes after a kill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from seitz._typing import FloatArray
from seitz.errors import ReadError, TuneError
from seitz.io.files import replacing

from .settings import Settings

#: Called as ``progress(epoch, n_epochs, training loss, validation loss)``.
Epochs = Callable[[int, int, float, float], None]

_PART = 1024
_PLATEAU = 3  # the rate is halved after this part of the patience


class DivergedError(TuneError):
    """A training that ends in no numbers: its rate is too large, or the network has no gradients everywhere."""


@dataclass(frozen=True)
class Curve:
    """Losses by epoch, those of epoch 0 before anything was learned; all without dropout.

    Attributes
    ----------
    train, validation
        Losses; NaN for validation where there is no such part.
    rate
        Of each epoch; that of epoch 0 is 0.
    best
        The epoch whose weights were restored.
    outputs
        (n_epochs + 1, ...) what the module gave for the validation part after each epoch.
    """

    train: tuple[float, ...]
    validation: tuple[float, ...]
    rate: tuple[float, ...]
    best: int
    outputs: FloatArray = field(default_factory=lambda: np.empty((0, 0)), compare=False, repr=False)


def fit(
    module: nn.Module,
    features: FloatArray,
    targets: FloatArray,
    *,
    validation: tuple[FloatArray, FloatArray] | None = None,
    settings: Settings | None = None,
    stop: int | None = None,
    random_state: int = 0,
    device: Any = None,
    checkpoint: Path | None = None,
    progress: Epochs | None = None,
) -> Curve:
    """Train a module in place, and leave it at its best epoch.

    Parameters
    ----------
    module
        Takes (n, n_features) float32 and gives what stands in ``targets``; if it has ``is_head(name)``, those
        parameters are trained first.
    features, targets
        (n, n_features) and (n,) or (n, m).
    validation
        The same for the part that decides which epoch is best; without it, that is the last.
    stop
        The last epoch, of those that the settings plan; for training on all rows as long as was best on some.
    checkpoint
        File in which the state is kept after every epoch. A run that was killed goes on from there, and gives the
        same bytes as one that was not (on one device, with the same number of threads).

    Raises
    ------
    TuneError
        The module gives another shape than that of the targets, or a loss that is no number (``DivergedError``).
    """
    chosen = settings or Settings()
    run = _Run(module, features, targets, validation, chosen, stop, random_state, device)
    state = run.resume(checkpoint)
    with torch.random.fork_rng(devices=[]):
        while not run.finished(state):
            run.epoch(state)
            if checkpoint is not None:
                run.save(checkpoint, state)
            if progress is not None:
                progress(len(state.train) - 1, run.last, state.train[-1], state.validation[-1])
    for parameter in run.body:
        parameter.requires_grad_(True)
    module.load_state_dict(state.best_weights)
    module.eval()
    outputs = torch.stack(state.outputs).cpu().numpy() if state.outputs else np.empty((0, 0))
    return Curve(tuple(state.train), tuple(state.validation), tuple(state.rate), state.best, outputs)


@dataclass
class _State:
    """What changes from epoch to epoch, besides the module and its optimiser."""

    train: list[float]
    validation: list[float]
    rate: list[float]
    best: int
    best_weights: dict[str, Tensor]
    outputs: list[Tensor]
    reduced: float = 1.0
    reduced_at: int = 0


class _Run:
    """What does not change."""

    def __init__(
        self, module: nn.Module, features: FloatArray, targets: FloatArray,
        validation: tuple[FloatArray, FloatArray] | None, settings: Settings,
        stop: int | None, seed: int, device: Any,
    ) -> None:  # fmt: skip
        self.module = module if device is None else module.to(device)
        self.settings, self.seed = settings, seed
        self.x, self.y = _tensors(features, targets, device)
        self.held = None if validation is None else _tensors(validation[0], validation[1], device)
        self.n_epochs = settings.n_epochs(len(self.x))
        self.last = self.n_epochs if stop is None else min(stop, self.n_epochs)
        is_head = getattr(module, "is_head", lambda name: False)
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self.body = [p for name, p in named if not is_head(name)]
        self.staged = bool(self.body) and len(self.body) < len(named)
        self.start = [p.detach().clone() for _, p in named]
        self.parameters = [p for _, p in named]
        groups = []
        for head in (True, False):
            for wide in (True, False):
                own = [p for name, p in named if is_head(name) is head and (p.ndim > 1) is wide]
                if own:
                    decay = settings.decay if wide else 0.0
                    groups.append({"params": own, "weight_decay": decay, "head": head})
        self.optimiser = _OPTIMISERS[settings.optimiser](groups, lr=settings.rate)

    def resume(self, checkpoint: Path | None) -> _State:
        """The state of an interrupted run of the same task, or that before the first epoch."""
        content = {} if checkpoint is None else _stored(checkpoint)
        if content.get("task") == self._task():
            self.module.load_state_dict(content["module"])
            self.optimiser.load_state_dict(content["optimiser"])
            return _State(**content["state"])
        train, held, outputs = self._losses()
        return _State([train], [held], [0.0], 0, self._weights(), outputs)

    def save(self, checkpoint: Path, state: _State) -> None:
        """Keep the state, complete or not at all."""
        content = {
            "task": self._task(), "module": self.module.state_dict(), "optimiser": self.optimiser.state_dict(),
            "state": vars(state),
        }  # fmt: skip
        with replacing(checkpoint) as temporary:
            torch.save(content, temporary)

    def finished(self, state: _State) -> bool:
        """Whether there is nothing left to be trained."""
        done = len(state.train) - 1
        waited = done - max(state.best, self.settings.head_epochs if self.staged else 0)
        return done >= self.last or (self.held is not None and waited >= self.settings.patience)

    def epoch(self, state: _State) -> None:
        """One pass over the data; its randomness depends on the seed and its number alone."""
        number = len(state.train)
        rate = self.settings.rate * self.settings.factor(number, self.n_epochs) * state.reduced
        torch.manual_seed(_seed(self.seed, number))
        self._freeze(number, rate)
        self.module.train()
        for rows in torch.randperm(len(self.x)).to(self.x.device).split(self.settings.batch):
            self.optimiser.zero_grad(set_to_none=True)
            loss = self._loss(self.module(self.x[rows]), self.y[rows])
            if self.settings.keep:
                moved = sum(((p - q) ** 2).sum() for p, q in zip(self.parameters, self.start, strict=True))
                loss = loss + self.settings.keep * moved
            loss.backward()
            self.optimiser.step()
        train, held, outputs = self._losses()
        state.train.append(train)
        state.validation.append(held)
        state.rate.append(rate)
        state.outputs += outputs
        if self.held is None or held < state.validation[state.best]:
            state.best, state.best_weights = number, self._weights()
        patience = max(1, self.settings.patience // _PLATEAU)
        if self.settings.schedule == "plateau" and number - max(state.best, state.reduced_at) >= patience:
            state.reduced, state.reduced_at = state.reduced / 2, number

    def _freeze(self, number: int, rate: float) -> None:
        """The head alone at first, then everything, the rest with a smaller rate."""
        alone = self.staged and number <= self.settings.head_epochs
        for parameter in self.body:
            parameter.requires_grad_(not alone)
        for group in self.optimiser.param_groups:
            group["lr"] = rate if group["head"] or not self.staged else rate * self.settings.body_rate

    def _losses(self) -> tuple[float, float, list[Tensor]]:
        """Losses of both parts, without dropout, and the outputs of the validation part."""
        self.module.eval()
        found, outputs = [float("nan"), float("nan")], []
        with torch.no_grad():
            for k, part in enumerate(((self.x, self.y), self.held)):
                if part is not None:
                    out = torch.cat([self.module(rows) for rows in part[0].split(_PART)])
                    found[k] = float(self._loss(out, part[1]))
                    outputs = [out] if k else []
        if not np.isfinite(found[0]) or (self.held is not None and not np.isfinite(found[1])):
            raise DivergedError(f"the loss is no finite number ({found[0]:g})")
        return found[0], found[1], outputs

    def _loss(self, out: Tensor, target: Tensor) -> Tensor:
        if out.shape != target.shape:
            raise TuneError(
                f"the network gives {tuple(out.shape)}, the targets are {tuple(target.shape)}: nothing is broadcast"
            )
        kind = self.settings.loss
        if kind == "quantile":
            error = target - out
            return torch.maximum(
                self.settings.quantile * error, (self.settings.quantile - 1.0) * error
            ).mean()
        return _LOSSES[kind](out, target)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def _task(self) -> str:
        """What the run is; a checkpoint of another one is not gone on with."""
        hashed = hashlib.sha256(repr((asdict(self.settings), self.last, self.seed)).encode())
        held = () if self.held is None else self.held
        for tensor in (self.x, self.y, *held, *self.start):
            hashed.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
        return hashed.hexdigest()


def _stored(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint holds; nothing if there is none, or a broken one: its training begins anew, and replaces it.

    Raises
    ------
    ReadError
        The file is there and may not be read.
    """
    try:
        with checkpoint.open("rb") as stream:
            found = torch.load(stream, weights_only=True)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ReadError(f"{checkpoint}: cannot be read: {error.strerror or error}") from None
    except Exception:  # a damaged file fails in as many ways as there are places to damage
        return {}
    return found if isinstance(found, dict) else {}


def _tensors(features: FloatArray, targets: FloatArray, device: Any) -> tuple[Tensor, Tensor]:
    if len(features) != len(targets):
        raise TuneError(f"features of shape {features.shape} and targets of shape {targets.shape}")
    pair = (torch.as_tensor(np.ascontiguousarray(part, dtype=np.float32)) for part in (features, targets))
    x, y = (part if device is None else part.to(device) for part in pair)
    return x, y


def _seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": F.l1_loss, "mse": F.mse_loss, "huber": F.huber_loss,
}  # fmt: skip
_OPTIMISERS: dict[str, Callable[..., Any]] = {
    "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax,
    "rmsprop": torch.optim.RMSprop,
}  # fmt: skip
