"""What binds a card to its weights, what is found out about a model, and removing one."""

from __future__ import annotations

import hashlib

import onnx
import pytest
from onnx import numpy_helper
from onnx_samples import linear

import seitz
from seitz import models
from seitz.errors import CardError, ModelError
from seitz.models import trust
from seitz.models.card import METADATA_KEY
from seitz.models.stamp import graph_digest, with_card
from seitz.prototypes import prototypes


def bundled(name="default"):
    return next(entry.path for entry in models.list() if entry.name == name and entry.where == "bundled")


def altered(proto):
    """The same graph with one weight changed."""
    weights = next(tensor for tensor in proto.graph.initializer if len(tensor.dims) == 2)
    values = numpy_helper.to_array(weights).copy()
    values.flat[0] += 1
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    return proto


@pytest.mark.parametrize("name", ["default", "ks2022"])
def test_the_cards_of_bundled_models_name_their_graph(name):
    proto = onnx.load(bundled(name))
    assert models.card(name).graph == graph_digest(proto)
    found = models.verify(name)
    assert found.bound and found.n_structures == len(prototypes()) and found.model == name
    assert found.sha256 == hashlib.sha256(bundled(name).read_bytes()).hexdigest()


def test_weights_of_another_model_are_not_taken_for_its_own(tmp_path):
    path = tmp_path / "default.onnx"
    onnx.save(altered(onnx.load(bundled())), path)
    for use in (models.load, models.card, models.verify, models.add, lambda m: seitz.predict("fcc", model=m)):
        with pytest.raises(CardError, match="not those that the card was written for"):
            use(path)


def test_a_new_card_and_other_metadata_keep_the_digest():
    proto = onnx.load(bundled("ks2022"))
    before = graph_digest(proto)
    proto.metadata_props.add(key="note", value="mine")
    content = with_card(proto, models.card("ks2022"))
    again = onnx.load_from_string(content)
    assert graph_digest(again) == before
    assert {entry.key for entry in again.metadata_props} == {METADATA_KEY, "note"}


@pytest.mark.parametrize("to", ["onnx", "fp16"])
def test_other_forms_have_digests_of_their_own(tmp_path, to):
    done = seitz.export("ks2022", tmp_path, to=to)
    own = models.card(done.path)
    assert own.graph == graph_digest(onnx.load(done.path)) != models.card("ks2022").graph
    assert models.verify(done.path).bound


def test_added_models_are_bound_from_then_on_and_can_be_removed(saved, user_models):
    path = saved(linear(256), "mine.onnx")
    target = models.add(path, descriptor="ks2022", property="p", unit="1")
    assert models.verify("mine").bound and models.card("mine").graph
    onnx.save(altered(onnx.load(target)), target)
    with pytest.raises(CardError, match="mine: the graph or its weights"):
        models.load("mine")
    assert models.remove("mine") == target and not target.exists()
    for name in ("mine", "default", "../default", ""):
        with pytest.raises(ModelError, match="no model of yours is called"):
            models.remove(name)


def test_cards_without_a_digest_are_said_to_bind_nothing(saved):
    card = models.ModelCard(name="old", property="p", unit="1", descriptor="ks2022")
    proto = linear(256)
    proto.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    assert not models.verify(saved(proto, "old.onnx")).bound


def test_a_published_model_must_stay_the_file_that_came(user_models):
    name = "SIPFENN_Krajewski2022_NN30"
    path = user_models / f"{name}.onnx"
    user_models.mkdir(parents=True, exist_ok=True)
    onnx.save(linear(256, batch=1, dropout=True), path)
    trust.record(user_models, name, hashlib.sha256(path.read_bytes()).hexdigest())
    assert models.load(name).bound
    onnx.save(altered(linear(256, batch=1, dropout=True)), path)
    with pytest.raises(ModelError, match="another file than the one that was downloaded first"):
        models.load(name)


def test_values_that_are_no_numbers_are_not_sound(saved):
    proto = linear(256)
    log = onnx.helper.make_node("Log", [proto.graph.node[-1].output[0]], ["logarithm"])
    proto.graph.node.append(log)
    proto.graph.output[0].name = "logarithm"
    models.add(saved(proto, "bad.onnx"), descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ModelError, match=r"no number for \d+ of \d+ prototypes"):
        models.verify("bad")


def test_a_model_calls_itself_by_the_name_it_was_given(user_models):
    target = models.add(bundled("ks2022"), name="mine")
    own = models.card("mine")
    assert own.name == "mine" and own.graph == models.card("ks2022").graph and models.verify(target).bound
    both = seitz.Calculator(["ks2022", "mine"]).run_models(["fcc"])[0]
    assert both["ks2022"] == both["mine"]
