"""Members of an ensemble: each leaves out one fold of chemical systems, on which it is judged."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from .fit import Recipe, fit, predict
from .network import EnergyNet
from .sources import Rows, fold_of


@dataclass(frozen=True)
class Ensemble:
    """Trained members, and what they say about rows that none or one of them has not seen."""

    members: list[EnergyNet]
    fold: np.ndarray
    """(n,) the member that has not seen each training row."""

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean energy, mean scale, and (n, members · hidden) activations."""
        energies, scales, hidden = zip(*(predict(net, features) for net in self.members), strict=True)
        return np.mean(energies, axis=0), np.mean(np.exp(scales), axis=0), np.concatenate(hidden, axis=1)

    def unseen(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) energies and scales of training rows, each by the member that has not seen it."""
        energy, scale = np.empty(len(features)), np.empty(len(features))
        for k, net in enumerate(self.members):
            mine = self.fold == k
            if mine.any():
                found = predict(net, features[mine])
                energy[mine], scale[mine] = found[0], np.exp(found[1])
        return energy, scale


def train(rows: Rows, n_members: int, recipe: Recipe, folder: Path, title: str) -> Ensemble:
    """An ensemble in which each member has not seen one fold of systems."""
    fold = fold_of(rows.system, n_members, "member")
    parts = [rows.select(fold != k) for k in range(n_members)]
    recipes = [replace(recipe, seed=recipe.seed + k) for k in range(n_members)]
    return Ensemble(fitted(parts, recipes, folder, title), fold)


def fitted(parts: list[Rows], recipes: list[Recipe], folder: Path, title: str) -> list[EnergyNet]:
    """One network per part, in as many processes as there are processors; what is in the folder is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for rows, recipe in zip(parts, recipes, strict=True):
        stamp = hashlib.sha256(rows.features.tobytes() + rows.energy.tobytes() + rows.weight.tobytes())
        jobs.append((rows, recipe, folder / f"{title}-{stamp.hexdigest()[:12]}-{hash_of(recipe):x}.pt"))
    missing = [job for job in jobs if not job[2].exists()]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for path in pool.map(_trained, missing):
            print(f"{title}: {path.name}", flush=True)
    return [_stored(path, rows.features.shape[1], recipe) for rows, recipe, path in jobs]


def _trained(job: tuple[Rows, Recipe, Path]) -> Path:
    """One member in a process of its own: two of one thread each are faster than one of two."""
    rows, recipe, path = job
    torch.set_num_threads(1)
    net = fit(rows.features, rows.energy, rows.weight, rows.formula, recipe, path.with_suffix(".checkpoint"))
    torch.save(net.state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    path.with_suffix(".checkpoint").unlink(missing_ok=True)
    return path


def hash_of(recipe: Recipe) -> int:
    """The same number for the same recipe in every process."""
    return int(hashlib.sha256(repr(recipe).encode()).hexdigest()[:12], 16)


def _stored(path: Path, n_features: int, recipe: Recipe) -> EnergyNet:
    net = EnergyNet(n_features, hidden=recipe.hidden, blocks=recipe.blocks, dropout=recipe.dropout)
    net.load_state_dict(torch.load(path, weights_only=True))
    net.eval()
    return net
