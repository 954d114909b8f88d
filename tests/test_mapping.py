"""Hosts that hide: strained, turned onto lattices that coincide with their own; and environments that nearly agree."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from seitz import (
    Cell,
    Interstitial,
    Substitution,
    Vacancy,
    featurize,
    featurize_dilute,
    host_plan,
    tessellate,
)
from seitz.defects import map_onto_host
from seitz.defects.superlattices import Superlattices, short_vectors
from seitz.errors import DefectError
from seitz.symmetry import environment_classes
from seitz.symmetry.environments import _alike
from structures import bcc, caesium_chloride, diamond, fcc, perovskite, supercell

SIMPLE_CUBIC = Cell(3.0 * np.eye(3), [[0, 0, 0]], ["Po"])
UNITS = {
    "sc": SIMPLE_CUBIC,
    "bcc": bcc(),
    "fcc": fcc(),
    "B2": caesium_chloride(),
    "perovskite": perovskite(),
    "diamond": diamond(),
}
SKEW = np.array([[1, 2, 0], [0, 1, 0], [3, -1, 1]])


def turned(cell: Cell, seed: int, basis: np.ndarray) -> Cell:
    """The same crystal turned, shifted, in another order, on other vectors of its lattice."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(cell))
    coords = (cell.frac_coords[order] + rng.random(3)) @ np.linalg.inv(basis)
    return Cell(basis @ cell.lattice @ turn, coords % 1.0, cell.atomic_numbers[order])


def kinds(cell: Cell, host: Cell, **options: bool) -> Counter[str]:
    return Counter(type(change).__name__ for change in map_onto_host(cell, host, **options).changes)


def noisy(cell: Cell, size: float, seed: int = 0) -> Cell:
    moved = np.random.default_rng(seed).normal(0, size, (len(cell), 3))
    return cell.replace(frac_coords=cell.frac_coords + moved @ np.linalg.inv(cell.lattice))


# --- strain ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.955, 0.99, 1.01, 1.045])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
def test_a_supercell_of_any_size_may_be_stretched(n, scale):
    cell = host_plan(supercell(bcc(), (n, n, n))).changed({0: "Al"})
    cell = cell.replace(lattice=cell.lattice * scale)
    assert kinds(cell, bcc()) == {"Substitution": 1}
    assert kinds(turned(cell, n, SKEW), bcc()) == {"Substitution": 1}


@pytest.mark.parametrize("scale", [0.94, 1.06])
def test_a_host_stretched_further_is_refused(scale):
    cell = supercell(bcc(), (4, 4, 4))
    with pytest.raises(DefectError, match="no superlattice"):
        map_onto_host(cell.replace(lattice=cell.lattice * scale), bcc())


def test_every_count_of_cells_within_the_strain_is_tried_the_likely_first():
    cell = supercell(bcc(), (4, 4, 4))
    cell = cell.replace(lattice=cell.lattice * 1.03)
    ratio = cell.volume / bcc().volume
    counts = Superlattices(bcc())._counts(cell, ratio)
    assert counts[0] == 64
    assert sorted(counts) == [
        n for n in range(1, 200) if abs((ratio / n) ** (1 / 3) - 1) <= 0.05 and n <= 128
    ]


def test_a_prototype_with_an_eighth_of_its_sites_vacant():
    whole = supercell(bcc(), (4, 4, 4))
    vacant = np.random.default_rng(2).choice(len(whole), 16, replace=False)
    cell = host_plan(whole).changed({int(site): None for site in vacant})
    cell = cell.replace(lattice=cell.lattice * 1.3)
    assert kinds(turned(cell, 0, SKEW), bcc(), rescale=True) == {"Vacancy": 16}


# --- lattices that coincide with themselves, turned ----------------------------------------------------------------


@pytest.mark.parametrize("basis", [np.eye(3), SKEW], ids=["turned", "skew"])
@pytest.mark.parametrize("name", UNITS)
def test_lattice_vectors_of_equal_length_do_not_mislead(name, basis):
    plan = host_plan(supercell(UNITS[name], (3, 3, 3)))  # |(1, 2, 2)| = |(3, 0, 0)|
    defect = plan.changed([Substitution(7, "W"), Vacancy(12)])
    for seed in range(8):
        found = kinds(turned(defect, seed, basis), UNITS[name])
        assert found == {"Substitution": 1, "Vacancy": 1}, seed


def test_a_lattice_that_coincides_where_it_lies():
    cell = host_plan(supercell(SIMPLE_CUBIC, (5, 5, 5))).changed({7: "W"})
    turn = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])  # (5, 0, 0) onto (4, 3, 0)
    assert kinds(cell.replace(lattice=cell.lattice @ turn), SIMPLE_CUBIC) == {"Substitution": 1}


def test_a_frenkel_pair_is_not_explained_by_moving_the_rest():
    plan = host_plan(supercell(bcc(), (3, 3, 3)))
    pair = plan.changed([Vacancy(0), Interstitial([0.5, 0.5 + 1 / 12, 0.5], "Fe")])
    for seed in range(6):
        assert kinds(turned(pair, seed, SKEW), bcc()) == {"Vacancy": 1, "Interstitial": 1}


def test_relaxed_atoms_in_a_turned_cell():
    plan = host_plan(supercell(bcc(), (3, 3, 3)))
    relaxed = noisy(plan.changed([Vacancy(5), Substitution(1, "Al")]), 0.08)
    cell = turned(relaxed.replace(lattice=relaxed.lattice * 1.02), 4, SKEW)
    mapping = map_onto_host(cell, bcc())
    moved = (cell.frac_coords - mapping.host.frac_coords[mapping.host_sites] + 0.5) % 1 - 0.5
    assert np.linalg.norm(moved @ cell.lattice, axis=1).max() < 0.4
    assert_allclose(featurize_dilute(cell, host=bcc()).values, featurize(cell).values, rtol=1e-9, atol=1e-9)


def test_a_hot_crystal_as_it_lies_is_found_among_its_orientations():
    cell = noisy(supercell(bcc(), (5, 5, 5)), 0.3)  # (3, 4, 0) is as long as (5, 0, 0)
    mapping = map_onto_host(cell, bcc())
    assert (mapping.host_sites >= 0).sum() > 235
    moved = turned(cell, 3, SKEW)
    assert (map_onto_host(moved, bcc()).host_sites >= 0).sum() > 235


def test_orientations_that_are_equal_by_symmetry_are_one():
    cell = turned(supercell(SIMPLE_CUBIC, (3, 3, 3)), 1, SKEW)
    found = list(Superlattices(SIMPLE_CUBIC).candidates(cell))
    assert 2 <= len(found) <= 12  # hundreds of matrices
    for matrix, scale, _ in found:
        assert abs(round(np.linalg.det(matrix))) == 27
        assert scale == pytest.approx(1)


def test_short_vectors_span_the_same_lattice():
    rng = np.random.default_rng(0)
    for _ in range(50):
        lattice = np.eye(3) * 4 + rng.normal(size=(3, 3)) * 0.3
        steps = np.eye(3, dtype=int) + np.triu(rng.integers(-9, 10, (3, 3)), 1)
        steps = steps @ (np.eye(3, dtype=int) + np.tril(rng.integers(-9, 10, (3, 3)), -1))
        change = short_vectors(steps @ lattice)
        assert abs(round(np.linalg.det(change))) == 1
        assert np.linalg.norm(change @ steps @ lattice, axis=1).max() < 6.5


# --- equal environments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "tolerance"), [(0.03, 1e-4), (1e-4, 1e-4), (0.03, 1e-2)])
def test_environments_are_not_merged_by_steps(noise, tolerance):
    cell = noisy(supercell(bcc(), (9, 9, 9)), noise)
    classes = environment_classes(cell, tolerance=tolerance)
    faces = tessellate(cell)
    scale = (cell.volume / len(cell)) ** (1 / 3)
    assert len(classes) > 100
    for site in np.flatnonzero(classes.labels != np.arange(len(cell))).tolist():
        own, first = faces.faces(site), faces.faces(int(classes.labels[site]))
        for values, unit in ((faces.distances, 1.0), (faces.areas, scale)):
            pair = [np.sort(values[k][faces.areas[k] > tolerance * scale]) for k in (own, first)]
            assert np.abs(pair[0] - pair[1]).max() <= tolerance * unit * (1 + 1e-6)


def test_environments_within_the_tolerance_are_still_one():
    whole = supercell(bcc(), (6, 6, 6))
    assert len(environment_classes(noisy(whole, 1e-6), tolerance=1e-4)) == 1
    numbers = whole.atomic_numbers.copy()
    numbers[0] = 13
    doped = whole.replace(atomic_numbers=numbers)
    assert_array_equal(
        environment_classes(noisy(doped, 1e-6), tolerance=1e-4).labels, environment_classes(doped).labels
    )
    assert len(environment_classes(noisy(whole, 0.03), tolerance=1e3)) == 1


def test_faces_are_paired_whatever_their_order():
    """Two faces at one distance but of different area: rounding may put either first."""
    kinds = np.array([0, 0, 1])
    one = [[10.0, 5.0], [10.3, 9.0], [20.0, 1.0]]
    same = [[10.1, 9.2], [10.2, 5.1], [20.5, 1.0]]
    other = [[10.0, 9.0], [10.3, 5.0], [21.5, 1.0]]
    crossed = [[9.2, 9.0], [11.2, 5.0], [20.0, 1.0]]  # distances and areas agree, but not of one face
    found = _alike(np.array([one, other, same, crossed, one]), kinds)
    assert found.tolist() == [0, 1, 0, 3, 0]
