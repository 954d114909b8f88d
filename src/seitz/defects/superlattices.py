"""The lattice of a structure as a superlattice of a host's: integer combinations of the host's lattice vectors.

A superlattice may coincide with itself turned against the host, as (1, 2, 2) is as long as (3, 0, 0). Lattices alone do
not tell such orientations apart, so all of them are candidates; those that a symmetry of the host takes into one
another are one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import permutations, product

import numpy as np

from seitz._typing import FloatArray, IndexArray
from seitz.cell import Cell
from seitz.errors import DefectError, SymmetryError
from seitz.symmetry.orbits import moyopy_dataset

STRAIN = 0.05  # largest misfit of lattice vectors, relative
MOSTLY = 0.5  # share of the host's sites that must be found
_LENGTHS = 0.3 * STRAIN  # largest misfit of lengths where the structure is turned
_EXACT = 1e-4  # misfit up to which an orientation is never left out
_INEXACT = 48  # orientations tried beyond it
_MISCOUNTED = 0.2  # host cells that defects may add or take away where the scale is free, relative
_SYMPREC = 1e-4  # Å, for the point group of a host
_LARGEST = 2_000_000  # combinations of lattice vectors
_IDENTITY = np.eye(3, dtype=np.int64)

_Candidates = list[tuple[float, float, IndexArray]]  # misfit, scale of the host, matrix


class Superlattices:
    """The superlattices of one host: what depends on the host alone is done once."""

    def __init__(self, host: Cell, *, rescale: bool = False) -> None:
        self.host, self._volume, self._rescale = host, host.volume, rescale

    def candidates(self, structure: Cell) -> Iterator[tuple[IndexArray, float, bool]]:
        """Integer matrices that take the host's lattice vectors, times a scale, to the structure's; likely ones first.

        The structure as it lies, then turned: exact fits by number of cells, and, marked by True, the others by misfit.
        """
        ratio = structure.volume / self._volume
        scales = {n: (ratio / n) ** (1 / 3) for n in self._counts(structure, ratio)}
        direct = self._direct(structure.lattice, scales)
        yield from ((matrix, scale, False) for _, scale, matrix in direct)
        seen = {image.tobytes() for *_, matrix in direct for image in matrix @ self._rotations}
        inexact: _Candidates = []
        for found in self._turned(structure.lattice, scales):
            for misfit, scale, matrix in found:
                if matrix.tobytes() in seen:
                    continue
                seen.update(image.tobytes() for image in matrix @ self._rotations)
                if misfit < _EXACT:
                    yield matrix, scale, False
                else:
                    inexact.append((misfit, scale, matrix))
        inexact.sort(key=_misfit)
        yield from ((matrix, scale, True) for _, scale, matrix in inexact[:_INEXACT])

    def _counts(self, structure: Cell, ratio: float) -> list[int]:
        """How many host cells the structure may hold, nearest to its number of atoms first.

        They follow from the volume and the strain, or from the number of atoms where the scale is free.
        """
        likely = len(structure) / len(self.host)
        if self._rescale:
            least, most = likely * (1 - _MISCOUNTED) - 1, likely * (1 + _MISCOUNTED) + 1
        else:
            least, most = ratio / (1 + STRAIN) ** 3, ratio / (1 - STRAIN) ** 3
        # More sites than this cannot be found again by half.
        most = min(most, (len(structure) / MOSTLY + 1) / len(self.host))
        rounding = 1e-9
        counts = range(max(1, math.ceil(least * (1 - rounding))), math.floor(most * (1 + rounding)) + 1)
        return sorted(counts, key=lambda n: abs(n - likely))

    def _direct(self, lattice: FloatArray, scales: dict[int, float]) -> _Candidates:
        """Where the structure is not turned, best fit first."""
        found: _Candidates = []
        combined = lattice @ np.linalg.inv(self.host.lattice)
        for n_cells, scale in scales.items():
            wanted = combined / scale
            matrix = np.round(wanted).astype(np.int64)
            misfit = float(np.abs(wanted - matrix).max())
            if misfit < STRAIN and abs(_determinants(*matrix)) == n_cells:
                found.append((misfit, scale, matrix))
        return sorted(found, key=_misfit)

    def _turned(self, lattice: FloatArray, scales: dict[int, float]) -> Iterator[_Candidates]:
        """Where it is turned: by lengths and angles of its shortest lattice vectors, for one count after the other."""
        if not scales:
            return
        change = short_vectors(lattice)
        back = _inverse(change)
        basis = change @ lattice
        longest = np.linalg.norm(basis, axis=1).max() * (1 + _LENGTHS) / min(scales.values())
        bound = np.floor(longest * np.linalg.norm(np.linalg.inv(self.host.lattice), axis=0)).astype(int)
        if np.prod(2.0 * bound + 1) > _LARGEST:
            return
        grid = np.stack(np.meshgrid(*(np.arange(-b, b + 1) for b in bound), indexing="ij"), -1).reshape(-1, 3)
        norms = np.linalg.norm(grid @ self.host.lattice, axis=1)
        order = np.argsort(norms)
        grid, norms = grid[order], norms[order]
        for n_cells, scale in scales.items():
            fits = self._oriented(basis, n_cells, scale, grid, norms)
            yield sorted(((misfit, scale, back @ matrix) for misfit, matrix in fits), key=_misfit)

    def _oriented(
        self, basis: FloatArray, n_cells: int, scale: float, grid: IndexArray, norms: FloatArray
    ) -> list[tuple[float, IndexArray]]:
        """Combinations, out of a grid sorted by length, with the lengths and angles of the basis."""
        host = scale * self.host.lattice
        metric = basis @ basis.T
        lengths = np.sqrt(np.diag(metric))
        limits = STRAIN * np.outer(lengths, lengths)
        wanted = np.outer(lengths / scale, (1 - _LENGTHS, 1 + _LENGTHS))
        shells = [grid[slice(*np.searchsorted(norms, pair))] for pair in wanted]
        vectors = [shell @ host for shell in shells]
        found: list[tuple[float, IndexArray]] = []
        for k in self._distinct(shells[0]).tolist():
            first = vectors[0][k]
            b, c = (np.flatnonzero(np.abs(vectors[j] @ first - metric[0, j]) < limits[0, j]) for j in (1, 2))
            fits = np.abs(vectors[1][b] @ vectors[2][c].T - metric[1, 2]) < limits[1, 2]
            i, j = np.nonzero(fits)
            matrices = np.stack(
                [np.broadcast_to(shells[0][k], (len(i), 3)), shells[1][b[i]], shells[2][c[j]]], 1
            )
            matrices = matrices[np.abs(_determinants(*matrices.transpose(1, 0, 2))) == n_cells]
            bases = matrices @ host
            misfits = np.abs(bases @ bases.transpose(0, 2, 1) - metric).max(axis=(1, 2)) / metric.max()
            found += zip(misfits.tolist(), matrices, strict=True)
        return found

    def _distinct(self, vectors: IndexArray) -> IndexArray:
        """One of the vectors that are equal by symmetry, by index."""
        if not len(vectors):
            return np.zeros(0, dtype=np.int64)
        images = vectors @ self._rotations
        width = 2 * int(np.abs(images).max()) + 1
        keys = (images @ np.array([width * width, width, 1])).max(axis=0)
        indices: IndexArray = np.unique(keys, return_index=True)[1]
        return indices

    @cached_property
    def _rotations(self) -> IndexArray:
        """The host's point group, as integer matrices that multiply rows of lattice coordinates from the right."""
        try:
            found = moyopy_dataset(self.host, self.host.atomic_numbers.tolist(), _SYMPREC)
        except SymmetryError:
            return _IDENTITY[None]
        rotations = np.array(found.operations.rotations, dtype=np.int64)
        return np.unique(rotations.transpose(0, 2, 1), axis=0)


def _misfit(candidate: tuple[float, float, IndexArray]) -> float:
    return candidate[0]


def _determinants(a: IndexArray, b: IndexArray, c: IndexArray) -> IndexArray:
    """Of the integer matrices with these rows, without rounding."""
    found: IndexArray = (a * np.cross(b, c)).sum(axis=-1)
    return found


def _inverse(change: IndexArray) -> IndexArray:
    """Of an integer matrix of determinant ±1."""
    a, b, c = change
    inverse: IndexArray = (
        _determinants(a, b, c) * np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)]).T
    )
    return inverse


def short_vectors(lattice: FloatArray) -> IndexArray:
    """Integer combinations of lattice vectors that are a basis of the same lattice, and short."""
    change = _IDENTITY.copy()
    steps = [
        (i, np.array(step))
        for i in range(3)
        for step in product((-1, 0, 1), repeat=3)
        if step[i] == 1 and step != tuple(_IDENTITY[i])
    ]
    while True:
        basis = change @ lattice
        for i, j in permutations(range(3), 2):
            times = round(float(basis[i] @ basis[j] / (basis[j] @ basis[j])))
            change[i] -= times * change[j]
            basis = change @ lattice
        squares = (basis**2).sum(axis=1)
        shorter = next((s for s in steps if ((s[1] @ basis) ** 2).sum() < squares[s[0]] * (1 - 1e-9)), None)
        if shorter is None:
            return change
        change[shorter[0]] = shorter[1] @ change


def expand(host: Cell, matrix: IndexArray, lattice: FloatArray) -> Cell:
    """Supercell of a host: lattice vectors ``matrix @ host.lattice``, then strained and turned into ``lattice``."""
    if np.array_equal(matrix, _IDENTITY):
        return host.replace(lattice=lattice)
    n_cells = abs(round(float(np.linalg.det(matrix))))
    corners = np.array(list(product((0, 1), repeat=3))) @ matrix
    low, high = corners.min(axis=0), corners.max(axis=0)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    inverse = np.linalg.inv(matrix.astype(np.float64))
    points = grid.reshape(-1, 3) @ inverse
    inside = ((points > -1e-9) & (points < 1 - 1e-9)).all(axis=1)
    cells = points[inside]
    if len(cells) != n_cells:
        raise DefectError(
            f"{len(cells)} of {n_cells} cells of the host were found in the structure's lattice"
        )
    coords = (cells[:, None, :] + (host.frac_coords @ inverse)[None, :, :]).reshape(-1, 3)
    occupancies = {
        k * len(host) + site: content for k in range(n_cells) for site, content in host.occupancies.items()
    }
    return Cell(lattice, coords, np.tile(host.atomic_numbers, n_cells), occupancies)
