"""From one position per orbit to all sites, and from all sites to their Wyckoff positions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray
from seitz.cell import Cell
from seitz.errors import SymmetryError
from seitz.finders import SYMPREC

#: Distance in Å below which images of a position are one site: larger than the rounding of four decimals.
SAME_SITE = 1e-2

_METRIC = 1e-5  # relative difference of lengths and angles that an operation may make
_EXACT_COSINES = {60: 0.5, 90: 0.0, 120: -0.5}


class Symmetry(NamedTuple):
    """What the symmetry search finds in a cell."""

    space_group: int
    pearson: str
    sublattices: tuple[str, ...]


def lattice_vectors(lengths: tuple[float, float, float], angles: tuple[float, float, float]) -> FloatArray:
    """(3, 3) lattice vectors in Å as rows, a along x and b in the xy plane; angles in degrees.

    Raises
    ------
    ValueError
        Three angles that no parallelepiped has.
    """
    a, b, c = lengths
    cosines = [_EXACT_COSINES.get(angle, math.cos(math.radians(angle))) for angle in angles]  # type: ignore[call-overload]
    cos_alpha, cos_beta, cos_gamma = cosines
    sin_gamma = math.sqrt(1.0 - cos_gamma**2)
    across = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    height = 1.0 - cos_beta**2 - across**2
    if height <= 1e-12:
        raise ValueError("there is no cell with these three angles")
    return np.array(
        [
            [a, 0.0, 0.0],
            [b * cos_gamma, b * sin_gamma, 0.0],
            [c * cos_beta, c * across, c * math.sqrt(height)],
        ]
    )


class SpaceGroup:
    """Operations of a space group in its standard setting.

    The setting is that of the International Tables: origin choice 2, hexagonal axes of rhombohedral groups, unique
    axis b of monoclinic ones.
    """

    def __init__(self, number: int) -> None:
        import moyopy

        found = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
        self.number = number
        self._rotations = np.array(found.rotations, dtype=np.float64)
        self._translations = np.array(found.translations, dtype=np.float64)

    def fits(self, lattice: FloatArray) -> bool:
        """Whether every operation leaves lengths and angles of the lattice (Å, rows) as they are."""
        metric = lattice @ lattice.T
        scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        turned = np.einsum("nji,jk,nkl->nil", self._rotations, metric, self._rotations)
        return bool((np.abs(turned - metric) <= _METRIC * scale).all())

    def orbit(self, position: FloatArray, lattice: FloatArray) -> FloatArray:
        """(multiplicity, 3) fractional coordinates of all images of a position, itself first, in [0, 1).

        A position that is special within ``SAME_SITE`` is moved onto the symmetry element: 0.3333 means 1/3.
        """
        offsets = self._images(position) - position
        offsets -= np.round(offsets)
        near = np.linalg.norm(offsets @ lattice, axis=1) < SAME_SITE
        images = self._images(position + offsets[near].mean(axis=0))
        kept: list[FloatArray] = []
        for image in images:
            if not kept or not near_any(image, np.array(kept), lattice).any():
                kept.append(image)
        return wrapped(np.array(kept))

    def _images(self, position: FloatArray) -> FloatArray:
        images: FloatArray = self._rotations @ position + self._translations
        return images


def wrapped(positions: FloatArray) -> FloatArray:
    """Fractional coordinates in [0, 1), without the rounding that makes 0.9999999999999999 of 0."""
    inside = positions % 1.0
    inside[np.abs(inside - np.round(inside)) < 1e-12] = 0.0
    return inside


def near_any(position: FloatArray, others: FloatArray, lattice: FloatArray) -> np.ndarray:
    """(n,) whether each of the others is within ``SAME_SITE`` of a position, periodic images included."""
    offsets = others - position
    offsets -= np.round(offsets)
    near: np.ndarray = np.linalg.norm(offsets @ lattice, axis=1) < SAME_SITE
    return near


def symmetry_of(cell: Cell, *, symprec: float = SYMPREC) -> Symmetry:
    """Space group, Pearson symbol and sublattices of a cell.

    Raises
    ------
    SymmetryError
        The search found nothing at this tolerance (Å).
    """
    import moyopy

    try:
        found: Any = moyopy.MoyoDataset(
            moyopy.Cell(cell.lattice.tolist(), cell.frac_coords.tolist(), cell.atomic_numbers.tolist()),
            symprec=symprec,
        )
    except ValueError as error:
        raise SymmetryError(f"no symmetry found at symprec={symprec:g} Å ({error})") from None
    n_conventional = len(found.std_cell.numbers)
    names = sublattice_names(found.orbits, found.wyckoffs, n_conventional / len(cell))
    return Symmetry(found.number, pearson_symbol(found.number, n_conventional), names)


def pearson_symbol(space_group: int, n_conventional: int) -> str:
    """Pearson symbol of a structure with that many sites in its conventional cell.

    Examples
    --------
    >>> pearson_symbol(225, 4), pearson_symbol(166, 6), pearson_symbol(63, 4)
    ('cF4', 'hR2', 'oC4')
    """
    import moyopy

    last = {2: "a", 15: "m", 74: "o", 142: "t", 194: "h", 230: "c"}
    family = next(letter for number, letter in last.items() if space_group <= number)
    centring = moyopy.SpaceGroupType(space_group).hm_short[0]
    if centring == "R":
        n_conventional //= 3
    return f"{family}{'C' if centring in 'AB' else centring}{n_conventional}"


def sublattice_names(orbits: Sequence[int], letters: Sequence[str], multiple: float = 1.0) -> tuple[str, ...]:
    """Name of each site's orbit: multiplicity and Wyckoff letter, numbered where a letter occurs twice (``8i1``).

    Parameters
    ----------
    orbits, letters
        (n_sites,) first site of each site's orbit, and its Wyckoff letter.
    multiple
        Sites of the cell whose multiplicities are meant, for each site given.
    """
    counts = Counter(orbits)
    by_letter: dict[str, list[int]] = {}
    for orbit in counts:
        by_letter.setdefault(letters[orbit], []).append(orbit)
    names: dict[int, str] = {}
    for letter, members in by_letter.items():
        for number, orbit in enumerate(members, start=1):
            suffix = number if len(members) > 1 else ""
            names[orbit] = f"{round(counts[orbit] * multiple)}{letter}{suffix}"
    return tuple(names[orbit] for orbit in orbits)
