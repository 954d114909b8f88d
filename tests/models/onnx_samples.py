"""Small ONNX models for the tests, made node by node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def linear(
    n: int,
    *,
    seed: int = 0,
    batch: int | str = "batch",
    n_out: int = 1,
    dropout: bool = False,
    weights: np.ndarray | None = None,
    opset: int = 20,
) -> onnx.ModelProto:
    """y = x w + 1, optionally through a dropout whose ratio is a second input."""
    drawn = np.random.default_rng(seed).normal(size=(n, n_out)).astype(np.float32) / n
    constants = [
        numpy_helper.from_array(drawn if weights is None else weights, "w"),
        numpy_helper.from_array(np.ones(n_out, dtype=np.float32), "b"),
    ]
    nodes, inputs = [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, n])]
    source = "x"
    if dropout:
        inputs.append(helper.make_tensor_value_info("dropout", TensorProto.FLOAT, []))
        nodes.append(helper.make_node("Dropout", ["x", "dropout"], ["kept"], name="drop"))
        source = "kept"
    nodes += [helper.make_node("MatMul", [source, "w"], ["z"]), helper.make_node("Add", ["z", "b"], ["y"])]
    return model(
        nodes,
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, n_out])],
        constants,
        opset,
    )


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
    opset: int = 20,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def expected(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """What y = x w + 1 is, in double precision."""
    weights = next(t for t in proto.graph.initializer if t.name == "w")
    return x.astype(np.float32).astype(float) @ numpy_helper.to_array(weights).astype(float) + 1.0
