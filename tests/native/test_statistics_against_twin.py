"""Rows and statistics of the compiled kernels against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from reference import features as twin
from seitz import Cell, featurize, tessellate
from structures import HIGH_SYMMETRY, cells


def assert_agrees(cell: Cell) -> None:
    tessellation = tessellate(cell)
    expected = twin.ks2022(cell, tessellation)
    table = featurize(cell, occupancy="average")
    assert set(table.names) == set(expected)
    for name, found in zip(table.names, table.values[0], strict=True):
        assert found == pytest.approx(expected[name], rel=1e-9, abs=1e-8), name


@pytest.mark.parametrize("name", HIGH_SYMMETRY)
def test_ks2022_of_prototypes_agrees_with_the_twin(name):
    assert_agrees(HIGH_SYMMETRY[name])


@settings(max_examples=80)
@given(cells(), st.integers(0, 2**32 - 1))
def test_ks2022_of_random_cells_agrees_with_the_twin(cell, seed):
    rng = np.random.default_rng(seed)
    assert_agrees(cell.replace(atomic_numbers=rng.integers(1, 113, len(cell))))


@settings(max_examples=40)
@given(cells(), st.integers(0, 2**32 - 1))
def test_averaged_sites_agree_with_the_twin(cell, seed):
    rng = np.random.default_rng(seed)
    shared = {}
    for site in range(0, len(cell), 2):
        elements = rng.choice(np.arange(1, 95), 3, replace=False).tolist()
        shared[site] = dict(
            zip(elements, (rng.dirichlet([1, 1, 1]) * rng.uniform(0.5, 1)).tolist(), strict=True)
        )
    assert_agrees(cell.replace(occupancies=shared))


@settings(max_examples=40)
@given(cells())
def test_environment_rows_agree_with_the_twin(cell):
    tessellation = tessellate(cell)
    expected = twin.environment_rows(tessellation, twin.property_rows(cell))
    assert_allclose(tessellation.environments(cell.atomic_numbers).values, expected, rtol=1e-10, atol=1e-10)
