"""``seitz tune`` on the command line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from tune_samples import crystals, network, target

from seitz import models
from seitz.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A model, and a table of features with a column."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.onnx").write_bytes(network().content)
    table = crystals()
    y = 0.5 * network().predict(table.values) + 0.2 * target(table)
    y[3] = np.nan
    pq.write_table(table.to_arrow().append_column("energy", [y]), tmp_path / "data.parquet")
    return tmp_path


def run(*arguments: str, capsys) -> tuple[int, str, str]:
    code = main(list(arguments)) or 0
    out = capsys.readouterr()
    return code, out.out, out.err


def test_adjusting_is_what_tune_does(files, capsys):
    options = (
        "--model",
        "small.onnx",
        "--target",
        "energy",
        "--no-networks",
        "--folds",
        "2",
        "-o",
        "mine.onnx",
    )
    code, out, err = run("tune", "data.parquet", *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert "48 rows" in out and "1 set aside" in out and "no finite number: nan" in out
    assert "offset and slope" in out and "baseline" in out and "is best on unseen groups" in out
    assert "→ mine.onnx" in out and models.load("mine.onnx").card.name == "small-adjusted"
    code, _, _ = run("predict", "fcc", "--model", "mine.onnx", capsys=capsys)
    assert code == 0


def test_the_report_as_json(files, capsys):
    code, out, _ = run(
        "tune", "adjust", "data.parquet", "--model", "small.onnx", "-t", "energy", "--no-networks", "--json",
        "--reference", "10.1000/a", capsys=capsys,
    )  # fmt: skip
    found = json.loads(out)
    assert code == 0 and found["output"] is None and found["references"] == ["10.1000/a"]
    assert found["n_given"] == found["n_train"] + found["n_test"] + 1


def test_structures_with_targets_in_another_file(files, capsys):
    folder = files / "crystals"
    folder.mkdir()
    import seitz

    known = seitz.prototypes.prototypes()
    with (files / "values.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "energy"])
        for k, name in enumerate(sorted(known)[:12]):
            seitz.to_ase(known[name].cell).write(folder / f"{name}.vasp", format="vasp")
            rows.writerow([name, 0.1 * k])
    code, out, err = run(
        "tune", "crystals", "--targets", "values.csv", "--target", "energy", "--model", "small.onnx", "--no-networks",
        "--group-by", "row", "--test", "0", capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    assert "12 rows" in out


def test_transfer_train_and_search(files, capsys):
    common = ("data.parquet", "-t", "energy", "--json")
    new = ("--property", "spam", "--unit", "eggs")
    code, out, _ = run("tune", "transfer", *common, *new, "-m", "small.onnx", "--no-networks", capsys=capsys)
    assert code == 0 and json.loads(out)["property"] == "spam"
    code, out, _ = run("tune", "train", *common, *new, "--no-networks", capsys=capsys)
    assert code == 0 and json.loads(out)["unit"] == "eggs"
    work = ("--work", "w", "--trials", "1", "--folds", "2")
    code, out, _ = run("tune", "search", *common, "-m", "small.onnx", *work, capsys=capsys)
    assert code == 0 and len(json.loads(out)["extra"]["trials"]) == 1
    assert (files / "w" / "trials.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("data.parquet",), 2, "target"),
        (("data.parquet", "-t", "spam", "-m", "small.onnx"), 1, "no column 'spam'"),
        (("data.parquet", "-t", "energy", "-o", "x.txt"), 2, "must end in .onnx"),
        (("data.parquet", "-t", "energy", "-o", "no/x.onnx"), 2, "no such folder"),
        (("data.parquet", "-t", "energy", "-m", "nothing"), 1, "no model is called 'nothing'"),
        (("transfer", "data.parquet", "-t", "energy"), 2, "property"),
    ],
)
def test_wrong_command_lines_end_in_one_line(files, capsys, arguments, code, says):
    found, _, err = run("tune", *arguments, capsys=capsys)
    assert found == code and says in err and err.count("\n") == 1


def test_help_names_the_verbs(capsys):
    code, out, _ = run("tune", "--help", capsys=capsys)
    assert code == 0 and all(name in out for name in ("adjust", "search", "transfer", "train"))


def test_a_picture_is_drawn(files, capsys):
    pytest.importorskip("plotly", reason="plotly is part of the extra 'plot'")
    code, _, err = run(
        "tune", "data.parquet", "-t", "energy", "-m", "small.onnx", "--no-networks", "--plot", "p.html",
        capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    assert (files / "p.html").stat().st_size > 1_000_000
