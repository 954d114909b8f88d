"""Special positions that were written with few digits: 0.333 where a third was meant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from seitz._typing import FloatArray

_ENOUGH_DECIMALS = 7
_ENOUGH_CHARACTERS = (
    10  # 0.00000000; longer texts of few decimals have an uncertainty, thus no special position
)
# Of the last digit: two thirds, cut off after 0.66, is the worst case. One whole digit is meant as a difference.
_ROUNDING = 0.7
_MAX_ROUNDING = 0.005
_NOISE = 1e-10


def roundings(columns: Sequence[Sequence[str]]) -> FloatArray | None:
    """(n_sites, 3) by how much the written x, y and z may differ from what was meant; None if all are exact."""
    if min(map(len, chain(*columns)), default=0) >= _ENOUGH_CHARACTERS:
        return None
    if len({len(column) for column in columns}) > 1:
        return None
    decimals = np.array([[_decimals(text) for text in column] for column in columns]).T
    if not decimals.size or decimals.min() >= _ENOUGH_DECIMALS:
        return None
    rounding: FloatArray = np.minimum(_ROUNDING * 10.0**-decimals, _MAX_ROUNDING)
    return rounding


def _decimals(text: str) -> int:
    digits = text.partition("(")[0]
    return 16 if "e" in digits or "E" in digits else len(digits.partition(".")[2])


def snapped(
    frac_coords: FloatArray, rounding: FloatArray, rotations: FloatArray, translations: FloatArray
) -> FloatArray:
    """Positions moved within their rounding onto the symmetry elements that they lie beside.

    The mean over the operations that bring a position back to itself, but for the rounding, is a point that they
    leave where it is. A position stays as it is if there are no such operations, if the mean is further away than
    the rounding, or if the operations have no common point.

    Parameters
    ----------
    frac_coords
        (n_sites, 3) fractional coordinates as written.
    rounding
        (n_sites, 3) largest difference to what was meant.
    rotations, translations
        (n, 3, 3) and (n, 3) symmetry operations without the identity, for fractional coordinates.
    """
    apart = _apart(frac_coords, rotations, translations)
    reach = rounding[:, None] + _products(np.abs(rotations), rounding)
    near: NDArray[np.bool_] = np.all(np.abs(apart) <= reach + _NOISE, axis=2)
    shift = -(apart * near[:, :, None]).sum(axis=1) / (near.sum(axis=1, keepdims=True) + 1)
    moves: NDArray[np.bool_] = np.all(np.abs(shift) <= rounding + _NOISE, axis=1)
    moved: FloatArray = np.where(moves[:, None], frac_coords + shift, frac_coords)
    left = np.abs(_apart(moved, rotations, translations)).max(axis=2)
    fixed: NDArray[np.bool_] = np.all((left < _NOISE) | ~near, axis=1)
    return np.where(fixed[:, None], moved, frac_coords)


def _products(rotations: FloatArray, vectors: FloatArray) -> FloatArray:
    """(n_vectors, n_rotations, 3) every vector rotated by every matrix."""
    products: FloatArray = np.einsum("rij,vj->vri", rotations, vectors)
    return products


def _apart(frac_coords: FloatArray, rotations: FloatArray, translations: FloatArray) -> FloatArray:
    """(n_sites, n, 3) the way from the nearest copy of each image to the position itself."""
    apart = frac_coords[:, None] - _products(rotations, frac_coords) - translations
    apart -= np.round(apart)
    return apart
