from __future__ import annotations

import csv
import pickle
import subprocess
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
        ("a.failures.b/x.csv", "a.failures.b/x.failures.csv"),
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


# --- files that appear together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["failures", "warnings"])
def test_a_file_beside_the_table_that_is_of_no_earlier_one_stays(table, tmp_path, kind):
    own = tmp_path / f"t.{kind}.csv"
    own.write_text("mine\n")
    for each in (table, table[[0, 2]]):
        with pytest.raises(WriteError, match=rf"t\.{kind}\.csv would be replaced"):
            each.write(tmp_path / "t.csv")
    own.unlink()
    own.mkdir()
    with pytest.raises(WriteError, match=rf"t\.{kind}\.csv: is a directory"):
        table.write(tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == [own]


def test_two_results_do_not_go_to_one_file(table, tmp_path):
    table[[0]].write(tmp_path / "t.csv")
    (tmp_path / "t.failures.csv").symlink_to("t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    with pytest.raises(WriteError, match="this one file"):
        table.write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before


def test_a_write_protected_table_stays(table, tmp_path, monkeypatch):
    table[[0]].write(tmp_path / "t.csv")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(WriteError, match="write-protected"):
        table.write(tmp_path / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


_KILLED = """
import os, signal, sys
from pathlib import Path
left, replace, unlink = int(sys.argv[1]), Path.replace, Path.unlink
def limited(change):
    def changed(path, *more, **options):
        global left
        if path.suffix == ".part" or path.exists():
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return change(path, *more, **options)
    return changed
Path.replace, Path.unlink = limited(replace), limited(unlink)
import seitz
from seitz.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("command", ["featurize", "dilute", "random"])
def test_wherever_a_process_is_killed_a_table_has_its_failures_beside_it(tmp_path, command):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.POSCAR").write_text("cut short\n")
    arguments = {
        "featurize": ["in"],
        "dilute": ["bcc", "--structures", "in"],
        "random": ["Xx", "-l", "bcc", "--exact"],
    }[command]
    found = []
    for changes in range(6):
        for old in tmp_path.glob("*.*"):
            old.unlink()
        line = [sys.executable, "-c", _KILLED, str(changes), command, *arguments, "-o", "o.csv"]
        code = subprocess.run(line, cwd=tmp_path, capture_output=True, timeout=60).returncode
        names = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} - {"in"}
        assert "o.failures.csv" in names or "o.csv" not in names
        found.append(names)
        if code != -9:
            break
    assert code == 1 and {"o.failures.csv"} in found and found[-1] == {"o.csv", "o.failures.csv"}


def test_a_failed_change_of_names_tells_what_was_replaced(table, tmp_path, monkeypatch):
    replace = Path.replace

    def failing(path: Path, target: Path) -> Path:
        if Path(target).name == "t.csv":
            raise PermissionError(13, "no")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(WriteError, match=r"replaced already: .*t\.failures\.csv"):
        table.write(tmp_path / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.failures.csv"]
