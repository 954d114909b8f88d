"""Training of one member: AdamW, warm-up and cosine, an exponential average of the weights; resumable."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from .network import EnergyNet, learning_rate, loss_of, pair_loss


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a member becomes, besides its data."""

    hidden: int = 320
    blocks: int = 3
    dropout: float = 0.1
    peak: float = 2.5e-3
    decay: float = 0.03
    batch: int = 512
    epochs: int = 120
    average: float = 0.999
    pairs: float = 2.0
    """Weight of differences between structures of one formula."""
    seed: int = 0


def fit(
    features: np.ndarray,
    energy: np.ndarray,
    weight: np.ndarray,
    formula: np.ndarray,
    recipe: Recipe,
    checkpoint: Path | None = None,
) -> EnergyNet:
    """A member trained on these rows; with a checkpoint, an interrupted run goes on where it stopped."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    net = EnergyNet(features.shape[1], hidden=recipe.hidden, blocks=recipe.blocks, dropout=recipe.dropout)
    net.scaler.fit(features)
    net.mean.fill_(float(np.average(energy, weights=weight)))
    net.spread.fill_(float(np.sqrt(np.average((energy - net.mean.item()) ** 2, weights=weight))))
    with torch.no_grad():  # once for all epochs
        x = torch.cat([net.scaler(part) for part in torch.as_tensor(features).split(4096)])
    y = (torch.as_tensor(energy, dtype=torch.float32) - net.mean) / net.spread
    w = torch.as_tensor(weight, dtype=torch.float32)
    kind = torch.as_tensor(np.unique(formula, return_inverse=True)[1])
    groups = [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": recipe.decay},
        {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.peak)
    averaged = {k: v.clone() for k, v in net.state_dict().items()}
    steps = max(1, len(x) // recipe.batch)
    first = 0
    if checkpoint is not None and checkpoint.exists():
        first = _resume(checkpoint, recipe, net, optimiser, averaged, generator)
    for epoch in range(first, recipe.epochs):
        net.train()
        # Structures of one formula stand together, so that a batch holds what is to be compared.
        keys = torch.rand(int(kind.max()) + 1, generator=generator, dtype=torch.float64)[kind]
        order = torch.argsort(keys + 1e-9 * torch.rand(len(x), generator=generator, dtype=torch.float64))
        order = order.roll(int(torch.randint(len(x), (1,), generator=generator)))
        for step in range(steps):
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(epoch * steps + step, recipe.epochs * steps, recipe.peak)
            optimiser.zero_grad()
            out = net.trained(x[rows])
            loss = loss_of(out, y[rows], w[rows])
            if recipe.pairs:
                loss = loss + recipe.pairs * pair_loss(out, y[rows], w[rows], kind[rows])
            loss.backward()
            optimiser.step()
            momentum = min(recipe.average, (1 + epoch * steps + step) / (10 + epoch * steps + step))
            with torch.no_grad():
                for name, value in net.state_dict().items():
                    averaged[name].lerp_(value, 1.0 - momentum)
        if checkpoint is not None and (epoch + 1) % 5 == 0:
            _save(checkpoint, recipe, epoch + 1, net, optimiser, averaged, generator)
    net.load_state_dict(averaged)
    net.eval()
    return net


def _save(checkpoint: Path, recipe: Recipe, epoch: int, net, optimiser, averaged, generator) -> None:
    content = {
        "recipe": asdict(recipe), "epoch": epoch, "net": net.state_dict(), "optimiser": optimiser.state_dict(),
        "averaged": averaged, "generator": generator.get_state(), "random": torch.get_rng_state(),
    }  # fmt: skip
    temporary = checkpoint.with_suffix(".part")
    torch.save(content, temporary)
    temporary.replace(checkpoint)


def _resume(checkpoint: Path, recipe: Recipe, net, optimiser, averaged, generator) -> int:
    content = torch.load(checkpoint, weights_only=True)
    if content["recipe"] != asdict(recipe):
        return 0
    net.load_state_dict(content["net"])
    optimiser.load_state_dict(content["optimiser"])
    for name, value in content["averaged"].items():
        averaged[name].copy_(value)
    generator.set_state(content["generator"])
    torch.set_rng_state(content["random"])
    return int(content["epoch"])


@torch.no_grad()
def predict(net: EnergyNet, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies, log scales and penultimate activations of a table."""
    parts = []
    for part in torch.as_tensor(features, dtype=torch.float32).split(4096):
        hidden = net.penultimate(part)
        out = net.head(hidden)
        parts.append((out[:, 0] * net.spread + net.mean, out[:, 1] + torch.log(net.spread), hidden))
    return tuple(torch.cat(column).numpy() for column in zip(*parts, strict=True))  # type: ignore[return-value]
