"""Other forms of a model: compared before they appear, and the loaded one never changes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import linear, model

from seitz import models
from seitz.errors import ExportError, OptionError
from seitz.models.audit import audit, audit_bytes
from seitz.models.card import METADATA_KEY, ModelCard
from seitz.models.runtime import OnnxModel


def network(n: int = 256, hidden: int = 64, seed: int = 0) -> OnnxModel:
    """A dense network with what such networks have: norms, gates, scaled weights, a split head."""
    generator = np.random.default_rng(seed)

    def constant(name: str, *shape: int, scale: float = 1.0) -> onnx.TensorProto:
        return numpy_helper.from_array((scale * generator.normal(size=shape)).astype(np.float32), name)

    constants = [
        constant("w1", n, hidden, scale=n**-0.5), constant("b1", hidden), constant("s", hidden), constant("t", hidden),
        constant("w2", 1, hidden, scale=hidden**-0.5), constant("b2", 1),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
    ]  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Add", ["a", "b1"], ["c"]),
        helper.make_node("LayerNormalization", ["c", "s", "t"], ["d"], axis=-1),
        helper.make_node("Gelu", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w2", "b2"], ["f"], transB=1),
        helper.make_node("Squeeze", ["f", "axes"], ["y"]),
    ]
    proto = model(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", n])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
        constants,
    )
    card = ModelCard(
        name="net", property="energy", unit="eV", descriptor="ks2022", elements=("Fe", "Ni", "Al", "Cr")
    )
    proto.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    return OnnxModel(audit_bytes(proto.SerializeToString()), card)


ROWS = np.random.default_rng(5).normal(size=(1000, 256)).astype(np.float32)


@pytest.mark.parametrize("form", ["onnx", "fp16", "int8", "torch", "torchscript"])
def test_every_form_agrees_with_the_model(tmp_path, form):
    pytest.importorskip("torch", reason="torch is part of the extra 'tune'") if form.startswith(
        "torch"
    ) else None
    net = network()
    before, content = net.predict(ROWS), net.content
    done = models.export(net, tmp_path / "out", to=form, rows=ROWS)
    assert done.path.exists() and done.n_rows == 1000
    if form in ("fp16", "int8"):
        assert 0 < done.drift < 0.05 * before.std()
    else:
        assert done.largest_drift < 1e-5
    assert net.content == content
    assert_array_equal(net.predict(ROWS), before)


@pytest.mark.parametrize("form", ["onnx", "fp16", "int8"])
def test_onnx_forms_are_models_with_the_card(tmp_path, form):
    done = models.export(network(), tmp_path, to=form, rows=ROWS)
    assert done.path.name == {"onnx": "net.onnx"}.get(form, f"net.{form}.onnx")
    again = models.load(done.path)
    assert again.card.name == "net" and again.inputs[0].shape == (None, 256)
    for n in (1, 7, 4096):
        rows = np.resize(ROWS, (n, 256))
        assert_allclose(again.predict(rows), network().predict(rows), atol=0.1)


def test_models_for_one_row_become_free(tmp_path, saved):
    path = saved(linear(256, batch=1, dropout=True))
    models.add(path, descriptor="ks2022", property="p", unit="1")
    done = models.export("model", tmp_path / "free.onnx", rows=ROWS)
    assert audit(done.path).inputs[0].shape[0] is None
    assert done.largest_drift < 1e-5


def test_what_cannot_be_exported_is_told(tmp_path, saved):
    wrapped = models.wrap(lambda f: f[:, 0], descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ExportError, match="not an ONNX model"):
        models.export(wrapped, tmp_path / "x.onnx")
    with pytest.raises(OptionError, match="choose one of onnx"):
        models.export(network(), tmp_path / "x", to="spam")
    node = [helper.make_node("Trilu", ["x"], ["y"])]
    ports = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 256])],
    )
    odd = OnnxModel(audit_bytes(model(node, *ports).SerializeToString()), network().card)
    pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    with pytest.raises(ExportError, match="operator Trilu"):
        models.export(odd, tmp_path / "odd.pt2", to="torch", rows=ROWS)
    assert not list(tmp_path.glob("odd*"))


def test_an_older_file_stays_where_the_export_fails(tmp_path):
    (tmp_path / "x.pt2").write_text("mine")
    wrapped = models.wrap(lambda f: f[:, 0], descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ExportError):
        models.export(wrapped, tmp_path / "x.pt2", to="torch")
    assert (tmp_path / "x.pt2").read_text() == "mine"
