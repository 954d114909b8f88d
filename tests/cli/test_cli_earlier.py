"""Results of earlier runs among the inputs, and outputs that are inputs under another name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from command_samples import SEITZ, json_line, poscar, random_cell
from onnx_samples import linear

import seitz as package
from seitz.cli.earlier import EarlierResults, holds_results
from seitz.io import open_sink
from seitz.models.card import METADATA_KEY, ModelCard

SUFFIXES = (".parquet", ".csv", ".npz", ".jsonl", ".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst")


@pytest.fixture
def argon_folder(folder):
    """With failures and warnings among the structures."""
    argon = random_cell(1).replace(atomic_numbers=[18] * 6)
    (folder / "argon.POSCAR").write_text(poscar(argon))
    return folder


def test_results_of_every_format_and_name_are_skipped_and_counted(seitz, argon_folder, tmp_path):
    for suffix in SUFFIXES:
        seitz("featurize", argon_folder, "-o", tmp_path / f"old{suffix}")
    results = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(results) == 3 * len(SUFFIXES)
    for path in results:
        path.rename(argon_folder / path.name)
    done = seitz("featurize", argon_folder, "-o", argon_folder / "new.csv")
    assert done.code == 1 and done.out.startswith("14 structures, 78 sites, 1 failed")
    assert "\n  24 earlier results skipped\n" in done.out
    done = seitz("featurize", f"{argon_folder}/*", "-o", tmp_path / "new.csv", "--json")
    summary = json.loads(done.out)
    assert (summary["failures"], summary["earlier_results_skipped"]) == (1, 27)


@pytest.fixture(params=[1, 3], ids=["one value", "three values"])
def model(request, tmp_path):
    """A model with one value, or several."""
    path = tmp_path / "linear.onnx"
    proto = linear(256, n_out=request.param)
    card = ModelCard(name="linear", property="hardness", unit="GPa", descriptor="ks2022")
    onnx.helper.set_model_props(proto, {METADATA_KEY: card.to_json()})
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("command", ["featurize", "predict"])
def test_predictions_of_every_format_are_skipped_and_replaced(seitz, argon_folder, tmp_path, model, command):
    for suffix in SUFFIXES:
        done = seitz("predict", argon_folder, "-m", model, "-o", argon_folder / f"old{suffix}")
        assert done.code == 1 and "14 structures, 1 failed" in done.out, done.err
    results = [path for path in argon_folder.iterdir() if path.name.startswith("old")]
    assert len(results) == 2 * len(SUFFIXES) and all(map(holds_results, map(str, results)))
    options = ["-m", model] if command == "predict" else []
    done = seitz(command, argon_folder, *options, "-o", argon_folder / "old.csv", "--json")
    assert json.loads(done.out)["structures"] == 14, done.err


def test_tables_that_only_look_like_predictions_are_no_results(tmp_path):
    heads = [
        "id,value,lower,upper,in_domain",
        "id,value_1,lower,upper,in_domain,doubt",
        "id,value,lower,upper,doubt",
    ]
    for k, head in enumerate(heads):
        (tmp_path / f"{k}.csv").write_text(f"{head}\n")
        row = dict.fromkeys(head.split(","), 1)
        (tmp_path / f"{k}.jsonl").write_text(json.dumps(row | {"id": "a"}) + "\n")
    assert not any(holds_results(str(path)) for path in tmp_path.iterdir())


def test_a_folder_of_results_alone_is_an_error(seitz, good_folder, tmp_path):
    (tmp_path / "results").mkdir()
    seitz("featurize", good_folder, "-o", tmp_path / "results" / "f.csv")
    done = seitz("featurize", tmp_path / "results", "-o", tmp_path / "g.csv")
    assert done.code == 1 and "no structure found" in done.err and "1 earlier result skipped" in done.err


def test_a_named_file_is_never_skipped(seitz, good_folder, tmp_path):
    out = good_folder / "f.csv"
    seitz("featurize", good_folder, "-o", out)
    done = seitz("featurize", good_folder / "1.POSCAR", out, "-o", tmp_path / "g.csv")
    assert done.code == 1 and done.out.startswith("2 structures, 6 sites, 1 failed")
    assert "skipped" not in done.out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.csv", "id,energy\n1,2\n"),
        ("mine.failures.csv", "what,why\n"),
        ("log.csv", "index,id,source,error,message\n"),
        ("torn.parquet", "PAR1"),
        ("torn.npz", "PK"),
        ("torn.csv.gz", "\x1f\x8b"),
        ("empty.csv", ""),
        ("other.jsonl", '{"id": "a", "energy": 3}\n'),
    ],
)
def test_foreign_files_stay_failures(seitz, good_folder, tmp_path, name, content):
    (good_folder / name).write_text(content)
    done = seitz("featurize", good_folder, "-o", tmp_path / "f.csv")
    assert done.code == 1 and "1 failed" in done.out and "skipped" not in done.out
    assert name in (tmp_path / "f.failures.csv").read_text()


def test_structures_beside_their_features_are_a_data_set(tmp_path):
    cell = random_cell(1)
    table = package.featurize([cell])
    row = json.loads(json_line("a", cell)) | dict(zip(table.names, table.values[0].tolist(), strict=True))
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    both = table.to_arrow().append_column("structure", pa.array([json_line("a", cell)]))
    pq.write_table(both, tmp_path / "data.parquet")
    assert not holds_results(str(tmp_path / "data.jsonl"))
    assert not holds_results(str(tmp_path / "data.parquet"))
    table.write(tmp_path / "table.parquet")
    assert holds_results(str(tmp_path / "table.parquet"))
    with open_sink(tmp_path / "other.npz", names=["energy"]) as sink:
        sink.append(["a"], np.ones((1, 1)))
    assert not holds_results(str(tmp_path / "other.npz"))


def test_only_names_of_tables_are_looked_into(monkeypatch):
    monkeypatch.setattr("seitz.cli.earlier.holds_results", lambda path: path)
    earlier = EarlierResults(["here.csv"])
    for name in ("a.POSCAR", "b.cif", "c.json", "d.xyz", "e.cif.gz", "f.pq", "here.csv"):
        assert name not in earlier
    for suffix in SUFFIXES:
        assert f"table{suffix}" in earlier


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_a_pipe_called_like_a_table_does_not_hang(tmp_path):
    for name in ("a.parquet", "b.npz", "c.csv"):
        os.mkfifo(tmp_path / name)
        assert not holds_results(str(tmp_path / name))


# --- other names of one file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("named", [True, False])
def test_a_link_to_a_data_set_is_not_replaced(seitz, good_folder, tmp_path, link, named):
    data, out = good_folder / "data.jsonl", tmp_path / "out.jsonl"
    data.write_text(json_line("precious", random_cell(0)))
    content = data.read_bytes()
    link(data, out)
    done = seitz("featurize", data if named else good_folder, "-o", out)
    assert done.code == 2 and done.err.count("\n") == 1
    assert f"{out} is {data}, which is" in done.err and "choose another -o" in done.err
    assert data.read_bytes() == content and out.samefile(data)


@pytest.mark.parametrize("name", ["out.failures.jsonl", "out.warnings.jsonl"])
def test_lists_of_failures_and_warnings_replace_and_remove_no_foreign_file(
    seitz, good_folder, tmp_path, name
):
    content = json_line("precious", random_cell(0))
    for place in (good_folder, tmp_path):
        (place / name).write_text(content)
        done = seitz("featurize", good_folder, "-o", place / "out.jsonl")
        assert done.code == 2 and f"{name} would be replaced" in done.err
        assert (place / name).read_text() == content


# --- a killed run --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_what_a_killed_run_left_disturbs_no_later_one(seitz, good_folder):
    inputs = [good_folder] * 2000
    process = subprocess.Popen(
        [SEITZ, "featurize", *inputs, "-o", good_folder / "out.parquet", "-j", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while not parts(good_folder) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert parts(good_folder) and not (good_folder / "out.parquet").exists()
    for paths in ([good_folder], [f"{good_folder}/*"], [f"{good_folder}/**"]):
        done = seitz("featurize", *paths, "-o", good_folder / "out.parquet")
        assert done.code == 0 and done.out.startswith("12 structures, 72 sites, none failed")


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".part")]
