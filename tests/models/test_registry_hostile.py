"""Cards, names and folders of models that somebody made badly, on purpose or not."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_samples import linear

from seitz import models
from seitz.errors import CardError, DownloadError, ModelError, SeitzError, WriteError
from seitz.models import registry
from seitz.models.card import METADATA_KEY, ModelCard, card_from_dict, card_from_json

WORDS = {"descriptor": "ks2022", "property": "p", "unit": "u"}
PLAIN = {"name": "m", **WORDS}
BUNDLED = ("default", "ks2022")
PUBLISHED = "SIPFENN_Krajewski2022_NN30"
METRIC = '"metrics": [{"name": "mae", "unit": "u", "on": "x", "n": 1, "value": %s}]'


def text(rest: str) -> str:
    """A card as JSON, with something more in it."""
    return f"{json.dumps(PLAIN)[:-1]}, {rest}}}"


def with_card(card: str, seed: int = 0) -> onnx.ModelProto:
    proto = linear(256, seed=seed)
    proto.metadata_props.add(key=METADATA_KEY, value=card)
    return proto


def constant(value: float) -> onnx.ModelProto:
    """A model that is told from others by its value."""
    return linear(256, weights=np.full((256, 1), value, np.float32))


# --- cards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (text(METRIC % "NaN"), "finite"),
        (text(METRIC % "1e999"), "finite"),
        (text(METRIC % "-Infinity"), "finite"),
        (text(METRIC % ("1" + "0" * 400)), "64 bits"),
        (text(METRIC % ("1" + "0" * 5000)), "no JSON"),
        (text('"extra": {"a": NaN}'), "a: nan is no finite number"),
        (text('"extra": {"a": ' + "[" * 900 + "]" * 900 + "}"), "nested more than"),
        (text('"extra": {"a": ' + '{"b":' * 400 + "1" + "}" * 400 + "}"), "nested more than"),
        ("[" * 100_000, "no JSON"),
        (text('"title": "\\udfff"'), "no Unicode"),
        (text('"extra": {"\\ud800": 1}'), "no Unicode"),
        ("5", "no JSON object"),
        ("null", "no JSON object"),
    ],
)
def test_cards_that_could_not_be_written_again_are_refused(saved, user_models, card, message):
    with pytest.raises(CardError, match=message):
        card_from_json(card)
    path = saved(with_card(card))
    for use in (models.load, models.card, models.add):
        with pytest.raises(CardError, match=message):
            use(path)
    user_models.mkdir()
    path.rename(user_models / "bad.onnx")
    found = {entry.name: entry for entry in models.list()}
    assert found["bad"].trouble and not found["default"].trouble


def test_cards_from_python_are_judged_alike(saved):
    for wrong in (float("nan"), 10**5000, object(), {1: 2}, {"a": {"b": np.float32(1)}}):
        with pytest.raises(CardError):
            card_from_dict({**PLAIN, "extra": {"a": wrong}})
        with pytest.raises(CardError):
            models.add(saved(linear(256)), **WORDS, extra={"a": wrong})
        with pytest.raises(CardError):
            ModelCard(**PLAIN, extra={"a": wrong}).to_json()
    itself: dict[str, object] = {}
    itself["a"] = itself
    with pytest.raises(CardError, match="nested"):
        card_from_dict({**PLAIN, "extra": itself})
    with pytest.raises(CardError, match="characters"):
        models.add(saved(linear(256)), **WORDS, title="x" * 1_000_001)


def test_what_fails_in_any_way_is_one_entry_of_the_list(saved, user_models, monkeypatch):
    models.add(saved(linear(256)), name="good", **WORDS)
    models.add(saved(linear(256)), name="odd", **WORDS)
    judge = registry.audit

    def failing(path):
        if "odd" in str(path):
            raise OverflowError("nobody thought of this")
        return judge(path)

    monkeypatch.setattr(registry, "audit", failing)
    found = {entry.name: entry.trouble for entry in models.list()}
    assert found["odd"] == "nobody thought of this" and found["good"] == ""


# --- one file -------------------------------------------------------------------------------------------------------


def test_a_card_that_was_said_is_in_the_one_file(saved, user_models):
    path = saved(linear(256))
    before = path.read_bytes()
    target = models.add(path, name="one", **WORDS)
    assert [p.name for p in user_models.iterdir()] == ["one.onnx"] and path.read_bytes() == before
    card = models.card("one")
    assert (card.property, card.extra) == ("p", {"sha256": hashlib.sha256(before).hexdigest()})
    again = onnx.load(target)
    del again.metadata_props[:]
    assert again == linear(256)


def test_what_is_said_replaces_the_card_of_the_file_and_leaves_the_rest(saved):
    proto = with_card(json.dumps(PLAIN))
    proto.metadata_props.add(key="other", value="kept")
    target = models.add(saved(proto), name="said", descriptor="ks2022", property="q", unit="v")
    assert models.load("said").card.property == "q"
    assert {e.key for e in onnx.load(target).metadata_props} == {"other", METADATA_KEY}
    assert len(onnx.load(target).metadata_props) == 2


def test_a_file_with_a_card_is_copied_as_it_is(saved):
    path = saved(with_card(json.dumps(PLAIN)))
    assert models.add(path, name=PLAIN["name"]).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("beside", ["5", "null", "[" * 100_000, json.dumps({**PLAIN, "unit": "kJ"}), "{"])
def test_what_lies_beside_a_model_is_not_its_card(saved, user_models, beside):
    path = saved(with_card(json.dumps(PLAIN)))
    target = models.add(path, name="mine")
    for file in (path, target):
        file.with_suffix(".json").write_text(beside)
        assert models.load(file).card.unit == models.card(file).unit == "u"
    assert {entry.trouble for entry in models.list()} == {""}


def test_wherever_it_is_stopped_weights_and_card_are_of_one_model(saved, user_models, monkeypatch):
    files = {name: saved(constant(value), f"{name}.onnx") for name, value in (("A", 0.0), ("B", 1.0))}
    move = Path.replace
    for allowed in range(3):
        moved = []

        def stopping(path, target, moved=moved, allowed=allowed):
            if len(moved) == allowed:
                raise KeyboardInterrupt
            moved.append(target)
            return move(path, target)

        words = {"name": "q", "descriptor": "ks2022", "unit": "u", "replace": True}
        models.add(files["A"], property="A", **words)
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", stopping)
            models.add(files["B"], property="B", **words)
        found = models.load("q")
        weights = "B" if np.ones(256, np.float32).tobytes() in found.content else "A"
        assert weights == found.card.property == ("B" if allowed else "A")
        assert [p.name for p in user_models.iterdir()] == ["q.onnx"]


@pytest.mark.parametrize("links", [True, False])
def test_of_several_first_ones_only_one_is_added(saved, monkeypatch, user_models, links):
    if not links:

        def refuse(*names):
            raise OSError("no links here")

        monkeypatch.setattr(os, "link", refuse)
    files = {name: saved(constant(value), f"{name}.onnx") for name, value in (("A", 0.0), ("B", 1.0))}
    monkeypatch.setattr(registry.os.path, "lexists", lambda path: False)  # all have looked before
    done = []
    for name, path in files.items():
        try:
            models.add(path, name="first", descriptor="ks2022", property=name, unit="u")
            done.append(name)
        except ModelError as error:
            assert "there is a model called first" in str(error)
    assert done == ["A"] and models.load("first").card.property == "A"
    assert [p.name for p in user_models.iterdir()] == ["first.onnx"]


def test_a_model_in_the_place_of_another_is_loaded_anew(saved, user_models):
    """Of the same size, and with the same time."""
    for unit in ("u", "v"):
        target = models.add(
            saved(linear(256)), name="m", descriptor="ks2022", property="p", unit=unit, replace=True
        )
        os.utime(target, ns=(10**18, 10**18))
        assert models.load("m").card.unit == models.card("m").unit == unit


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "*", "a\nb", "\x1b[31m", " ", " m ", "a\0", "con", "CON.x", "nul", "lpt1", "a b", "-m", ".m", "m\n", "é",
        "a/b", "a\\b", "a:b", "n" * 101, *BUNDLED, "Default", PUBLISHED, PUBLISHED.lower(), "digests", "Digests",
    ],
)  # fmt: skip
def test_names_that_are_none_or_belong_to_others_are_refused(saved, user_models, name):
    plain = saved(linear(256), "plain.onnx")
    carded = saved(with_card(json.dumps({**PLAIN, "name": name})), "carded.onnx") if name.strip() else plain
    for replace in (False, True):
        with pytest.raises(ModelError, match=r"choose another one .*--name"):
            models.add(plain, name=name, **WORDS, replace=replace)
        if carded != plain:
            with pytest.raises(ModelError, match=r"choose another one .*--name"):
                models.add(carded, replace=replace)
    assert not list(user_models.glob("*"))
    if carded != plain:
        assert models.add(carded, name="mine").name == "mine.onnx"


@pytest.mark.parametrize("name", ["m", "A-1_b.c", "default.int8", "9", "n" * 100])
def test_names_that_are_some(saved, name):
    models.add(saved(linear(256)), name=name, **WORDS)
    assert models.load(name).card.name == name


# --- folders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "below a file", "long"])
def test_a_folder_that_cannot_be_is_told(saved, tmp_path, monkeypatch, kind):
    (tmp_path / "file").write_text("")
    folder = {"file": "file", "below a file": "file/x", "long": "x" * 300}[kind]
    monkeypatch.setenv("SEITZ_MODELS", str(tmp_path / folder))
    for use in (lambda: models.add(saved(linear(256)), **WORDS), lambda: models.pull(PUBLISHED)):
        with pytest.raises(WriteError, match="set SEITZ_MODELS to a folder"):
            use()
    assert models.load("default").card.name and "default" in [entry.name for entry in models.list()]
    with pytest.raises(ModelError, match="no model is called"):
        models.load("x" * 5000)


@pytest.mark.parametrize("content", ["5", "[]", "[" * 100_000, "{"])
def test_a_damaged_record_of_downloads_is_told(user_models, content):
    user_models.mkdir()
    (user_models / "digests.json").write_text(content)
    with pytest.raises(DownloadError, match="mend or remove it"):
        models.pull(PUBLISHED)


def test_a_published_model_needs_no_card_in_its_file(user_models, tmp_path, saved):
    user_models.mkdir()
    (user_models / f"{PUBLISHED}.onnx").write_bytes(linear(256).SerializeToString())
    assert models.load(PUBLISHED).card == models.card(PUBLISHED) == registry.downloadable()[PUBLISHED]
    with pytest.raises(SeitzError, match="no model card"):
        models.load(saved(linear(256), f"{PUBLISHED}.onnx"))
