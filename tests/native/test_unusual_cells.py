"""Cells far from any crystal: shells with hundreds of faces, voids, needles, sheets, and near-degenerate noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_cells_against_oracles import assert_same_faces

from reference.voronoi import qhull_faces
from seitz import Cell, tessellate
from seitz.errors import OverlapError
from structures import fcc, random_cell


def fibonacci_sphere(n: int) -> np.ndarray:
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + np.sqrt(5)) * k
    return np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1)


@pytest.mark.parametrize("n_shell", [60, 150, 300, 1000])
def test_an_atom_inside_a_shell_has_as_many_faces_as_the_shell_has_atoms(n_shell):
    """Beyond 128 planes the kernel changes to a table without fixed size."""
    shell = 0.5 + 0.25 * fibonacci_sphere(n_shell)
    cell = Cell(np.eye(3) * 40.0, np.vstack([[0.5, 0.5, 0.5], shell]), [26] * (n_shell + 1))
    tessellation = tessellate(cell)
    assert tessellation.n_faces[0] == n_shell
    assert_allclose(tessellation.cell_volumes.sum(), cell.volume, rtol=1e-9)
    assert_same_faces(tessellation, 0, qhull_faces(cell, 0))


@pytest.mark.parametrize("height", [5.0, 30.0, 300.0, 3000.0])
def test_a_sheet_in_vacuum_takes_half_of_it_on_either_side(height):
    a = 2.46
    lattice = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, height]])
    tessellation = tessellate(Cell(lattice, [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]], [6, 6]))
    assert tessellation.n_faces.tolist() == [5, 5]
    assert_allclose(tessellation.cell_volumes, tessellation.volume / 2, rtol=1e-9)
    own = tessellation.neighbours == tessellation.sites
    assert_allclose(tessellation.distances[own], height)


def test_one_atom_in_a_box_sees_only_its_own_images():
    tessellation = tessellate(Cell(np.diag([10.0, 20.0, 30.0]), [[0.1, 0.2, 0.3]], [2]))
    assert tessellation.neighbours.tolist() == [0] * 6
    assert sorted(map(tuple, tessellation.images.tolist())) == sorted(
        [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    )
    assert_allclose(np.sort(tessellation.distances), [10, 10, 20, 20, 30, 30])


@pytest.mark.parametrize("n_sites", [3, 60, 140])
def test_needles_and_molecules_fill_their_boxes(n_sites):
    rng = np.random.default_rng(n_sites)
    needle = Cell(np.diag([3.0, 3.0, 3000.0]), rng.random((n_sites, 3)), [6] * n_sites)
    molecule = Cell(np.eye(3) * 60.0, 0.5 + 0.1 * rng.random((n_sites, 3)), [6] * n_sites)
    for cell in (needle, molecule):
        assert_allclose(tessellate(cell).cell_volumes.sum(), cell.volume, rtol=1e-9)


@pytest.mark.parametrize("gap", [0.0, 1e-5, 9.9e-4])
def test_sites_closer_than_a_thousandth_of_an_angstrom_are_refused_by_name(gap):
    cell = Cell(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + gap / 4]], [26] * 3)
    with pytest.raises(OverlapError, match="sites 1 and 2"):
        tessellate(cell)


def test_sites_a_hundredth_of_an_angstrom_apart_are_two_sites():
    cell = Cell(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5025]], [26] * 3)
    assert_allclose(tessellate(cell).cell_volumes.sum(), 64.0, rtol=1e-9)


def test_a_site_that_meets_its_own_image_is_refused():
    with pytest.raises(OverlapError, match="own periodic image"):
        tessellate(Cell(np.diag([5e-4, 4, 4]), [[0, 0, 0]], [26]))


def test_overlaps_across_the_border_and_in_large_cells_are_found():
    rng = np.random.default_rng(0)
    for n_sites in (10, 300):
        cell = random_cell(rng, n_sites)
        twin = cell.frac_coords[7] + [1, -2, 3] + np.array([1e-5, 0, 0]) @ np.linalg.inv(cell.lattice)
        crowded = Cell(cell.lattice, np.vstack([cell.frac_coords, twin]), [26] * (n_sites + 1))
        with pytest.raises(OverlapError, match=f"sites 7 and {n_sites}"):
            tessellate(crowded)


def unusual_cell(rng: np.random.Generator) -> Cell:
    """Anything from needles to sheared lattices, with positions on grids up to noise, in clusters or on shells."""
    n = int(rng.choice([1, 1, 2, 3, 4, 5, 8, 12, 20, 40, 140]))
    lattice = np.diag(10 ** rng.uniform(0, 1, 3))
    match rng.integers(8):
        case 1:
            lattice = np.diag(10 ** rng.uniform(-1, 3, 3))
        case 2:
            lattice = rng.normal(size=(3, 3)) * 5
        case 3:
            lattice = 4.0 * (np.eye(3) + np.triu(rng.integers(-30, 30, (3, 3)), 1))
        case 4:
            lattice = np.diag([rng.uniform(1, 3), rng.uniform(1, 3), 10 ** rng.uniform(1, 4)])
        case 5:
            lattice = fcc().lattice + rng.normal(size=(3, 3)) * 10 ** rng.uniform(-16, -3)
        case 6:
            lattice = np.eye(3) * 10 ** rng.uniform(0, 4)
        case 7:
            noise = rng.normal(size=(3, 3)) * 10 ** rng.uniform(-16, -3)
            lattice = (np.ones((3, 3)) - np.eye(3)) * rng.uniform(1, 5) + noise
    coords = rng.random((n, 3))
    match rng.integers(4):
        case 1:
            grid = rng.integers(1, 9, 3)
            coords = np.round(coords * grid) / grid + rng.normal(size=(n, 3)) * 10 ** rng.uniform(-16, -3)
        case 2:
            coords = coords * 10 ** rng.uniform(-3, 0)
        case 3:
            u = rng.normal(size=(n, 3))
            coords = u / np.linalg.norm(u, axis=1, keepdims=True) * rng.uniform(0.05, 0.45)
    return Cell(lattice, coords, np.full(n, 26))


def assert_fills_or_overlaps(rng: np.random.Generator, count: int) -> int:
    """Number of cells that were tessellated; the others held two atoms at one place, and said so."""
    filled = 0
    for _ in range(count):
        cell = unusual_cell(rng)
        try:
            tessellation = tessellate(cell, n_threads=1)
        except OverlapError:
            continue
        filled += 1
        # Rounding of far vertices grows with the aspect ratio of the cell.
        aspect = np.linalg.norm(cell.lattice, axis=1).max() / (cell.volume / len(cell)) ** (1 / 3)
        assert_allclose(tessellation.cell_volumes.sum(), cell.volume, rtol=1e-9 * max(1.0, aspect))
        assert np.isfinite(tessellation.areas).all()
        assert (tessellation.areas > 0).all()
    return filled


def test_unusual_cells_are_filled_or_refused_by_name():
    assert assert_fills_or_overlaps(np.random.default_rng(1), 1500) > 1000


@pytest.mark.slow
def test_a_hundred_thousand_unusual_cells_are_filled_or_refused_by_name():
    assert assert_fills_or_overlaps(np.random.default_rng(2), 100_000) > 70_000
