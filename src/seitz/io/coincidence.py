"""Sites that share one position in a periodic cell, in time proportional to their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seitz._typing import FloatArray, IndexArray

BoxKeys = NDArray[np.uint64]

_FEW = 200
_COSINE_ROUNDING = 1e-12
# All eight ways to shift a grid of boxes by half a box along each axis.
_SHIFTS = np.stack(np.meshgrid([0.0, 0.5], [0.0, 0.5], [0.0, 0.5]), axis=-1).reshape(8, 1, 3)
_MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


def coincident(frac_coords: FloatArray, lattice: FloatArray, tolerance: float) -> IndexArray | None:
    """Index of the first site at the position of each site; None if no two sites share one.

    Parameters
    ----------
    frac_coords
        (n_sites, 3) fractional coordinates in [0, 1].
    lattice
        (3, 3) lattice vectors as rows, in Å.
    tolerance
        Largest distance of sites that count as one, in Å.
    """
    spacings = np.sqrt(
        (np.linalg.inv(lattice) ** 2).sum(axis=0)
    )  # reciprocal distances of the lattice planes
    if len(frac_coords) <= _FEW and not _any_close(frac_coords, tolerance * spacings):
        return None
    keys = _box_keys(frac_coords, 4.0 * tolerance * spacings)
    if not (np.diff(np.sort(keys, axis=1), axis=1) == 0).any():
        return None
    leaders = np.arange(len(frac_coords))
    for row in keys:
        order = np.argsort(row, kind="stable")
        walls = np.concatenate(([0], np.flatnonzero(np.diff(row[order])) + 1, [len(order)]))
        for box in np.flatnonzero(np.diff(walls) > 1):
            _merge(order[walls[box] : walls[box + 1]], frac_coords, lattice, tolerance, leaders)
    while (leaders != leaders[leaders]).any():
        leaders = leaders[leaders]
    return None if (leaders == np.arange(len(leaders))).all() else leaders


def _any_close(frac_coords: FloatArray, reach: FloatArray) -> bool:
    """Whether two sites may be within ``reach`` along all three axes; quadratic, but fastest for few sites.

    The sum of cos 2πΔ over the axes is 3 for equal positions, and one matrix product gives it for all pairs.
    """
    angles = 2.0 * np.pi * frac_coords
    phases = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    margin = max(0.5 * float(((2.0 * np.pi * reach) ** 2).sum()), _COSINE_ROUNDING)
    return bool(np.count_nonzero(phases @ phases.T >= 3.0 - margin) > len(frac_coords))


def _box_keys(frac_coords: FloatArray, widths: FloatArray) -> BoxKeys:
    """(8, n_sites) keys of boxes: two sites within a quarter of the widths share at least one of theirs.

    The walls of neighbouring grids are half a box apart: along each axis, at most one of two grids has a wall
    between the sites of a close pair.
    """
    n_boxes = np.maximum(np.floor(1.0 / widths), 1.0)
    boxes = np.floor(frac_coords * n_boxes + _SHIFTS) % n_boxes
    keys: BoxKeys = (boxes.astype(np.uint64) * _MIXERS).sum(axis=2, dtype=np.uint64)
    return keys


def _merge(
    members: IndexArray, frac_coords: FloatArray, lattice: FloatArray, tolerance: float, leaders: IndexArray
) -> None:
    """Give each of the sites in one box the first site within the tolerance as its leader."""
    kept = members[:1]
    for member in members[1:]:
        apart = frac_coords[kept] - frac_coords[member]
        near = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1) < tolerance
        if near.any():
            leaders[member] = min(leaders[member], leaders[kept[np.argmax(near)]])
        else:
            kept = np.append(kept, member)
