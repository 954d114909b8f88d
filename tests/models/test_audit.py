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


# --- graphs that do not fit together, and numbers that are none ------------------------------------------------------


def graph(
    *nodes: onnx.NodeProto, constants=(), opset=20, inputs=IN, outputs=OUT, ml=False
) -> onnx.ModelProto:
    proto = model(nodes, inputs, outputs, constants, opset)
    if ml:
        proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return proto


def changed(**changes) -> onnx.ModelProto:
    proto = linear(4)
    for name, change in changes.items():
        change(getattr(proto, name))
    return proto


def raw(kind: int, value: bytes) -> onnx.TensorProto:
    return helper.make_tensor("w", kind, [4], value * 4, raw=True)


def computed(node: onnx.NodeProto, *constants: onnx.TensorProto) -> onnx.ModelProto:
    """x plus the sum of what a node makes."""
    total = helper.make_node("ReduceSum", ["c"], ["t"])
    return graph(node, total, helper.make_node("Add", ["x", "t"], ["y"]), constants=constants)


def with_ir(version: int) -> onnx.ModelProto:
    proto = linear(4)
    proto.ir_version = version
    return proto


node, numbers = helper.make_node, onnx.numpy_helper.from_array
RELU = node("Relu", ["x"], ["y"])
ONES = numbers(np.ones(4, dtype=np.float32), "s")
SPARSE = helper.make_sparse_tensor(
    numbers(np.ones(1, dtype=np.float32), "v"), numbers(np.zeros(1, dtype=np.int64), "i"), [4]
)
ADD_W = (node("Cast", ["w"], ["f"], to=TensorProto.FLOAT), node("Add", ["x", "f"], ["y"]))
TREE = {
    "n_targets": 1, "nodes_falsenodeids": [2, 0, 0], "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_nodeids": [0, 1, 2], "nodes_treeids": [0, 0, 0],
    "nodes_truenodeids": [1, 0, 0], "nodes_values": [0.5, 0.0, 0.0], "target_ids": [0, 0],
    "target_nodeids": [1, 2], "target_treeids": [0, 0], "target_weights": [1.0, 2.0],
}  # fmt: skip


def tree(**fields) -> onnx.ModelProto:
    one = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    made = node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **{**TREE, **fields})
    return graph(made, outputs=one, ml=True)


UNSOUND = {
    "an empty second input of Sum": (graph(node("Sum", ["x", "", "x"], ["y"])), "lacks its input 2"),
    "an empty bias": (
        graph(node("LayerNormalization", ["x", "s", ""], ["y"]), constants=[ONES]),
        "lacks its input 3",
    ),
    "an undefined input": (graph(node("Relu", ["nowhere"], ["y"])), "not sound"),
    "a cycle": (graph(node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), RELU), "not sound"),
    "an output made twice": (graph(RELU, RELU), "not sound"),
    "an output never made": (graph(node("Relu", ["x"], ["z"])), "not sound"),
    "too few arguments": (graph(node("MatMul", ["x"], ["y"])), "not sound"),
    "weights that do not fit": (linear(4, weights=np.ones((3, 1), dtype=np.float32)), "not sound"),
    "an impossible axis": (graph(node("Softmax", ["x"], ["y"], axis=9)), "not sound"),
    "another shape than announced": (
        graph(RELU, outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 7, 9])]),
        "another shape",
    ),
    "a tensor twice": (graph(node("Add", ["x", "s"], ["y"]), constants=[ONES, ONES]), "two tensors"),
    "two opsets": (changed(opset_import=lambda e: e.append(helper.make_opsetid("ai.onnx", 9))), "two versions"),
    "no opset": (changed(opset_import=lambda e: e.pop()), "not in the opset"),
    "format of the future": (with_ir(999), "version 999"),
    "negative format": (with_ir(-1), "no version"),
    "NaN in bfloat16": (graph(*ADD_W, constants=[raw(TensorProto.BFLOAT16, b"\xc0\x7f")]), "NaN"),
    "NaN in float8": (graph(*ADD_W, constants=[raw(TensorProto.FLOAT8E4M3FN, b"\x7f")]), "NaN"),
    "NaN constant": (
        graph(node("Constant", [], ["c"], value_float=np.nan), node("Add", ["x", "c"], ["y"])),
        "value_float of Constant .*NaN",
    ),
    "NaN constants": (
        graph(node("Constant", [], ["c"], value_floats=[np.nan]), node("Add", ["x", "c"], ["y"])),
        "NaN",
    ),
    "NaN attribute": (graph(node("Elu", ["x"], ["y"], alpha=np.nan)), "alpha of Elu .*NaN"),
    "infinite weights": (linear(4, weights=np.full((4, 1), np.inf, dtype=np.float32)), "infinite"),
    "sparse constant": (
        graph(node("Constant", [], ["c"], sparse_value=SPARSE), node("Add", ["x", "c"], ["y"])),
        "sparse",
    ),
    "no scale": (
        graph(
            node("DequantizeLinear", ["q", "z"], ["d"]),
            node("Add", ["x", "d"], ["y"]),
            constants=[numbers(np.ones(4, dtype=np.int8), "q"), numbers(np.float32(0.0), "z")],
        ),
        "not positive",
    ),
    "a huge constant": (
        computed(node("ConstantOfShape", ["k"], ["c"]), numbers(np.array([2**20, 2**22]), "k")),
        "numbers, more than",
    ),
    "a huge repetition": (
        computed(node("Expand", ["s", "k"], ["c"]), ONES, numbers(np.array([2**34, 4]), "k")),
        "numbers, more than",
    ),
    "a huge range": (
        computed(node("Range", ["a", "b", "d"], ["c"]),
                 *(numbers(np.float32(v), n) for n, v in (("a", 0), ("b", 1e12), ("d", 1)))),
        "numbers, more than",
    ),
    "a huge batch": (linear(4, batch=2**24), "rows at once"),
    "a huge switch": (
        graph(RELU, inputs=[*IN, helper.make_tensor_value_info("r", TensorProto.FLOAT, [2**40])]),
        "1,000,000 are given",
    ),
    "too many targets": (tree(n_targets=10**9), "targets"),
    "lists of trees": (tree(nodes_values=[0.5]), "different lengths"),
    "a target that is not": (tree(target_ids=[0, 7]), "do not exist"),
    "a child that is not": (tree(nodes_truenodeids=[77, 0, 0]), "no trees"),
    "a tree in a circle": (tree(nodes_truenodeids=[0, 0, 0]), "no trees"),
    "an unknown branch": (tree(nodes_modes=["X", "LEAF", "LEAF"]), "no trees"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_graphs_are_refused_before_a_session_is_built(name):
    proto, reason = UNSOUND[name]
    with pytest.raises(ModelError, match=reason):
        audit_bytes(proto.SerializeToString())


def test_sound_graphs_of_the_same_kinds_pass():
    bounds = [numbers(np.float32(v), n) for n, v in (("lo", -np.inf), ("hi", np.inf))]
    expand = node("Expand", ["s", "k"], ["c"])
    for proto in (
        tree(),
        graph(node("Clip", ["x", "", "hi"], ["y"]), constants=bounds[1:]),
        graph(node("Clip", ["x", "lo", "hi"], ["y"]), constants=bounds),
        computed(expand, ONES, numbers(np.array([3, 4]), "k")),
        graph(RELU, outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]),
        graph(RELU, outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])]),
    ):
        audit_bytes(proto.SerializeToString())
