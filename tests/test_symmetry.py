from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seitz import Cell, as_cell, tessellate
from seitz.errors import MissingExtraError, OptionError, StructureError, SymmetryError
from seitz.symmetry import over_orbits, site_orbits
from structures import HIGH_SYMMETRY, fcc, rocksalt, sigma_phase, supercell

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


@pytest.mark.parametrize(
    "options", [{"finder": "guess"}, {"symprec": 0}, {"symprec": -1}, {"symprec": float("nan")}]
)
def test_senseless_options_are_refused(options):
    with pytest.raises(OptionError):
        site_orbits(fcc(), **options)


def test_a_search_that_finds_nothing_is_a_symmetry_error():
    crowded = Cell(np.eye(3) * 4, [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0.5]], [26] * 3)
    with pytest.raises(SymmetryError, match="no symmetry"):
        site_orbits(crowded, finder="spglib")


def test_without_spglib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spglib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'seitz\[spglib\]'"):
        site_orbits(fcc(), finder="spglib")
