"""``seitz tune`` on the command line."""

from __future__ import annotations

import csv
import json
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tune_samples import crystals, network, target

import seitz
from seitz import models
from seitz.cli import main
from seitz.cli.tune_options import LossOption, OptimizerOption
from seitz.tune.settings import Loss, Optimiser


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
    known = seitz.prototypes.prototypes()
    with (files / "values.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "energy"])
        for k, name in enumerate(sorted(known)[:12]):
            seitz.to_ase(known[name].cell).write(folder / f"{name}.vasp", format="vasp")
            rows.writerow([name, 0.1 * k])
        rows.writerow(["spam", 1.0])
    code, out, err = run(
        "tune", "crystals", "--targets", "values.csv", "--target", "energy", "--model", "small.onnx", "--no-networks",
        "--group-by", "row", "--test", "0", capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    assert "12 rows" in out and "Targets without a row (1): spam\n" in out


def test_transfer_train_and_search(files, capsys):
    common = ("data.parquet", "-t", "energy", "--json")
    new = ("--property", "spam", "--unit", "eggs")
    code, out, _ = run("tune", "transfer", *common, *new, "-m", "small.onnx", "--no-networks", capsys=capsys)
    assert code == 0 and json.loads(out)["property"] == "spam"
    code, out, _ = run("tune", "train", *common, *new, "--no-networks", capsys=capsys)
    assert code == 0 and json.loads(out)["unit"] == "eggs"
    work = ("--work", "w", "--trials", "1", "--folds", "2", "--epochs", "4")
    code, out, _ = run("tune", "search", *common, "-m", "small.onnx", *work, capsys=capsys)
    assert code == 0 and len(json.loads(out)["extra"]["trials"]) == 1
    assert (files / "w" / "trials.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("data.parquet",), 2, "target"),
        (("data.parquet", "-t", "spam", "-m", "small.onnx"), 1, "no column 'spam'"),
        (("data.parquet", "-t", "energy", "--loss", "spam"), 2, "'mae', 'mse', 'huber', 'quantile'"),
        (("data.parquet", "-t", "energy", "--optimizer", "spam"), 2, "'adam', 'adamw', 'adamax', 'rmsprop'"),
        (("data.parquet", "-t", "energy", "--rate", "0"), 2, "0 is no positive number"),
        (("data.parquet", "-t", "energy", "--rate", "inf"), 2, "inf is no positive number"),
        (("data.parquet", "-t", "energy", "--epochs", "0"), 2, "--epochs"),
        (("data.parquet", "-t", "energy", "--level", "90"), 2, "--level"),
        (
            ("data.parquet", "-t", "energy", "--no-networks", "--loss", "mse"),
            2,
            "--loss and --no-networks contradict",
        ),
        (("search", "data.parquet", "-t", "energy", "--rate", "-1"), 2, "-1 is no positive number"),
        (
            ("data.parquet", "-t", "energy", "--device", "spam"),
            1,
            "device 'spam' is not on this machine; there is",
        ),
        (
            ("data.parquet", "-t", "energy", "--targets", "spam.csv"),
            1,
            "spam.csv: cannot be read: No such file",
        ),
        (("spam.parquet", "-t", "energy"), 1, "spam.parquet: no such file"),
        (("data.parquet", "-t", "energy", "-o", "x.txt"), 2, "must end in .onnx"),
        (("data.parquet", "-t", "energy", "-o", "no/x.onnx"), 2, "no such folder"),
        (("data.parquet", "-t", "energy", "-m", "nothing"), 1, "no model is called 'nothing'"),
        (("transfer", "data.parquet", "-t", "energy"), 2, "property"),
    ],
)
def test_wrong_command_lines_end_in_one_line(files, capsys, arguments, code, says):
    found, _, err = run("tune", *arguments, capsys=capsys)
    assert found == code and says in err and err.count("\n") == 1


#: Things that are no table, whatever their names say, and what is said about them.
NO_TABLES = {
    "a.cif": (b"data_a\n_cell_length_a 3\n", 2, "a.cif is no table with a column 'energy' (.parquet, .csv,"),
    "a.txt": (b"some words", 2, "or structures with their values in --targets FILE"),
    "a.json": (b"{}", 2, "a.json is no table"),
    "a.npy": (b"\x93NUMPY", 2, "a.npy is no table"),
    "folder": (None, 2, "folder is no table"),
    "a.csv": (
        b"some words\n",
        1,
        "a.csv holds neither structures nor features: none of its columns is one of seitz",
    ),
    "empty.csv": (b"", 1, "empty.csv: empty, not even a header"),
    "a.parquet": (b"some words", 1, "a.parquet: no readable table"),
    "a.npz": (b"some words", 1, "a.npz: no arrays of numbers in the format of its name"),
    "cut.npz": (b"PK\x03\x04", 1, "cut.npz: no arrays of numbers"),
    "a.jsonl": (b"some words", 1, "a.jsonl, line 1: no JSON object"),
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_what_is_no_table_is_told_in_one_line(files, capsys, name):
    content, code, says = NO_TABLES[name]
    (files / name).mkdir() if content is None else (files / name).write_bytes(content)
    found, out, err = run("tune", name, "-t", "energy", "-m", "small.onnx", capsys=capsys)
    assert (found, out) == (code, "") and says in err and err.count("\n") == 1
    assert "pickle" not in err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.txt", "none of 1 rows has features (a.txt: UnknownFormatError: "),
        ("folder", "no structure found in folder"),
        ("a.npy", "a.npy: no arrays of numbers"),
    ],
)
def test_what_holds_no_structures_is_told_with_targets_too(files, capsys, name, says):
    content = NO_TABLES[name][0]
    (files / name).mkdir() if content is None else (files / name).write_bytes(content)
    (files / "values.csv").write_text("id,energy\na,1.0\n")
    options = ("-t", "energy", "--targets", "values.csv", "-m", "small.onnx")
    found, _, err = run("tune", name, *options, capsys=capsys)
    assert found == 1 and says in err and err.count("\n") == 1


def test_a_fetched_table_is_data_like_any_other(files, capsys):
    """Structures in flat columns, with numbers beside them or in another file."""
    known = seitz.prototypes.prototypes()
    names = sorted(known)[:12]
    cells = [known[name].cell for name in names]
    columns = {
        "id": names, "target": [0.1 * k for k in range(12)],
        "lattice": [cell.lattice.ravel() for cell in cells],
        "frac_coords": [cell.frac_coords.ravel() for cell in cells],
        "atomic_numbers": [cell.atomic_numbers for cell in cells],
    }  # fmt: skip
    pq.write_table(pa.table(columns), files / "fetched.parquet")
    rows = "".join(f"{name},{0.1 * k}\n" for k, name in enumerate(names))
    (files / "values.csv").write_text(f"id,target\n{rows}")
    common = (
        "fetched.parquet",
        "-t",
        "target",
        "-m",
        "small.onnx",
        "--no-networks",
        "--group-by",
        "row",
        "--test",
        "0",
    )
    reports = []
    for more in ((), ("--targets", "values.csv")):
        code, out, err = run("tune", *common, "--json", *more, capsys=capsys)
        assert (code, err) == (0, "")
        reports.append(json.loads(out))
    assert reports[0]["candidates"] == reports[1]["candidates"] and reports[0]["n_train"] == 12


# --- how networks are trained ------------------------------------------------------------------------------------


class _SeenError(Exception):
    """Ends a verb after its options were seen."""


@pytest.mark.parametrize("verb", ["adjust", "transfer", "train", "search"])
def test_every_verb_takes_epochs_rate_loss_optimizer_and_seed(files, capsys, monkeypatch, verb):
    def seen(*arguments, **options):
        raise _SeenError(options)

    monkeypatch.setattr(f"seitz.tune.{verb}", seen)
    new = ("--property", "p", "--unit", "1") if verb in ("transfer", "train") else ()
    given = ("--epochs", "900", "--rate", "2e-5", "--loss", "huber", "--optimizer", "adamax", "--seed", "7")
    with pytest.raises(_SeenError) as plain:
        main(["tune", verb, "data.parquet", "-t", "energy", *new, "--debug"])
    with pytest.raises(_SeenError) as caught:
        main(["tune", verb, "data.parquet", "-t", "energy", *new, *given, "--debug"])
    options = caught.value.args[0]
    settings = options["settings"]
    assert (settings.n_epochs(10_000), settings.loss, options["random_state"]) == (900, "huber", 7)
    if verb == "search":
        assert (options["rates"], options["optimisers"]) == ([2e-5], ["adamax"])
        assert not {"rates", "optimisers", "decays"} & set(plain.value.args[0])
    else:
        assert (settings.rate, settings.optimiser) == (2e-5, "adamax")
    assert "settings" not in plain.value.args[0]  # the defaults are those of the library


def test_choices_are_those_of_the_library():
    assert [str(choice) for choice in LossOption] == list(get_args(Loss))
    assert [str(choice) for choice in OptimizerOption] == list(get_args(Optimiser))


def test_the_report_says_how_networks_were_trained(files, capsys):
    given = (
        "--epochs",
        "3",
        "--rate",
        "0.002",
        "--loss",
        "mse",
        "--optimiser",
        "adam",
        "--seed",
        "5",
        "--folds",
        "2",
    )
    common = ("data.parquet", "-t", "energy", "--json", *given)
    code, out, err = run("tune", *common, "-m", "small.onnx", capsys=capsys)
    assert (code, err) == (0, "")
    found = json.loads(out)["settings"]
    assert found["random_state"] == 5
    assert {k: found["network"][k] for k in ("epochs", "rate", "loss", "optimiser")} == {
        "epochs": 3, "rate": 0.002, "loss": "mse", "optimiser": "adam",
    }  # fmt: skip
    code, out, _ = run("tune", "train", *common, "--property", "p", "--unit", "1", capsys=capsys)
    network = next(c for c in json.loads(out)["candidates"] if c["name"] == "network from scratch")
    assert code == 0 and 0 < max(max(curve["rate"]) for curve in network["curves"]) <= 0.002
    assert max(len(curve["train"]) for curve in network["curves"]) == 1 + 3


def test_a_rate_for_training_from_nothing_is_kept(files, capsys):
    small = ("--epochs", "2", "--rate", "0.00001", "--folds", "2")
    options = ("-t", "energy", "--json", "--property", "p", "--unit", "1", *small)
    code, out, _ = run("tune", "train", "data.parquet", *options, capsys=capsys)
    network = next(c for c in json.loads(out)["candidates"] if c["name"] == "network from scratch")
    assert code == 0 and max(max(curve["rate"]) for curve in network["curves"]) <= 0.00001


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
