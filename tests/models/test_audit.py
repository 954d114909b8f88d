"""What is refused before a session is built, and why."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_samples import linear, model

from seitz.errors import ModelError
from seitz.models.audit import audit, audit_bytes
from seitz.models.card import ModelCard
from seitz.models.runtime import OnnxModel

IN = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])]
OUT = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])]


def test_a_plain_model_passes_with_its_ports(saved):
    found = audit(saved(linear(256)))
    assert [tuple(port) for port in found.inputs] == [("x", "float32", (None, 256))]
    assert [tuple(port) for port in found.outputs] == [("y", "float32", (None, 1))]


def external() -> onnx.ModelProto:
    proto = linear(4)
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return proto


def with_dims(dims: list[int]) -> onnx.ModelProto:
    proto = linear(4)
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend(dims)
    return proto


def loop() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"])],
        "b",
        [],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, [])],
    )
    return model([helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)], IN, OUT)


def smuggled() -> onnx.ModelProto:
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "b", [], [])
    node = helper.make_node("Relu", ["x"], ["y"])
    node.attribute.append(helper.make_attribute("hidden", body))
    return model([node], IN, OUT)


def domain(name: str) -> onnx.ModelProto:
    proto = model([helper.make_node("Evil", ["x"], ["y"], domain=name)], IN, OUT)
    proto.opset_import.append(helper.make_opsetid(name, 1))
    return proto


def functions() -> onnx.ModelProto:
    proto = linear(4)
    body = [helper.make_node("Identity", ["a"], ["b"])]
    proto.functions.append(helper.make_function("", "f", ["a"], ["b"], body, [helper.make_opsetid("", 20)]))
    return proto


def opset(version: int) -> onnx.ModelProto:
    proto = linear(4)
    proto.opset_import[0].version = version
    return proto


def text_tensor() -> onnx.ModelProto:
    proto = linear(4)
    proto.graph.initializer.append(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"]))
    return proto


def no_tensor() -> onnx.ModelProto:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    return model([helper.make_node("Identity", ["x"], ["y"])], [sequence], OUT)


NAN = linear(4, weights=np.array([[1.0], [np.nan], [0.0], [0.0]], dtype=np.float32))
HOSTILE = {
    "external data": (external(), "another file"),
    "huge": (with_dims([2**40, 2**20]), "impossible shape"),
    "negative": (with_dims([-4, -1]), "impossible shape"),
    "larger than its bytes": (with_dims([4000, 1000]), "does not hold what it announces"),
    "NaN weights": (NAN, "no numbers"),
    "control flow": (loop(), "operator If"),
    "a graph in an attribute": (smuggled(), "a graph of its own"),
    "custom domain": (domain("com.evil"), "domain 'com.evil'"),
    "microsoft domain": (domain("com.microsoft"), "domain 'com.microsoft'"),
    "unknown operator": (
        model([helper.make_node("RandomNormalLike", ["x"], ["y"])], IN, OUT),
        "RandomNormalLike",
    ),
    "functions": (functions(), "functions of its own"),
    "opset of the future": (opset(99), "opset 99"),
    "opset of the past": (opset(1), "opset 1"),
    "text": (text_tensor(), "holds no numbers"),
    "no tensor": (no_tensor(), "no tensor"),
    "no input": (model([helper.make_node("Constant", [], ["y"], value_float=1.0)], [], OUT), "no input"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_models_are_refused_with_a_reason(saved, name):
    proto, reason = HOSTILE[name]
    path = saved(proto)
    with pytest.raises(ModelError, match=reason) as caught:
        audit(path)
    assert str(path) in str(caught.value)


def test_files_of_other_kinds_are_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(pickle.dumps({"a": 1}))
    with zipfile.ZipFile(tmp_path / "b.onnx", "w") as archive:
        archive.writestr("data.pkl", b"x")
    (tmp_path / "c.onnx").write_bytes(b"")
    (tmp_path / "d.onnx").write_bytes(b"hello, world" * 100)
    (tmp_path / "e.onnx").mkdir()
    for name, reason in (
        ("a", "pickle"),
        ("b", "zip archive"),
        ("c", "no ONNX"),
        ("d", "no ONNX"),
        ("e", "not a file"),
    ):
        with pytest.raises(ModelError, match=reason):
            audit(tmp_path / f"{name}.onnx")
    with pytest.raises(ModelError, match="No such file"):
        audit(tmp_path / "none.onnx")


def test_cut_files_are_refused(saved):
    content = saved(linear(16)).read_bytes()
    refused = 0
    for length in range(0, len(content), 7):
        try:
            audit_bytes(content[:length])
        except ModelError:
            refused += 1
    assert refused >= len(range(0, len(content), 7)) - 2  # a cut between two fields leaves a whole file


def mutants(content: bytes, n: int, seed: int) -> list[bytes]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        piece = bytearray(content)
        for _ in range(int(generator.integers(1, 6))):
            at = int(generator.integers(len(piece)))
            kind = generator.integers(3)
            if kind == 0:
                piece[at] = int(generator.integers(256))
            elif kind == 1:
                del piece[at : at + int(generator.integers(1, 20))]
            else:
                piece[at:at] = generator.integers(
                    0, 256, size=int(generator.integers(1, 20)), dtype=np.uint8
                ).tobytes()
        found.append(bytes(piece))
    return found


def outcome(content: bytes) -> str:
    """``refused``, ``failed`` in the session, or ``ran``; anything else is an error of the test."""
    try:
        audited = audit_bytes(content)
    except ModelError:
        return "refused"
    card = ModelCard(name="m", property="p", unit="1", descriptor="ks2022")
    try:
        found = OnnxModel(audited, card)
        found.predict(np.zeros((3, found.n_features or 16), dtype=np.float32))
    except ModelError:
        return "failed"
    return "ran"


@pytest.mark.parametrize("seed", range(4))
def test_mutated_models_never_do_harm(saved, seed):
    content = linear(16).SerializeToString()
    outcomes = [outcome(piece) for piece in mutants(content, 100, seed)]
    assert outcomes.count("refused") > 10 and set(outcomes) <= {"refused", "failed", "ran"}


@pytest.mark.slow
def test_ten_thousand_mutated_models_never_do_harm():
    content = linear(16, dropout=True).SerializeToString()
    outcomes = [outcome(piece) for piece in mutants(content, 10_000, 99)]
    assert outcomes.count("refused") > 1000 and set(outcomes) <= {"refused", "failed", "ran"}


def test_the_digest_is_of_the_bytes(saved):
    path = saved(linear(256))
    card = ModelCard(name="m", property="p", unit="1", descriptor="ks2022")
    assert (
        OnnxModel(audit(path), card).digest
        != OnnxModel(audit_bytes(linear(256, seed=1).SerializeToString()), card).digest
    )
