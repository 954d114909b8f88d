"""How networks are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from seitz.errors import OptionError

from .checks import check_integer

Loss = Literal["mae", "mse", "huber", "quantile"]
Optimiser = Literal["adam", "adamw", "adamax", "rmsprop"]
Schedule = Literal["constant", "cosine", "plateau"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides how a network is trained, besides its data.

    Attributes
    ----------
    loss
        Of the target in units of its spread. ``"quantile"`` is that of ``quantile``.
    optimiser, rate, decay
        Decay of weights is decoupled for ``"adamw"``, and part of the gradient for the others.
    schedule, warm_up
        The rate rises over the share ``warm_up`` of the epochs. Then it stays, falls along half a cosine, or is halved
        whenever the validation part has not improved for a third of the patience.
    epochs, max_steps
        At most so many passes over the data, and so many steps.
    batch
        Rows of a step.
    patience
        Epochs without an improvement of the validation part after which training ends; the best one is restored.
    head_epochs, body_rate
        The last layer is trained alone for so many epochs, then everything, the rest at this share of the rate.
    keep
        Weight of the squared distance of all parameters from where they started (L2-SP; Li, Grandvalet, Davoine,
        ICML 2018): a few examples should not undo what many have taught.
    dropout
        Rate of dropouts, for networks that have any.
    """

    loss: Loss = "mae"
    optimiser: Optimiser = "adamw"
    rate: float = 3e-4
    decay: float = 1e-5
    schedule: Schedule = "cosine"
    warm_up: float = 0.1
    epochs: int = 60
    max_steps: int = 400
    batch: int = 32
    patience: int = 12
    head_epochs: int = 5
    body_rate: float = 0.3
    keep: float = 1e-2
    dropout: float = 0.0
    quantile: float = 0.5

    def __post_init__(self) -> None:
        hints = get_type_hints(Settings)
        for field in fields(self):
            value, choices = getattr(self, field.name), get_args(hints[field.name])
            if choices and value not in choices:
                raise OptionError(f"{field.name}={value!r}: choose one of {', '.join(choices)}")
            if not choices and not (isinstance(value, int | float) and 0 <= value < math.inf):
                raise OptionError(f"{field.name}={value!r}: give a number that is not negative")
        for name in ("epochs", "max_steps", "batch", "patience", "head_epochs"):
            check_integer(name, getattr(self, name), 0 if name == "head_epochs" else 1)
        if not 0 < self.rate <= 1:
            raise OptionError(f"rate={self.rate!r}: give a positive number, at most 1")
        for name in ("warm_up", "dropout"):
            if getattr(self, name) >= 1:
                raise OptionError(f"{name}={getattr(self, name)!r}: give a share less than 1")
        if not 0 < self.quantile < 1:
            raise OptionError(f"quantile={self.quantile!r}: give a share between 0 and 1")

    def n_epochs(self, n_rows: int) -> int:
        """Epochs of a set of so many rows."""
        steps = max(1, math.ceil(n_rows / self.batch))
        return max(1, min(self.epochs, self.max_steps // steps))

    def factor(self, epoch: int, n_epochs: int) -> float:
        """Share of the rate in an epoch, counted from 1; of ``"plateau"`` only the rise."""
        start = self.warm_up * n_epochs
        if epoch <= start:
            return epoch / (start + 1.0)
        if self.schedule != "cosine":
            return 1.0
        return 0.5 * (1.0 + math.cos(math.pi * (epoch - 1 - start) / max(1.0, n_epochs - start)))
