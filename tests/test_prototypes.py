"""The library of prototypes: its data against the symmetry finder and known bonds, and files of users, good and bad."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import moyopy
import numpy as np
import pytest

import seitz
from seitz import Cell
from seitz.elements import SYMBOLS, table
from seitz.errors import PrototypeError, ReadError, WriteError
from seitz.prototypes import (
    BUILT_IN,
    Prototype,
    add_prototype,
    broken_prototypes,
    is_prototype,
    prototype,
    prototypes,
    user_folder,
)
from seitz.prototypes.builtin import NAMES
from seitz.prototypes.crystallography import SpaceGroup, lattice_vectors, symmetry_of
from seitz.prototypes.yamlfile import MAX_BYTES, parse_yaml

ROOT = Path(__file__).parents[1]
DATA = ROOT / "src" / "seitz" / "data" / "prototypes"
PAGE = ROOT / "docs" / "prototypes.md"

#: Shortest bond (Å), number of such bonds of the site that has it, density (g/cm³), by textbooks and handbooks.
KNOWN = {
    "FCC": (2.556, 12, 8.94),
    "BCC": (2.741, 8, 19.25),
    "HCP": (3.197, 6, 1.738),
    "Diamond": (1.5445, 4, 3.515),
    "DHCP": (3.739, 6, 6.16),
    "Sn_A5": (3.022, 4, 7.287),
    "SC": (3.359, 6, 9.2),
    "As_A7": (2.517, 3, 5.78),
    "U_A20": (2.742, 2, 19.2),
    "Ga_A11": (2.484, 1, 5.91),
    "A15": (2.278, 2, 6.46),
    "B2": (3.533, 8, 4.12),
    "L1_2": (2.645, 12, 12.3),
    "sigma": (2.261, 1, 7.5),
    "C14": (2.567, 2, 5.1),
    "C15": (2.487, 6, 5.78),
    "fluorite": (2.366, 4, 3.18),
    "perovskite": (1.9525, 2, 5.117),
    "spinel": (1.924, 1, 3.578),
}

GOOD = """\
name: mine
title: rock salt, NaCl
aliases: [halite]
space_group: 225
lattice: {a: 5.6402, b: 5.6402, c: 5.6402, alpha: 90, beta: 90, gamma: 90}
sites:
  - {element: Na, wyckoff: 4a, position: [0, 0, 0]}
  - {element: Cl, wyckoff: 4b, position: [1/2, 1/2, 1/2]}
"""
POSCAR = "CsCl\n1.0\n4.1 0 0\n0 4.1 0\n0 0 4.1\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty place for the user's files."""
    monkeypatch.setenv("SEITZ_CONFIG", str(tmp_path / "config"))
    path = tmp_path / "config" / "prototypes"
    path.mkdir(parents=True)
    return path


def shortest(cell: Cell) -> tuple[float, int]:
    """The shortest distance in a cell, and how many of them its site has."""
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    found = []
    for position in cell.frac_coords:
        vectors = (cell.frac_coords[None] + images[:, None] - position) @ cell.lattice
        distances = np.linalg.norm(vectors, axis=-1).ravel()
        distances = distances[distances > 1e-6]
        found.append((distances.min(), int((distances < distances.min() + 1e-3).sum())))
    return min(found)


# --- the built-in ones -------------------------------------------------------------------------------------------


def test_every_file_of_the_package_is_in_the_list():
    assert sorted(path.stem for path in DATA.glob("*")) == sorted(NAMES)
    assert tuple(prototypes()) == NAMES
    assert broken_prototypes() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_everything_about_its_prototype(name):
    content = parse_yaml((DATA / f"{name}.yaml").read_bytes(), name)
    required = {"name", "title", "aliases", "strukturbericht", "pearson", "space_group", "lattice", "sites"}
    assert required | {"origin"} <= set(content) <= required | {"origin", "note"}
    found = prototype(name)
    assert found.name == name == content["name"] and found.source == BUILT_IN
    assert found.origin is not None and 1900 < found.origin.year < 2030
    assert found.lattice_parameters == pytest.approx(content["lattice"], rel=1e-12)
    assert list(found.multiplicities) == [site["wyckoff"] for site in content["sites"]]
    for site in content["sites"]:
        for index in found.sites(site["wyckoff"]):
            assert SYMBOLS[found.cell.atomic_numbers[index]] == site["element"]


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_finders_agree_with_the_file(name):
    pytest.importorskip("spglib")
    found = prototype(name)
    cell = found.cell
    description = (cell.lattice.tolist(), cell.frac_coords.tolist(), cell.atomic_numbers.tolist())
    by_moyo = moyopy.MoyoDataset(moyopy.Cell(*description), symprec=1e-4)
    assert len(by_moyo.std_cell.numbers) == len(cell), "the cell is the conventional one"
    assert by_moyo.pearson_symbol.replace("S", "C").replace("hR6", "hR2") == found.pearson
    for finder in ("moyopy", "spglib"):
        orbits = seitz.symmetry.site_orbits(cell, finder=finder, symprec=1e-4)
        assert orbits.space_group == found.space_group
        pairs = set(zip(orbits.labels.tolist(), found.sublattices, strict=True))
        assert len(pairs) == len(orbits) == len(found.multiplicities)
        for sublattice, letter in zip(found.sublattices, orbits.wyckoffs, strict=True):
            multiplicity, name_letter = re.fullmatch(r"(\d+)([a-z])\d?", sublattice).groups()
            assert found.multiplicities[sublattice] == int(multiplicity)
            # spglib may choose the other of two equivalent origins, where a and b, c and d are exchanged
            assert name_letter == letter or (finder == "spglib" and found.space_group == 227)
    assert symmetry_of(cell).sublattices == found.sublattices


@pytest.mark.parametrize("name", NAMES)
def test_bonds_and_densities_are_those_of_the_material(name):
    cell = prototype(name).cell
    bond, n_bonds, density = KNOWN[name]
    assert shortest(cell) == (pytest.approx(bond, abs=6e-4), n_bonds)  # handbooks give three decimals
    weights = table().values[:, table().names.index("AtomicWeight")]
    mass = sum(weights[z] * amount for z, amount in cell.amounts.items())
    assert mass / cell.volume * 1.66053906892 == pytest.approx(density, rel=5e-3)


def test_further_bonds_are_the_published_ones():
    def neighbours(name, site, n):
        tessellation = seitz.tessellate(prototype(name).cell)
        return sorted(tessellation.distances[tessellation.faces(site)].tolist())[:n]

    arsenic = [2.517] * 3 + [3.120] * 3
    assert neighbours("As_A7", 0, 6) == pytest.approx(arsenic, abs=6e-4)
    gallium = [2.484, 2.691, 2.691, 2.730, 2.730, 2.788, 2.788]
    assert neighbours("Ga_A11", 0, 7) == pytest.approx(gallium, abs=6e-4)
    assert neighbours("Sn_A5", 0, 6) == pytest.approx([3.022] * 4 + [3.182] * 2, abs=6e-4)


def test_faces_of_the_cells_are_those_of_the_textbook():
    expected = {"FCC": {12}, "BCC": {14}, "SC": {6}, "Diamond": {16}}
    for name, counts in expected.items():
        tessellation = seitz.tessellate(prototype(name).cell)
        assert set(tessellation.n_faces.tolist()) == counts
    sigma = prototype("sigma")
    faces = dict(zip(sigma.sublattices, seitz.tessellate(sigma.cell).n_faces.tolist(), strict=True))
    assert faces == {"2a": 12, "4f": 15, "8i1": 14, "8i2": 12, "8j": 14}  # the Frank-Kasper polyhedra of σ


@pytest.mark.parametrize(
    ("name", "label", "tolerance"),
    [
        ("BCC", "A_cI2_229_a#238", 4e-3),
        ("DHCP", "A_hP4_194_ac#114", 3e-3),
        ("Diamond", "A_cF8_227_a#245", 6e-3),
        ("Sn_A5", "A_tI4_141_a#68", 1e-6),
        ("As_A7", "A_hR2_166_c#282", 9e-3),  # that one is at 78 K
        ("U_A20", "A_oC4_63_c#233", 1e-6),
        ("B2", "AB_cP2_221_b_a#240", 1e-6),
    ],
)
def test_other_collections_have_the_same_structure(reference, name, label, tolerance):
    record = next(r for r in reference if r["name"] == label)
    numbers = record["atomic_numbers"]
    theirs = moyopy.MoyoDataset(
        moyopy.Cell(record["lattice"], record["frac_coords"], numbers), symprec=1e-4
    ).std_cell
    ours = prototype(name).cell
    assert sorted(theirs.numbers) == sorted(ours.atomic_numbers.tolist())
    lengths = np.linalg.norm(theirs.basis, axis=1), np.linalg.norm(ours.lattice, axis=1)
    np.testing.assert_allclose(*lengths, rtol=tolerance)
    bonds = (
        shortest(Cell(theirs.basis, np.array(theirs.positions) % 1, theirs.numbers)),
        shortest(ours),
    )
    assert bonds[0] == pytest.approx(bonds[1], rel=tolerance)


def test_cells_are_exactly_symmetric():
    for found in prototypes().values():
        group = SpaceGroup(found.space_group)
        assert group.fits(found.cell.lattice)
        for sublattice in found.multiplicities:
            first = found.sites(sublattice)[0]
            orbit = group.orbit(found.cell.frac_coords[first], found.cell.lattice)
            np.testing.assert_array_equal(orbit, found.cell.frac_coords[list(found.sites(sublattice))])
        assert (found.cell.frac_coords >= 0).all() and (found.cell.frac_coords < 1).all()


def test_the_page_lists_what_the_library_has():
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## The list") : text.index("## From the shell")]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [page_row(found) for found in prototypes().values()]


def page_row(found: Prototype) -> str:
    """The row of a prototype in the documentation; also the way to write it."""
    a, b, c, alpha, beta, gamma = (f"{value:g}" for value in found.lattice_parameters.values())
    lattice = f"a {a}" + (f", b {b}" if b != a else "") + (f", c {c}" if c != a else "")
    if {alpha, beta, gamma} != {"90"}:
        lattice += f", γ {gamma}°"
    sites = "; ".join(
        f"{SYMBOLS[found.cell.atomic_numbers[first]]} {sublattice} "
        + " ".join(map(shown, found.cell.frac_coords[first]))
        for sublattice in found.multiplicities
        for first in found.sites(sublattice)[:1]
    )
    names = ", ".join(alias.replace("_", "\\_") for alias in found.aliases)
    origin = f"{found.origin}" + (f"; {found.note}" if found.note else "")
    cells = (found.title, names, found.pearson, str(found.space_group), lattice, sites, origin)
    return f"| `{found.name}` | " + " | ".join(cells) + " |"


def shown(value: float) -> str:
    fraction = Fraction(value).limit_denominator(12)
    return str(fraction) if abs(float(fraction) - value) < 1e-12 else f"{value:g}"


# --- names -------------------------------------------------------------------------------------------------------


def test_names_are_found_whatever_their_case_and_by_aliases():
    assert prototype("BCC") is prototype("bcc") is prototype("A2") is prototype("w") is prototype(" Bcc ")
    assert prototype("σ") is prototype("Σ") is prototype("d8_b") is prototype("sigma")
    assert is_prototype("mgzn2") and not is_prototype("nothing")


def test_no_name_belongs_to_two():
    names = [name.casefold() for p in prototypes().values() for name in (p.name, *p.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("wrong", "close"), [("fc", "FCC"), ("sigm", "sigma"), ("spinell", "spinel")])
def test_an_unknown_name_lists_those_close_to_it(wrong, close):
    with pytest.raises(
        PrototypeError, match=rf"no prototype is called '{wrong}'; close to it: .*{close}.*lists all"
    ):
        prototype(wrong)


def test_nothing_close_is_no_hint():
    with pytest.raises(PrototypeError, match=r"called 'qqqqq'\. 'seitz prototypes' lists all"):
        prototype("qqqqq")
    with pytest.raises(PrototypeError, match="must be text, not 'int'"):
        prototype(225)  # type: ignore[arg-type]


def test_a_prototype_is_a_value():
    found = prototype("C15")
    assert repr(found) == "Prototype(C15, cF24, Mg8Cu16, 8a 16d)"
    assert found == prototype("MgCu2") and found != prototype("C14")
    assert found.sites("nothing") == () and len(found.sites("16d")) == 16
    with pytest.raises(AttributeError):
        found.name = "other"  # type: ignore[misc]
    assert str(found.origin) == "T. Ohba, Y. Kitano, Y. Komura, Acta Cryst. C 40, 1 (1984)"


def test_importing_the_library_loads_no_yaml_and_no_symmetry_finder():
    heavy = ("yaml", "moyopy", "pyarrow", "gemmi")
    code = f"import sys, seitz.prototypes; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- positions and lattices --------------------------------------------------------------------------------------


def test_rounded_positions_are_moved_onto_their_symmetry_element(folder):
    text = (
        (DATA / "HCP.yaml").read_text().replace("1/3, 2/3", "0.3333, 0.6667").replace("name: HCP", "name: h")
    )
    (folder / "h.yaml").write_text(text.replace("[A3, Mg]", "[]"))
    np.testing.assert_allclose(prototype("h").cell.frac_coords, prototype("HCP").cell.frac_coords, atol=1e-15)


def test_lattice_vectors_have_the_lengths_and_angles_they_are_made_from():
    lattice = lattice_vectors((3.0, 4.0, 5.0), (80.0, 95.0, 107.0))
    cell = Cell(lattice, [[0, 0, 0]], ["Fe"])
    parameters = Prototype("x", "x", cell, 2, "aP1", ("1a",)).lattice_parameters
    assert parameters == pytest.approx(
        {"a": 3, "b": 4, "c": 5, "alpha": 80, "beta": 95, "gamma": 107}, abs=1e-9
    )
    with pytest.raises(ValueError, match="no cell"):
        lattice_vectors((1.0, 1.0, 1.0), (30.0, 30.0, 120.0))


def test_a_file_without_a_space_group_lists_all_sites(folder):
    sites = "".join(f"  - {{element: {e}, position: [{x}, {x}, {x}]}}\n" for e, x in (("Cs", 0), ("Cl", 0.5)))
    lattice = "lattice: {a: 4.1, b: 4.1, c: 4.1, alpha: 90, beta: 90, gamma: 90}\n"
    (folder / "x.yml").write_text(f"name: plain\n{lattice}sites:\n{sites}")
    found = prototype("PLAIN")
    assert (found.space_group, found.pearson, found.sublattices) == (221, "cP2", ("1a", "1b"))
    assert found.title == "CsCl" and found.origin is None


def test_sublattices_of_a_primitive_cell_count_the_conventional_one(folder):
    lines = "x\n1.0\n0 2.82 2.82\n2.82 0 2.82\n2.82 2.82 0\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
    (folder / "small.vasp").write_text(lines)
    found = prototype("small")
    assert found.sublattices == ("4a", "4b") and found.pearson == "cF8" and len(found.cell) == 2
    assert found.multiplicities == {"4a": 1, "4b": 1}


# --- the user's folder -------------------------------------------------------------------------------------------


def test_files_in_the_folder_are_found_by_name(folder):
    (folder / "any.yaml").write_text(GOOD)
    (folder / "salt2.poscar").write_text(POSCAR)
    for stray in ("README.md", ".hidden.yaml", "notes.txt"):
        (folder / stray).write_text("name: stray")
    assert list(prototypes())[len(NAMES) :] == ["mine", "salt2"]
    assert broken_prototypes() == []
    assert prototype("HALITE").source == str(folder / "any.yaml")
    assert prototype("halite").multiplicities == {"4a": 4, "4b": 4}
    assert prototype("salt2").cell.formula == "CsCl"


def test_a_missing_folder_is_an_empty_one(folder):
    folder.rmdir()
    assert tuple(prototypes()) == NAMES


def test_a_folder_that_is_a_file_leaves_the_built_in_ones(folder):
    folder.rmdir()
    folder.write_text("no folder")
    assert tuple(prototypes()) == NAMES and prototype("FCC").name == "FCC"
    (broken,) = broken_prototypes()
    assert "cannot be read" in str(broken.error)


@pytest.mark.parametrize(
    ("name", "alias"), [("FCC", "x"), ("fcc", "x"), ("x", "MgZn2"), ("A2", "x"), ("SIGMA", "x")]
)
def test_a_name_of_a_built_in_one_is_taken_by_nobody(folder, name, alias):
    path = folder / "file.yaml"
    path.write_text(GOOD.replace("mine", name).replace("halite", alias))
    shared = alias if name == "x" else name
    with pytest.raises(PrototypeError) as raised:
        prototype(shared)
    assert "built in" in str(raised.value) and str(path) in str(raised.value)
    assert len(broken_prototypes()) == 2
    assert len(prototypes()) == len(NAMES) - 1
    assert prototype("Diamond").name == "Diamond"


def test_two_files_of_one_name_are_both_named(folder):
    (folder / "one.yaml").write_text(GOOD)
    (folder / "mine.vasp").write_text(POSCAR)
    with pytest.raises(PrototypeError, match=r"mine\.vasp.*one\.yaml"):
        prototype("Mine")


def test_one_broken_file_leaves_the_others(folder):
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("name: [\n")
    (folder / "worse.yaml").write_text(
        GOOD.replace("mine", "worse").replace("halite", "w2").replace("225", "0")
    )
    (folder / "cut.cif").write_text("data_x\n_cell_length_a 5\n")
    (folder / "FCC.yaml").write_text("not a mapping")
    assert list(prototypes()) == [*NAMES, "mine"]
    assert [b.name for b in broken_prototypes()] == ["FCC", "bad", "cut", "worse"]
    assert prototype("FCC").source == BUILT_IN  # the broken file has not said that it wants this name
    for name, message in (("bad", "bad.yaml: line"), ("w2", "space_group: must be"), ("cut", "cut.cif")):
        with pytest.raises(PrototypeError, match=re.escape(message)):
            prototype(name)


def test_the_folder_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("SEITZ_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert user_folder() == tmp_path / "x" / "seitz" / "prototypes"
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", unset)
        assert user_folder() == tmp_path / ".config" / "seitz" / "prototypes"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_folder() == tmp_path / "Library" / "Application Support" / "seitz" / "prototypes"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    assert user_folder() == tmp_path / "roaming" / "seitz" / "prototypes"


# --- adding ------------------------------------------------------------------------------------------------------


def test_an_added_file_is_copied_as_it_is(folder, tmp_path):
    path = tmp_path / "somewhere.yaml"
    path.write_text("# a comment\n" + GOOD)
    added = add_prototype(path)
    assert added == prototype("mine") and added.source == str(folder / "mine.yaml")
    assert (folder / "mine.yaml").read_bytes() == path.read_bytes()
    assert [p.name for p in folder.iterdir()] == ["mine.yaml"]


def test_an_added_file_gets_a_new_name(folder, tmp_path):
    path = tmp_path / "somewhere.yaml"
    path.write_text("# a comment\n" + GOOD)
    assert add_prototype(path, name="Salt").name == "Salt"
    assert (folder / "Salt.yaml").read_text() == path.read_text().replace("name: mine", 'name: "Salt"')
    path.write_text(GOOD.replace("name: mine", '"name": mine').replace("halite", "h2"))
    with pytest.raises(PrototypeError, match="cannot be changed here"):
        add_prototype(path, name="Other")


def test_structure_files_are_added_under_the_name_of_the_file(folder, tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    assert add_prototype(tmp_path / "POSCAR", name="cs").source == str(folder / "cs.poscar")
    with pytest.raises(PrototypeError, match="taken"):
        (tmp_path / "B2.vasp").write_text(POSCAR)
        add_prototype(tmp_path / "B2.vasp")
    cif = DATA.parent / "demo" / "SiO2_quartz.cif"
    quartz = add_prototype(str(cif))
    assert quartz.name == "SiO2_quartz" and quartz.space_group in (152, 154)
    assert quartz.multiplicities == {"3a": 3, "6c": 6}


def test_nothing_is_overwritten_without_being_asked_to(folder, tmp_path):
    path = tmp_path / "somewhere.yaml"
    path.write_text(GOOD)
    add_prototype(path)
    path.write_text(GOOD.replace("5.6402", "5.7"))
    with pytest.raises(PrototypeError, match="is there already"):
        add_prototype(path)
    assert prototype("mine").lattice_parameters["a"] == 5.6402
    assert add_prototype(path, overwrite=True).lattice_parameters["a"] == 5.7
    (tmp_path / "mine.vasp").write_text(POSCAR)
    with pytest.raises(PrototypeError, match=r"taken .*mine\.yaml"):
        add_prototype(tmp_path / "mine.vasp", overwrite=True)


@pytest.mark.parametrize("name", ["fcc", "add", "a/b", "../up", "", " ", ".x", "x" * 70, "a\nb", "x."])
def test_bad_names_are_refused(folder, tmp_path, name):
    path = tmp_path / "somewhere.yaml"
    path.write_text(GOOD)
    with pytest.raises(PrototypeError, match="name"):
        add_prototype(path, name=name)
    assert list(folder.iterdir()) == []


def test_what_is_no_prototype_is_not_added(folder, tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        add_prototype(tmp_path / "missing.yaml")
    (tmp_path / "x.txt").write_text(GOOD)
    with pytest.raises(PrototypeError, match=r"must be a \.yaml"):
        add_prototype(tmp_path / "x.txt")
    (tmp_path / "bad.cif").write_text("data_x\n")
    with pytest.raises(PrototypeError, match=r"bad\.cif"):
        add_prototype(tmp_path / "bad.cif")
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEITZ_CONFIG", str(tmp_path / "file"))
    (tmp_path / "x.yaml").write_text(GOOD)
    with pytest.raises(WriteError, match="cannot be made"):
        add_prototype(tmp_path / "x.yaml")


# --- malformed and hostile files ---------------------------------------------------------------------------------

SITE = "  - {element: Na, wyckoff: 4a, position: [0, 0, 0]}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine\n", "", "name: missing"),
        ("name: mine", "name: 12", "name: must be text, not '12': put it into quotes"),
        ("[halite]", "halite", "aliases: must be a list"),
        ("[halite]", "[no]", "aliases[0]: must be text, not 'False'"),
        ("title:", "titel:", "titel: no such key"),
        ("225", "231", "space_group: must be a number from 1 to 230"),
        ("225", "Fm-3m", "space_group: must be"),
        ("225", "true", "space_group: must be"),
        ("225", "221", "sites[0].wyckoff: 4a, but this position has 1 images in space group 221"),
        ("225", "194", "lattice: does not have the symmetry"),
        ("c: 5.6402", "c: 5.65", "lattice: does not have the symmetry of space group 225"),
        ("a: 5.6402, ", "", "lattice: must have a, b, c"),
        ("a: 5.6402", "a: -1", "lattice.a: must be between"),
        ("a: 5.6402", "a: .nan", "lattice.a: must be between"),
        ("a: 5.6402", "a: 1e400", "lattice.a: must be between"),
        ("a: 5.6402", f"a: {'9' * 5000}", "a value that cannot be read"),
        ("alpha: 90", "alpha: 200", "lattice.alpha: must be between"),
        ("alpha: 90, beta: 90, gamma: 90", "alpha: 30, beta: 30, gamma: 120", "lattice: there is no cell"),
        ("element: Na", "element: Xx", "sites[0].element"),
        ("element: Na", "element: no", "sites[0].element: must be text, not 'False': put it into quotes"),
        ("element: Na, ", "", "sites[0]: must have element and position"),
        ("wyckoff: 4a", "wyckoff: four", "sites[0].wyckoff: 'four' is not of the form"),
        ("wyckoff: 4a", "label: 4a", "sites[0].label: no such key"),
        ("wyckoff: 4a, ", "", "sites[0].wyckoff: missing"),
        ("wyckoff: 4b", "wyckoff: 4a", "sites[1].wyckoff: 4a is taken"),
        ("[0, 0, 0]", "[0, 0]", "sites[0].position: must be three"),
        ("[0, 0, 0]", "[0, 0, x]", "sites[0].position[2]: must be a number"),
        ("[0, 0, 0]", "[0, 0, 1/0]", "sites[0].position[2]: must be a number"),
        ("[0, 0, 0]", "[0, 0, 1e9]", "sites[0].position[2]: must be between"),
        ("[1/2, 1/2, 1/2]", "[0.5, 0.5, 0]", "sites[1].position: coincides with a site of sites[0]"),
        ("element: Cl", "element: Na", "space_group: 225, but the sites have the space group 221"),
        ("space_group: 225", "pearson: cF4\nspace_group: 225", "pearson: 'cF4', but the sites make cF8"),
        ("space_group: 225\n", "", "sites[0].wyckoff: needs the key space_group"),
        ("name: mine", "name: mine\norigin: me", "origin: must have authors"),
        ("name: mine", "name: mine\nnote: [1]", "note: must be text"),
        ("name: mine", "name: mine\nname: other", "name: given twice"),
        ("name: mine", "name: mine\n1: 2", "every key must be text"),
        ("name: mine", "name: mine\n<<: {note: x}", "every key must be text"),
        ("name: mine", "name: !!python/object/apply:os.system [ls]", "line 1: tags are not read"),
        ("name: mine", "name: !!str mine", "tags are not read"),
        ("name: mine", "name: &x mine\nnote: *x", "anchors and aliases"),
        ("name: mine", "name: mine\nnote: 2020-01-01", "note: must be text"),
        ("sites:", "sites: []\nnote:", "sites: must be a list"),
        (GOOD, "", "is empty"),
        (GOOD, "- 1\n- 2\n", "must be a mapping"),
        (GOOD, "just text", "must be a mapping"),
        (GOOD, "a: b: c", "line 1: no valid YAML"),
        (GOOD, GOOD + "---\nx: 1\n", "a second document"),
        (GOOD, "name: " + "[" * 100_000, "nested deeper"),
        (GOOD, "name: mine\nnote: \x07", "no valid YAML"),
    ],
)
def test_malformed_files_are_named_with_their_key(folder, old, new, message):
    assert old in GOOD
    path = folder / "file.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(PrototypeError) as raised:
        add_prototype(path, name=None)
    assert str(raised.value).startswith(f"{path}") and message in str(raised.value)
    assert len(str(raised.value)) < 500 and "\n" not in str(raised.value)


@pytest.mark.parametrize("parser", ["libyaml", "python"])
def test_bombs_are_refused_before_they_grow(folder, parser, monkeypatch):
    if parser == "python":  # PyYAML may have been built without the library
        monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    levels = "".join(f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 9)}]\n" for k in range(1, 12))
    nested = "note: " + "{a: " * 5000
    for bomb in (f"l0: &l0 [x, x]\n{levels}name: mine\n", nested, "a: " + "- " * 50_000, "? " * 60_000):
        (folder / "bomb.yaml").write_text(bomb)
        start = time.perf_counter()
        assert tuple(prototypes()) == NAMES
        assert time.perf_counter() - start < 2
        with pytest.raises(PrototypeError, match="bomb"):
            prototype("bomb")


def test_size_and_encoding_are_checked_first(folder):
    path = folder / "huge.yaml"
    path.write_text(GOOD + "#" * MAX_BYTES)
    with pytest.raises(PrototypeError, match=r"huge\.yaml: larger than 256 KiB"):
        prototype("huge")
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(PrototypeError, match="not UTF-8"):
        prototype("huge")
    path.write_text(GOOD.replace(SITE, "\n".join([SITE] * 1001)))
    with pytest.raises(PrototypeError, match="at most 1000"):
        prototype("mine")


def test_cells_with_too_many_sites_are_refused(folder):
    sites = "".join(f"  - {{element: Fe, position: [{k / 40}, 0.013, 0.217]}}\n" for k in range(1, 12))
    (folder / "x.yaml").write_text(GOOD.replace(GOOD[GOOD.index("sites:") :], f"sites:\n{sites}"))
    with pytest.raises(PrototypeError, match="more than 1000 in the cell"):
        prototype("mine")


def test_any_cut_of_a_file_is_a_named_error(folder):
    path = folder / "cut.yaml"
    whole = (
        (DATA / "sigma.yaml")
        .read_text()
        .replace("name: sigma", "name: cut")
        .replace("[σ, D8_b, D8b, CrFe]", "[]")
    )
    for end in range(whole.index("\n"), len(whole), 7):
        path.write_text(whole[:end])
        try:
            assert prototype("cut").name == "cut"
        except PrototypeError as error:
            assert str(path) in str(error)


@pytest.mark.skipif(not hasattr(__import__("os"), "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang(folder):
    import os

    os.mkfifo(folder / "pipe.yaml")
    os.mkfifo(folder / "pipe2.cif")
    assert tuple(prototypes()) == NAMES
    assert [b.name for b in broken_prototypes()] == ["pipe", "pipe2"]
