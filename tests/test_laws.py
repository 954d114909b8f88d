"""Laws of the feature vectors: what must not change when the description of a crystal changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seitz import Cell, featurize, tessellate
from structures import HIGH_SYMMETRY, cells, random_cell, rotations, sigma_phase, supercell, unimodular

LIMIT = {"rtol": 1e-8, "atol": 1e-8}  # rounding of 1e-11 of a bond length, times properties up to thousands


def features(cell: Cell) -> np.ndarray:
    """All of Ward2017, which holds KS2022; but for the one feature that depends on the cell chosen."""
    table = featurize(cell, descriptor="ward2017")
    return np.delete(table.values[0], table.names.index("CanFormIonic"))


@settings(max_examples=60)
@given(cells(), rotations())
def test_features_do_not_depend_on_orientation(cell, rotation):
    rotated = Cell(cell.lattice @ rotation.T, cell.frac_coords, cell.atomic_numbers)
    assert_allclose(features(rotated), features(cell), **LIMIT)


@settings(max_examples=60)
@given(cells(), st.tuples(*[st.floats(-3, 3)] * 3))
def test_features_do_not_depend_on_the_origin(cell, shift):
    assert_allclose(
        features(cell.replace(frac_coords=cell.frac_coords + np.array(shift))), features(cell), **LIMIT
    )


@settings(max_examples=60)
@given(cells(), st.randoms(use_true_random=False))
def test_features_do_not_depend_on_the_order_of_sites(cell, random):
    order = list(range(len(cell)))
    random.shuffle(order)
    shuffled = Cell(cell.lattice, cell.frac_coords[order], cell.atomic_numbers[order])
    assert_allclose(features(shuffled), features(cell), **LIMIT)


@settings(max_examples=60)
@given(cells(), unimodular())
def test_features_do_not_depend_on_the_choice_of_lattice_vectors(cell, matrix):
    skewed = Cell(matrix @ cell.lattice, cell.frac_coords @ np.linalg.inv(matrix), cell.atomic_numbers)
    assert_allclose(features(skewed), features(cell), **LIMIT)


@settings(max_examples=40)
@given(cells(max_sites=6), st.tuples(*[st.integers(1, 3)] * 3))
def test_features_of_a_supercell_are_those_of_the_cell(cell, multiples):
    assert_allclose(features(supercell(cell, multiples)), features(cell), **LIMIT)


@settings(max_examples=60)
@given(cells(), st.floats(0.3, 3.0))
def test_features_do_not_depend_on_scale(cell, scale):
    scaled = Cell(cell.lattice * scale, cell.frac_coords, cell.atomic_numbers)
    assert_allclose(features(scaled), features(cell), **LIMIT)


@settings(max_examples=40)
@given(cells())
def test_mirror_images_have_equal_features(cell):
    mirrored = Cell(cell.lattice * [1, 1, -1], cell.frac_coords, cell.atomic_numbers)
    assert_allclose(features(mirrored), features(cell), **LIMIT)


@settings(max_examples=60)
@given(cells(max_sites=20))
def test_cells_fill_space_and_faces_come_in_pairs(cell):
    tessellation = tessellate(cell)
    assert_allclose(tessellation.cell_volumes.sum(), cell.volume, rtol=1e-9)
    faces: dict[tuple[int, ...], float] = {}
    table = zip(
        tessellation.sites, tessellation.neighbours, tessellation.images, tessellation.areas, strict=True
    )
    for site, neighbour, image, area in table:
        faces[(int(site), int(neighbour), *image.tolist())] = area
    surface = tessellation.areas.sum()
    for (site, neighbour, *image), area in faces.items():
        back = faces.get((neighbour, site, *(-k for k in image)), 0.0)
        assert abs(back - area) <= 1e-9 * surface


@pytest.mark.parametrize("name", HIGH_SYMMETRY)
def test_small_displacements_change_features_continuously(name):
    """Areas of degenerate faces grow from zero, so nothing may jump."""
    cell = HIGH_SYMMETRY[name]
    noise = np.random.default_rng(0).normal(size=cell.frac_coords.shape)
    exact = features(cell)
    for size in (1e-12, 1e-10, 1e-8, 1e-6, 1e-4):
        moved = features(cell.replace(frac_coords=cell.frac_coords + size * noise))
        # Differences of melting temperatures are thousands, so that is the slope; 1e-8 is rounding times them.
        assert np.max(np.abs(moved - exact)) < 3e4 * size + 1e-8


@settings(max_examples=20)
@given(st.lists(cells(), min_size=1, max_size=12))
def test_any_number_of_threads_gives_the_same_bytes(batch):
    one = featurize(batch, n_threads=1).values
    for n_threads in (2, 3, 8):
        assert featurize(batch, n_threads=n_threads).values.tobytes() == one.tobytes()


def test_threads_inside_one_large_structure_give_the_same_bytes():
    cell = random_cell(np.random.default_rng(5), 3000)
    one = featurize(cell, n_threads=1).values
    assert featurize(cell, n_threads=4).values.tobytes() == one.tobytes()
    single, many = tessellate(cell, n_threads=1), tessellate(cell, n_threads=4)
    for name in ("offsets", "neighbours", "images", "areas", "distances"):
        assert getattr(single, name).tobytes() == getattr(many, name).tobytes()


@settings(max_examples=30)
@given(cells(), st.integers(0, 2**32 - 1))
def test_decorating_a_tessellation_equals_featurizing_the_decorated_structure(cell, seed):
    numbers = np.random.default_rng(seed).choice([1, 6, 12, 26, 79, 92], size=(4, len(cell)))
    decorated = tessellate(cell).featurize(numbers)
    direct = featurize([cell.replace(atomic_numbers=row) for row in numbers])
    assert_allclose(decorated.values, direct.values, rtol=1e-12, atol=1e-12)


def test_batches_of_any_size_give_the_same_rows():
    from seitz import featurize_batches

    batch = [random_cell(np.random.default_rng(i), 1 + i % 7) for i in range(30)] + [sigma_phase()]
    whole = featurize(batch).values
    for size in (1, 7, 31, 100):
        parts = [part.values for part in featurize_batches(batch, batch_size=size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
