"""``seitz predict`` and ``seitz models``."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import seitz as package
from seitz.cli.elements import element_map, numbers_by_element
from seitz.cli.picture import Line, picture, ticks_between
from structures import bcc, fcc

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from command_samples import json_line, poscar
from onnx_samples import expected, linear


@pytest.fixture(autouse=True)
def user_models(tmp_path, monkeypatch):
    monkeypatch.setenv("SEITZ_MODELS", str(tmp_path / "models"))


@pytest.fixture
def model(tmp_path, seitz):
    (tmp_path / "linear.onnx").write_bytes(linear(256).SerializeToString())
    done = seitz(
        "models",
        "add",
        tmp_path / "linear.onnx",
        "--descriptor",
        "ks2022",
        "--property",
        "hardness",
        "--unit",
        "GPa",
    )
    assert done.code == 0, done.err
    return "linear"


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "crystals"
    found.mkdir()
    (found / "iron.POSCAR").write_text(poscar(bcc()))
    (found / "copper.POSCAR").write_text(poscar(fcc()))
    return found


def test_a_folder_becomes_a_table_of_predictions(seitz, folder, model, tmp_path):
    done = seitz("predict", folder, "-m", model, "-o", tmp_path / "p.csv")
    assert done.code == 0, done.err
    assert "Hardness, GPa" in done.out and "2 structures" in done.out
    written = pd.read_csv(tmp_path / "p.csv")
    assert written["id"].tolist() == ["copper", "iron"]
    rows = package.featurize([fcc(), bcc()]).values
    assert_allclose(written["value"], expected(linear(256), rows)[:, 0], rtol=1e-4)


def test_failures_keep_their_row_and_are_told(seitz, folder, model, tmp_path):
    (folder / "bad.POSCAR").write_text("no")
    done = seitz("predict", folder, "-m", model, "-o", tmp_path / "p.parquet", "--json")
    assert done.code == 1
    shown = json.loads(done.out)
    assert shown["structures"] == 3 and shown["failures"] == 1 and shown["unit"] == "GPa"
    assert shown["predictions"][0]["value"] is None and "cut short" in shown["predictions"][0]["error"]
    assert (tmp_path / "p.failures.parquet").exists()


def test_large_files_are_predicted_in_batches(seitz, model, tmp_path):
    (tmp_path / "many.jsonl").write_text(
        "".join(json_line(str(k), bcc(a=2.7 + 1e-4 * k)) for k in range(2500))
    )
    done = seitz("predict", tmp_path / "many.jsonl", "-m", model, "-o", tmp_path / "p.parquet", "-j", "1")
    assert done.code == 0, done.err
    assert "2,500 structures" in done.out and len(pd.read_parquet(tmp_path / "p.parquet")) == 2500


def test_prototypes_are_predicted_by_name(seitz, model):
    done = seitz("predict", "fcc", "sigma", "-m", model)
    assert done.code == 0 and "sigma" in done.out


def test_many_files_are_predicted_in_processes(seitz_process, model, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(900):
        (many / f"{number}.POSCAR").write_text(poscar(bcc(a=2.7 + 1e-4 * number)))
    for threads in (1, 2):
        done = seitz_process("predict", many, "-m", model, "-o", tmp_path / f"{threads}.npz", "-j", threads)
        assert done.code == 0, done.err
        assert "840 more" in done.out
    one, two = (np.load(tmp_path / f"{n}.npz", allow_pickle=False) for n in (1, 2))
    assert (one["value"] == two["value"]).all() and len(one["value"]) == 900


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["predict", "nowhere"], 2, "nowhere"),
        (["predict", "fcc", "-m", "spam"], 1, "no model is called 'spam'"),
        (["predict", "fcc", "-m", "SIPFENN_Krajewski2020_NN9"], 1, "seitz models pull"),
        (["models", "card", "spam"], 1, "no model is called"),
        (["models", "add", "nothing.onnx"], 1, "No such file"),
        (["models", "pull", "spam"], 1, "can be downloaded"),
        (["predict", "fcc", "-o", "x.xyz"], 2, "must end in"),
    ],
)
def test_errors_are_one_line(seitz, model, arguments, code, message):
    done = seitz(*arguments)
    assert done.code == code and message in done.err and done.err.count("\n") == 1


def test_models_are_listed_described_and_verified(seitz, model):
    listed = json.loads(seitz("models", "list", "--json").out)
    assert {e["name"]: e["where"] for e in listed}[model] == "user"
    assert "SIPFENN_Krajewski2022_NN30" in seitz("models", "list").out
    assert "hardness, GPa" in seitz("models", "card", model).out
    assert json.loads(seitz("models", "card", model, "--json").out)["descriptor"] == "ks2022"
    done = seitz("models", "verify", model)
    assert done.code == 0 and "sound" in done.out
    assert seitz("models", "add", "x.onnx", "--descriptor", "ks2022").code == 1


def test_a_picture_of_the_predictions(seitz, folder, tmp_path):
    missing = seitz("predict", folder, "--plot", tmp_path / "new" / "p.svg")
    assert missing.code == 2 and "no such folder" in missing.err
    target = tmp_path / "p.svg"
    done = seitz("predict", folder, "--plot", target)
    assert done.code == 0, done.err
    drawn = ElementTree.parse(target).getroot()
    texts = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "Formation energy with 90 % intervals" in texts
    assert {"copper", "iron"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2 + 1  # and that of the legend
    assert "value and interval" in texts


def test_a_picture_needs_a_name_that_is_one(seitz, folder, tmp_path):
    done = seitz("predict", folder, "--plot", tmp_path / "p.png")
    assert done.code == 2
    assert "svg" in done.err
    assert seitz("predict", folder, "--plot", folder / "iron.POSCAR" / "p.svg").code == 2


def test_a_picture_replaces_no_input_and_is_none_itself(seitz, folder):
    """A structure may be called POSCAR.svg; a picture of an earlier run is no structure."""
    crystal = folder / "POSCAR.svg"
    crystal.write_bytes((folder / "iron.POSCAR").read_bytes())
    for paths in ((crystal,), (folder,)):
        done = seitz("predict", *paths, "--plot", crystal)
        assert done.code == 2 and "choose another --plot" in done.err
    assert crystal.read_bytes() == (folder / "iron.POSCAR").read_bytes()
    for skipped in (0, 2, 2):
        done = seitz("predict", folder, "-o", folder / "p.csv", "--plot", folder / "p.svg", "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["structures"], told["earlier_results_skipped"]) == (3, skipped)
    assert "2 earlier results skipped" in seitz("predict", folder).out


def test_names_that_stand_for_several_files_are_said(seitz, folder):
    (folder / "below").mkdir()
    (folder / "below" / "iron.vasp").write_bytes((folder / "iron.POSCAR").read_bytes())
    assert json.loads(seitz("predict", folder, "--json").out)["repeated_ids"] == ["iron"]
    out = seitz("predict", folder).out
    assert "names that stand for several structures each: 1, such as iron" in out
    assert not any(line.endswith(" ") for line in out.splitlines())


def test_tables_of_features_are_predicted_without_their_structures(seitz, folder, tmp_path):
    whole = json.loads(seitz("predict", folder, "--json").out)["predictions"]
    for suffix in ("parquet", "csv", "npz", "jsonl.gz"):
        table = tmp_path / f"features.{suffix}"
        assert seitz("featurize", folder, "--descriptor", "seitz_ionic", "-o", table).code == 0
        told = json.loads(seitz("predict", table, "--json").out)["predictions"]
        assert [row["value"] for row in told] == pytest.approx([row["value"] for row in whole], abs=1e-5)
    assert "takes the 256 features of ks2022" in seitz("predict", table, "-m", "ks2022").err
    alloys = tmp_path / "alloys.parquet"
    assert seitz("random", "NiAl", "CoCrFeNi", "--lattice", "fcc", "--exact", "-o", alloys).code == 0
    told = json.loads(seitz("predict", alloys, "-m", "ks2022", "--json").out)["predictions"]
    exact = package.predict(package.featurize_random("fcc", "NiAl", mode="exact"), model="ks2022")
    assert told[0]["value"] == pytest.approx(exact.value[0], abs=1e-6) and len(told) == 2


def test_one_row_more_than_fit_is_shown(seitz, folder, tmp_path):
    text = (folder / "iron.POSCAR").read_bytes()
    for k in range(61):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"a{k}.POSCAR").write_bytes(text)
    assert "a60" in seitz("predict", tmp_path / "many").out
    (tmp_path / "many" / "a61.POSCAR").write_bytes(text)
    assert "… and 2 more" in seitz("predict", tmp_path / "many").out


def test_what_was_done_with_a_model_is_told_to_programs(seitz, model, tmp_path):
    said = ("--descriptor", "ks2022", "--property", "p", "--unit", "eV", "--name", "own")
    added = json.loads(seitz("models", "add", tmp_path / "linear.onnx", *said, "--json").out)["added"]
    assert json.loads(seitz("models", "remove", "own", "--json").out) == {"removed": added}
    walked = seitz("models", "add", tmp_path / "linear.onnx", *said, "--walk", "no_reversal")
    assert walked.code == 1 and "only ward2017 has walks" in walked.err


def test_names_in_a_picture_are_text_and_missing_values_are_said(tmp_path):
    nan = float("nan")
    lines = [
        Line("<b>&\x1b[31m", -1.0, -2.0, 0.5, False),
        Line("none", nan, nan, nan, True),
        Line("x" * 90, 3, nan, nan, True),
    ]
    drawn = ElementTree.fromstring(picture(lines, "A & B", "eV"))
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2 + 2  # and those of the legend
    texts = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("no value") == 1 and {"none", "value and interval", "the same in doubt"} <= set(texts)
    assert any((node.text or "").startswith("<b>&") for node in drawn.iter())
    assert ElementTree.fromstring(picture([], "nothing", "eV")) is not None


@pytest.mark.parametrize("ends", [(0.0, 0.0), (-3.4, 0.06), (-1e-7, 2e-7), (5, 1e6), (-0.5, -0.5)])
def test_ticks_enclose_the_range_and_are_few(ends):
    ticks = ticks_between(*ends)
    assert ticks[0] <= ends[0] + 1e-12 and ticks[-1] >= ends[1] - 1e-12
    assert 2 <= len(ticks) <= 9


def test_the_demonstration_draws_its_predictions(seitz, tmp_path):
    done = seitz("demo", "--plot", tmp_path / "demo.svg")
    assert done.code == 0, done.err
    assert "MgAl2O4" in (tmp_path / "demo.svg").read_text()


def test_the_card_shows_the_error_of_each_element(seitz):
    shown = seitz("models", "card", "default").out
    symbols, numbers = next(
        (a.split(), b.split()) for a, b in pairwise(shown.splitlines()) if a.split()[:2] == ["K", "Ca"]
    )
    known = package.models.card("default").extra["error_by_element"]
    assert numbers == [f"{1000 * known[symbol]:.0f}" for symbol in symbols]


def test_what_a_card_says_of_elements_is_not_trusted():
    assert numbers_by_element({"Fe": 1, "Xx": 2, "O": "3", "N": float("nan"), "H": [1]}) == {"Fe": 1.0}
    assert numbers_by_element([1, 2]) == {}
    assert "1000" in element_map({"Fe": 1.0}).plain


def test_what_a_card_says_cannot_steer_the_terminal(seitz, folder, tmp_path):
    steering = "\x1b[31mred\x1b]0;title\x07 [bold]x[/bold] [/] [link=http://x]"
    card = package.models.ModelCard(
        name=steering, title=steering, property=f"p {steering}", unit=steering, descriptor="ks2022",
        citation="a\nb\rc", limits=(steering,),
    )  # fmt: skip
    proto = linear(256)
    proto.metadata_props.add(key="seitz.card", value=card.to_json())
    file = tmp_path / "steering.onnx"
    file.write_bytes(proto.SerializeToString())
    assert "--name" in seitz("models", "add", file).err
    for arguments in (
        ("models", "add", file, "--name", "s"),
        ("models", "list"),
        ("models", "card", file),
        ("models", "verify", file),
        ("predict", folder, "-m", file, "--plot", tmp_path / "p.svg"),
    ):
        done = seitz(*arguments)
        assert done.code == 0, done.err
        assert not set("\x1b\x07\r") & set(done.out)
        if arguments[1] != "add":
            assert "\\x1b[31mred" in done.out
        if arguments[1] not in ("add", "verify"):
            assert "[bold]x[/bold] [/] [link=http://x]" in done.out
    ElementTree.parse(tmp_path / "p.svg")


def test_a_damaged_model_is_one_line_of_the_list(seitz, model, tmp_path):
    proto = linear(256)
    metric = '"metrics": [{"name": "a", "unit": "u", "on": "x", "n": 1, "value": 1' + "0" * 400 + "}]"
    card = '{"name": "m", "property": "p", "unit": "u", "descriptor": "ks2022", ' + metric + "}"
    proto.metadata_props.add(key="seitz.card", value=card)
    (tmp_path / "models" / "big.onnx").write_bytes(proto.SerializeToString())
    done = seitz("models", "list")
    assert done.code == 0 and "64 bits" in done.out and "default" in done.out and model in done.out
    card = package.models.ModelCard(
        name="m", property="p", unit="u", descriptor="ks2022", title="x" * 900_000
    )
    proto.metadata_props[0].value = card.to_json()
    (tmp_path / "models" / "long.onnx").write_bytes(proto.SerializeToString())
    assert len(seitz("models", "list").out) < 20_000
    assert json.loads(seitz("models", "list", "--json").out)
    assert seitz("models", "card", "big").code == 1


def test_a_folder_of_models_that_is_a_file_is_told(seitz, model, tmp_path, monkeypatch):
    monkeypatch.setenv("SEITZ_MODELS", str(tmp_path / "linear.onnx"))
    words = ("--descriptor", "ks2022", "--property", "p", "--unit", "u")
    done = seitz("models", "add", tmp_path / "linear.onnx", *words)
    assert done.code and "set SEITZ_MODELS to a folder" in done.err and "unexpected" not in done.err
    assert seitz("models", "list").code == 0
