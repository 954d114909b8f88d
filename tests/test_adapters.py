"""Structures of pymatgen, ASE, OPTIMADE and plain dictionaries are the same cell."""

from __future__ import annotations

from types import SimpleNamespace

import ase
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pymatgen.core import DummySpecies, Lattice, Molecule, Structure

from seitz import Cell, as_cell, to_ase, to_pymatgen
from seitz.adapters import one_column
from seitz.elements import SYMBOLS
from seitz.errors import ElementError, OccupancyError, OptionError, ReadError, StructureError
from structures import perovskite, rocksalt, sigma_phase

CELLS = {"rocksalt": rocksalt(), "perovskite": perovskite(), "sigma": sigma_phase()}


def pymatgen_structure(cell: Cell) -> Structure:
    return Structure(Lattice(cell.lattice), cell.atomic_numbers.tolist(), cell.frac_coords)


def ase_atoms(cell: Cell) -> ase.Atoms:
    return ase.Atoms(
        numbers=cell.atomic_numbers, scaled_positions=cell.frac_coords, cell=cell.lattice, pbc=True
    )


def optimade(cell: Cell) -> dict:
    symbols = [SYMBOLS[z] for z in cell.atomic_numbers]
    return {
        "id": "x-1",
        "type": "structures",
        "attributes": {
            "lattice_vectors": cell.lattice.tolist(),
            "cartesian_site_positions": cell.cart_coords.tolist(),
            "species_at_sites": symbols,
            "species": [{"name": s, "chemical_symbols": [s], "concentration": [1.0]} for s in set(symbols)],
        },
    }


def assert_same(found: Cell, expected: Cell) -> None:
    assert_allclose(found.lattice, expected.lattice, atol=1e-12)
    assert_allclose(found.frac_coords, expected.frac_coords, atol=1e-12)
    assert found.atomic_numbers.tolist() == expected.atomic_numbers.tolist()


@pytest.mark.parametrize("name", CELLS)
def test_every_form_of_a_structure_gives_the_same_cell(name):
    cell = CELLS[name]
    entry = optimade(cell)
    plain = {"lattice": cell.lattice.tolist(), "frac_coords": cell.frac_coords.tolist()}
    symbols = [SYMBOLS[z] for z in cell.atomic_numbers]
    forms = [
        cell,
        pymatgen_structure(cell),
        pymatgen_structure(cell).as_dict(),
        ase_atoms(cell),
        entry,
        entry["attributes"],
        SimpleNamespace(attributes=entry["attributes"]),
        SimpleNamespace(
            entry=SimpleNamespace(attributes=SimpleNamespace(model_dump=lambda: entry["attributes"]))
        ),
        plain | {"atomic_numbers": cell.atomic_numbers.tolist()},
        plain | {"symbols": symbols},
        plain | {"species": symbols},
        {"structure": plain | {"atomic_numbers": cell.atomic_numbers.tolist()}, "energy": -1.0},
        {"lattice": plain["lattice"], "cart_coords": cell.cart_coords.tolist(), "symbols": symbols},
    ]
    for form in forms:
        assert_same(as_cell(form), cell)


def test_a_path_is_read(tmp_path):
    pymatgen_structure(rocksalt()).to(filename=str(tmp_path / "POSCAR"), fmt="poscar")
    assert_same(as_cell(tmp_path / "POSCAR"), rocksalt())
    with pytest.raises(ReadError, match="no such file"):
        as_cell(str(tmp_path / "nothing.cif"))


def test_charges_and_deuterium_are_their_elements():
    structure = Structure(Lattice.cubic(4), ["Fe3+", "O2-", "D"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0]])
    assert as_cell(structure).atomic_numbers.tolist() == [26, 8, 1]
    assert as_cell(structure.as_dict()).atomic_numbers.tolist() == [26, 8, 1]


def test_dummy_species_are_refused_by_site():
    structure = Structure(Lattice.cubic(4), ["Fe", DummySpecies("X")], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for form in (
        structure,
        structure.as_dict(),
        ase.Atoms("FeX", positions=[[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4]),
    ):
        with pytest.raises(ElementError, match="site 1"):
            as_cell(form)


@pytest.mark.parametrize("as_dict", [False, True])
def test_shared_sites_follow_the_policy(as_dict):
    structure = Structure(Lattice.cubic(3.6), [{"Fe": 0.25, "Ni": 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    form = structure.as_dict() if as_dict else structure
    with pytest.raises(OccupancyError, match=r"site 0 .*Fe0.25 Ni0.5"):
        as_cell(form)
    averaged = as_cell(form, occupancy="average")
    assert averaged.occupancies == {0: {26: 0.25, 28: 0.5}}
    with pytest.raises(OccupancyError):
        as_cell(averaged)  # the strict policy holds for ready cells too
    assert as_cell(averaged, occupancy="average") is averaged


def test_optimade_vacancies_and_mixtures_follow_the_policy():
    entry = optimade(rocksalt())
    attributes = entry["attributes"]
    attributes["species"] = [
        {"name": "Na", "chemical_symbols": ["Na", "vacancy"], "concentration": [0.9, 0.1]},
        {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
    ]
    with pytest.raises(OccupancyError, match=r"Na0\.9"):
        as_cell(entry)
    assert as_cell(entry, occupancy="average").occupancies[0] == {11: 0.9}
    attributes["species"][0] = {"name": "Na", "chemical_symbols": ["vacancy"], "concentration": [1.0]}
    with pytest.raises(OccupancyError, match="only a vacancy"):
        as_cell(entry, occupancy="average")


def test_occupancies_that_ase_keeps_from_a_cif_are_seen():
    atoms = ase_atoms(rocksalt())
    atoms.info["occupancy"] = {"0": {"Na": 0.5, "K": 0.5}, "1": {"Cl": 1.0}}
    atoms.arrays["spacegroup_kinds"] = np.array([0] * 4 + [1] * 4)
    with pytest.raises(OccupancyError, match=r"Na0\.5 K0\.5"):
        as_cell(atoms)


@pytest.mark.parametrize(
    ("form", "match"),
    [
        (42, "'int' is no structure"),
        (None, "'NoneType' is no structure"),
        ({}, "no key 'lattice'"),
        ({"lattice": np.eye(3)}, "no key"),
        ({"lattice": np.eye(3), "frac_coords": [[0, 0, 0]]}, "no key"),
        ({"sites": 3}, "malformed"),
        (
            {"lattice_vectors": None, "cartesian_site_positions": [[0, 0, 0]], "species_at_sites": ["H"]},
            "no lattice_vectors",
        ),
        ({"lattice": np.eye(3) * (1 + 1j), "cart_coords": [[0, 0, 0]], "atomic_numbers": [1]}, "complex"),
        ({"lattice": np.eye(3), "cart_coords": [0, 0, 0], "atomic_numbers": [1]}, r"\(n_sites, 3\)"),
        ({"lattice": np.zeros((3, 3)), "cart_coords": [[0, 0, 0]], "atomic_numbers": [1]}, "singular"),
        ({"lattice": np.eye(3), "frac_coords": [[10**400, 0, 0]], "atomic_numbers": [1]}, "."),
        (ase.Atoms("H"), "no three-dimensional cell"),
        (ase.Atoms("H", cell=[3, 3, 0]), "no three-dimensional cell"),
        (Molecule(["C", "O"], [[0, 0, 0], [0, 0, 1.1]]), "no lattice: put it in a box"),
        (Molecule(["C", "O"], [[0, 0, 0], [0, 0, 1.1]]).as_dict(), "no lattice: put it in a box"),
        (
            pd.DataFrame({"lattice": [np.eye(3)], "frac_coords": [[[0, 0, 0]]]}),
            "pandas DataFrame is no structure",
        ),
        (pd.Series({"lattice": np.eye(3), "frac_coords": [[0, 0, 0]]}), "row.to_dict"),
    ],
)
def test_what_is_no_structure_is_refused_with_the_reason(form, match):
    with pytest.raises(StructureError, match=match):
        as_cell(form)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"lattice_vectors": None}, StructureError, "has no lattice_vectors"),
        ({"cartesian_site_positions": None}, StructureError, "has no cartesian_site_positions"),
        ({"species_at_sites": None}, StructureError, "has no species_at_sites: .*response_fields"),
        ({"species_at_sites": ...}, StructureError, "has no species_at_sites"),
        ({"species_at_sites": ["Na"] * 4 + ["Q1"] * 4}, ElementError, "site 4: 'Q1' is neither"),
        ({"species": [{"name": "Na"}]}, StructureError, "site 0: the species 'Na' must list"),
        (
            {"species": [{"name": "Na", "chemical_symbols": ["Na"], "concentration": None}]},
            StructureError,
            "site 0: the species 'Na' must list",
        ),
        (
            {"species": [{"name": "Na", "chemical_symbols": ["Na"], "concentration": [0.5, 0.5]}]},
            StructureError,
            "a concentration for each",
        ),
        ({"species": [{"chemical_symbols": ["Na"], "concentration": [1.0]}]}, StructureError, "no name"),
    ],
)
def test_incomplete_optimade_structures_are_refused_with_what_is_missing(change, error, match):
    entry = optimade(rocksalt())
    attributes = {key: value for key, value in (entry["attributes"] | change).items() if value is not ...}
    for form in (attributes, {"attributes": attributes}, SimpleNamespace(attributes=attributes)):
        with pytest.raises(error, match=match):
            as_cell(form)


def test_optimade_without_definitions_of_species_is_read_by_symbol():
    entry = optimade(rocksalt())
    entry["attributes"]["species"] = None
    assert_same(as_cell(entry), rocksalt())


def test_a_table_with_one_column_is_a_list_of_structures():
    cells = [rocksalt(), perovskite()]
    column = np.empty((2, 1), dtype=object)
    column[:, 0] = cells
    assert one_column(cells) is cells
    assert list(one_column(column)) == cells
    assert list(one_column(pd.DataFrame({"structure": cells}))) == cells
    for table in (pd.DataFrame({"structure": cells, "energy": [1, 2]}), np.zeros((2, 256)), pd.DataFrame()):
        with pytest.raises(OptionError, match="give the one column"):
            one_column(table)


# --- and back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("convert", [to_ase, to_pymatgen])
def test_structures_of_other_packages_lead_back_to_the_same_cell(name, convert):
    cell, back = CELLS[name], as_cell(convert(CELLS[name]))
    assert_allclose(back.lattice, cell.lattice, rtol=0, atol=1e-12)
    assert_allclose((back.frac_coords - cell.frac_coords + 0.5) % 1.0, 0.5, atol=1e-12)
    assert back.atomic_numbers.tolist() == cell.atomic_numbers.tolist()


def test_partial_occupancies_reach_pymatgen_and_not_ase():
    cell = rocksalt().replace(occupancies={0: {11: 0.5, 19: 0.25}})
    assert to_pymatgen(cell)[0].species.as_dict() == {"Na": 0.5, "K": 0.25}
    with pytest.raises(OccupancyError, match="site 0 is partially occupied"):
        to_ase(cell)
