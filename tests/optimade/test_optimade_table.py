"""Fetched tables: in files and back, as data frames, and as inputs of everything else."""

from __future__ import annotations

import csv
import gzip
import math

import numpy as np
import pytest
from optimade_samples import DOI, N_FEW, NESTED, USELESS

import seitz
from seitz.errors import OptionError, ReadError, WriteError
from seitz.optimade import fetch, read


def test_a_table_comes_back_from_its_file(clean, tmp_path):
    clean.write(tmp_path / "table.parquet")
    found = read(tmp_path / "table.parquet")
    for name in clean.__slots__:
        if name != "targets":
            assert getattr(found, name) == getattr(clean, name), name
    np.testing.assert_array_equal(found.targets, clean.targets)
    found.write(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "table.parquet").read_bytes()


def test_an_empty_table_comes_back_too(server, tmp_path):
    empty = fetch(server.url, "nsites>1000", NESTED)
    empty.write(tmp_path / "table.parquet")
    found = read(tmp_path / "table.parquet")
    assert len(found) == 0 and found.targets.shape == (0,) and found.provenance == empty.provenance
    assert len(empty.to_pandas()) == 0
    assert len(empty.featurize()) == 0


def test_the_file_is_a_file_of_structures(clean, tmp_path):
    clean.write(tmp_path / "table.parquet")
    records = list(seitz.io.read_structures(tmp_path / "table.parquet"))
    assert [record.id for record in records] == list(clean.ids)
    assert [record.cell for record in records] == list(clean.structures)
    few = clean.structures[:5]
    np.testing.assert_array_equal(
        seitz.featurize(tmp_path / "table.parquet").values[:5], seitz.featurize(few).values
    )


def test_csv_lists_every_record_and_why_it_was_skipped(clean, tmp_path):
    for name in ("table.csv", "table.csv.gz"):
        clean.write(tmp_path / name)
    text = (tmp_path / "table.csv").read_bytes()
    assert gzip.decompress((tmp_path / "table.csv.gz").read_bytes()) == text
    rows = list(csv.DictReader(text.decode().splitlines()))
    assert len(rows) == N_FEW
    assert [float(row["target"]) for row in rows[: len(clean)]] == clean.targets.tolist()
    assert {row["id"]: row["skipped"].partition(":")[0] for row in rows[len(clean) :]} == USELESS
    assert rows[0]["name"] == clean.names[0] and rows[0]["references"] == DOI
    assert int(rows[0]["n_sites"]) == len(clean.structures[0])


def test_a_table_becomes_a_data_frame(clean):
    frame = clean.to_pandas()
    assert frame.index.tolist() == list(clean.ids) and frame.index.name == "id"
    assert list(frame.columns) == ["name", "database", "structure", "target", "references"]
    assert frame["target"].tolist() == clean.targets.tolist()
    assert seitz.featurize(frame["structure"].iloc[:3]).ids == clean.ids[:3]
    assert clean.to_arrow().num_rows == len(clean)


def test_a_table_is_a_frozen_value(clean):
    with pytest.raises(AttributeError):
        clean.ids = ()
    with pytest.raises(ValueError, match="read-only"):
        clean.targets[0] = 0.0
    assert repr(clean).startswith(f"OptimadeTable({len(clean)} × formation_energy_per_atom, from ")
    assert f"{len(USELESS)} skipped" in repr(clean)


def test_a_file_is_complete_or_absent(clean, tmp_path):
    with pytest.raises(OptionError, match=r"written to \.parquet or \.csv"):
        clean.write(tmp_path / "table.npz")
    with pytest.raises(OptionError, match="format"):
        clean.write(tmp_path / "table.xlsx")
    with pytest.raises(WriteError, match="does not exist"):
        clean.write(tmp_path / "missing" / "table.parquet")
    assert not list(tmp_path.iterdir())


def test_what_is_no_such_table_is_refused(clean, tmp_path):
    with pytest.raises(ReadError, match="no readable Parquet"):
        read(tmp_path / "missing.parquet")
    (tmp_path / "text.parquet").write_text("spam")
    with pytest.raises(ReadError, match="no readable Parquet"):
        read(tmp_path / "text.parquet")
    seitz.featurize(clean.structures[:2]).write(tmp_path / "features.parquet")
    with pytest.raises(ReadError, match="no table of 'seitz optimade fetch'"):
        read(tmp_path / "features.parquet")


@pytest.mark.parametrize("content", [b"{}", b'{"version": 2}', b"spam", b"[]"])
def test_a_damaged_table_is_refused(clean, tmp_path, content):
    import pyarrow.parquet as pq

    table = clean.to_arrow().replace_schema_metadata({"seitz.optimade": content})
    pq.write_table(table, tmp_path / "table.parquet")
    with pytest.raises(ReadError, match="of another version of seitz, or damaged"):
        read(tmp_path / "table.parquet")


def test_predictions_can_be_held_against_the_fetched_values(clean):
    table = seitz.predict(clean.structures[:8])
    assert len(table) == 8 and not any(math.isnan(value) for value in table.value)
