"""Faces of the compiled kernel against brute force and against Qhull."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reference.voronoi import NO_AREA, Face, brute_force_faces, qhull_faces
from seitz import Cell, Tessellation, tessellate
from structures import HIGH_SYMMETRY, random_cell, supercell


def sheared(cell: Cell, matrix: list[list[int]]) -> Cell:
    """The same crystal in a skewed set of lattice vectors."""
    m = np.array(matrix)
    return Cell(m @ cell.lattice, cell.frac_coords @ np.linalg.inv(m), cell.atomic_numbers)


def symmetric_cells() -> dict[str, Cell]:
    """More than fifty cells whose Voronoi vertices coincide: prototypes, supercells, skewed and strained ones."""
    found = dict(HIGH_SYMMETRY)
    small = {name: cell for name, cell in HIGH_SYMMETRY.items() if len(cell) <= 8}
    for name, cell in small.items():
        found[f"{name} 2x1x1"] = supercell(cell, (2, 1, 1))
        found[f"{name} skewed"] = sheared(cell, [[1, 2, -1], [0, 1, 3], [0, 0, 1]])
        found[f"{name} left-handed"] = Cell(
            cell.lattice[::-1], cell.frac_coords[:, ::-1], cell.atomic_numbers
        )
        stretched = cell.lattice @ np.diag([1.0, 1.0, 1.3])
        found[f"{name} stretched"] = Cell(stretched, cell.frac_coords, cell.atomic_numbers)
        noise = np.random.default_rng(len(name)).normal(size=cell.frac_coords.shape) * 1e-7
        found[f"{name} nearly"] = Cell(cell.lattice, cell.frac_coords + noise, cell.atomic_numbers)
    return found


SYMMETRIC = symmetric_cells()


def assert_same_faces(tessellation: Tessellation, site: int, expected: list[Face]) -> None:
    """Same neighbours at the same places, same areas to 1e-9 of the surface; slivers may be there or not."""
    k = tessellation.faces(site)
    neighbours, images = tessellation.neighbours[k], tessellation.images[k]
    to = tessellation.frac_coords[neighbours] + images - tessellation.frac_coords[site]
    vectors, areas = to @ tessellation.lattice, tessellation.areas[k]
    surface = areas.sum()
    seen = np.zeros(len(areas), dtype=bool)
    for face in expected:
        near = np.linalg.norm(vectors - face.to, axis=1) < 1e-6
        found = float(areas[near].sum())
        assert near.sum() <= 1
        assert abs(found - face.area) <= 1e-9 * surface, (found, face)
        assert (neighbours[near] == face.site).all()
        seen |= near
    assert areas[~seen].sum() <= NO_AREA * surface
    assert_allclose(np.linalg.norm(vectors, axis=1), tessellation.distances[k], rtol=1e-9)


def test_there_are_fifty_high_symmetry_cells():
    assert len(SYMMETRIC) >= 50


@pytest.mark.parametrize("name", SYMMETRIC)
def test_high_symmetry_cells_agree_with_qhull(name):
    cell = SYMMETRIC[name]
    tessellation = tessellate(cell)
    for site in range(0, len(cell), max(1, len(cell) // 4)):
        assert_same_faces(tessellation, site, qhull_faces(cell, site))


@pytest.mark.parametrize("seed", range(200))
def test_random_cells_agree_with_qhull(seed):
    rng = np.random.default_rng(seed)
    cell = random_cell(rng, int(rng.integers(1, 20)))
    tessellation = tessellate(cell)
    for site in range(min(3, len(cell))):
        assert_same_faces(tessellation, site, qhull_faces(cell, site))


@pytest.mark.parametrize("name", ["sc", "fcc", "bcc", "diamond", "perovskite"])
def test_the_readable_twin_agrees_on_symmetric_cells(name):
    cell = HIGH_SYMMETRY[name]
    assert_same_faces(tessellate(cell), 0, brute_force_faces(cell, 0))


@pytest.mark.parametrize("seed", range(10))
def test_the_readable_twin_agrees_on_random_cells(seed):
    cell = random_cell(np.random.default_rng(1000 + seed), 1 + seed)
    assert_same_faces(tessellate(cell), 0, brute_force_faces(cell, 0))


@pytest.mark.parametrize("n_sites", [127, 128, 129, 400])
def test_bins_and_image_ranges_find_the_same_faces(n_sites):
    """Beyond 128 sites neighbours come from bins; a supercell crosses that border, its primitive cell does not."""
    rng = np.random.default_rng(n_sites)
    cell = random_cell(rng, n_sites)
    tessellation = tessellate(cell)
    for site in rng.integers(0, n_sites, 3):
        assert_same_faces(tessellation, int(site), qhull_faces(cell, int(site)))
