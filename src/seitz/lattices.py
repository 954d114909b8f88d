"""What can be said about three lattice vectors alone."""

from __future__ import annotations

import math

import numpy as np

from ._typing import FloatArray
from .errors import StructureError

_SINGULAR = 1e-12  # volume over the product of the vector lengths


def volume_of(lattice: FloatArray) -> float:
    """Volume of a cell, Å³, correct to the last digit however sheared the lattice is."""
    from fractions import Fraction  # slow to import, and hardly ever wanted

    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = ([Fraction(x) for x in row] for row in lattice.tolist())
    return abs(float(ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)))


def check_lattice(lattice: FloatArray) -> None:
    """Refuse vectors that are not finite, have no length, or span no volume."""
    rows = lattice.tolist()  # nine floats: plain arithmetic is ten times faster than NumPy here
    if not all(math.isfinite(value) for row in rows for value in row):
        raise StructureError(f"lattice vector(s) {rows_where(~np.isfinite(lattice))} are not finite")
    lengths = [math.hypot(*row) for row in rows]
    if not all(lengths):
        flat = lengths.index(0.0)
        raise StructureError(f"lattice vector {flat} has no length: a periodic cell needs three")
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (
        [value / length for value in row] for row, length in zip(rows, lengths, strict=True)
    )
    skewness = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    if not abs(skewness) > _SINGULAR:
        raise StructureError("the lattice is singular: its three vectors lie in one plane and span no volume")
    if not 1e-4 < min(lengths) <= max(lengths) < 1e8:
        raise StructureError(
            f"lattice vectors of {min(lengths):g} to {max(lengths):g} Å are outside 1e-4 to 1e8 Å: check the unit"
        )


def rows_where(mask: np.ndarray) -> str:
    rows = np.flatnonzero(mask.any(axis=1)).tolist()
    return ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
