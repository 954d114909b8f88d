"""Sites that share one position in a periodic cell, in time proportional to their number."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray, IndexArray

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
    keys = _box_keys(frac_coords, lattice, 4.0 * tolerance)
    if not (np.diff(np.sort(keys, axis=1), axis=1) == 0).any():
        return None
    leaders = np.arange(len(frac_coords))
    for row in keys:
        order = np.argsort(row, kind="stable")
        starts = np.flatnonzero(np.diff(row[order], prepend=~row[order[:1]]))
        for first, last in zip(starts, [*starts[1:], len(order)], strict=True):
            if last - first > 1:
                _merge(order[first:last], frac_coords, lattice, tolerance, leaders)
    leaders = leaders[leaders]
    return None if (leaders == np.arange(len(leaders))).all() else leaders


def _box_keys(frac_coords: FloatArray, lattice: FloatArray, width: float) -> np.ndarray:
    """(8, n_sites) keys of boxes: two sites within a quarter of ``width`` share at least one of theirs.

    Neighbouring grids have their walls half a box apart, so that of a close pair no wall of at least one of the two
    passes between.
    """
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    n_boxes = np.maximum(np.floor(heights / width), 1.0)
    boxes = np.floor(frac_coords * n_boxes + _SHIFTS) % n_boxes
    return (boxes.astype(np.uint64) * _MIXERS).sum(axis=2, dtype=np.uint64)


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
