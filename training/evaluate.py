"""Figures of merit on chemical systems that training never saw."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sources import Rows

GAP = 0.020  # eV/atom: polymorphs closer than this are not ranked


def resampled(
    values: np.ndarray, groups: np.ndarray, statistic: Any = np.mean, n: int = 400, seed: int = 0
) -> tuple[float, float, float]:
    """A figure and its 95 % interval, from resampling whole chemical systems."""
    generator = np.random.default_rng(seed)
    _, which = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    drawn = []
    for _ in range(n):
        rows = np.concatenate([members[k] for k in generator.integers(len(members), size=len(members))])
        drawn.append(statistic(values[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(statistic(values)), float(low), float(high)


def polymorphs(rows: Rows, predicted: np.ndarray) -> tuple[float, int]:
    """Share of pairs of one formula, more than 20 meV apart, whose order is right; and their number."""
    right = total = 0
    order = np.argsort(rows.formula, kind="stable")
    _, starts = np.unique(rows.formula[order], return_index=True)
    for group in np.split(order, starts[1:]):
        for a in range(len(group)):
            for b in range(a):
                gap = rows.energy[group[a]] - rows.energy[group[b]]
                if abs(gap) > GAP:
                    total += 1
                    right += (predicted[group[a]] - predicted[group[b]]) * gap > 0
    return right / max(1, total), total


def rises(rows: Rows, predicted: np.ndarray, kind: str) -> tuple[float, int]:
    """Share of distorted crystals that are predicted above the relaxed ones they come from."""
    relaxed = {name: k for k, name in enumerate(rows.ids) if rows.source[k] == "mp"}
    pairs = [
        (k, relaxed[rows.parent[k]])
        for k in np.flatnonzero(rows.source == f"distorted_{kind}")
        if rows.parent[k] in relaxed
    ]
    return float(np.mean([predicted[k] > predicted[parent] for k, parent in pairs])), len(pairs)


def report(rows: Rows, predicted: np.ndarray) -> dict[str, Any]:
    """Everything that needs predictions alone."""
    found: dict[str, Any] = {}
    error = np.abs(predicted - rows.energy)
    for source in ("mp", "wbm", "wbm_random"):
        mine = rows.source == source
        if mine.any():
            found[f"mae_{source}"] = (*resampled(error[mine], rows.system[mine]), int(mine.sum()))
    mine = rows.source == "mp"
    stable = mine & (rows.above_hull <= 0.1)
    found["mae_mp_near_hull"], found["mae_mp_above_hull"] = (
        float(error[stable].mean()),
        float(error[mine & ~stable].mean()),
    )
    found["polymorphs"] = polymorphs(rows.select(mine), predicted[mine])
    for kind in ("strain", "rattle"):
        found[f"rises_{kind}"] = rises(rows, predicted, kind)
    return found


def intervals(rows: Rows, predicted: np.ndarray, half: np.ndarray, near: np.ndarray) -> dict[str, Any]:
    """Coverage and width of intervals, and what the flag separates."""
    found: dict[str, Any] = {}
    error = np.abs(predicted - rows.energy)
    for source in ("mp", "wbm", "wbm_random"):
        mine = rows.source == source
        if not mine.any():
            continue
        found[f"coverage_{source}"] = (
            *resampled((error <= half)[mine].astype(float), rows.system[mine]),
            int(mine.sum()),
        )
        found[f"width_{source}"] = float(2 * half[mine].mean())
        found[f"near_{source}"] = float(near[mine].mean())
    dft = rows.weight == 1.0
    inside, outside = np.median(error[dft & near]), np.median(error[dft & ~near])
    found["flag"] = (float(inside), float(outside), float(outside / inside))
    return found
