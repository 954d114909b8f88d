"""Input that looks right and is not: refused by name, or read as what it says."""

from __future__ import annotations

import pickle
from concurrent.futures import CancelledError
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

from seitz import (
    Cell,
    descriptors,
    featurize,
    featurize_random,
    host_plan,
    read_compositions,
    tessellate,
    ward_to_ks,
)
from seitz.alloys import as_alloy_lattice
from seitz.alloys.exact import exact_features
from seitz.errors import (
    CompositionError,
    DescriptorError,
    ElementError,
    OccupancyError,
    OptionError,
    ReadError,
    StructureError,
    SymmetryError,
)
from seitz.io import read_structures
from seitz.symmetry import over_orbits, site_orbits
from structures import bcc, sigma_phase

HEAD = "data_x\n" + "".join(f"_cell_length_{a} 5\n" for a in "abc")
HEAD += "".join(f"_cell_angle_{a} 90\n" for a in ("alpha", "beta", "gamma"))
ATOMS = "loop_\n_atom_site_label\n{extra}_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"


@pytest.fixture
def cif(tmp_path):
    def read(body: str, head: str = HEAD, **options):
        (tmp_path / "a.cif").write_text(head + body)
        (record,) = read_structures(tmp_path / "a.cif", **options)
        return record

    return read


def atoms(*lines: str, extra: str = "") -> str:
    columns = "".join(f"_atom_site_{name}\n" for name in extra.split())
    return ATOMS.format(extra=columns) + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("text", ["0,5", "0.5x", "abc", "nan"])
def test_an_occupancy_that_is_no_number_is_refused(cif, text):
    record = cif(atoms(f"Fe1 {text} 0 0 0", extra="occupancy"), occupancy="average")
    assert isinstance(record.error, OccupancyError) and f"Fe1: occupancy '{text}' is no number" in str(
        record.error
    )


@pytest.mark.parametrize("text", ["1", "1.0", "1.00(2)", "?", ".", "1e0", "'1'"])
def test_occupancies_as_they_are_written_are_read(cif, text):
    assert len(cif(atoms(f"Fe1 {text} 0 0 0", extra="occupancy")).cell) == 1


@pytest.mark.parametrize("kind", ["Fe0.5Ni0.5", "Fe,Ni", "Feq", "H2O", "Wat", "X"])
def test_types_of_which_an_element_is_only_the_beginning_are_refused(cif, kind):
    error = cif(atoms(f"A1 {kind} 0 0 0", extra="type_symbol")).error
    assert isinstance(error, ElementError) and "A1" in str(error)


@pytest.mark.parametrize(
    ("kind", "z"), [("Fe", 26), ("Fe3+", 26), ("FE", 26), ("O2-", 8), ("O-2", 8), ("D", 1), ("Na+", 11)]
)
def test_types_with_charges_are_elements(cif, kind, z):
    assert cif(atoms(f"A1 {kind} 0 0 0", extra="type_symbol")).cell.atomic_numbers.tolist() == [z]


@pytest.mark.parametrize(
    ("label", "z"),
    [("Fe1", 26), ("SiT2", 14), ("CaM1", 20), ("O1", 8), ("AL1", 13), ("O", 8), ("Al", 13), ("O1A", 8)],
)
def test_labels_with_one_reading_name_the_element(cif, label, z):
    assert cif(atoms(f"{label} 0 0 0")).cell.atomic_numbers.tolist() == [z]


@pytest.mark.parametrize("label", ["HOH", "HO1", "CO1", "Wat", "Wat1", "NI"])
def test_labels_with_two_readings_or_none_are_refused(cif, label):
    error = cif(atoms(f"{label} 0 0 0")).error
    assert isinstance(error, ElementError) and f"atom {label}: " in str(error)
    assert ("_atom_site_type_symbol" in str(error)) == (not label.startswith("Wat"))


def test_dummy_sites_are_no_atoms(cif):
    error = cif(atoms("Fe1 d 0 0 0", "X1 dum .5 .5 .5", extra="calc_flag")).error
    assert isinstance(error, ElementError)


def test_operations_that_stretch_the_cell_are_refused(cif):
    operations = "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'y,x,z'\n"
    head = HEAD.replace("_length_b 5", "_length_b 6")
    assert "change lengths" in str(cif(operations + atoms("Fe1 .1 .2 .3"), head).error)
    assert len(cif(operations + atoms("Fe1 .1 .2 .3")).cell) == 2


@pytest.mark.parametrize(
    "lattice",
    [
        [[4, 0, 0], [0, -1064772, -18154264], [0, -41036, -699660]],
        [[4, 52, 364], [-37512, 420, 7108], [4644, -52, -880]],
    ],
)
def test_volumes_of_sheared_lattices_are_exact(lattice):
    cell = Cell(lattice, [[0, 0, 0]], [26])
    faces = tessellate(cell)
    assert_allclose([cell.volume, faces.volume], faces.cell_volumes.sum(), rtol=1e-12)
    assert_allclose(faces.featurize([26]).values, featurize(cell).values, rtol=1e-9, atol=1e-12)


def test_classes_of_another_structure_are_refused():
    big = bcc().supercell((2, 1, 1))
    with pytest.raises(StructureError, match="classes of 2 sites do not fit a structure of 4"):
        over_orbits(lambda s, i: np.ones(len(i)), big, classes=site_orbits(bcc()))


def test_truth_values_among_atomic_numbers_are_refused():
    with pytest.raises(ElementError, match="site 0: True is no integer"):
        Cell(np.eye(3) * 3, [[0, 0, 0], [0.5, 0.5, 0.5]], [True, 26])


def test_symbols_in_one_text_are_refused():
    with pytest.raises(StructureError, match="one text"):
        featurize({"lattice": np.eye(3) * 3, "frac_coords": [[0, 0, 0], [0.5] * 3], "symbols": "FN"})


def test_a_search_of_symmetry_in_a_needle_ends_at_once():
    needle = Cell(np.diag([0.03, 0.04, 1e3]), [[0, 0, 0]], [26])
    with pytest.raises(SymmetryError, match="too short"):
        site_orbits(needle, finder="spglib")


def test_supercells_beyond_any_memory_are_refused():
    with pytest.raises(OptionError, match="more than 100,000,000 sites"):
        bcc().supercell((10**6, 10**6, 10**6))


def test_parquet_with_two_columns_of_a_name_is_one_failure(tmp_path):
    lattice, flat = [float(x) for x in (3, 0, 0, 0, 3, 0, 0, 0, 3)], [0.0, 0.0, 0.0]
    table = pa.Table.from_arrays(
        [pa.array([lattice]), pa.array([lattice]), pa.array([flat]), pa.array([[26]])],
        names=["lattice", "lattice", "frac_coords", "atomic_numbers"],
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (record,) = read_structures(tmp_path / "a.parquet")
    assert isinstance(record.error, ReadError) and "2 columns are called lattice" in str(record.error)


def test_parquet_with_an_impossible_date_is_one_failure(tmp_path):
    table = pa.table({"structure": ["{}"], "id": pa.array([2**62], pa.timestamp("ms"))})
    pq.write_table(table, tmp_path / "a.parquet")
    (record,) = read_structures(tmp_path / "a.parquet")
    assert isinstance(record.error, ReadError | StructureError)


def test_text_in_utf_32_and_zstd_behind_a_skippable_frame_are_read(tmp_path):
    poscar = "x\n3\n1 0 0\n0 1 0\n0 0 1\nFe\n1\nDirect\n0 0 0\n"
    (tmp_path / "a.vasp").write_text(poscar, encoding="utf-32")
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(poscar.encode())
    (tmp_path / "b.vasp.zst").write_bytes(
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + sink.getvalue().to_pybytes()
    )
    for name in ("a.vasp", "b.vasp.zst"):
        (record,) = read_structures(tmp_path / name)
        assert record.cell is not None, record.error


@pytest.mark.parametrize("n", [1, 2, 64, 1000])
def test_extremes_among_few_sites_are_those_of_the_distribution(n):
    """Twelve equal faces and two elements: half the difference is binomial."""
    steps = np.arange(13)
    values = 2 * steps / 12
    chances = np.array([1, 12, 66, 220, 495, 792, 924, 792, 495, 220, 66, 12, 1]) / 4096
    upto = np.cumsum(chances) ** n
    largest = float(values @ np.diff(np.concatenate([[0.0], upto])))
    alloy = featurize_random("fcc", "Fe50Ni50", mode="exact", n_sites=n)
    assert_allclose(alloy["max_NeighDiff_shell1_Number"], largest, rtol=1e-9)
    assert_allclose(alloy["min_NeighDiff_shell1_Number"], 2 - largest, rtol=1e-9, atol=1e-9)


# --- alloys and hosts ----------------------------------------------------------------------------------------------


def test_sublattices_may_have_compositions_that_were_read(tmp_path):
    (tmp_path / "a.csv").write_text("id,composition\n1a,FeNi\n1b,Al\n")
    read = read_compositions(tmp_path / "a.csv")
    found = featurize_random("B2", read, mode="exact")
    assert_allclose(found.values, featurize_random("B2", {"1a": "FeNi", "1b": "Al"}, mode="exact").values)
    assert len(featurize_random("fcc", read, mode="exact")) == 2  # there they are two alloys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("composition\nFe50,Ni50\n", "line 2: 2 cells under 1 columns"),
        ("Fe,Ni\n50,50,70\n", "line 2: 3 cells under 2 columns"),
        ("Fe,Ni\n50\n", "line 2: 1 cells under 2 columns"),
        ("name,Fe,Ni,cR\na,50,25,25\n", "the column cR is no element: is Cr meant?"),
        ("Fe,Fe,Ni\n50,10,40\n", "2 columns are called Fe"),
        ("composition,composition\nFe,Ni\n", "2 columns are called composition"),
        ("composition,formula\nFe,Ni\n", "two columns for formulas"),
        ("Fe,Ni\n", "a head and no row"),
        ("", "no column is called composition"),
        ('id,composition\n"a\nb",Fe\n\nc,Xx\n', "line 5: "),
    ],
)
def test_tables_of_compositions_lose_nothing_silently(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises((CompositionError, ElementError), match=message.replace("?", r"\?")):
        read_compositions(tmp_path / "a.csv")


def test_rows_of_one_name_are_all_there(tmp_path):
    (tmp_path / "a.csv").write_text("id,composition,\na,Fe,\na (line 4),Ni,\na,Co,\na,Cr\n")
    with pytest.raises(CompositionError, match="line 5: 2 cells"):
        read_compositions(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("id,composition\na,Fe\na (line 4),Ni\na,Co\n")
    assert len(read_compositions(tmp_path / "a.csv")) == 3


def test_descriptors_without_a_meaning_for_random_alloys_are_refused():
    for name in ("seitz", "seitz_ionic", "ward2017"):
        with pytest.raises(DescriptorError, match="use ks2022"):
            featurize_random("fcc", "FeNi", descriptor=name)


@pytest.mark.parametrize("options", [{"names": 3}, {"names": "ab"}, {"seed": True}, {"seed": [1, 2]}])
def test_wrong_options_of_random_alloys_are_named(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        featurize_random("fcc", ["FeNi", "FeAl"], **options)


def test_brackets_that_do_not_match_are_refused():
    with pytest.raises(CompositionError, match=r"the bracket \( is closed by \]"):
        featurize_random("fcc", "(Fe]2Ni")


def test_an_exact_alloy_gives_up_when_it_is_told_to():
    lattice = as_alloy_lattice(sigma_phase())
    numbers = np.arange(20, 40, dtype=np.int32)
    fractions = np.full((len(lattice.names), len(numbers)), 1 / len(numbers))
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        exact_features(
            lattice, fractions, numbers, descriptors()["ks2022"], n_sites=None, n_threads=2, cancelled=stop
        )


def test_a_plan_of_a_supercell_is_the_same_after_pickling():
    plan = host_plan(bcc(), supercell=(3, 3, 3))
    copy = pickle.loads(pickle.dumps(plan))
    assert len(copy) == 54 and copy.cell == plan.cell
    assert copy.orbits.space_group == 229 and len(copy._unit) == 2


def test_wrong_options_of_plans_are_named():
    plan = host_plan(bcc())
    with pytest.raises(OptionError, match="ids=3"):
        plan.featurize([{0: "Al"}], ids=3)
    walked = plan.all_substitutions(["Al"], descriptor="ward2017", walk="no_reversal")
    assert walked.descriptor.walk == "no_reversal"


@pytest.mark.parametrize("wrong", ["x", [["a"] * 271], [[0.0], [0.0, 1.0]], np.zeros(271, dtype=complex)])
def test_what_is_no_array_of_features_is_refused(wrong):
    with pytest.raises(DescriptorError, match="no array of features"):
        ward_to_ks(wrong)
