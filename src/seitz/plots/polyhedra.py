"""Corners of Wigner-Seitz cells, which the kernel does not keep: every face cut by the bisectors of its neighbours."""

from __future__ import annotations

import numpy as np

from seitz._typing import FloatArray
from seitz.tessellation import Tessellation

_INSIDE = 1e-13  # of the starting square: how far behind a plane a corner may lie
_SAME = 1e-9  # of the largest distance: corners closer than this are one


def polyhedron(tessellation: Tessellation, site: int) -> list[FloatArray]:
    """Polygons of the Wigner-Seitz cell of one site.

    Parameters
    ----------
    tessellation
        Cells of a structure.
    site
        Which of them.

    Returns
    -------
    list
        For every face, in the order of ``tessellation.faces(site)``, its (k, 3) corners in Å, seen from the site,
        counter-clockwise from outside. Faces that share a corner hold the same numbers for it. A face too small to have
        corners, below about 1e-8 Å, is (0, 3).

    Examples
    --------
    >>> from seitz import Cell, tessellate
    >>> bcc = Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])
    >>> faces = polyhedron(tessellate(bcc), 0)
    >>> [len(corners) for corners in faces].count(6), [len(corners) for corners in faces].count(4)
    (8, 6)
    """
    faces = tessellation.faces(site)
    neighbours = tessellation.frac_coords[tessellation.neighbours[faces]] + tessellation.images[faces]
    vectors = (neighbours - tessellation.frac_coords[site]) @ tessellation.lattice
    lengths = np.linalg.norm(vectors, axis=1)
    normals, halves = vectors / lengths[:, None], lengths / 2
    # No point of a cell is farther from its site than half-way around the lattice.
    size = float(np.linalg.norm(tessellation.lattice, axis=1).sum())
    polygons = [_face(k, normals, halves, size) for k in range(len(normals))]
    return _joined(polygons, _SAME * float(lengths.max()))


def _face(k: int, normals: FloatArray, halves: FloatArray, size: float) -> FloatArray:
    """The part of one bisector plane that lies behind all others."""
    normal = normals[k]
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    square = np.array([first + second, second - first, -first - second, first - second])
    corners: FloatArray = halves[k] * normal + size * square
    others = np.arange(len(normals)) != k
    while len(corners):
        above = np.where(others, (corners @ normals.T - halves).max(axis=0), -np.inf)
        cutter = int(above.argmax())
        if above[cutter] <= _INSIDE * size:
            break
        corners = _cut(corners, corners @ normals[cutter] - halves[cutter], _INSIDE * size)
        others[cutter] = False
    return corners


def _cut(corners: FloatArray, above: FloatArray, tolerance: float) -> FloatArray:
    """Part of a convex polygon whose corners lie at or below a plane."""
    inside = above <= tolerance
    following, above_following = np.roll(corners, -1, axis=0), np.roll(above, -1)
    crosses = inside != np.roll(inside, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crosses, above / (above - above_following), 0.0)[:, None]
    candidates = np.stack([corners, corners + share * (following - corners)], axis=1)
    chosen = np.stack([inside, crosses], axis=1)
    kept: FloatArray = candidates[chosen]
    return kept


def _joined(polygons: list[FloatArray], tolerance: float) -> list[FloatArray]:
    """The same polygons, with corners that are one in space made one in numbers."""
    points = np.concatenate(polygons)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    same = np.minimum.reduce(
        np.where(apart <= tolerance, np.arange(len(points)), len(points)), axis=1, initial=len(points)
    )
    while not np.array_equal(same, same[same]):  # a chain of close corners is one corner
        same = same[same]
    joined, start = [], 0
    for polygon in polygons:
        names = same[start : start + len(polygon)]
        start += len(polygon)
        names = names[names != np.roll(names, 1)] if len(names) > 1 else names
        joined.append(points[names] if len(names) > 2 else np.empty((0, 3)))
    return joined
