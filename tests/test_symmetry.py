from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from seitz import Cell, as_cell, tessellate
from seitz.errors import MissingExtraError, OptionError, StructureError, SymmetryError
from seitz.symmetry import check_symprec, environment_classes, over_orbits, site_orbits
from structures import HIGH_SYMMETRY, bcc, cells, fcc, nickel_oxide, rocksalt, sigma_phase, supercell

GROUPS = {
    "sc": 221, "bcc": 229, "fcc": 225, "hcp": 194, "ideal hcp": 194, "diamond": 227, "rocksalt": 225,
    "perovskite": 221, "fluorite": 225, "CsCl": 221, "sigma": 136,
}  # fmt: skip


@pytest.mark.parametrize("finder", ["moyopy", "spglib"])
@pytest.mark.parametrize("name", GROUPS)
def test_both_finders_know_the_space_groups(name, finder):
    assert site_orbits(HIGH_SYMMETRY[name], finder=finder).space_group == GROUPS[name]


@pytest.mark.parametrize("finder", ["moyopy", "spglib"])
def test_the_sigma_phase_has_its_five_orbits(finder):
    orbits = site_orbits(sigma_phase(), finder=finder)
    assert sorted(orbits.multiplicities.tolist()) == [2, 4, 8, 8, 8]
    assert len(orbits) == 5
    assert orbits.symbol == "P4_2/mnm"
    assert sorted(set(orbits.wyckoffs)) == ["a", "f", "i", "j"]


def test_orbits_are_labelled_by_their_lowest_site():
    orbits = site_orbits(rocksalt())
    assert orbits.labels.tolist() == [0] * 4 + [4] * 4
    assert orbits.weights.tolist() == [4, 0, 0, 0, 4, 0, 0, 0]
    assert orbits.orbit_of_site.tolist() == [0] * 4 + [1] * 4


def test_translations_of_a_supercell_are_symmetry_too():
    assert len(site_orbits(supercell(fcc(), (2, 1, 3)))) == 1


def test_shared_sites_are_equivalent_only_with_equal_occupants():
    lattice, coords = np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5]]
    same = Cell(lattice, coords, [26, 26], {0: {26: 0.5, 28: 0.5}, 1: {28: 0.5, 26: 0.5}})
    other = Cell(lattice, coords, [26, 26], {0: {26: 0.5, 28: 0.5}, 1: {26: 0.6, 28: 0.4}})
    assert len(site_orbits(same)) == 1
    assert len(site_orbits(other)) == 2


def test_cells_of_one_orbit_are_equal(reference):
    for record in reference[:40]:
        cell = as_cell(record)
        volumes = tessellate(cell).cell_volumes
        labels = site_orbits(cell, symprec=1e-5).labels
        assert_allclose(volumes, volumes[labels], rtol=1e-3)


def test_over_orbits_calls_a_function_once_per_orbit_and_fills_all_sites():
    asked: list[list[int]] = []
    tessellation = tessellate(sigma_phase())

    def volumes_and_faces(structure: Cell, sites: np.ndarray) -> np.ndarray:
        asked.append(sites.tolist())
        return np.stack([tessellation.cell_volumes[sites], tessellation.n_faces[sites]], axis=1)

    rows = over_orbits(volumes_and_faces, sigma_phase())
    assert len(asked) == 1
    assert len(asked[0]) == 5
    assert_allclose(rows[:, 0], tessellation.cell_volumes, rtol=1e-9)
    assert rows[:, 1].tolist() == tessellation.n_faces.tolist()


@pytest.mark.parametrize(
    "wrong", [lambda s, sites: [1.0], lambda s, sites: 1.0, lambda s, sites: np.zeros((30, 2))]
)
def test_over_orbits_refuses_a_function_that_returns_another_number_of_rows(wrong):
    with pytest.raises(StructureError, match="5 sites"):
        over_orbits(wrong, sigma_phase())


def test_ragged_rows_are_a_named_error():
    with pytest.raises(StructureError, match="rows of different lengths"):
        over_orbits(lambda structure, sites: [list(range(k)) for k in range(len(sites))], sigma_phase())


def test_errors_of_the_function_itself_are_passed_on():
    def broken(structure: Cell, sites: np.ndarray) -> list[float]:
        raise ValueError("no centre")

    with pytest.raises(ValueError, match=r"^no centre$"):
        over_orbits(broken, sigma_phase())


@pytest.mark.parametrize("finder", ["moyopy", "spglib"])
@pytest.mark.parametrize(
    "labels",
    [
        [1.7, -1.7, 0.0, 0.0],
        np.array([1.7, -1.7, 0.0, 0.0]),
        pd.Series([1.7, -1.7, 0.0, 0.0], index=list("abcd")),
        np.array([[0, 0, 1.7], [0, 0, -1.7], [0, 0, 0], [0, 0, 0]]),
        [[0, 0, 1.7], [0, 0, -1.7], [0, 0, 0], [0, 0, 0]],
        ("up", "down", None, None),
        [("A", 1), ("A", 2), None, None],
    ],
    ids=repr,
)
def test_sites_with_different_labels_are_never_merged(labels, finder):
    assert site_orbits(nickel_oxide(), finder=finder).labels.tolist() == [0, 0, 2, 2]
    orbits = site_orbits(nickel_oxide(), finder=finder, labels=labels)
    assert orbits.labels.tolist() == [0, 1, 2, 2]
    assert orbits.space_group == 166  # the operations that swap the sublattices are gone


def test_equal_labels_change_nothing():
    cell = sigma_phase()
    assert site_orbits(cell, labels=["x"] * len(cell)).labels.tolist() == site_orbits(cell).labels.tolist()


def test_labels_keep_elements_and_occupants_apart():
    cell = Cell(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26], {0: {26: 0.5, 28: 0.5}})
    assert len(site_orbits(cell, labels=[0, 0])) == 2
    assert len(site_orbits(rocksalt(), labels=[0] * 8)) == 2


def test_over_orbits_keeps_labelled_sites_apart():
    moments = np.array([1.7, -1.7, 0.0, 0.0])
    rows = over_orbits(lambda cell, sites: moments[sites], nickel_oxide(), labels=moments)
    assert rows.tolist() == moments.tolist()


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([1.7, -1.7], "2 labels for 4 sites"),
        ("updn", "one label per site"),
        (1.7, "one label per site"),
        ({0: 1.7}, "one label per site"),
        ([{}, 0, 0, 0], "site 0 is a 'dict'"),
        ([0, 0, float("nan"), 0], "site 2 is NaN"),
        (np.array([[0, 0], [0, 0], [0, 0], [0, np.nan]]), "site 3 is NaN"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, match):
    with pytest.raises(OptionError, match=match):
        site_orbits(nickel_oxide(), labels=labels)


@pytest.mark.parametrize(
    "symprec",
    ["a", None, True, [0.1], 1j, 0, -1, float("nan"), float("inf"), np.float32(0), 10**400],
    ids=str,
)
def test_senseless_tolerances_are_refused(symprec):
    with pytest.raises(OptionError, match="positive length"):
        check_symprec(symprec)
    with pytest.raises(OptionError, match="positive length"):
        site_orbits(fcc(), symprec=symprec)


def test_a_tolerance_may_be_any_real_number():
    assert [check_symprec(value) for value in (1, 0.5, np.float32(0.25), np.int64(2))] == [
        1.0,
        0.5,
        0.25,
        2.0,
    ]


def test_unknown_finders_are_refused():
    with pytest.raises(OptionError, match="moyopy, spglib"):
        site_orbits(fcc(), finder="guess")


SUPERCELL = """
import logging, sys
{setup}
sys.path.insert(0, {tests!r})
from seitz.symmetry import site_orbits
from structures import fcc, supercell
site_orbits(supercell(fcc(), (2, 1, 1)))
logging.getLogger("moyo").warning("a warning of somebody else")
"""


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("", ["a warning of somebody else"]),  # what Python does with a warning where no logging is set up
        (
            "logging.basicConfig(format='%(name)s: %(message).7s')",
            ["moyo: Omitted", "moyo: a warni"],  # the caller asked for logs, and gets all of them
        ),
    ],
)
def test_the_search_prints_nothing_unless_logging_is_set_up(setup, expected):
    code = SUPERCELL.format(setup=setup, tests=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.splitlines() == expected


def test_a_search_that_finds_nothing_is_a_symmetry_error():
    crowded = Cell(np.eye(3) * 4, [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0.5]], [26] * 3)
    with pytest.raises(SymmetryError, match="no symmetry"):
        site_orbits(crowded, finder="spglib")


def test_without_spglib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spglib", None)
    with pytest.raises(MissingExtraError, match=r"pip install spglib"):
        site_orbits(fcc(), finder="spglib")


# --- environment classes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HIGH_SYMMETRY)
def test_sites_of_an_orbit_have_equal_environments(name):
    cell = supercell(HIGH_SYMMETRY[name], (2, 1, 1))
    orbits, classes = site_orbits(cell), environment_classes(cell)
    for members in (np.flatnonzero(orbits.labels == k) for k in orbits.representatives):
        assert len(set(classes.labels[members].tolist())) == 1
    assert classes.multiplicities.sum() == len(cell)


def test_environments_end_at_the_faces():
    """One solute in 54 sites: itself, its two kinds of neighbours, and all others."""
    host = supercell(bcc(), (3, 3, 3))
    numbers = host.atomic_numbers.copy()
    numbers[20] = 13
    classes = environment_classes(host.replace(atomic_numbers=numbers))
    assert sorted(classes.multiplicities.tolist()) == [1, 6, 8, 39]
    assert len(site_orbits(host.replace(atomic_numbers=numbers))) > len(classes)


@settings(max_examples=40)
@given(cells(max_sites=8), st.integers(0, 2**32 - 1))
def test_sites_of_one_class_have_equal_rows_and_others_do_not_merge(cell, seed):
    rng = np.random.default_rng(seed)
    large = supercell(cell, (2, 1, 1)).replace(atomic_numbers=rng.choice([8, 26], 2 * len(cell)))
    classes = environment_classes(large)
    rows = tessellate(large).environments(large.atomic_numbers).values
    assert_allclose(rows, rows[classes.labels], rtol=1e-6, atol=1e-6)
    own = large.atomic_numbers
    assert (own == own[classes.labels]).all()


def test_classes_serve_any_first_shell_function():
    cell = supercell(sigma_phase(), (1, 1, 2))
    tessellation = tessellate(cell)
    asked = []

    def faces(structure, sites):
        asked.extend(sites)
        return tessellation.n_faces[sites]

    found = over_orbits(faces, cell, classes=environment_classes(cell))
    assert_array_equal(found, tessellation.n_faces)
    assert len(asked) == 5


def test_environment_classes_take_labels_and_refuse_nonsense():
    assert len(environment_classes(fcc())) == 1
    assert len(environment_classes(fcc(), labels=[1, 1, -1, -1])) == 2
    for wrong in (0, -1, np.nan, np.inf, True, "a"):
        with pytest.raises(OptionError, match="give a positive length"):
            environment_classes(fcc(), tolerance=wrong)
