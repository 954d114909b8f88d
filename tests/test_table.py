from __future__ import annotations

import csv
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seitz import FeatureTable, featurize
from seitz.errors import DescriptorError, MissingExtraError, OptionError, WriteError
from seitz.io import read_table
from seitz.table import concatenate, sibling
from structures import bcc, fcc, sigma_phase


@pytest.fixture(scope="module")
def table():
    return featurize([bcc(), None, fcc(), sigma_phase()], on_error="record")


def test_columns_are_found_by_name(table):
    assert table["NComp"].tolist()[2:] == [1.0, 2.0]
    with pytest.raises(DescriptorError, match="no feature 'NCmop'"):
        table["NCmop"]


def test_pandas_and_arrow_hold_the_same_numbers(table):
    frame, arrow = table.to_pandas(), table.to_arrow()
    assert frame.shape == (4, 256)
    assert frame.index.tolist() == list(table.ids)
    assert arrow.column_names == ["id", *table.names]
    assert np.array_equal(frame.to_numpy(), table.values, equal_nan=True)
    assert np.array_equal(arrow["NComp"].to_numpy(), table["NComp"], equal_nan=True)
    assert arrow.schema.metadata[b"seitz.descriptor"] == b"ks2022"


def test_without_pandas_the_error_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        table.to_pandas()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz", "jsonl", "csv.gz", "jsonl.zst"])
def test_files_give_back_the_same_numbers(table, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table.write(path)
    found = read_table(path)
    assert tuple(found.names) == table.names
    assert tuple(found.ids) == table.ids
    assert np.array_equal(found.values, table.values, equal_nan=True)
    assert {p.name for p in tmp_path.iterdir()} == {path.name, f"table.failures.{suffix}"}


def test_failures_and_warnings_are_written_beside_the_table(tmp_path):
    table = featurize([bcc(), None, fcc(z=2)], on_error="record")
    table.write(tmp_path / "t.csv")
    failure, warning = table.failures[0], table.warnings[0]
    with (tmp_path / "t.failures.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"index": "1", "id": "1", "source": "", "error": "StructureError", "message": failure.message}
    ]
    with (tmp_path / "t.warnings.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [{"index": "2", "id": "2", "source": "", "message": warning.message}]


def test_lists_of_failures_of_an_earlier_table_are_removed(table, tmp_path):
    for name in ("t.parquet", "other.parquet"):
        table.write(tmp_path / name)
    table[[0, 2]].write(tmp_path / "t.parquet")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"t.parquet", "other.parquet", "other.failures.parquet"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/features.parquet", "a/features.failures.parquet"),
        ("features.csv.GZ", "features.failures.csv.GZ"),
        ("run.2.jsonl.zst", "run.2.failures.jsonl.zst"),
        ("parquet.parquet", "parquet.failures.parquet"),
    ],
)
def test_the_name_of_a_sibling_keeps_the_suffixes(name, expected):
    assert sibling(name, "failures") == Path(expected)


def test_some_rows_are_a_table_with_their_failures_and_warnings():
    table = featurize([bcc(), None, fcc(z=2), sigma_phase(), None], on_error="record")
    part = table[1:4]
    assert isinstance(part, FeatureTable)
    assert part.ids == ("1", "2", "3")
    assert np.array_equal(part.values, table.values[1:4], equal_nan=True)
    assert part.failures == (table.failures[0]._replace(index=0),)
    assert part.warnings == (table.warnings[0]._replace(index=1),)
    back = table[::-1]
    assert [f.index for f in back.failures] == [0, 3]
    assert [f.id for f in back.failures] == ["4", "1"]
    assert concatenate([table[:2], table[2:]]).failures == table.failures
    assert len(table[2:2]) == 0 and table[2:2].values.shape == (0, 256)


@pytest.mark.parametrize(
    "rows",
    [
        [3, 0],
        [-2, 0],
        (3, 0),
        np.array([3, 0], dtype=np.uint8),
        pd.Series([3, 0]),
    ],
    ids=repr,
)
def test_rows_are_chosen_by_number(rows):
    table = featurize([bcc(), None, fcc(), sigma_phase(), bcc()], on_error="record")
    assert table[rows].ids == ("3", "0")
    assert np.array_equal(table[rows].values, table.values[[3, 0]])


def test_rows_are_chosen_by_a_mask(table):
    complete = ~np.isnan(table.values).any(axis=1)
    for mask in (complete, complete.tolist(), pd.Series(complete)):
        assert table[mask].ids == ("0", "2", "3")
        assert not table[mask].failures
    assert len(table[[False] * 4]) == 0
    assert len(table[[]]) == 0
    assert [failure.index for failure in table[[1, 1]].failures] == [0, 1]


def test_a_chosen_table_does_not_share_its_numbers(table):
    part = table[:2]
    part.values[:] = 0
    assert not (table.values[0] == 0).all()


@pytest.mark.parametrize(
    "key",
    [1, np.int64(1), None, 1.5, [0.5], ["NComp", "most_Row"], (slice(2), 0), [[0, 1]], [[0], [1, 2]], ...],
)
def test_other_keys_are_refused_with_what_to_give(table, key):
    with pytest.raises(OptionError, match="give the name of one feature, a slice, row numbers or a mask"):
        table[key]


def test_rows_outside_the_table_and_masks_of_another_length_are_refused(table):
    for rows in ([4], [-5], [0, 10**6]):
        with pytest.raises(IndexError, match="of 4"):
            table[rows]
    with pytest.raises(OptionError, match="mask of 3 truth values does not fit 4 rows"):
        table[[True, False, True]]


def test_a_parquet_file_knows_its_schema(table, tmp_path):
    table.write(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").metadata["seitz.schema"] == table.descriptor.digest


def test_a_table_that_cannot_be_written_leaves_nothing_behind(table, tmp_path):
    with pytest.raises(WriteError):
        table.write(tmp_path / "no" / "such" / "folder.parquet")
    assert not list(tmp_path.iterdir())


def test_tables_pickle(table):
    again = pickle.loads(pickle.dumps(table))
    assert again.names == table.names
    assert np.array_equal(again.values, table.values, equal_nan=True)
    assert again.failures == table.failures
