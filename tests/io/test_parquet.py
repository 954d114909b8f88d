from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import FILES, NACL, cells, only_error, parquet_bytes, plain_dict, read, table_bytes

from seitz.cell import Cell
from seitz.errors import ElementError, ReadError, StructureError
from seitz.io import read_structures

IRON = Cell(np.eye(3) * 3, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])


def columns(*cells: Cell) -> dict[str, list[object]]:
    return {key: [plain_dict(cell)[key] for cell in cells] for key in plain_dict(NACL)}


@pytest.mark.parametrize("flat", [False, True])
def test_rows_are_structures(tmp_path, flat):
    records = read(tmp_path, "a.parquet", parquet_bytes([NACL, IRON], flat=flat))
    assert [record.cell for record in records] == [NACL, IRON]
    assert [record.id for record in records] == ["a:1", "a:2"]
    assert records[1].source.endswith("a.parquet row 2")


@pytest.mark.parametrize("key, values", [("id", ["x", None]), ("material_id", [7, None]), ("id", ["7", ""])])
def test_identifiers_have_their_column(tmp_path, key, values):
    records = read(tmp_path, "a.parquet", table_bytes(columns(NACL, IRON) | {key: values}))
    assert [record.id for record in records] == [str(values[0]), "a:2"]


@pytest.mark.parametrize(
    "lattice_type",
    [
        pa.list_(pa.list_(pa.float64(), 3), 3),
        pa.large_list(pa.list_(pa.float32())),
        pa.list_(pa.large_list(pa.float64()), 3),
    ],
)
def test_all_list_types_are_read(tmp_path, lattice_type):
    data = columns(IRON, IRON, IRON)
    table = pa.table(
        {
            "lattice": pa.array(data["lattice"], lattice_type),
            "frac_coords": pa.array(data["frac_coords"], pa.list_(pa.list_(pa.float64(), 3))),
            "atomic_numbers": pa.array(data["atomic_numbers"], pa.list_(pa.uint8())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert [record.cell for record in read_structures(tmp_path / "a.parquet")] == [IRON] * 3


@pytest.mark.parametrize("as_text", [True, False])
def test_a_structure_column_holds_dictionaries_or_their_text(tmp_path, as_text):
    values = [plain_dict(NACL), plain_dict(IRON)]
    content = table_bytes(
        {"structure": [json.dumps(v) for v in values] if as_text else values, "id": ["n", "i"]}
    )
    records = read(tmp_path, "a.parquet", content)
    assert [(record.id, record.cell) for record in records] == [("n", NACL), ("i", IRON)]


def test_symbols_and_cartesian_positions_are_read_too(tmp_path):
    data = {
        "lattice": [IRON.lattice.tolist()],
        "cart_coords": [IRON.cart_coords.tolist()],
        "symbols": [["Fe", "Fe"]],
    }
    (record,) = read(tmp_path, "a.parquet", table_bytes(data))
    assert record.cell is not None
    assert record.cell.formula == "Fe2"


@pytest.mark.parametrize(
    "key, value, kind",
    [
        ("lattice", None, StructureError),
        ("lattice", [[1.0, 0, 0], [0, 1, 0]], StructureError),
        ("lattice", [[1.0, 0, 0], [0, 1, 0], [0, 1, None]], StructureError),
        ("lattice", [[1.0, 0, 0], [0, 1, 0], None], StructureError),
        ("frac_coords", None, StructureError),
        ("frac_coords", [], StructureError),
        ("frac_coords", [[0.0, 0, 0], [0.5, 0.5]], StructureError),
        ("frac_coords", [[0.0, 0, 0, 0.5, 0.5, 0.5]], StructureError),
        ("frac_coords", [[0.0, 0, 0], [0.5, 0.5, float("nan")]], StructureError),
        ("frac_coords", [[0.0, 0, 0]], StructureError),
        ("atomic_numbers", None, StructureError),
        ("atomic_numbers", [26, None], ElementError),
        ("atomic_numbers", [26, 113], ElementError),
        ("atomic_numbers", [26, 2**40], ElementError),
    ],
)
def test_a_null_or_odd_row_spoils_no_other(tmp_path, key, value, kind):
    data = columns(NACL, IRON, NACL)
    data[key][1] = value
    records = read(tmp_path, "a.parquet", table_bytes(data))
    assert [record.error is None for record in records] == [True, False, True]
    assert isinstance(records[1].error, kind | ElementError)
    assert "a.parquet row 2" in str(records[1].error)
    assert records[2].cell == NACL


def test_a_table_without_structures_names_its_columns(tmp_path):
    found = only_error(read(tmp_path, "a.parquet", table_bytes({"energy": [1.0], "name": ["x"]})))
    assert "no column holds structures" in str(found)
    assert "energy, name" in str(found)


def test_a_table_without_rows_gives_no_record(tmp_path):
    content = parquet_bytes([NACL])
    table = pq.read_table(pa.BufferReader(content)).slice(0, 0)
    pq.write_table(table, tmp_path / "a.parquet")
    assert list(read_structures(tmp_path / "a.parquet")) == []


def test_a_cut_table_is_an_error(tmp_path):
    content = parquet_bytes([NACL])
    found = only_error(read(tmp_path, "a.parquet", content[:-20]))
    assert type(found) is ReadError
    assert "no readable Parquet" in str(found)


def test_batches_and_row_groups_keep_the_order(tmp_path):
    cells = [IRON.replace(lattice=np.eye(3) * (3 + i / 1000)) for i in range(3000)]
    table = pq.read_table(pa.BufferReader(parquet_bytes(cells)))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=700)
    records = list(read_structures(tmp_path / "a.parquet"))
    assert [record.cell for record in records] == cells
    assert records[-1].id == "a:3000"


@given(st.lists(cells(), min_size=1, max_size=4), st.booleans())
@settings(FILES, max_examples=40)
def test_random_tables_round_trip_exactly(tmp_path: Path, structures, flat):
    records = read(tmp_path, "a.parquet", parquet_bytes(structures, flat=flat))
    assert [record.cell for record in records] == structures
