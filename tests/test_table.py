from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from seitz import featurize
from seitz.errors import DescriptorError, MissingExtraError, WriteError
from seitz.io import read_table
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
    with pytest.raises(MissingExtraError, match="pip install 'pandas'"):
        table.to_pandas()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz", "jsonl", "csv.gz", "jsonl.zst"])
def test_files_give_back_the_same_numbers(table, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table.write(path)
    found = read_table(path)
    assert tuple(found.names) == table.names
    assert tuple(found.ids) == table.ids
    assert np.array_equal(found.values, table.values, equal_nan=True)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


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
