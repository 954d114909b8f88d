from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from seitz import Cell, featurize
from seitz.cell import build_cell
from seitz.errors import ElementError, OccupancyError, OptionError, StructureError
from structures import fcc, sigma_phase

BOX = np.eye(3) * 4.0


def test_a_cell_is_frozen_and_independent_of_its_input():
    lattice, coords, numbers = BOX.copy(), np.zeros((1, 3)), np.array([26])
    cell = Cell(lattice, coords, numbers)
    lattice[:] = coords[:] = numbers[:] = 9
    assert cell == Cell(BOX, [[0, 0, 0]], [26])
    with pytest.raises(ValueError, match="read-only"):
        cell.frac_coords[0, 0] = 1.0
    with pytest.raises(AttributeError):
        cell.lattice = lattice


def test_formula_amounts_and_volume_describe_the_content():
    cell = Cell(BOX, [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0, 0.5]], [8, 26, 8])
    assert (cell.formula, cell.amounts, cell.volume) == ("FeO2", {8: 2.0, 26: 1.0}, pytest.approx(64.0))
    assert "FeO2" in repr(cell)


def test_cells_compare_by_value_and_have_no_hash():
    assert fcc() == fcc()
    assert fcc() != fcc(a=3.7)
    assert fcc() != "fcc"
    with pytest.raises(TypeError):
        hash(fcc())


def test_a_cell_survives_pickling():
    cell = fcc().replace(occupancies={0: {29: 0.5, 28: 0.5}})
    assert pickle.loads(pickle.dumps(cell)) == cell


@pytest.mark.parametrize(
    "duplicate", [lambda cell: pickle.loads(pickle.dumps(cell)), copy.deepcopy, copy.copy]
)
def test_copies_are_read_only_too(duplicate):
    cell = duplicate(fcc().replace(occupancies={0: {29: 0.5, 28: 0.5}}))
    for array in (cell.lattice, cell.frac_coords, cell.atomic_numbers):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(TypeError):
        cell.occupancies[0][300] = 0.5


def test_left_handed_lattices_and_coordinates_outside_the_cell_are_fine():
    assert Cell(-BOX, [[7.5, -3.25, 0.0]], [1]).volume == pytest.approx(64.0)


@pytest.mark.parametrize(
    ("lattice", "match"),
    [
        (np.eye(3)[:2], "shape"),
        (np.diag([1, 1, np.nan]), "vector.* 2 are not finite"),
        (np.diag([1, np.inf, 1]), "vector.* 1 are not finite"),
        (np.diag([1.0, 0, 1]), "vector 1 has no length"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], "singular"),
        (np.eye(3) * 1e-6, "check the unit"),
        (np.eye(3) * 1e10, "check the unit"),
        ([["a", 0, 0], [0, 1, 0], [0, 0, 1]], "no number"),
        (None, "no number|shape"),
    ],
)
def test_a_lattice_without_volume_is_refused_with_the_vector_at_fault(lattice, match):
    with pytest.raises(StructureError, match=match):
        Cell(lattice, [[0, 0, 0]], [1])


@pytest.mark.parametrize(
    ("coords", "match"),
    [
        ([], "empty"),
        ([[0, 0]], "shape"),
        ([[0, 0, 0], [0, np.nan, 0]], r"site\(s\) 1"),
        ([[np.inf, 0, 0], [0, 0, 0]], r"site\(s\) 0"),
        ([[0, 0, 0], [1e7, 0, 0]], "too far from the cell"),
        ([["x", 0, 0]], "no number"),
    ],
)
def test_bad_coordinates_are_refused_with_their_site(coords, match):
    with pytest.raises(StructureError, match=match):
        Cell(BOX, coords, [1] * len(coords))


@pytest.mark.parametrize(
    ("numbers", "match"),
    [
        ([0], "site 0"),
        ([113], "site 0"),
        ([-5], "site 0"),
        ([1.5], "integer"),
        ([2**40], "site 0 has atomic number 1099511627776"),
        ([2**80], "site 0 has atomic number 1208925819614629174706176"),
        ([float("nan")], "site 0: nan is no integer"),
        ([float("inf")], "site 0 has atomic number inf"),
        ([26 + 1j], "site 0: .* is no integer"),
        ([None], "site 0: None is no integer"),
        ([b"Fe"], "site 0: b'Fe' is no integer"),
        ([True], "site 0: True is no integer"),
        (np.array([True]), "site 0: True is no integer"),
        (np.array([True], dtype=object), "site 0: True is no integer"),
        (np.ma.array([26], mask=[True]), r"site\(s\) 0 have a masked"),
        (["Xx"], "site 0: 'Xx' is no chemical element"),
        ([""], "site 0: '' is no chemical element"),
        ([[26]], "flat list"),
        ([[26], [1, 2]], "flat list"),
        (26, "flat list"),
    ],
)
def test_atomic_numbers_without_data_are_refused(numbers, match):
    with pytest.raises(ElementError, match=match):
        Cell(BOX, [[0, 0, 0]], numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        (26, 28),
        [26.0, 28.0],
        np.array([26, 28], dtype=np.uint8),
        np.array([26, 28], dtype=np.int64),
        np.array([26.0, 28.0], dtype=np.float32),
        np.array([26, 28.0], dtype=object),
        np.ma.array([26, 28], mask=[False, False]),
        ["Fe", "Ni"],
        ["Fe3+", "Ni2+"],
        np.array(["Fe", "Ni"]),
        np.array(["Fe", "Ni"], dtype=object),
        pd.Series(["Fe", "Ni"]),
        pd.Series([26, 28], index=["a", "b"]),
    ],
    ids=repr,
)
def test_atomic_numbers_may_be_whole_floats_or_symbols(numbers):
    cell = Cell(BOX, [[0, 0, 0], [0.5, 0.5, 0.5]], numbers)
    assert cell.atomic_numbers.dtype == np.int32
    assert cell.atomic_numbers.tolist() == [26, 28]


def test_numbers_and_symbols_do_not_mix():
    for numbers, match in (
        ([26, "Ni"], "site 1: 'Ni' is no integer"),
        (["Fe", 28], "site 1: 28 is no chemical"),
    ):
        with pytest.raises(ElementError, match=match):
            Cell(BOX, [[0, 0, 0], [0.5, 0.5, 0.5]], numbers)


def test_masked_and_complex_input_is_refused():
    coords = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    masked = np.ma.array(coords, mask=[[False] * 3, [False, True, False]])
    with pytest.raises(StructureError, match=r"site\(s\) 1 are masked"):
        Cell(BOX, masked, [1, 1])
    with pytest.raises(StructureError, match=r"lattice vector\(s\) 2 are masked"):
        Cell(np.ma.masked_greater(np.diag([3, 3, 4]), 3), coords, [1, 1])
    for lattice, positions in ((BOX + 0j, coords), (BOX, coords + 1j), (BOX, [[1j, 0, 0], [0, 0, 0]])):
        with pytest.raises(StructureError, match="no number: complex"):
            Cell(lattice, positions, [1, 1])
    assert Cell(np.ma.array(BOX), np.ma.array(coords), [1, 1]) == Cell(BOX, coords, [1, 1])


def test_counts_of_positions_and_elements_must_agree():
    with pytest.raises(StructureError, match="2 positions but 1"):
        Cell(BOX, [[0, 0, 0], [0.5, 0, 0]], [1])


def test_partial_occupancy_is_refused_unless_averaging_is_asked_for():
    species = [26, {26: 0.5, 28: 0.5}]
    with pytest.raises(OccupancyError, match=r"site 1 is partially occupied \(Fe0.5 Ni0.5\)"):
        build_cell(BOX, [[0, 0, 0], [0.5, 0.5, 0.5]], species)
    cell = build_cell(BOX, [[0, 0, 0], [0.5, 0.5, 0.5]], species, occupancy="average")
    assert cell.occupancies == {1: {26: 0.5, 28: 0.5}}
    assert not cell.is_ordered
    assert cell.formula == "Fe1.5Ni0.5"


def test_a_site_filled_by_one_element_is_ordered_however_it_is_written():
    assert build_cell(BOX, [[0, 0, 0]], [{26: 1.0}]) == Cell(BOX, [[0, 0, 0]], [26])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, OccupancyError),
        ({26: -0.5}, OccupancyError),
        ({26: 0.9, 28: 0.9}, OccupancyError),
        ({0: 0.5}, ElementError),
    ],
)
def test_senseless_occupancies_are_refused(content, error):
    with pytest.raises(error, match="site 0"):
        build_cell(BOX, [[0, 0, 0]], [content], occupancy="average")


@pytest.mark.parametrize(
    ("occupancies", "error", "match"),
    [
        ({0: {}}, OccupancyError, "site 0 is empty"),
        ({0: None}, OccupancyError, "site 0: .*not 'NoneType'"),
        ({0: [26, 28]}, OccupancyError, "site 0: .*not 'list'"),
        (None, OccupancyError, "not 'NoneType'"),
        ([{26: 0.5}], OccupancyError, "not 'list'"),
        ({0.5: {26: 1.0}}, OccupancyError, "site 0.5"),
        ({"0": {26: 1.0}}, OccupancyError, "site '0'"),
        ({None: {26: 1.0}}, OccupancyError, "site None"),
        ({True: {26: 1.0}}, OccupancyError, "site True"),
        ({1: {26: 1.0}}, OccupancyError, "site 1, but the sites are 0 to 0"),
        ({-1: {26: 1.0}}, OccupancyError, "site -1"),
        ({0: {26.5: 1.0}}, OccupancyError, "site 0: occupant 26.5"),
        ({0: {"Fe": 1.0}}, OccupancyError, "site 0: occupant 'Fe'"),
        ({0: {True: 1.0}}, OccupancyError, "site 0: occupant True"),
        ({0: {113: 1.0}}, ElementError, "site 0 holds atomic number 113"),
        ({0: {26: 0}}, OccupancyError, "site 0: occupancy 0 of Fe"),
        ({0: {26: -0.5}}, OccupancyError, "site 0: occupancy -0.5 of Fe"),
        ({0: {26: float("nan")}}, OccupancyError, "site 0: occupancy nan of Fe"),
        ({0: {26: 1.5}}, OccupancyError, "site 0: occupancy 1.5 of Fe"),
        ({0: {26: "0.5"}}, OccupancyError, "site 0: occupancy '0.5' of Fe"),
        ({0: {26: None}}, OccupancyError, "site 0: occupancy None of Fe"),
        ({0: {26: True}}, OccupancyError, "site 0: occupancy True of Fe"),
        ({0: {26: 0.5j}}, OccupancyError, "site 0: occupancy 0.5j of Fe"),
    ],
)
def test_odd_occupancies_are_named_errors(occupancies, error, match):
    with pytest.raises(error, match=match):
        Cell(BOX, [[0, 0, 0]], [26], occupancies)
    if isinstance(occupancies, dict) and isinstance(occupancies.get(0), dict):
        with pytest.raises(error, match=match):
            build_cell(BOX, [[0, 0, 0]], [occupancies[0]], occupancy="average")


def test_occupancies_are_kept_as_plain_numbers():
    cell = Cell(BOX, [[0, 0, 0]], [26], {np.int64(0): {26.0: np.float32(0.5), np.int32(28): Fraction(1, 4)}})
    assert repr(dict(cell.occupancies[0])) == "{26: 0.5, 28: 0.25}"


def test_an_ordered_cell_cannot_be_given_occupancies_later():
    for cell in (fcc(), fcc().replace(occupancies={}), pickle.loads(pickle.dumps(fcc()))):
        assert cell.occupancies == {}
        with pytest.raises(TypeError):
            cell.occupancies[0] = {300: 1.0}


def test_unknown_policies_are_refused():
    with pytest.raises(OptionError, match="raise, average"):
        build_cell(BOX, [[0, 0, 0]], [{26: 0.5}], occupancy="guess")


def test_supercells_begin_with_the_cell_itself():
    shared = sigma_phase().replace(occupancies={3: {26: 0.5, 28: 0.5}})
    large = shared.supercell((2, 1, 3))
    assert len(large) == 180 and large.volume == pytest.approx(6 * shared.volume)
    assert_allclose(large.cart_coords[:30], shared.cart_coords, atol=1e-12)
    assert set(large.occupancies) == {3 + 30 * k for k in range(6)}
    assert_allclose(
        featurize(sigma_phase().supercell((1, 2, 1))).values, featurize(sigma_phase()).values, rtol=1e-9
    )
    for wrong in ((0, 1, 1), (1, 1), (1, 1, 1.5), (True, 1, 1), 3, "222"):
        with pytest.raises(OptionError, match="three positive integers"):
            shared.supercell(wrong)
