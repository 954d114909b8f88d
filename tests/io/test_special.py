from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from samples import CIF_COLUMNS as COLUMNS
from samples import CIF_HEAD as HEAD
from samples import CIF_OCCUPIED as OCCUPIED
from samples import CIF_SYMBOL as SYMBOL
from samples import only_cell, only_error, read

from seitz.cell import Cell
from seitz.io.special import snapped
from seitz.symmetry import site_orbits


@pytest.fixture
def cif(tmp_path: Path):
    return lambda text, **options: only_cell(read(tmp_path, "a.cif", text, **options))


@pytest.fixture
def error(tmp_path: Path):
    return lambda text, **options: only_error(read(tmp_path, "a.cif", text, **options))


def group(cell: Cell) -> tuple[int, int]:
    """Space group, and number of orbits."""
    orbits = site_orbits(cell)
    return orbits.space_group, len(orbits)


def hexagonal(a: float, c: float) -> str:
    head = HEAD.replace("gamma 90", "gamma 120").replace("_c 5", f"_c {c}")
    return head.replace("_a 5", f"_a {a}").replace("_b 5", f"_b {a}")


@pytest.mark.parametrize(
    "x, y", [("0.333", "0.667"), ("0.3333", "0.6667"), ("0.33", "0.67"), ("0.333", "0.666"), (".66666", ".33333"),
             ("0.333333", "0.666667"), ("1/3", "2/3"), ("-1/3", "'-2/3'"), ("0.3333(2)", "0.6667(2)"),
             ("-0.333", "1.333")]
)  # fmt: skip
def test_hcp_in_few_digits_has_its_full_space_group(cif, x, y):
    text = hexagonal(3.2094, 5.2108) + SYMBOL.format("P 63/m m c") + COLUMNS + f"Mg1 Mg {x} {y} 0.25\n"
    cell = cif(text)
    assert len(cell) == 2
    assert group(cell) == (194, 1)
    thirds = cell.frac_coords * [3, 3, 4]
    assert_allclose(thirds, thirds.round(), atol=1e-12)


def test_calcite_in_few_digits_has_its_full_space_group(cif):
    # The positions of Ca and C are moved by a centring of the lattice, so that no coordinate is exact.
    text = hexagonal(4.99, 17.06) + SYMBOL.format("R -3 c :H") + COLUMNS
    text += "Ca1 Ca 0.333 0.667 0.667\nC1 C 0.333 0.667 0.9167\nO1 O 0.5903 0.6667 0.9167\n"
    cell = cif(text)
    assert cell.formula == "Ca6C6O18"
    assert group(cell) == (167, 3)
    exact = cif(
        text.replace("0.333 0.667 0.667", "1/3 2/3 2/3")
        .replace("0.333 0.667 0.9167", "1/3 2/3 11/12")
        .replace("0.5903 0.6667 0.9167", "0.59026667 2/3 11/12")
    )
    assert_allclose(cell.frac_coords[:12], exact.frac_coords[:12], atol=1e-12)


def test_coordinates_that_depend_on_each_other_are_made_to_agree(cif):
    # x 2x z, both rounded: 0.1547 and 0.3093 are not one and two times the same number
    text = hexagonal(6.0, 5.0) + SYMBOL.format("P 6/m m m") + COLUMNS + "Fe1 Fe 0.1547 0.3093 0\n"
    cell = cif(text)
    assert len(cell) == 6
    assert group(cell) == (191, 1)
    x, y, _ = cell.frac_coords[0]
    assert y == pytest.approx(2 * x, abs=1e-12)
    assert [x, y] == pytest.approx([0.1547, 0.3093], abs=7e-5)


@pytest.mark.parametrize(
    "position, expected",
    [
        ("0.001 0.2 0.3", [0.001, 0.2, 0.3]),  # one digit from a mirror: so it was meant
        ("0.004 0.2 0.3", [0.004, 0.2, 0.3]),
        ("0.00000001 0.2 0.3", [1e-8, 0.2, 0.3]),
        ("0.334 0.666 0.3", [0.334, 0.666, 0.3]),
        ("0.5 0.497 0.3", [0.5, 0.497, 0.3]),
        ("0.1 0.2 0.3", [0.1, 0.2, 0.3]),
    ],
)
def test_positions_beyond_their_rounding_stay(cif, position, expected):
    cell = cif(HEAD + SYMBOL.format("P m m m") + COLUMNS + f"Fe1 Fe {position}\n")
    assert cell.frac_coords[0].tolist() == expected


def test_atoms_that_share_a_special_position_stay_together(cif):
    text = hexagonal(3.2, 5.2) + SYMBOL.format("P 63/m m c") + OCCUPIED
    text += "Mg1 Mg 0.333 0.667 0.25 0.5\nZn1 Zn 0.3333 0.6667 0.2500 0.5\n"
    cell = cif(text, occupancy="average")
    assert len(cell) == 2
    assert group(cell) == (194, 1)


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_snapping_moves_no_position_further_than_its_rounding(seed):
    rng = np.random.default_rng(seed)
    rotations = np.array([[[-1, 0, 0], [0, -1, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0], [0, 0, -1]],
                          [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]], dtype=float)  # fmt: skip
    coords = np.round(rng.normal(scale=0.01, size=(50, 3)), 3)
    rounding = rng.choice([0.0007, 0.005], size=(50, 3))
    moved = snapped(coords, rounding, rotations, np.zeros((3, 3)))
    assert (np.abs(moved - coords) <= rounding + 1e-9).all()
    again = snapped(moved, rounding, rotations, np.zeros((3, 3)))
    assert_allclose(again, moved, atol=1e-12)


@pytest.mark.parametrize("tags", [str.lower, str.upper], ids=["lower", "upper"])
def test_tags_may_be_written_in_capitals(cif, tags):
    text = hexagonal(3.2, 5.2) + SYMBOL.format("P 63/m m c") + tags(COLUMNS) + "Mg1 Mg 0.333 2/3 0.25\n"
    assert group(cif(text)) == (194, 1)


def test_a_single_atom_needs_no_loop(cif):
    atom = "_atom_site_label Mg1\n_atom_site_type_symbol Mg\n_atom_site_fract_x 0.333\n"
    atom += "_atom_site_fract_y 0.667\n_atom_site_fract_z 0.25\n"
    assert group(cif(hexagonal(3.2, 5.2) + SYMBOL.format("P 63/m m c") + atom)) == (194, 1)


@pytest.mark.parametrize("text", ["1/0", "a/3", "1/3/3", "/", "?", "."])
def test_a_coordinate_that_is_no_number_is_named(error, text):
    found = error(HEAD + COLUMNS + f"Fe1 Fe 0 0 0\nNi1 Ni 0.5 {text} 1/2\n")
    assert "atom Ni1: a coordinate is missing or not finite" in str(found)
