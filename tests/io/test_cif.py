from __future__ import annotations

import time
import warnings
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
from samples import CIF_SYMMETRIC, NACL, cif_text, only_cell, only_error, read

from seitz.cell import Cell
from seitz.elements import SYMBOLS
from seitz.errors import ElementError, OccupancyError, ReadError, StructureError
from seitz.io.coincidence import coincident


@pytest.fixture
def cif(tmp_path: Path):
    return lambda text, **options: only_cell(read(tmp_path, "a.cif", text, **options))


@pytest.fixture
def error(tmp_path: Path):
    return lambda text, **options: only_error(read(tmp_path, "a.cif", text, **options))


def same_structure(cell: Cell, lattice, species, coords, tolerance: float = 2e-3) -> bool:
    """Whether two descriptions hold the same atoms, in any order and any orientation (distance in Å)."""
    if len(cell) != len(species):
        return False
    metric = np.asarray(lattice) @ np.asarray(lattice).T
    if not np.allclose(cell.lattice @ cell.lattice.T, metric, rtol=1e-4, atol=1e-3):
        return False
    apart = cell.frac_coords[:, None] - np.asarray(coords)[None]
    distance = np.linalg.norm((apart - np.round(apart)) @ cell.lattice, axis=2)
    same = (distance < tolerance) & (cell.atomic_numbers[:, None] == np.asarray(species))
    return bool((same.sum(axis=1) == 1).all() and (same.sum(axis=0) == 1).all())


# --- agreement with pymatgen --------------------------------------------------------------------------------


PROTOTYPES = [
    ("Fm-3m", (5.6, 5.6, 5.6, 90, 90, 90), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    ("Im-3m", (2.87, 2.87, 2.87, 90, 90, 90), ["Fe"], [[0, 0, 0]]),
    ("Pm-3m", (3.9, 3.9, 3.9, 90, 90, 90), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]),
    ("F-43m", (5.4, 5.4, 5.4, 90, 90, 90), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
    ("P4_2/mnm", (4.6, 4.6, 2.96, 90, 90, 90), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
    ("P6_3/mmc", (3.2, 3.2, 5.2, 90, 90, 120), ["Mg"], [[1 / 3, 2 / 3, 0.25]]),
    ("P6_3mc", (3.2, 3.2, 5.2, 90, 90, 120), ["Zn", "O"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]]),
    ("Pa-3", (5.4, 5.4, 5.4, 90, 90, 90), ["Fe", "S"], [[0, 0, 0], [0.385, 0.385, 0.385]]),
    ("P2_13", (4.4, 4.4, 4.4, 90, 90, 90), ["Fe", "Si"], [[0.137, 0.137, 0.137], [0.842, 0.842, 0.842]]),
    (
        "Pnma",
        (5.4, 7.6, 5.3, 90, 90, 90),
        ["Ca", "Ti", "O"],
        [[0.03, 0.25, 0.99], [0, 0, 0.5], [0.29, 0.04, 0.71]],
    ),
    ("P2_1/c", (5.1, 5.2, 5.3, 90, 99, 90), ["Zr", "O"], [[0.27, 0.04, 0.21], [0.07, 0.33, 0.34]]),
    ("C2/m", (9.4, 3.1, 5.8, 90, 103, 90), ["Ga", "O"], [[0.1, 0, 0.79], [0.17, 0, 0.11]]),
    ("Cmcm", (2.8, 5.9, 4.9, 90, 90, 90), ["U"], [[0, 0.1, 0.25]]),
    ("I4/mmm", (3.8, 3.8, 13.2, 90, 90, 90), ["La", "Cu"], [[0, 0, 0.36], [0, 0, 0]]),
    ("I-42d", (5.6, 5.6, 10.3, 90, 90, 90), ["Cu", "S"], [[0, 0, 0], [0.3, 0.25, 0.125]]),
    ("P-1", (5, 6, 7, 80, 95, 101), ["Al", "O"], [[0.1, 0.2, 0.3], [0.6, 0.7, 0.1]]),
    ("P-3m1", (3.1, 3.1, 5.0, 90, 90, 120), ["Cd", "I"], [[0, 0, 0], [1 / 3, 2 / 3, 0.25]]),
    ("P6/mmm", (5.1, 5.1, 4.0, 90, 90, 120), ["Ca", "Cu"], [[0, 0, 0], [1 / 3, 2 / 3, 0]]),
]


@pytest.mark.parametrize("symmetric", [True, False], ids=["with operations", "P1"])
@pytest.mark.parametrize("group, parameters, species, coords", PROTOTYPES, ids=[row[0] for row in PROTOTYPES])
def test_what_pymatgen_writes_is_read_as_what_it_wrote(cif, group, parameters, species, coords, symmetric):
    from pymatgen.core import Lattice, Structure
    from pymatgen.io.cif import CifWriter

    structure = Structure.from_spacegroup(group, Lattice.from_parameters(*parameters), species, coords)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pymatgen and its symmetry finder
        text = str(CifWriter(structure, symprec=1e-3 if symmetric else None))
        expected = Structure.from_str(text, fmt="cif") if symmetric else structure
    assert same_structure(cif(text), expected.lattice.matrix, expected.atomic_numbers, expected.frac_coords)


def test_symmetric_files_of_real_structures_agree_with_pymatgen(cif):
    shared = Path(__file__).parents[3] / "shared" / "data" / "spglib_symmetry" / "data.jsonl.gz"
    if not shared.is_file():
        pytest.skip("the shared data sets are not here")
    from pymatgen.core import Structure
    from pymatgen.io.cif import CifWriter

    from seitz.io import read_structures

    compared = 0
    for index, record in enumerate(read_structures(shared)):
        source = record.cell
        if index % 12 or source is None or len(source) > 60 or source.volume / len(source) < 5:
            continue
        structure = Structure(source.lattice, source.atomic_numbers, source.frac_coords)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = str(CifWriter(structure, symprec=1e-3))
            expected = Structure.from_str(text, fmt="cif")
        cell = cif(text)
        assert same_structure(cell, expected.lattice.matrix, expected.atomic_numbers, expected.frac_coords), (
            record.id
        )
        compared += 1
    assert compared >= 30


# --- settings that pymatgen does not tell apart -------------------------------------------------------------


@pytest.mark.parametrize(
    "symmetry, position, n_sites",
    [
        (SYMBOL.format("F m -3 m"), "0 0 0", 4),
        ("_space_group_IT_number 225\n", "0 0 0", 4),
        ("_space_group_name_Hall '-F 4 2 3'\n", "0 0 0", 4),
        (SYMBOL.format("F d -3 m :1"), "0 0 0", 8),
        (SYMBOL.format("F d -3 m :2"), "0.125 0.125 0.125", 8),
        (SYMBOL.format("F d -3 m S"), "0 0 0", 8),
        (SYMBOL.format("F d -3 m Z"), "0.125 0.125 0.125", 8),
        (SYMBOL.format("Fd-3mZ"), "0.125 0.125 0.125", 8),
        (SYMBOL.format("P m -3 m"), "0.3333 0.3333 0.3333", 8),
        ("", "0.1 0.2 0.3", 1),
    ],
)
def test_symbols_numbers_and_hall_names_expand(cif, symmetry, position, n_sites):
    assert len(cif(HEAD + symmetry + COLUMNS + f"Fe1 Fe {position}\n")) == n_sites


@pytest.mark.parametrize(
    "symbol, angles, n_sites",
    [("R -3 m :H", (90, 90, 120), 6), ("R -3 m", (90, 90, 120), 6), ("R -3 m :R", (80, 80, 80), 2)],
)
def test_rhombohedral_groups_have_two_settings(cif, symbol, angles, n_sites):
    head = HEAD
    for name, angle in zip(("alpha", "beta", "gamma"), angles, strict=True):
        head = head.replace(f"{name} 90", f"{name} {angle}")
    position = "0.1 0.1 0.1" if symbol.endswith("R") else "0 0 0.1"
    assert len(cif(head + SYMBOL.format(symbol) + COLUMNS + f"Fe1 Fe {position}\n")) == n_sites


def test_a_rounded_special_position_is_not_doubled(cif):
    head = HEAD.replace("gamma 90", "gamma 120")
    cell = cif(head + SYMBOL.format("P 63/m m c") + COLUMNS + "Mg1 Mg 0.333 0.667 0.25\n")
    assert len(cell) == 2


def test_listed_operations_decide_over_an_unknown_symbol(cif):
    operations = (
        "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,-y,-z'\n'-x,y+1/2,-z+1/2'\n'x,-y+1/2,z+1/2'\n"
    )
    assert len(cif(HEAD + SYMBOL.format("P2_1/c") + operations + COLUMNS + "Fe1 Fe .1 .2 .3\n")) == 4


@pytest.mark.parametrize(
    "symmetry, message",
    [
        ("_space_group_IT_number 227\n", "two origins"),
        (SYMBOL.format("F d -3 m"), "two origins"),
        (SYMBOL.format("F d -3 m") + "_space_group_IT_number 227\n", "two origins"),
        ("_space_group_IT_number 999\n", "no space group 999"),
        (SYMBOL.format("Q m -3 m"), "not found in the table"),
        (SYMBOL.format("P 1") + "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-x,-y,-z\n", "contradictory"),
        ("loop_\n_space_group_symop_magn_operation.xyz\n'x,y,z,+1'\n", "magnetic"),
    ],
)
def test_symmetry_that_leaves_a_choice_is_refused(error, symmetry, message):
    found = error(HEAD + symmetry + COLUMNS + "Fe1 Fe 0 0 0\n")
    assert type(found) is ReadError
    assert message in str(found)


STATED = {
    "multiplicity": COLUMNS.replace(
        "_atom_site_fract_x", "_atom_site_symmetry_multiplicity\n_atom_site_fract_x"
    )
    + "Fe1 Fe {n} {position}\n",
    "formula": "_chemical_formula_sum 'Fe'\n_cell_formula_units_Z {n}\n" + COLUMNS + "Fe1 Fe {position}\n",
}


@pytest.mark.parametrize("stated", STATED)
@pytest.mark.parametrize("symbol", [SYMBOL.format("F d -3 m"), "_space_group_IT_number 227\n"])
def test_stated_numbers_of_atoms_tell_the_origin(cif, error, symbol, stated):
    text = HEAD + symbol + STATED[stated]
    first = cif(text.format(n=8, position="0 0 0"))
    second = cif(text.format(n=8, position="0.125 0.125 0.125"))
    assert len(first) == len(second) == 8
    assert not np.allclose(np.sort(first.frac_coords, 0), np.sort(second.frac_coords, 0))
    assert len(cif(text.format(n=16, position="0 0 0"))) == 16
    assert "two origins" in str(error(text.format(n=192, position="0.1 0.23 0.31")))  # both origins fit
    assert "two origins" in str(error(text.format(n=7, position="0 0 0")))  # neither does


def test_atoms_on_split_positions_are_all_there(cif, error):
    text = HEAD + SYMBOL.format("F m -3 m") + COLUMNS.rstrip() + "\n_atom_site_occupancy\n"
    split = text + "Na1 Na {x} 0 0 {occupancy}\nCl1 Cl .5 .5 .5 1\n"
    for x in ("0.0300", "0.0600"):
        cell = cif(split.format(x=x, occupancy="0.1666"), occupancy="average")
        assert cell.amounts[11] == pytest.approx(24 * 0.1666) and cell.amounts[17] == 4
    message = str(error(split.format(x="0.0300", occupancy=1)))
    assert "atom Na1 lies beside a special position: 6 images of it are within 0.3 Å" in message
    whole = cif(split.format(x="0.0030", occupancy=1))  # 0.015 Å off: one atom
    assert whole.amounts == {11: 4, 17: 4}


def test_a_cell_that_does_not_fit_its_group_is_refused(error):
    text = HEAD.replace("_a 5", "_a 6") + SYMBOL.format("F m -3 m") + COLUMNS + "Fe1 Fe 0 0 0\n"
    assert "does not fit the space group" in str(error(text))


# --- sites --------------------------------------------------------------------------------------------------


def test_numbers_carry_uncertainties_in_brackets(cif):
    cell = cif(CIF_SYMMETRIC)
    assert cell.formula == "Na4Cl4"
    assert_allclose(np.linalg.norm(cell.lattice, axis=1), 5.64)


def test_shared_sites_are_refused_or_averaged(cif, error):
    text = HEAD + OCCUPIED + "Fe1 Fe 0 0 0 0.5\nNi1 Ni 0.0001 0 0 0.5\nO1 O .5 .5 .5 1\n"
    found = error(text)
    assert type(found) is OccupancyError
    assert "atom Fe1 and Ni1: the site is partially occupied (Fe0.5 Ni0.5)" in str(found)
    cell = cif(text, occupancy="average")
    assert cell.occupancies == {0: {26: 0.5, 28: 0.5}}
    assert len(cell) == 2


def test_vacancies_are_refused_or_kept(cif, error):
    text = HEAD + OCCUPIED + "Fe1 Fe 0 0 0 0.9\n"
    assert "atom Fe1: the site is partially occupied (Fe0.9)" in str(error(text))
    assert cif(text, occupancy="average").occupancies == {0: {26: 0.9}}


def test_one_element_split_over_two_lines_fills_its_site(cif):
    cell = cif(HEAD + OCCUPIED + "Fe1 Fe 0 0 0 0.5\nFe2 Fe3+ 0 0 0 0.5\n")
    assert cell.is_ordered
    assert len(cell) == 1


def test_a_refined_occupancy_just_above_one_is_full(cif):
    assert cif(HEAD + OCCUPIED + "Fe1 Fe 0 0 0 1.003(5)\n").is_ordered


@pytest.mark.parametrize("occupancy", ["?", "."])
def test_an_unknown_occupancy_is_one(cif, occupancy):
    assert cif(HEAD + OCCUPIED + f"Fe1 Fe 0 0 0 {occupancy}\n").is_ordered


@pytest.mark.parametrize(
    "symbol, z", [("Fe3+", 26), ("O2-", 8), ("D", 1), ("FE", 26), ("Fe0+", 26), ("Cn", 112)]
)
def test_charges_and_isotopes_are_understood(cif, symbol, z):
    assert cif(HEAD + COLUMNS + f"A1 {symbol} 0 0 0\n").atomic_numbers.tolist() == [z]


def test_without_type_symbols_the_labels_name_the_elements(cif):
    text = HEAD + COLUMNS.replace("_atom_site_type_symbol\n", "") + "Fe1 0 0 0\nO(2) .5 .5 .5\nH1A .3 .3 .3\n"
    assert cif(text).atomic_numbers.tolist() == [26, 8, 1]


@pytest.mark.parametrize(
    "atom, kind, message",
    [
        ("Fe7 Fe ? 0 0 1", StructureError, "atom Fe7: a coordinate is missing"),
        ("Fe7 Fe . 0 0 1", StructureError, "atom Fe7: a coordinate is missing"),
        ("Fe7 Fe abc 0 0 1", StructureError, "atom Fe7: a coordinate is missing"),
        ("Q1 X 0 0 0 1", ElementError, "atom Q1: 'X' is no element"),
        ("Du1 Dum 0 0 0 1", ElementError, "atom Du1: 'Dum'"),
        ("Og1 Og 0 0 0 1", ElementError, "atom Og1: 'Og'"),
        ("Fe7 Fe 0 0 0 0", OccupancyError, "atom Fe7: occupancy 0 is not"),
        ("Fe7 Fe 0 0 0 -0.5", OccupancyError, "atom Fe7: occupancy -0.5"),
        ("Fe7 Fe 0 0 0 1.2", OccupancyError, "atom Fe7: occupancy 1.2"),
        ("Fe1 Fe 0 0 0 1\nFe2 Fe 0 0 1 1", OccupancyError, "2 atoms (Fe1 and Fe2) share one position"),
        ("Fe1 Fe 0 0 0 .7\nNi1 Ni 0 0 0 .7", OccupancyError, "occupancies sum to 1.4"),
    ],
)
def test_a_bad_atom_is_named_by_its_label(error, atom, kind, message):
    found = error(HEAD + OCCUPIED + atom + "\n", occupancy="average")
    assert type(found) is kind
    assert message in str(found)


# --- blocks and damage --------------------------------------------------------------------------------------


def test_each_block_with_coordinates_is_a_record(tmp_path):
    text = (
        "data_global\n_journal_name x\n" + cif_text(NACL, "one") + CIF_SYMMETRIC + HEAD.replace("_a", "_bad")
    )
    records = read(tmp_path, "a.cif", text)
    assert [record.id for record in records] == ["a:one", "a:NaCl"]
    assert records[1].source.endswith("a.cif block NaCl")


def test_one_bad_block_spoils_no_other(tmp_path):
    records = read(tmp_path, "a.cif", cif_text(NACL, "one").replace("_cell_length_a", "_x") + CIF_SYMMETRIC)
    assert [record.error is None for record in records] == [False, True]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no block has fractional coordinates"),
        ("data_x\n_atom_site.Cartn_x 1\n", "no block has fractional coordinates"),
        ("hello", "no valid CIF: line 1"),
        (HEAD.replace("_cell_length_b 5\n", "") + COLUMNS + "Fe1 Fe 0 0 0\n", "no value for _cell_length_b"),
        (HEAD.replace("_b 5", "_b ?") + COLUMNS + "Fe1 Fe 0 0 0\n", "no value for _cell_length_b"),
        (HEAD + COLUMNS + "Fe1 Fe 0 0\n", "Wrong number of values"),
        (HEAD.replace(" 5", " 0") + COLUMNS + "Fe1 Fe 0 0 0\n", "span no volume"),
        (HEAD.replace("alpha 90", "alpha 200") + COLUMNS + "Fe1 Fe 0 0 0\n", "span no volume"),
        (
            HEAD.replace("th_a 5", "th_a -5").replace("_b 5", "_b -5") + COLUMNS + "Fe1 Fe 0 0 0\n",
            "span no volume",
        ),
    ],
)
def test_what_is_no_structure_is_an_error(error, text, message):
    assert message in str(error(text))


def test_a_huge_expansion_is_refused(error):
    atoms = "".join(f"Fe{i} Fe {i / 20000} 0.1 0.2\n" for i in range(15000))
    assert "sites after expansion" in str(error(HEAD + SYMBOL.format("F m -3 m") + COLUMNS + atoms))


def test_thousands_of_sites_take_linear_time(cif):
    grid = np.stack(np.meshgrid(*[np.arange(20) / 20] * 3), axis=-1).reshape(-1, 3)
    cell = Cell(np.eye(3) * 60.0, grid, np.full(8000, 26))
    start = time.perf_counter()
    assert len(cif(cif_text(cell) + "Ni1 Ni 0.025 0.025 0.025\n")) == 8001
    assert time.perf_counter() - start < 5


# --- coincident sites ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([3, 40, 300]), st.floats(0.05, 3.0))
def test_coincident_sites_are_those_of_the_quadratic_search(seed, n_sites, scale):
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * rng.uniform(0.5, 2.0, 3) * scale + rng.uniform(-0.1, 0.1, (3, 3)) * scale
    coords = rng.random((n_sites, 3))
    copies = rng.integers(0, n_sites, n_sites // 3)
    offsets = rng.normal(size=(len(copies), 3)) * 0.002 @ np.linalg.inv(lattice)
    coords = np.concatenate((coords, coords[copies] + offsets)) % 1.0
    apart = coords[:, None] - coords
    near = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=2) < 0.01
    leaders = coincident(coords, lattice, 0.01)
    if leaders is None:
        leaders = np.arange(len(coords))
    # Chains of near pairs may be cut anywhere; isolated pairs may not.
    lonely = near.sum(axis=1) == 1
    assert (leaders[lonely] == np.flatnonzero(lonely)).all()
    for site in np.flatnonzero(near.sum(axis=1) == 2):
        partner = next(i for i in np.flatnonzero(near[site]) if i != site)
        if near[partner].sum() == 2:
            assert leaders[site] == leaders[partner] == min(site, partner)


def test_symbols_of_all_elements_round_trip(cif):
    numbers = np.arange(1, 113)
    coords = np.linspace(0, 0.99, 336).reshape(-1, 3)
    text = cif_text(Cell(np.eye(3) * 20, coords, numbers))
    assert cif(text).atomic_numbers.tolist() == numbers.tolist()
    assert len(SYMBOLS) == 113
