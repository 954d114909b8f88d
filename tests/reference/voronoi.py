"""Faces of one Wigner-Seitz cell, by brute force and by Qhull."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.spatial import Voronoi

from seitz import Cell

NO_AREA = 1e-9  # of the surface: faces smaller than this may be there or not


class Face(NamedTuple):
    to: np.ndarray  # vector to the neighbour, Å
    site: int
    area: float


def images_around(cell: Cell, site: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Vectors from a site to all atoms within a radius (itself first), and their site indices."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell.lattice), axis=0)
    wrapped = cell.frac_coords - np.floor(cell.frac_coords)
    reach = np.ceil(radius / heights).astype(int) + 1
    shifts = np.array(list(np.ndindex(*(2 * reach + 1)))) - reach
    vectors = (wrapped[None] + shifts[:, None] - wrapped[site]) @ cell.lattice
    sites = np.broadcast_to(np.arange(len(cell)), vectors.shape[:2])
    distance = np.linalg.norm(vectors, axis=2)
    order = np.argsort(distance[distance <= radius], kind="stable")
    return vectors[distance <= radius][order], sites[distance <= radius][order]


def brute_force_faces(cell: Cell, site: int) -> list[Face]:
    """Intersect all triples of bisector planes; keep the points that no plane cuts off; sort them on every plane."""
    radius = 2.6 * (cell.volume / len(cell)) ** (1 / 3)
    while True:
        vectors, sites = images_around(cell, site, radius)
        vectors, sites = vectors[1:], sites[1:]
        half = 0.5 * np.einsum("ij,ij->i", vectors, vectors)
        triples = np.array(list(combinations(range(len(vectors)), 3)))
        matrices = vectors[triples]
        solvable = np.abs(np.linalg.det(matrices)) > 1e-8 * np.prod(np.linalg.norm(matrices, axis=2), axis=1)
        points = np.linalg.solve(matrices[solvable], half[triples[solvable]][..., None])[..., 0]
        points = points[(points @ vectors.T <= half * (1 + 1e-10)).all(axis=1)]
        if len(points) > 3 and radius >= 2 * np.linalg.norm(points, axis=1).max():
            break
        radius *= 1.25
    return [
        Face(v, int(j), _polygon_area(points, v, h)) for v, j, h in zip(vectors, sites, half, strict=True)
    ]


def _polygon_area(points: np.ndarray, normal: np.ndarray, half: float) -> float:
    unit = normal / np.linalg.norm(normal)
    on_plane = points[np.abs(points @ normal - half) < 1e-9 * half]
    if len(on_plane) < 3:
        return 0.0
    first = np.cross(unit, np.eye(3)[np.argmin(np.abs(unit))])
    first /= np.linalg.norm(first)
    centred = on_plane - on_plane.mean(axis=0)
    u, v = centred @ first, centred @ np.cross(unit, first)
    order = np.argsort(np.arctan2(v, u))
    u, v = u[order], v[order]
    return 0.5 * abs(float(np.dot(u, np.roll(v, -1)) - np.dot(v, np.roll(u, -1))))


def qhull_faces(cell: Cell, site: int) -> list[Face]:
    """Qhull's Voronoi diagram of a cluster that is large enough for the central cell to be that of the crystal."""
    radius = 3.5 * (cell.volume / len(cell)) ** (1 / 3)
    while True:
        vectors, sites = images_around(cell, site, radius)
        diagram = Voronoi(vectors)
        region = diagram.regions[diagram.point_region[0]]
        if -1 not in region and radius >= 2 * np.linalg.norm(diagram.vertices[region], axis=1).max():
            break
        radius *= 1.4
    faces = []
    for (i, j), corners in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if 0 in (i, j):
            other = max(i, j)
            ring = diagram.vertices[corners]
            area = 0.5 * np.linalg.norm(np.cross(ring, np.roll(ring, -1, axis=0)).sum(axis=0))
            faces.append(Face(vectors[other], int(sites[other]), float(area)))
    return faces
