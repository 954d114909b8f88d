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
    """Members one after the other; those that were finished in an earlier run are taken from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fold = fold_of(rows.system, n_members, "member")
    stamp = hashlib.sha256(
        rows.features.tobytes() + rows.energy.tobytes() + rows.weight.tobytes()
    ).hexdigest()[:12]
    jobs = []
    for k in range(n_members):
        own = replace(recipe, seed=recipe.seed + k)
        jobs.append((rows.select(fold != k), own, folder / f"{title}-{stamp}-{hash_of(own):x}-{k}.pt"))
    missing = [job for job in jobs if not job[2].exists()]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for path in pool.map(_trained, missing):
            print(f"{title}: {path.name}", flush=True)
    members = [_stored(path, rows.features.shape[1], own) for _, own, path in jobs]
    return Ensemble(members, fold)


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
