from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from samples import FILES, NACL, cells, extxyz_text, only_cell, only_error, read

from seitz.errors import ElementError, ReadError, StructureError

BOX = 'Lattice="4 0 0 0 5 0 0 0 6"'
ATOMS = "Fe 0 0 0\nNi 2 2.5 3\n"


@pytest.fixture
def frames(tmp_path: Path):
    return lambda text: read(tmp_path, "run.extxyz", text)


@pytest.mark.parametrize(
    "lattice",
    [
        BOX,
        "Lattice='4 0 0 0 5 0 0 0 6'",
        "Lattice={4 0 0 0 5 0 0 0 6}",
        "Lattice=[4, 0, 0, 0, 5, 0, 0, 0, 6]",
        "Lattice=[[4, 0, 0], [0, 5, 0], [0, 0, 6]]",
        'energy=-1 note="a b=c" lattice = "4.0 0 0  0 5 0  0 0 6E0" pbc="T F T"',
    ],
)
def test_the_lattice_comes_in_many_spellings(frames, lattice):
    cell = only_cell(frames(f"2\n{lattice}\n{ATOMS}"))
    assert_allclose(cell.lattice, np.diag([4, 5, 6]))
    assert_allclose(cell.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-15)
    assert cell.atomic_numbers.tolist() == [26, 28]


def test_lattice_vectors_are_rows(frames):
    cell = only_cell(frames('1\nLattice="4 1 0 0 5 2 0 0 6"\nFe 4 6 2\n'))
    assert_allclose(cell.lattice, [[4, 1, 0], [0, 5, 2], [0, 0, 6]])
    assert_allclose(cell.frac_coords, [[1, 1, 0]], atol=1e-15)


@pytest.mark.parametrize(
    "properties, line",
    [
        ("species:S:1:pos:R:3", "O 1 2 3"),
        ("pos:R:3:species:S:1", "1 2 3 O"),
        ("id:I:1:Z:I:1:forces:R:3:pos:R:3", "7 8 9 9 9 1 2 3"),
        ("Z:I:1:species:S:1:pos:R:3:tag:S:2", "26 O 1 2 3 a b"),
        ("species:S:1:pos:R:3", "8 1 2 3"),
    ],
)
def test_columns_are_found_by_their_names(frames, properties, line):
    cell = only_cell(frames(f"1\n{BOX} Properties={properties}\n{line}\n"))
    assert_allclose(cell.cart_coords, [[1, 2, 3]], atol=1e-12)
    assert cell.atomic_numbers.tolist() == [8]


def test_frames_are_numbered_and_their_lines_named(frames):
    records = frames(f"2\n{BOX}\n{ATOMS}" * 3 + "\n  \n")
    assert [record.id for record in records] == ["run:1", "run:2", "run:3"]
    assert [record.source.rpartition("/")[2] for record in records] == [
        "run.extxyz:1 (frame 1)",
        "run.extxyz:5 (frame 2)",
        "run.extxyz:9 (frame 3)",
    ]


def test_a_single_frame_has_the_name_of_the_file(frames):
    assert frames(f"2\n{BOX}\n{ATOMS}")[0].id == "run"


def test_an_identifier_in_the_comment_wins(frames):
    records = frames(f'2\n{BOX} id="mp-1 a"\n{ATOMS}2\n{BOX} material_id=mp-2\n{ATOMS}')
    assert [record.id for record in records] == ["mp-1 a", "mp-2"]


def test_a_frame_without_lattice_needs_a_box(frames):
    found = only_error(frames(f"2\ncell=4 pbc=T\n{ATOMS}"))
    assert isinstance(found, StructureError)
    assert "found: cell, pbc" in str(found)
    assert "a periodic cell needs a box" in str(found)


def test_one_bad_frame_spoils_no_other(frames):
    records = frames(f"2\n{BOX}\n{ATOMS}2\nplain\n{ATOMS}2\n{BOX}\n{ATOMS}")
    assert [record.error is None for record in records] == [True, False, True]


def test_a_cut_last_frame_is_an_error_with_its_line(frames):
    records = frames(f"2\n{BOX}\n{ATOMS}2\n{BOX}\nFe 0 0 0\n")
    assert records[0].error is None
    assert "run.extxyz:5 (frame 2): cut short: 2 atoms announced, but only 1 lines follow" in str(
        records[1].error
    )


def test_a_count_of_a_trillion_allocates_nothing(frames):
    assert "cut short" in str(only_error(frames(f"1000000000000\n{BOX}\n{ATOMS}")))


def test_reading_stops_where_no_count_stands(frames):
    records = frames(f"2\n{BOX}\n{ATOMS}Fe 0 0 0\n2\n{BOX}\n{ATOMS}")
    assert len(records) == 2
    assert "number of atoms expected, found 'Fe 0 0 0'" in str(records[1].error)


@pytest.mark.parametrize(
    "comment, atom, kind, message",
    [
        (BOX, "Xx 0 0 0", ElementError, "line 3: 'Xx'"),
        (BOX, "Fe 0 0", ReadError, "line 3: 4 columns announced"),
        (BOX, "Fe 0 zero 0", ReadError, "line 3: 'zero' is no number"),
        (BOX, "Fe 0 nan 0", StructureError, "non-finite coordinates at site(s) 0"),
        (BOX, "200 0 0 0", ElementError, "atomic number 200"),
        ('Lattice="4 0 0 0 5 0"', "Fe 0 0 0", ReadError, "must hold 9 numbers, found 6"),
        ('Lattice="4 0 0 0 5 0 0 0 x"', "Fe 0 0 0", ReadError, "Lattice: 'x' is no number"),
        ('Lattice="4 0 0 0 5 0 0 5 0"', "Fe 0 0 0", StructureError, "ingular"),
        (f"{BOX} Properties=species:S:1", "Fe 0 0 0", ReadError, "no pos:R:3"),
        (f"{BOX} Properties=pos:R:3", "0 0 0 Fe", ReadError, "no species:S:1"),
        (f"{BOX} Properties=pos:R:3:species:S:x", "0 0 0 Fe", ReadError, "no number of columns"),
        (f"{BOX} Properties=pos:R:3:species:S:1:x", "0 0 0 Fe", ReadError, "expected triples"),
    ],
)
def test_what_is_wrong_is_named(frames, comment, atom, kind, message):
    found = only_error(frames(f"1\n{comment}\n{atom}\n"))
    assert type(found) is kind
    assert message in str(found)


def test_fortran_numbers_and_carriage_returns_are_read(frames):
    cell = only_cell(frames(f"1\r\n{BOX}\r\nFe 1.0D+00 2.0D+00 3\r\n"))
    assert_allclose(cell.cart_coords, [[1, 2, 3]], atol=1e-12)


def test_a_comment_of_a_million_characters_takes_no_time(frames):
    comment = "a" * 500_000 + " b=[" * 100_000 + BOX
    assert frames(f"1\n{comment}\nFe 0 0 0\n")


@given(st.lists(cells(), min_size=1, max_size=3))
@settings(FILES, max_examples=40)
def test_random_frames_agree_with_ase(frames, tmp_path, structures):
    records = frames("".join(map(extxyz_text, structures)))
    expected = ase.io.read(tmp_path / "run.extxyz", index=":", format="extxyz")
    for record, atoms in zip(records, expected, strict=True):
        assert_allclose(record.cell.lattice, atoms.cell.array, rtol=1e-14)
        assert_allclose(record.cell.cart_coords, atoms.positions, atol=1e-9)
        assert record.cell.atomic_numbers.tolist() == atoms.numbers.tolist()


def test_what_ase_writes_with_results_is_read(tmp_path):
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms(NACL.atomic_numbers, cell=NACL.lattice, scaled_positions=NACL.frac_coords, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.ones((4, 3)), stress=np.arange(6.0))
    atoms.info["note"] = 'it\'s "quoted" = here'
    atoms.set_tags([1, 2, 3, 4])
    ase.io.write(tmp_path / "a.xyz", [atoms, atoms], format="extxyz")
    for record in read(tmp_path, "a.xyz", (tmp_path / "a.xyz").read_bytes()):
        assert_allclose(record.cell.cart_coords, atoms.positions, atol=1e-7)
