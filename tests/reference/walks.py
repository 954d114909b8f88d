"""Warren-Cowley magnitudes by listing every walk, and ionic formation by trying every assignment."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np

from seitz import Tessellation
from seitz.elements import table


def magnitudes(tessellation: Tessellation, numbers: np.ndarray, walk: str) -> list[float]:
    """Mean over sites and elements of |1 - q_s / x| for s = 1, 2, 3, walk by walk."""
    elements, counts = np.unique(numbers, return_counts=True)
    if len(elements) == 1:
        return [0.0] * 3
    x = counts / counts.sum()
    q = np.zeros((3, len(tessellation), len(elements)))
    for start in range(len(tessellation)):
        _extend(tessellation, numbers, elements, walk, [(start, (0, 0, 0))], 1.0, q[:, start])
    return np.abs(1 - q / x).mean(axis=(1, 2)).tolist()


def _extend(tessellation, numbers, elements, walk, path, probability, q) -> None:
    step = len(path) - 1
    if step == 3:
        return
    site, image = path[-1]
    forbidden = set(path) if walk == "self_avoiding" else set(path[-2:-1])
    k = tessellation.faces(site)
    steps = []
    for neighbour, translation, area in zip(
        tessellation.neighbours[k], tessellation.images[k], tessellation.areas[k], strict=True
    ):
        place = (int(neighbour), tuple((np.array(image) + translation).tolist()))
        if place not in forbidden:
            steps.append((place, area))
    total = sum(area for _, area in steps)
    for place, area in steps:
        p = probability * area / total
        q[step, np.searchsorted(elements, numbers[place[0]])] += p
        _extend(tessellation, numbers, elements, walk, [*path, place], p, q)


def can_form_ionic(numbers: list[int]) -> int:
    """Whether some choice of one state per atom adds up to zero."""
    states = table().oxidation_states
    elements, counts = np.unique(numbers, return_counts=True)
    totals = [
        {sum(choice) for choice in combinations_with_replacement(states[z], n)}
        for z, n in zip(elements.tolist(), counts.tolist(), strict=True)
    ]
    return int(any(sum(choice) == 0 for choice in product(*totals)))
