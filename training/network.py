"""A residual multilayer perceptron with its scaler inside, giving an energy and how uncertain it is."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

HIDDEN = 512
BLOCKS = 3
DROPOUT = 0.1


class RobustScaler(nn.Module):
    """Columns in units of their spread; far outliers are drawn in logarithmically, dead columns are zero."""

    centre: Tensor
    scale: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("scale", torch.zeros(n_features))

    def fit(self, features: np.ndarray) -> RobustScaler:
        """Centre and spread of a table (n, n_features)."""
        low, middle, high = np.quantile(features.astype(np.float64), [0.05, 0.5, 0.95], axis=0)
        spread = (high - low) / 3.3
        rare = spread <= 1e-9  # mostly one value: the deviation of the rest tells
        spread[rare] = features.astype(np.float64).std(axis=0)[rare]
        alive = spread > 1e-9
        self.centre.copy_(torch.tensor(middle, dtype=torch.float32))
        self.scale.copy_(
            torch.tensor(np.where(alive, 1.0 / np.where(alive, spread, 1.0), 0.0), dtype=torch.float32)
        )
        return self

    def forward(self, x: Tensor) -> Tensor:
        z = (x - self.centre) * self.scale
        size = z.abs()
        return torch.where(size > 3.0, z.sign() * (3.0 + torch.log(torch.clamp(size - 2.0, min=1.0))), z)


class Block(nn.Module):
    """x + drop(W₂ drop(GELU(W₁ LN(x))))."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class EnergyNet(nn.Module):
    """Features to energy (in the target's unit) and the logarithm of a Laplace scale."""

    mean: Tensor
    spread: Tensor

    def __init__(
        self, n_features: int, *, hidden: int = HIDDEN, blocks: int = BLOCKS, dropout: float = DROPOUT
    ) -> None:
        super().__init__()
        self.scaler = RobustScaler(n_features)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.first = nn.Linear(n_features, hidden)
        self.blocks = nn.Sequential(*(Block(hidden, dropout) for _ in range(blocks)))
        self.last = nn.Sequential(nn.LayerNorm(hidden), nn.GELU())
        self.head = nn.Linear(hidden, 2)

    def penultimate(self, x: Tensor) -> Tensor:
        """(n, hidden) what the head sees."""
        return self.last(self.blocks(self.first(self.scaler(x))))

    def trained(self, scaled: Tensor) -> Tensor:
        """(n, 2) standardised energy and log scale of scaled features; products in half precision, sums in single."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = self.first(scaled).float()
            for block in self.blocks:
                x = x + block.body(x).float()
        return self.head(self.last(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.standardised(x)
        return out[:, 0] * self.spread + self.mean, out[:, 1] + torch.log(self.spread)


def loss_of(out: Tensor, target: Tensor, weight: Tensor, share: float = 0.1) -> Tensor:
    """L1 on the standardised target, plus a Laplace likelihood that trains the scale alone."""
    residual = (out[:, 0] - target).abs()
    log_scale = out[:, 1].clamp(-6.0, 3.0)
    likelihood = residual.detach() * torch.exp(-log_scale) + log_scale
    return (weight * (residual + share * likelihood)).sum() / weight.sum()


def pair_loss(out: Tensor, target: Tensor, weight: Tensor, kind: Tensor) -> Tensor:
    """L1 on energy differences of neighbouring rows of one kind: what polymorphs and strain are ranked by."""
    same = (kind[1:] == kind[:-1]).to(out.dtype) * torch.minimum(weight[1:], weight[:-1])
    error = (out[1:, 0] - out[:-1, 0] - target[1:] + target[:-1]).abs()
    return (same * error).sum() / weight.sum()


def learning_rate(step: int, total: int, peak: float, warm_up: float = 0.05) -> float:
    """Linear rise, then half a cosine down to zero."""
    start = max(1.0, warm_up * total)
    if step < start:
        return peak * (step + 1) / start
    return 0.5 * peak * (1.0 + math.cos(math.pi * (step - start) / max(1.0, total - start)))
