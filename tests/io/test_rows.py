from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from seitz.errors import OptionError, WriteError
from seitz.io import open_rows, rows, write_rows
from seitz.io.streams import open_stream

SUFFIXES = ["parquet", "csv", "csv.gz", "csv.zst", "npz", "jsonl", "jsonl.gz", "jsonl.zst"]
COLUMNS = {"index": int, "id": str, "energy": float, "ok": bool}
ROWS = [(3, "a", 1.5, True), (4, 'x, "y"\nz', None, False), (None, None, 2, None)]


def found(path) -> dict[str, list[object]]:
    """The columns of a table; CSV gives texts."""
    suffix = path.name.split(".")[1]
    if suffix == "parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pydict()
    if suffix == "npz":
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name].tolist() for name in archive}
    with open_stream(str(path)) as stream:
        text = stream.read().decode()
    lines = (
        csv.DictReader(io.StringIO(text, newline=""))
        if suffix == "csv"
        else map(json.loads, text.splitlines())
    )
    lines = list(lines)
    return {name: [line[name] for line in lines] for name in (lines[0] if lines else ())}


def write(path, table, columns=COLUMNS, **options):
    with open_rows(path, columns, **options) as sink:
        for row in table:
            sink.append(*row)
        assert sink.n_rows == len(table)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_of_declared_types_are_what_is_read_back(tmp_path, suffix):
    columns = found(write(tmp_path / f"t.{suffix}", ROWS))
    assert list(columns) == list(COLUMNS)
    if suffix.startswith("csv"):
        assert columns["id"] == ["a", 'x, "y"\nz', ""]
        assert columns["energy"] == ["1.5", "", "2.0"]
    elif suffix == "npz":
        assert columns["id"] == ["a", 'x, "y"\nz', ""]
        assert np.array_equal(columns["index"], [3, 4, np.nan], equal_nan=True)
        assert np.array_equal(columns["energy"], [1.5, np.nan, 2], equal_nan=True)
        assert columns["ok"] == ["True", "False", ""]
    else:
        assert columns == {
            name: list(column) for name, column in zip(COLUMNS, zip(*ROWS, strict=True), strict=True)
        }


@pytest.mark.parametrize(
    "values, parquet, npz",
    [
        ([1, 2.5], [1.0, 2.5], [1.0, 2.5]),
        ([1, None], [1, None], None),
        ([1, True], ["1", "True"], ["1", "True"]),
        ([2**70, 1], [str(2**70), "1"], [str(2**70), "1"]),
        ([-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1]),
        ([2**60 + 1, 0.5], [str(2**60 + 1), "0.5"], [str(2**60 + 1), "0.5"]),
        ([None, None], [None, None], ["", ""]),
        ([np.float32(0.5), np.int64(2)], [0.5, 2.0], [0.5, 2.0]),
        (["POSCAR\udcff", [1]], ["POSCAR\\xff", "[1]"], ["POSCAR\\xff", "[1]"]),
    ],
)
def test_a_column_without_a_type_gets_that_of_its_values(tmp_path, monkeypatch, values, parquet, npz):
    monkeypatch.setattr(rows, "_GROUP_ROWS", 1)  # what comes later counts as much
    for order in (slice(None), slice(None, None, -1)):
        table = [(value,) for value in values[order]]
        assert found(write(tmp_path / "t.parquet", table, ["a"]))["a"] == parquet[order]
        if npz is not None:
            assert found(write(tmp_path / "t.npz", table, ["a"]))["a"] == npz[order]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_groups_are_one_table(tmp_path, monkeypatch, suffix):
    table = [(k, f"s{k}", k / 3, k % 2 == 0) for k in range(100)]
    expected = found(write(tmp_path / f"whole.{suffix}", table))
    monkeypatch.setattr(rows, "_GROUP_ROWS", 7)
    monkeypatch.setattr(rows, "_SPOOLED_BYTES", 100)
    assert found(write(tmp_path / f"t.{suffix}", table)) == expected
    assert len(expected["id"]) == 100


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_rows_are_equal_bytes(tmp_path, suffix):
    table = [(k, f"s{k}", k / 3, None) for k in range(100)]
    assert (
        write(tmp_path / f"a.{suffix}", table).read_bytes()
        == write(tmp_path / f"b.{suffix}", table).read_bytes()
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz", "jsonl.gz"])
def test_memory_is_bounded(tmp_path, monkeypatch, suffix):
    write(tmp_path / f"t.{suffix}", ROWS)  # imports
    monkeypatch.setattr(rows, "_GROUP_CHARACTERS", 2**19)
    monkeypatch.setattr(rows, "_SPOOLED_BYTES", 2**19)
    message = "the lattice is singular " * 12
    tracemalloc.start()
    with open_rows(tmp_path / f"t.{suffix}", ["index", "id", "message"]) as sink:
        for k in range(50_000):
            sink.append(k, "s", f"{k}: {message}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6  # of 15 MB of text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_rows_there_is_no_file_and_an_older_one_goes(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    write(path, [])
    path.write_text("old")
    write(path, [])
    assert not list(tmp_path.iterdir())
    write(path, [], keep_empty=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    if not suffix.startswith("jsonl"):  # no line names the columns
        if suffix.startswith("csv"):
            with open_stream(str(path)) as stream:
                assert stream.read() == b"index,id,energy,ok\n"
        else:
            assert found(path) == {name: [] for name in COLUMNS}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("n_rows", [0, 3])
def test_an_interrupted_table_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch, suffix, error, n_rows):
    monkeypatch.setattr(rows, "_GROUP_ROWS", 2)
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    with pytest.raises(error, match="stop"), open_rows(path, COLUMNS) as sink:
        for row in ROWS[:n_rows]:
            sink.append(*row)
        raise error("stop")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "row, message",
    [
        ((1, "a", 1.0), "3 values do not fit 4 columns"),
        ((1.5, "a", 1.0, True), "column 'index' holds int, not 1.5"),
        ((2**63, "a", 1.0, True), "column 'index' holds int"),
        ((True, "a", 1.0, True), "column 'index' holds int, not True"),
        ((1, "a", "x", True), "column 'energy' holds float, not 'x'"),
        ((1, "a", 1.0, 1), "column 'ok' holds bool, not 1"),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_not_counted(tmp_path, row, message):
    with open_rows(tmp_path / "t.csv", COLUMNS) as sink:
        with pytest.raises(OptionError, match=message):
            sink.append(*row)
        assert sink.n_rows == 0


@pytest.mark.parametrize("columns", [[], ["a", "a"], {}, "ab", {"a": list}, ["a\udcff", "a\\xff"]])
def test_columns_have_unique_names_and_simple_types(tmp_path, columns):
    with pytest.raises(OptionError, match=r"unique names|is not one of str, int, float, bool"):
        write(tmp_path / "t.csv", [], columns)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_named_at_once(tmp_path):
    with pytest.raises(WriteError, match="create it first"), open_rows(tmp_path / "gone" / "t.csv", ["a"]):
        pytest.fail("nothing could be written")


def test_texts_too_long_for_npz_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(WriteError, match="column 'id' are too long for NPZ: write Parquet"):
        write_rows(tmp_path / "t.npz", {"id": ["x" * 200, "y"]})
    assert not list(tmp_path.iterdir())


_FULL_DISK = """
import gc, resource, signal, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
sys.unraisablehook = lambda event: (print("unraisable", event), sys.exit(3))
import pyarrow.parquet, zipfile, tempfile, gzip
from random import Random
from seitz.errors import WriteError
from seitz.io import open_rows, rows
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path(sys.argv[1])
rows._GROUP_ROWS = rows._SPOOLED_BYTES = int(sys.argv[2])
random = Random(0)
try:
    with open_rows(path, ["index", "message"]) as sink:
        for k in range(20_000):
            sink.append(k, str(random.random()))
except WriteError as error:
    assert str(path) in str(error) and "nothing was changed" in str(error), error
else:
    sys.exit("no error")
gc.collect()
assert path.read_text() == "old"
assert len(list(path.parent.iterdir())) == 1, list(path.parent.iterdir())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on file sizes stands for a full disk")
@pytest.mark.parametrize("group", [1000, 10_000_000], ids=["while appending", "at the end"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "npz", "jsonl.zst"])
def test_a_full_disk_is_a_write_error_and_leaves_the_old_file(tmp_path, suffix, group):
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    command = [sys.executable, "-c", _FULL_DISK, str(path), str(group)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
