"""Files of structures with numbers beside them are learned from as they are."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seitz
from seitz.errors import OptionError, ReadError, TuneError
from seitz.tune import adjust, examples
from seitz.tune.reading import as_table


@pytest.fixture
def records():
    found = []
    for k, name in enumerate(("bcc", "fcc", "hcp", "a15")):
        cell = seitz.as_cell(name)
        found.append(
            {
                "id": f"{name}-x",
                "lattice": cell.lattice.tolist(),
                "frac_coords": cell.frac_coords.tolist(),
                "atomic_numbers": cell.atomic_numbers.tolist(),
                "energy": float(k),
            }
        )
    found[2]["energy"] = None
    return found


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz", "s.parquet"])
def test_structures_in_a_file_with_a_column(tmp_path, records, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        text = "\n".join(json.dumps(record) for record in records).encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = as_table(str(path), "energy", "seitz_ionic", None)
    assert list(found.table.ids) == [record["id"] for record in records]
    assert found.targets == [0.0, 1.0, None, 3.0]
    assert np.array_equal(found.table.values, seitz.featurize(records, descriptor="seitz_ionic").values)
    with pytest.raises(TuneError, match="no column 'volume'; there is energy"):
        as_table(str(path), "volume", "seitz_ionic", None)


def test_a_line_that_is_no_record_is_named(tmp_path, records):
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(records[0]) + "\n[1, 2]\n")
    with pytest.raises(ReadError, match="line 2"):
        as_table(str(path), "energy", "seitz_ionic", None)


def test_lines_of_features_are_still_features(tmp_path, records):
    path = tmp_path / "f.jsonl"
    seitz.featurize(records, descriptor="seitz_ionic").write(path)
    found = as_table(str(path), [1.0, 2.0, 3.0, 4.0], "seitz_ionic", None)
    assert found.table.values.shape == (4, 494)


def test_the_unit_of_fetched_targets_is_known(tmp_path, records):
    rows = [record | {"target": float(k)} for k, record in enumerate(records)]
    told = json.dumps({"target": {"unit": "kJ/mol"}}).encode()
    arrow = pa.Table.from_pylist(rows)
    pq.write_table(arrow.replace_schema_metadata({b"seitz.optimade": told}), tmp_path / "fetched.parquet")
    assert examples(tmp_path / "fetched.parquet", "target", descriptor="seitz_ionic").unit == "kJ/mol"
    assert examples(tmp_path / "fetched.parquet", "energy", descriptor="seitz_ionic").unit == ""
    with pytest.raises(OptionError, match="in kJ/mol, default predicts in eV/atom: nothing is converted"):
        adjust("default", tmp_path / "fetched.parquet", "target", group_by="row")
    pq.write_table(arrow.replace_schema_metadata({b"seitz.optimade": b"[]"}), tmp_path / "odd.parquet")
    assert examples(tmp_path / "odd.parquet", "target", descriptor="seitz_ionic").unit == ""
