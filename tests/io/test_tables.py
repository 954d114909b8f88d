from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import FILES

from seitz.errors import OptionError, ReadError, WriteError
from seitz.io import open_sink, read_table, tables, write_rows

SUFFIXES = ["parquet", "csv", "csv.gz", "csv.zst", "npz", "jsonl", "jsonl.gz", "jsonl.zst"]
NAMES = ("a", "mean, of b", 'c "quoted"', "d %s")
EXTREMES = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, 1e22, 123456789.12345679, 1.0]


def write(path: Path, ids, values, names=NAMES, step: int | None = None, **options):
    with open_sink(path, names=names, **options) as sink:
        for start in range(0, len(ids), step or max(1, len(ids))):
            stop = start + (step or len(ids))
            sink.append(ids[start:stop], values[start:stop])
    return path


def rows(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, len(NAMES))) * 10.0 ** rng.integers(-30, 30, (n, len(NAMES)))
    return [f"mp-{i}" for i in range(n)], values


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(
    ids=st.lists(st.text(max_size=8), max_size=5),
    numbers=st.lists(st.floats() | st.sampled_from(EXTREMES), min_size=20, max_size=20),
)
@settings(FILES, max_examples=40)
def test_every_double_and_identifier_round_trips(tmp_path, suffix, ids, numbers):
    values = np.reshape(numbers, (5, 4))[: len(ids)]
    table = read_table(write(tmp_path / f"t.{suffix}", ids, values))
    if suffix.startswith("jsonl"):  # JSON has no infinity, and no line names the columns of an empty table
        values = np.where(np.isfinite(values), values, np.nan)
    assert table.values.shape == (values.shape if ids or "jsonl" not in suffix else (0, 0))
    assert np.array_equal(table.values.ravel(), values.ravel(), equal_nan=True)
    assert (np.signbit(table.values.ravel()) == np.signbit(values.ravel()))[~np.isnan(values.ravel())].all()
    if ids or "jsonl" not in suffix:
        assert table.names == NAMES
    assert table.ids == [identifier.replace("\0", "\\x00") for identifier in ids]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_bytes_do_not_depend_on_how_rows_were_appended(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(tables, "_MAX_BLOCK_ROWS", 7)
    ids, values = rows(50)
    whole = write(tmp_path / f"whole.{suffix}", ids, values, metadata={"b": "1", "a": "2"}).read_bytes()
    for step in (1, 3, 7, 20):
        pieces = write(tmp_path / f"pieces.{suffix}", ids, values, step=step, metadata={"a": "2", "b": "1"})
        assert pieces.read_bytes() == whole
    assert np.array_equal(read_table(pieces).values, values)


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_metadata_is_kept(tmp_path, suffix):
    metadata = {"schema": "ks2022", "note": "Å"}
    ids, values = rows(3)
    assert read_table(write(tmp_path / f"t.{suffix}", ids, values, metadata=metadata)).metadata == metadata


def test_a_parquet_file_has_bounded_row_groups(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(tables, "_MAX_BLOCK_ROWS", 10)
    ids, values = rows(25)
    path = write(tmp_path / "t.parquet", ids, values)
    with path.open("rb") as stream:
        file = pq.ParquetFile(stream)
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [10, 10, 5]
        assert file.schema_arrow.names == ["id", *NAMES]
        assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_csv_is_what_the_csv_module_reads(tmp_path):
    ids = ["plain", 'with "quotes", commas', "two\nlines", ""]
    values = np.array([EXTREMES[:4], EXTREMES[4:], [np.nan, np.inf, -np.inf, 0], [1, 2, 3, 4]])
    path = write(tmp_path / "t.csv", ids, values)
    with path.open(newline="", encoding="utf-8") as stream:
        header, *body = csv.reader(stream)
    assert header == ["id", *NAMES]
    assert [row[0] for row in body] == ids
    assert np.array_equal([[float(x) for x in row[1:]] for row in body], values, equal_nan=True)


def test_json_lines_are_valid_json(tmp_path):
    path = write(tmp_path / "t.jsonl.gz", ["é", "b"], np.array([[np.nan, np.inf, 1e300, 1e-5], [1, 2, 3, 4]]))
    text = gzip.decompress(path.read_bytes()).decode()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert lines[0] == {"id": "é", NAMES[0]: None, NAMES[1]: None, NAMES[2]: 1e300, NAMES[3]: 1e-5}


def test_npz_loads_without_pickle(tmp_path):
    ids, values = rows(9)
    with np.load(write(tmp_path / "t.npz", ids, values), allow_pickle=False) as archive:
        assert archive["ids"].tolist() == ids
        assert archive["names"].tolist() == list(NAMES)
        assert np.array_equal(archive["values"], values)
        assert archive["values"].flags.c_contiguous


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_undecodable_identifiers_are_written_as_escapes(tmp_path, suffix):
    path = write(tmp_path / f"t.{suffix}", ["POSCAR\udcff", "nul\0", "\ud800"], np.zeros((3, 4)))
    assert read_table(path).ids == ["POSCAR\\xff", "nul\\x00", "\\ud800"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_may_have_no_rows(tmp_path, suffix):
    table = read_table(write(tmp_path / f"t.{suffix}", [], np.empty((0, 4))))
    assert table.ids == []
    assert table.values.shape[0] == 0


# --- complete or absent -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_interrupted_table_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch, suffix, error):
    monkeypatch.setattr(tables, "_MAX_BLOCK_ROWS", 7)
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    with pytest.raises(error, match="stop"), open_sink(path, names=NAMES) as sink:
        for _ in range(3):
            sink.append(*rows(50))
        raise error("stop")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_finished_table_replaces_the_old_file_and_leaves_no_other(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    write(path, *rows(3))
    assert read_table(path).ids == ["mp-0", "mp-1", "mp-2"]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", *rows(2))
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read_table(tmp_path / "real.csv").ids) == 2


@pytest.mark.parametrize(
    "name, message",
    [
        ("folder.csv", "is a directory"),
        ("missing/t.csv", "does not exist: create it first"),
        ("x" * 300 + ".csv", "cannot be written"),
        ("a.csv/t.csv", "does not exist|Not a directory"),
    ],
)
def test_a_target_that_cannot_be_written_is_named(tmp_path, name, message):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.csv").touch()
    with pytest.raises(WriteError, match=message):
        write(tmp_path / name, *rows(1))
    assert {entry.name for entry in tmp_path.iterdir()} == {"folder.csv", "a.csv"}


def test_a_device_is_not_replaced():
    with (
        pytest.raises(WriteError, match="not a regular file"),
        open_sink("/dev/null", names=NAMES, format="csv"),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission denied"):
        write(tmp_path / "t.csv", *rows(1))


_FULL_DISK = """
import resource, signal, sys, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("error")
sys.unraisablehook = lambda event: (print("unraisable", event), sys.exit(3))
from seitz.errors import WriteError
from seitz.io import open_sink, tables
import pyarrow.parquet, pyarrow.csv, zipfile, tempfile, gzip
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path(sys.argv[1])
values = np.random.default_rng(0).normal(size=(5_000, 40))
tables._MAX_BLOCK_ROWS = int(sys.argv[2])
try:
    with open_sink(path, names=[f"f{i}" for i in range(40)]) as sink:
        sink.append(list(map(str, range(len(values)))), values)
except WriteError as error:
    assert str(path) in str(error) and "nothing was changed" in str(error), error
else:
    sys.exit("no error")
import gc
gc.collect()
assert path.read_text() == "old"
assert len(list(path.parent.iterdir())) == 1, list(path.parent.iterdir())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on file sizes stands for a full disk")
@pytest.mark.parametrize("block", [1000, 9000], ids=["while appending", "at the end"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "npz", "jsonl.zst"])
def test_a_full_disk_is_a_write_error_and_leaves_the_old_file(tmp_path, suffix, block):
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    command = [sys.executable, "-c", _FULL_DISK, str(path), str(block)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.txt", "t", "t.gz", "t.parquet.gz", "t.npz.zst"])
def test_an_unknown_format_is_an_option_error(tmp_path, name):
    with pytest.raises(OptionError):
        write(tmp_path / name, *rows(1))
    assert not list(tmp_path.iterdir())


def test_a_given_format_overrules_the_suffix(tmp_path):
    path = write(tmp_path / "t.out", *rows(2), format="npz")
    assert read_table(path, format="npz").ids == ["mp-0", "mp-1"]


@pytest.mark.parametrize("names", [("a", "a"), ("id",)])
def test_column_names_must_be_unique(tmp_path, names):
    with pytest.raises(OptionError, match="unique"):
        write(tmp_path / "t.csv", [], np.empty((0, len(names))), names=names)


def test_values_must_fit_the_names(tmp_path):
    with pytest.raises(OptionError, match="do not fit"):
        write(tmp_path / "t.csv", ["a"], np.zeros((1, 3)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_table_is_a_read_error(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    with pytest.raises(ReadError):
        read_table(path)
    good = write(tmp_path / f"good.{suffix}", *rows(50)).read_bytes()
    for content in (b"", b"\0\1\2", b'{"x": 1}\n', good[:-30]):
        path.write_bytes(content)
        try:
            assert len(read_table(path).ids) < 50  # a cut text file may end at the end of a line
        except ReadError as error:
            assert str(path) in str(error)


# --- small tables -------------------------------------------------------------------------------------------


SMALL = {
    "index": [3, 4],
    "id": ["a", "POSCAR\udcff"],
    "error": [None, "x, \"y\"\nz"],
    "energy": [1.5, float("nan")],
    "ok": [True, False],
    "mixed": [1, "b"],
    "numpy": [np.float64(2.5), np.int64(3)],
    "nothing": [None, None],
}  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_small_tables_take_any_scalar(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    write_rows(path, SMALL)
    if suffix == "parquet":
        import pyarrow.parquet as pq

        found = pq.read_table(path).to_pydict()
        assert found["mixed"] == ["1", "b"]
        assert found["index"] == [3, 4]
        assert found["error"] == SMALL["error"]
    elif suffix == "npz":
        with np.load(path, allow_pickle=False) as archive:
            assert set(archive) == set(SMALL)
            assert archive["error"].tolist() == ["", SMALL["error"][1]]
            assert archive["ok"].dtype == bool
    else:
        from seitz.io.streams import open_stream

        with open_stream(str(path)) as stream:
            text = stream.read().decode()
        if suffix.startswith("csv"):
            found = list(csv.DictReader(io.StringIO(text, newline="")))
            assert found[1]["error"] == SMALL["error"][1]
            assert found[0]["energy"] == "1.5"
        else:
            found = [json.loads(line) for line in text.splitlines()]
            assert found[1]["energy"] is None
            assert found[0]["ok"] is True
        assert found[1]["id"] == "POSCAR\\xff"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_small_tables_may_be_empty(tmp_path, suffix):
    write_rows(tmp_path / f"t.{suffix}", {"a": [], "b": []})
    assert (tmp_path / f"t.{suffix}").is_file()


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(OptionError, match="different lengths"):
        write_rows(tmp_path / "t.csv", {"a": [1], "b": []})
