"""Triangles and lines of cells, atoms and lattices, as plotly takes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from seitz._typing import FloatArray, IndexArray


class Mesh(NamedTuple):
    """(n, 3) vertices in Å, and (m, 3) triangles of them."""

    vertices: FloatArray
    triangles: IndexArray


def cell_mesh(faces: Sequence[FloatArray], centre: FloatArray, size: float) -> Mesh:
    """The faces of a cell around its site, shrunk; every face has vertices of its own, so that edges stay sharp."""
    vertices, triangles, start = [], [], 0
    for corners in faces:
        vertices.append(centre + size * corners)
        fan = np.arange(1, len(corners) - 1)
        triangles.append(start + np.column_stack([np.zeros_like(fan), fan, fan + 1]))
        start += len(corners)
    return Mesh(np.concatenate(vertices), np.concatenate(triangles))


def cell_edges(faces: Sequence[FloatArray], centre: FloatArray, size: float) -> FloatArray:
    """(n, 3) every edge of a cell once: two ends and a NaN that lifts the pen."""
    ends = np.concatenate([np.stack([corners, np.roll(corners, -1, axis=0)], axis=1) for corners in faces])
    flipped = np.lexsort(ends.transpose(2, 0, 1), axis=1)[:, 0] == 1
    ends[flipped] = ends[flipped, ::-1]
    ends = np.unique(ends.reshape(-1, 6), axis=0).reshape(-1, 2, 3)
    return _lifted(centre + size * ends)


def lattice_edges(lattice: FloatArray) -> FloatArray:
    """(36, 3) the twelve edges of the unit cell, as those of cells."""
    ends = [
        [corner, corner + np.eye(3)[axis]]
        for axis in range(3)
        for corner in np.array(list(np.ndindex(2, 2, 2)))
        if corner[axis] == 0
    ]
    return _lifted(np.array(ends) @ lattice)


def balls(centres: FloatArray, radii: FloatArray) -> Mesh:
    """Spheres."""
    sphere = _sphere(2 if len(centres) <= 60 else 1)
    vertices = centres[:, None] + radii[:, None, None] * sphere.vertices
    shifts = np.arange(len(centres))[:, None, None] * len(sphere.vertices)
    return Mesh(vertices.reshape(-1, 3), (sphere.triangles + shifts).reshape(-1, 3))


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([start + mesh.triangles for start, mesh in zip(starts, meshes, strict=True)]),
    )


def _lifted(ends: FloatArray) -> FloatArray:
    return np.concatenate([ends, np.full((len(ends), 1, 3), np.nan)], axis=1).reshape(-1, 3)


@cache
def _sphere(divisions: int) -> Mesh:
    """An icosahedron whose triangles were divided into four so many times, on the unit sphere."""
    golden = (1 + np.sqrt(5)) / 2
    base = [[0, a, b * golden] for a in (1, -1) for b in (1, -1)]
    points = np.array([np.roll(point, turn) for turn in range(3) for point in base], dtype=np.float64)
    triples = np.array([(i, j, k) for i in range(12) for j in range(i) for k in range(j)])
    near = [
        np.linalg.norm(points[triples[:, p]] - points[triples[:, q]], axis=1)
        for p, q in ((0, 1), (1, 2), (2, 0))
    ]
    triangles = points[triples[(np.array(near) < 2.1).all(axis=0)]]
    inwards = np.linalg.det(triangles) < 0
    triangles[inwards] = triangles[inwards][:, ::-1]
    for _ in range(divisions):
        a, b, c = triangles.transpose(1, 0, 2)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        triangles = np.concatenate(
            [np.stack(part, axis=1) for part in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    corners, places = np.unique(np.round(triangles.reshape(-1, 3), 9), axis=0, return_inverse=True)
    return Mesh(corners / np.linalg.norm(corners, axis=1)[:, None], places.reshape(-1, 3))
