from __future__ import annotations

import io
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose
from samples import FILES, NACL, cells, only_cell, only_error, poscar_text, read

from seitz.cell import Cell
from seitz.errors import ElementError, ReadError, StructureError

BODY = """1.0
4.0 0.0 0.0
0.0 5.0 0.0
0.0 0.0 6.0
Fe Ni
1 2
Direct
0.0 0.0 0.0
0.5 0.5 0.0
0.5 0.0 0.5
"""
COORDS = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5]]


@pytest.fixture
def poscar(tmp_path: Path):
    return lambda text, **options: only_cell(read(tmp_path, "POSCAR", text, **options))


@pytest.fixture
def error(tmp_path: Path):
    return lambda text: only_error(read(tmp_path, "POSCAR", text))


def test_the_vasp_5_form_is_read(poscar):
    cell = poscar("title\n" + BODY)
    assert cell == Cell(np.diag([4.0, 5.0, 6.0]), COORDS, [26, 28, 28])


def test_a_blank_title_shifts_nothing(poscar):
    assert poscar("\n" + BODY).formula == "FeNi2"


@pytest.mark.parametrize("mode", ["Cartesian", "cart", "KARTESISCH", "k"])
def test_cartesian_positions_are_scaled_like_the_lattice(poscar, mode):
    text = "t\n2.0\n4 0 0\n0 5 0\n0 0 6\nFe\n1\n" + mode + "\n2.0 2.5 3.0\n"
    cell = poscar(text)
    assert_allclose(cell.lattice, np.diag([8, 10, 12]))
    assert_allclose(cell.frac_coords, [[0.5, 0.5, 0.5]], atol=1e-15)


@pytest.mark.parametrize("mode", ["Direct", "fractional", "", "Reciprocal?"])
def test_any_other_mode_is_direct(poscar, mode):
    assert_allclose(poscar("t\n" + BODY.replace("Direct", mode)).frac_coords, COORDS)


def test_a_negative_scale_is_the_volume(poscar):
    text = "t\n-240\n4 0 0\n0 5 0\n0 0 1.5\nFe\n1\nCartesian\n2 2.5 0.75\n"
    cell = poscar(text)
    assert cell.volume == pytest.approx(240, rel=1e-13)
    assert_allclose(cell.frac_coords, [[0.5, 0.5, 0.5]], atol=1e-15)


def test_three_scales_stretch_the_cartesian_axes(poscar):
    cell = poscar("t\n2 3 4\n1 1 0\n0 1 0\n0 0 1\nFe\n1\nCartesian\n1 1 1\n")
    assert_allclose(cell.lattice, [[2, 3, 0], [0, 3, 0], [0, 0, 4]])
    assert_allclose(cell.cart_coords, [[2, 3, 4]])


def test_selective_dynamics_and_what_follows_the_positions_are_ignored(poscar):
    text = "t\n" + BODY.replace("Direct\n", "Selective dynamics\nDirect\n").replace(
        " 0.0\n0.5", " 0.0 T F T\n0.5"
    )
    text += "\n0.1 0.1 0.1\n0.1 0.1 0.1\n0.1 0.1 0.1\n\npredictor\n1\n"
    assert_allclose(poscar(text).frac_coords, COORDS)


def test_repeated_species_keep_their_order(poscar):
    text = "t\n" + BODY.replace("Fe Ni\n1 2", "Fe Ni Fe\n1 1 1")
    assert poscar(text).atomic_numbers.tolist() == [26, 28, 26]


@pytest.mark.parametrize(
    "symbols", ["Fe_pv Ni_sv_GW", "Fe/0a1b2c Ni/d3e4f5", "Fe_pv/12ab Ni", "Fe3+ Ni2+", "Fe.5 Ni"]
)
def test_names_of_potentials_give_their_element(poscar, symbols):
    assert poscar("t\n" + BODY.replace("Fe Ni", symbols)).formula == "FeNi2"


def test_vasp_4_takes_symbols_from_the_title(poscar):
    assert poscar("Fe Ni\n" + BODY.replace("Fe Ni\n", "")).formula == "FeNi2"


def test_vasp_4_takes_labels_from_the_line_ends(poscar):
    text = BODY.replace("Fe Ni\n", "").replace("0.0 0.0 0.0\n0.5", "0.0 0.0 0.0 Fe\n0.5")
    text = text.replace("0.5 0.5 0.0\n0.5 0.0 0.5", "0.5 0.5 0.0 F\n0.5 0.0 0.5 Ni2")
    assert poscar("t\n" + text).atomic_numbers.tolist() == [26, 9, 28]


def test_vasp_4_labels_stand_behind_the_flags_of_selective_dynamics(poscar):
    text = "t\n1\n4 0 0\n0 4 0\n0 0 4\n1 1\nS\nD\n0 0 0 T T F F\n.5 .5 .5 F F F Fe\n"
    assert poscar(text).atomic_numbers.tolist() == [9, 26]


def test_vasp_4_without_symbols_says_what_to_add(error):
    found = error("some title\n" + BODY.replace("Fe Ni\n", ""))
    assert isinstance(found, ReadError)
    assert "add a line with 2 symbol(s) above the counts" in str(found)


def test_flags_without_the_selective_line_are_no_labels(error):
    text = "t\n1\n4 0 0\n0 4 0\n0 0 4\n1\nDirect\n0 0 0 T T T\n"
    assert "no symbols" in str(error(text))


@pytest.mark.parametrize(
    "old, new", [("4.0", "4.0D+00"), ("4.0", "0.4d1"), ("4.0", "4.0+000"), ("0.5 0.5", "5.D-1 .5E0")]
)
def test_fortran_numbers_are_read(poscar, old, new):
    cell = poscar("t\n" + BODY.replace(old, new))
    assert_allclose(cell.lattice, np.diag([4, 5, 6]))
    assert_allclose(cell.frac_coords, COORDS)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_foreign_line_ends_and_tabs_change_nothing(poscar, newline):
    text = ("t\n" + BODY).replace("\n", newline).replace(" ", "\t")
    assert poscar(text) == poscar("t\n" + BODY)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_titles_come_in_any_encoding(tmp_path, encoding):
    content = ("Grünerit, Å\n" + BODY).encode(encoding)
    assert only_cell(read(tmp_path, "CONTCAR", content)).formula == "FeNi2"


def test_comments_behind_header_values_are_ignored(poscar):
    text = "t\n" + BODY.replace("1.0\n", "1.0 ! scale\n").replace(
        "Fe Ni\n1 2\n", "Fe Ni # kinds\n1 2 ! counts\n"
    )
    assert poscar(text).formula == "FeNi2"


@pytest.mark.parametrize(
    "old, new, kind, message",
    [
        ("1.0\n", "scale\n", ReadError, "line 2: a scaling factor expected"),
        ("1.0\n", "0\n", ReadError, "scaling factor is zero"),
        ("1.0\n", "1 -1 1\n", ReadError, "must all be positive"),
        ("4.0 0.0 0.0", "4.0 0.0", ReadError, "line 3 (lattice vector 1): three"),
        ("5.0", "*****", ReadError, "line 4 (lattice vector 2): '*****' is no number"),
        ("4.0 0.0 0.0", "nan 0.0 0.0", StructureError, "lattice vector(s) 0 are not finite"),
        ("4.0 0.0 0.0", "0.0 1.0 0.0", StructureError, "singular"),
        ("Fe Ni", "Fe Xx", ElementError, "line 6: 'Xx'"),
        ("Fe Ni", "Fe", ReadError, "1 symbols (Fe) but 2 counts"),
        ("1 2\n", "one two\n", ReadError, "line 7: numbers of atoms"),
        ("1 2\n", "1 999999999999\n", ReadError, "announce 1000000000000 atoms, but only 3 coordinate"),
        (
            "1 2\n",
            "1 3\n",
            ReadError,
            "line 12: the counts announce 4 atoms, but only 3 coordinate lines follow",
        ),
        ("1 2\n", "1 9\n", ReadError, "announce 10 atoms, but only 3 coordinate lines"),
        ("1 2\n", "0 0\n", StructureError, "no site"),
        ("Direct\n", "", ReadError, "'Direct' or 'Cartesian' expected"),
        ("0.5 0.5 0.0", "0.5 0.5", ReadError, "line 10: three coordinates"),
        ("0.5 0.5 0.0", "0.5 1_0 0.0", ReadError, "line 10: '1_0' is no number"),
        ("0.5 0.5 0.0", "0.5 nan 0.0", StructureError, "non-finite coordinates at site(s) 1"),
    ],
)
def test_what_is_wrong_is_named(error, old, new, kind, message):
    found = error("t\n" + BODY.replace(old, new, 1))
    assert type(found) is kind
    assert message in str(found)


@pytest.mark.parametrize("extra", ["0.1 0.2 0.3", " 1D0 0 -.5", "0.1 0.2 0.3 Ni"])
def test_a_coordinate_line_too_many_is_an_error(error, extra):
    found = error("t\n" + BODY + extra + "\n\n0 0 0\n")
    assert type(found) is ReadError
    assert f"line 12: one more coordinate line, {extra.strip()!r}, after the 3 atoms that the counts" in str(
        found
    )


VELOCITIES = "0.1 0.2 0.3\n" * 3


@pytest.mark.parametrize(
    "rest",
    [
        "\n" + VELOCITIES,
        " \t\n" + VELOCITIES,
        "\n\n\n",
        "Cartesian\n" + VELOCITIES,
        "Direct\n" + VELOCITIES,
        "Lattice velocities and vectors\n1\n" + VELOCITIES + VELOCITIES + "\n" + VELOCITIES,
        "\n" + VELOCITIES + "\n1\n0.5\n0.1 0.2 0.3 0.4\n" + VELOCITIES * 3,
        "# made by hand\n",
        "3\n",
    ],
)
def test_what_may_follow_the_sites_is_ignored(poscar, rest):
    for title, body in (("t", BODY), ("Fe Ni", BODY.replace("Fe Ni\n", ""))):
        assert_allclose(poscar(f"{title}\n{body}{rest}").frac_coords, COORDS)


@pytest.mark.parametrize("rest", ["", "\n" + VELOCITIES, "Direct\n" + VELOCITIES, "Lattice velocities\n1\n"])
def test_a_missing_coordinate_line_is_counted(error, rest):
    found = str(error("t\n" + BODY.replace("1 2\n", "1 3\n") + rest))
    assert "cut short at line 12: the counts announce 4 atoms, but only 3 coordinate lines follow" in found


def labelled(*labels: str, flags: str = "") -> str:
    lines = (f"{a} {b} {c} {flags}{label}" for (a, b, c), label in zip(COORDS, labels, strict=True))
    head = "t\n" + BODY[: BODY.index("Direct\n")] + ("Selective\n" if flags else "") + "Direct\n"
    return head + "\n".join(lines) + "\n"


@pytest.mark.parametrize("flags", ["", "T F T "])
def test_labels_that_contradict_the_header_are_an_error(error, flags):
    found = error(labelled("Fe", "Ni1", "Fe2+", flags=flags))
    assert type(found) is ReadError
    line = 12 if flags else 11
    message = f"line {line}: the label 'Fe2+' contradicts the header, by which this atom is Ni (line 6 and the counts)"
    assert message in str(found)


def test_labels_that_contradict_the_title_of_a_vasp_4_file_are_an_error(error):
    text = labelled("Fe", "Ni", "Co").replace("Fe Ni\n", "").replace("t\n", "Fe Ni\n", 1)
    assert "line 10: the label 'Co' contradicts the header" in str(error(text))


@pytest.mark.parametrize(
    "labels",
    [("Fe", "Ni", "Ni"), ("Fe_pv", "Ni2+", "Ni3"), ("A", "B", "O"), ("Fe", "Fe", ""), ("4a", "O", "O"),
     ("! Ni", "! O", "! O"), ("F F F", "T T T", "F F F"), ("fe1", "o", "o")],
)  # fmt: skip
def test_labels_that_agree_or_are_no_elements_change_nothing(poscar, labels):
    for flags in ("", "T F T ")[: 1 if "F F F" in labels else 2]:
        assert poscar(labelled(*labels, flags=flags)).atomic_numbers.tolist() == [26, 28, 28]


@pytest.mark.parametrize("n_lines", range(1, 8))
@pytest.mark.parametrize("end", ["", "\n", "\n \n\n"])
def test_a_short_file_is_an_error_that_counts_its_lines(error, n_lines, end):
    for title, body in (("t", BODY), ("Fe Ni", BODY.replace("Fe Ni\n", ""))):
        found = str(error("\n".join(f"{title}\n{body}".split("\n")[:n_lines]) + end))
        lines = "1 line" if n_lines == 1 else f"{n_lines} lines"
        assert f"cut short: only {lines}, a POSCAR file has at least 8" in found


def test_the_shortest_file_is_read(poscar):
    assert poscar("Fe\n1\n4 0 0\n0 4 0\n0 0 4\n1\nDirect\n0 0 0").formula == "Fe"


@given(cells())
@settings(FILES, max_examples=60)
def test_random_cells_agree_with_ase(tmp_path, cell):
    text = poscar_text(cell)
    atoms = ase.io.read(io.StringIO(text), format="vasp")
    read_cell = only_cell(read(tmp_path, "POSCAR", text))
    assert_allclose(read_cell.lattice, atoms.cell.array, rtol=1e-14)
    assert_allclose(read_cell.cart_coords, atoms.positions, atol=1e-9)
    assert read_cell.atomic_numbers.tolist() == atoms.numbers.tolist()


def test_ase_and_the_reader_agree_on_cartesian_selective_files(tmp_path):
    from ase import Atoms
    from ase.constraints import FixAtoms

    atoms = Atoms(NACL.atomic_numbers, cell=NACL.lattice, scaled_positions=NACL.frac_coords, pbc=True)
    atoms.set_constraint(FixAtoms([0, 2]))
    ase.io.write(tmp_path / "CONTCAR", atoms, format="vasp", direct=False, sort=True)
    expected = ase.io.read(tmp_path / "CONTCAR", format="vasp")
    cell = only_cell(read(tmp_path, "CONTCAR", (tmp_path / "CONTCAR").read_bytes()))
    assert_allclose(cell.cart_coords, expected.positions, atol=1e-12)
    assert cell.atomic_numbers.tolist() == expected.numbers.tolist()
