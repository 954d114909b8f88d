"""Graphs of one operation or two, for the tests of the audit."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx_samples import model

from seitz.models.audit import audit_bytes
from seitz.models.card import ModelCard
from seitz.models.runtime import OnnxModel

CARD = ModelCard(name="m", property="p", unit="1", descriptor="ks2022")
X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)  # inside of what all samples take
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
node = helper.make_node


def table(*shape: int | str, kind: int = TensorProto.FLOAT) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info("x", kind, list(shape) or ["n", 4])]


def number(name: str, value: object, dtype: str = "f4") -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array(value, dtype=dtype), name)


def graph(*nodes, constants=(), inputs=None, outputs=(Y,), opset=21) -> onnx.ModelProto:
    proto = model(nodes, inputs or table(), list(outputs), constants, opset)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return proto


def plain(kind: str, *constants: onnx.TensorProto, inputs=None, opset=21, outputs=("y",), **attributes):
    """One operation on x and constants."""
    names = ["x", *(constant.name for constant in constants)]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    if kind == "TopK":  # the second are indices
        del ports[1:]
    made = node(kind, names, list(outputs), name="one", **attributes)
    return graph(made, constants=constants, inputs=inputs, outputs=ports, opset=opset)


def learning(kind: str, inputs=None, **attributes) -> onnx.ModelProto:
    given = {name: value for name, value in attributes.items() if value is not None}
    return graph(node(kind, ["x"], ["y"], name="one", domain="ai.onnx.ml", **given), inputs=inputs)


def behind(first: onnx.NodeProto, *rest: onnx.NodeProto, constants=()) -> onnx.ModelProto:
    return graph(first, *rest, constants=constants)


def ran(proto: onnx.ModelProto) -> np.ndarray:
    return OnnxModel(audit_bytes(proto.SerializeToString()), CARD).predict(X)


TREES = {
    "n_targets": 2, "nodes_treeids": [0, 0, 0, 1, 1, 1], "nodes_nodeids": [0, 1, 2, 0, 1, 2],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * 2, "nodes_featureids": [0, 0, 0, 3, 0, 0],
    "nodes_truenodeids": [1, 0, 0] * 2, "nodes_falsenodeids": [2, 0, 0] * 2, "nodes_values": [0.1, 0.0, 0.0] * 2,
    "target_treeids": [0, 0, 1, 1], "target_nodeids": [1, 2, 1, 2], "target_ids": [0, 1, 0, 1],
    "target_weights": [1.0, 2.0, 3.0, 4.0], "base_values": [0.5, 0.25],
}  # fmt: skip


def trees(inputs=None, **fields) -> onnx.ModelProto:
    return learning("TreeEnsembleRegressor", inputs, **{**TREES, **fields})


def doubles(**fields) -> onnx.ModelProto:
    """The same in double precision."""
    tensors = {
        f"{name}_as_tensor": number(name, TREES[name], "f8")
        for name in ("nodes_values", "target_weights", "base_values")
    }
    tensors |= dict.fromkeys(("nodes_values", "target_weights", "base_values"))
    return trees(table("n", 4, kind=TensorProto.DOUBLE), **{**tensors, **fields})


def chain_of(depth: int) -> onnx.ModelProto:
    """A tree in which every branch but the last has a leaf and a branch below it."""
    n, leaves = 2 * depth + 1, [*range(1, 2 * depth, 2), 2 * depth]
    return trees(
        n_targets=1, base_values=None, nodes_treeids=[0] * n, nodes_nodeids=list(range(n)),
        nodes_modes=["BRANCH_LEQ", "LEAF"] * depth + ["LEAF"], nodes_featureids=[0] * n, nodes_values=[0.0] * n,
        nodes_truenodeids=[k for i in range(depth) for k in (2 * i + 1, 0)] + [0],
        nodes_falsenodeids=[k for i in range(depth) for k in (2 * i + 2, 0)] + [0],
        target_treeids=[0] * len(leaves), target_nodeids=leaves, target_ids=[0] * len(leaves),
        target_weights=[1.0] * len(leaves),
    )  # fmt: skip


REGRESSION = {"coefficients": [1.0] * 8, "intercepts": [0.0, 1.0], "targets": 2}
VECTORS = {
    "kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "n_supports": 2, "support_vectors": [0.1] * 8,
    "coefficients": [1.0, 2.0], "rho": [0.3],
}  # fmt: skip
SCALES = {"scale": [2.0] * 4, "offset": [1.0] * 4}


def of_regression(**fields) -> onnx.ModelProto:
    return learning("LinearRegressor", **{**REGRESSION, **fields})


def of_vectors(**fields) -> onnx.ModelProto:
    return learning("SVMRegressor", **{**VECTORS, **fields})


def scaled(**fields) -> onnx.NodeProto:
    return node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", **{**SCALES, **fields})


def indices(*values: object) -> onnx.TensorProto:
    return number("k", list(values), "i8")


def ones(name: str, *shape: int, dtype: str = "f4") -> onnx.TensorProto:
    return number(name, np.ones(shape), dtype)


def statistics(n: int) -> list[onnx.TensorProto]:
    return [ones(name, n) for name in ("scale", "bias", "mean", "variance")]


def dequantized(*constants: onnx.TensorProto, **attributes) -> onnx.ModelProto:
    names = [constant.name for constant in constants]
    return graph(
        node("DequantizeLinear", names, ["w"], name="one", **attributes), node("MatMul", ["x", "w"], ["y"]),
        constants=constants,
    )  # fmt: skip


def divided(divisor: object, kind: int = TensorProto.INT64) -> onnx.ModelProto:
    return graph(
        node("Cast", ["x"], ["i"], to=kind),
        node("Cast", ["d"], ["d2"], to=kind), node("Div", ["i", "d2"], ["j"], name="one"),
        node("Cast", ["j"], ["y"], to=TensorProto.FLOAT), constants=[number("d", divisor, "i8")],
    )  # fmt: skip


BYTES = ones("q", 4, 2, dtype="i1")
PAIR = ("y", "z")
TALL = table(3, 4)
