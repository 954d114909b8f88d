from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from samples import NACL, json_text, only_cell, only_error, plain_dict, read

from seitz.errors import ElementError, OccupancyError, ReadError, StructureError
from seitz.io import read_structures

OPTIMADE = {
    "id": "odbx/1",
    "type": "structures",
    "attributes": {
        "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
        "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
        "species_at_sites": ["Fe", "Ni"],
        "species": [
            {"name": "Fe", "chemical_symbols": ["Fe"], "concentration": [1.0]},
            {"name": "Ni", "chemical_symbols": ["Ni"], "concentration": [1.0]},
        ],
    },
}
REFERENCE = {"id": "dijkstra1968", "type": "references", "attributes": {"doi": "10/x"}}


def pymatgen_dict():
    from pymatgen.core import Structure

    return Structure(NACL.lattice, NACL.atomic_numbers, NACL.frac_coords).as_dict()


def test_one_object_is_one_structure_with_the_name_of_the_file(tmp_path):
    (record,) = read(tmp_path, "salt.json", json_text(NACL))
    assert (record.id, record.cell) == ("salt", NACL)


def test_a_pymatgen_dictionary_is_read(tmp_path):
    cell = only_cell(read(tmp_path, "a.json", json.dumps(pymatgen_dict())))
    assert_allclose(cell.frac_coords, NACL.frac_coords)
    assert cell.atomic_numbers.tolist() == NACL.atomic_numbers.tolist()


def test_a_list_gives_each_item_its_own_identifier_or_its_number(tmp_path):
    items = [
        plain_dict(NACL),
        plain_dict(NACL) | {"id": 7},
        {"material_id": "mp-1", "structure": pymatgen_dict()},
    ]
    records = read(tmp_path, "a.json", json.dumps(items))
    assert [record.id for record in records] == ["a:1", "7", "mp-1"]
    assert all(record.error is None for record in records)
    assert records[1].source.endswith("a.json item 2")


@pytest.mark.parametrize(
    "content", [OPTIMADE, {"data": OPTIMADE}, {"data": [REFERENCE, OPTIMADE], "meta": {}}]
)
def test_optimade_resources_and_responses_are_read(tmp_path, content):
    (record,) = read(tmp_path, "a.json", json.dumps(content))
    assert record.id == "odbx/1"
    assert record.cell is not None
    assert record.cell.formula == "FeNi"


def test_optimade_lines_skip_the_header_and_other_resources(tmp_path):
    lines = [
        {"x-optimade": {"meta": {"api_version": "1.1.0"}}},
        {"type": "info", "id": "structures"},
        OPTIMADE,
    ]
    lines += [REFERENCE, OPTIMADE | {"id": "odbx/2"}, {"data": [OPTIMADE | {"id": "odbx/3"}]}]
    records = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert [record.id for record in records] == ["odbx/1", "odbx/2", "odbx/3"]


def test_a_bad_line_spoils_no_other(tmp_path):
    good = json_text(NACL)
    records = read(tmp_path, "a.jsonl", f"{good}\n{{oops\n\n[1, 2]\n{good[:-9]}\n{good}\n")
    assert [record.id for record in records] == ["a:1", "a:2", "a:4:1", "a:4:2", "a:5", "a:6"]
    assert [record.error is None for record in records] == [True, False, False, False, False, True]
    assert "a.jsonl:2: no valid JSON" in str(records[1].error)


def test_lines_need_no_final_end(tmp_path):
    assert len(read(tmp_path, "a.jsonl", f"{json_text(NACL)}\n{json_text(NACL)}")) == 2


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "null"])
def test_numbers_that_are_not_finite_are_named(tmp_path, value):
    text = json_text(NACL).replace("0.25", value, 1)
    found = only_error(read(tmp_path, "a.json", text))
    assert type(found) is StructureError
    assert "non-finite coordinates at site(s) 1" in str(found)


@pytest.mark.parametrize(
    "change, kind, message",
    [
        ({"lattice": None}, StructureError, "lattice"),
        ({"lattice": [[1, 0], [0, 1]]}, StructureError, "shape (3, 3)"),
        ({"lattice": "cubic"}, StructureError, "no number"),
        ({"frac_coords": []}, StructureError, "empty"),
        ({"frac_coords": [[0, 0, 0]]}, StructureError, "1 positions but 4 atomic numbers"),
        ({"frac_coords": [[0, 0, 10**400]] * 4}, StructureError, "too large"),
        ({"atomic_numbers": [11, 11, 17, 0]}, ElementError, "site 3"),
        ({"atomic_numbers": [11, 11, 17, "O"]}, ElementError, "no integer"),
        ({"atomic_numbers": 5}, StructureError, "malformed"),
        ({"atomic_numbers": [{"8": 1}] * 4}, StructureError, ""),
    ],
)
def test_senseless_values_are_errors(tmp_path, change, kind, message):
    found = only_error(read(tmp_path, "a.json", json.dumps(plain_dict(NACL) | change)))
    assert isinstance(found, kind | ElementError | ReadError | OccupancyError)
    assert message in str(found)


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[1", "nul", '"text"', "3", "[" * 100_000, "9" * 5000, "{}", "[{}]"]
)
def test_text_that_is_no_structure_is_an_error(tmp_path, text):
    records = read(tmp_path, "a.json", text)
    assert len(records) == 1
    assert records[0].error is not None


@pytest.mark.parametrize("text", ["[]", '{"data": []}'])
def test_a_document_without_structures_says_so(tmp_path, text):
    assert "holds no structure" in str(only_error(read(tmp_path, "a.json", text)))


def test_lone_surrogates_in_identifiers_become_printable(tmp_path):
    text = json.dumps(plain_dict(NACL) | {"id": "x\ud800\0"})
    assert read(tmp_path, "a.json", text)[0].id == "x\\ud800\\x00"


def test_lines_are_streamed_and_not_held(tmp_path):
    import tracemalloc

    line = (json_text(NACL) + "\n").encode()
    path = tmp_path / "big.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(line * 40_000)
    records = read_structures(path)
    next(records)
    tracemalloc.start()
    try:
        for _ in range(2000):
            next(records)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
        records.close()  # type: ignore[attr-defined]


def test_the_shared_sets_are_read():
    shared = Path(__file__).parents[3] / "shared" / "data"
    if not shared.is_dir():
        pytest.skip("the shared data sets are not here")
    records = list(read_structures(shared / "spglib_symmetry" / "data.jsonl.gz"))
    assert len(records) == 785
    assert all(record.error is None for record in records)
    assert records[0].id.startswith("spglib-")
    assert np.isfinite([record.cell.volume for record in records if record.cell]).all()


# --- structures by name, and what is none -------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap", [lambda items: items, lambda items: {"data": items}], ids=["bare", "response"]
)
def test_a_dictionary_of_structures_gives_each_its_key(tmp_path, wrap):
    items = {
        "initial": plain_dict(NACL) | {"id": "its own"},
        "final": pymatgen_dict(),
        "broken": {"lattice": 3},
        "": OPTIMADE,
    }
    records = read(tmp_path, "a.json", json.dumps(wrap(items)))
    assert [record.id for record in records] == ["initial", "final", "broken", "a:4"]
    assert [record.error is None for record in records] == [True, True, False, True]
    assert str(records[2].error).startswith(str(tmp_path / "a.json") + " key broken: the structure lacks")


@pytest.mark.parametrize("other", [3, None, {"energy": 1.0}])
def test_a_dictionary_that_holds_something_else_too_is_one_error(tmp_path, other):
    found = only_error(read(tmp_path, "a.json", json.dumps({"a": plain_dict(NACL), "b": other})))
    assert "the structure lacks 'lattice'" in str(found)


LATTICE = [[3, 0, 0], [0, 3, 0], [0, 0, 3]]


@pytest.mark.parametrize(
    "content, lacks, has",
    [
        ({"lattice": LATTICE, "frac_coords": []}, "'atomic_numbers' (or 'symbols')", "lattice, frac_coords"),
        ({"lattice": LATTICE, "symbols": ["Fe"]}, "'frac_coords' (or 'cart_coords')", "lattice, symbols"),
        ({"id": "x", "species": [], "cart_coords": []}, "'lattice'", "id, species, cart_coords"),
        ({}, "'lattice', 'frac_coords' (or 'cart_coords'), 'atomic_numbers' (or 'symbols')", "no keys"),
        ({"@class": "Structure", "lattice": {"matrix": LATTICE}}, "'sites'", "@class, lattice"),
        (
            {"structure": {"lattice": LATTICE, "symbols": ["Fe"]}},
            "'frac_coords' (or 'cart_coords')",
            "structure",
        ),
    ],
)
def test_an_incomplete_structure_says_what_it_lacks_what_it_has_and_what_is_complete(
    tmp_path, content, lacks, has
):
    found = only_error(read(tmp_path, "a.json", json.dumps(content)))
    assert type(found) is StructureError
    message, example = str(found).split(" A complete one: ")
    assert message == f"{tmp_path / 'a.json'}: the structure lacks {lacks}; it has {has}."
    assert only_cell(read(tmp_path, "b.json", example)).formula == "Fe"


def test_a_molecule_has_no_lattice(tmp_path):
    from pymatgen.core import Molecule

    content = Molecule(["H", "H"], [[0, 0, 0], [0, 0, 0.7]]).as_dict()
    found = only_error(read(tmp_path, "a.json", json.dumps(content)))
    assert type(found) is StructureError
    assert "no lattice" in str(found)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("lattice", [[float("nan"), 0, 0], [0, 3, 0], [0, 0, 3]], "lattice vector(s) 0 are not finite"),
        ("frac_coords", [[0, 0, 0], [float("inf"), 0, 0]], "non-finite coordinates at site(s) 1"),
        ("frac_coords", [[0, 0, 0], [None, 0, 0]], "non-finite coordinates at site(s) 1"),
        ("atomic_numbers", [26, float("nan")], "site 1: nan is no integer atomic number"),
    ],
)
def test_nan_and_null_are_named_with_their_place(tmp_path, key, value, message):
    content = {"lattice": LATTICE, "frac_coords": [[0, 0, 0], [0.5, 0.5, 0.5]], "atomic_numbers": [26, 28]}
    for name in ("a.json", "a.jsonl"):
        found = only_error(read(tmp_path, name, json.dumps(content | {key: value})))
        assert message in str(found)
