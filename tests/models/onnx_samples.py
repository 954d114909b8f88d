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


def dense(
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    activation: str,
    *,
    batch: int | str = 1,
    dropout: Sequence[int] | None = None,
) -> onnx.ModelProto:
    """Layers (weights (n_out, n_in), biases) with activations between them.

    With the shape of a second input: the rate of dropout if that is a number, or else what share of each is lost.
    """
    constants, nodes, source = [], [], "features"
    for k, (weights, bias) in enumerate(layers):
        constants += [numpy_helper.from_array(weights, f"w{k}"), numpy_helper.from_array(bias, f"b{k}")]
        last = k == len(layers) - 1
        found = "energy" if last else f"z{k}"
        nodes.append(
            helper.make_node("Gemm", [source, f"w{k}", f"b{k}"], [found], name=f"dense{k}", transB=1)
        )
        if last:
            break
        nodes.append(helper.make_node(activation, [found], [f"a{k}"], name=f"activation{k}"))
        source = f"a{k}"
        if dropout is not None:
            nodes.append(
                helper.make_node("Mul", [source, "kept"], [f"d{k}"])
                if dropout
                else helper.make_node("Dropout", [source, "dropout"], [f"d{k}"], name=f"dropout{k}")
            )
            source = f"d{k}"
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, layers[0][0].shape[1]])]
    if dropout is not None:
        inputs.append(helper.make_tensor_value_info("dropout", TensorProto.FLOAT, list(dropout)))
        constants.append(numpy_helper.from_array(np.float32(1.0), "whole"))
        nodes.insert(0, helper.make_node("Sub", ["whole", "dropout"], ["kept"]))
    output = helper.make_tensor_value_info("energy", TensorProto.FLOAT, [batch, len(layers[-1][1])])
    return model(nodes, inputs, [output], constants)


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
