"""Large products of a graph in bytes: weights and activations, with ranges measured on rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seitz._optional import load_optional
from seitz._typing import FloatArray
from seitz.errors import ExportError

from .making import Job

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_FLOAT = 1  # number of single precision in the format
_LARGE = 100  # inputs and outputs of a product that is worth bytes
_PRODUCTS = ("MatMul", "Gemm")
_OPSET = 13  # the first with one scale per column
_AT_ONCE = 256  # rows


class Product(NamedTuple):
    """A product of a tensor of rows with a constant matrix."""

    node: int
    """Its place in the graph."""
    rows: str
    weights: str
    cost: float
    """Range of the rows over their root mean square: what rounding to bytes costs."""
    low: float
    high: float


def products(proto: ModelProto, job: Job) -> list[Product]:
    """Products that are worth bytes, the cheapest to round first.

    Raises
    ------
    ExportError
        There is none.
    """
    large = _large(proto.graph)
    if not large:
        raise ExportError(f"{job.model.card.name} has no products of matrices that could be put into bytes")
    ranges = _ranges(proto, sorted({rows for _, rows, _ in large}), job)
    found = []
    for node, rows, weights in large:
        low, high, size = ranges[rows]
        found.append(Product(node, rows, weights, (high - low) / max(size, 1e-30), low, high))
    return sorted(found, key=lambda product: product.cost)


def with_bytes(proto: ModelProto, chosen: list[Product]) -> ModelProto:
    """A copy in which these products take bytes: runtimes put them on integer units."""
    import onnx

    result = onnx.ModelProto.FromString(proto.SerializeToString())
    graph = result.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = [type(node).FromString(node.SerializeToString()) for node in graph.node]
    before: dict[int, list[NodeProto]] = {}
    for product in chosen:
        before[product.node] = _rounded(nodes[product.node], product, constants, graph)
    del graph.node[:]
    for k, node in enumerate(nodes):
        graph.node.extend([*before.get(k, ()), node])
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    copies = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
    del graph.initializer[:]
    graph.initializer.extend(copies)
    return result


def new_enough(proto: ModelProto) -> ModelProto:
    """The same in a version of the standard that has one scale per column."""
    from onnx import version_converter

    version = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), _OPSET)
    return proto if version >= _OPSET else version_converter.convert_version(proto, _OPSET)


def _rounded(
    node: NodeProto, product: Product, constants: Mapping[str, TensorProto], graph: GraphProto
) -> list[NodeProto]:
    """Turn the inputs of a product into rounded ones; returns the operations that round them."""
    from onnx import helper, numpy_helper

    name = f"bytes{product.node}"
    made: list[NodeProto] = []

    def constant(what: str, values: NDArray[Any] | np.generic) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, order="C"), f"{name}.{what}"))
        return f"{name}.{what}"

    def add(kind: str, inputs: list[str], what: str, **attributes: int) -> str:
        made.append(helper.make_node(kind, inputs, [f"{name}.{what}"], name=f"{name}.{what}", **attributes))
        return f"{name}.{what}"

    step = np.float32(max((product.high - product.low) / 255, 1e-12))
    zero = np.uint8(np.clip(np.round(-product.low / step), 0, 255))
    scale = [constant("step", step), constant("zero", zero)]
    rounded = add("QuantizeLinear", [product.rows, *scale], "rows")
    node.input[0] = add("DequantizeLinear", [rounded, *scale], "rows.back")

    weights = numpy_helper.to_array(constants[product.weights])
    axis = 0 if _attribute(node, "transB", 0) else 1  # of the outputs
    largest = np.abs(weights).max(axis=1 - axis, keepdims=True)
    steps = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    stored = np.clip(np.round(weights / steps), -127, 127).astype(np.int8)
    columns, zeros = steps.reshape(-1), np.zeros(steps.size, dtype=np.int8)
    inputs = [constant("weights", stored), constant("steps", columns), constant("zeros", zeros)]
    node.input[1] = add("DequantizeLinear", inputs, "weights.back", axis=axis)

    if len(node.input) > 2 and node.input[2]:
        both = (step * columns).astype(np.float32)
        bias = np.broadcast_to(numpy_helper.to_array(constants[node.input[2]]).reshape(-1), columns.shape)
        whole = np.clip(np.round(bias / both), -(2**31), 2**31 - 1).astype(np.int32)
        inputs = [constant("bias", whole), constant("bias.steps", both)]
        node.input[2] = add("DequantizeLinear", inputs, "bias.back", axis=0)
    return made


def _large(graph: GraphProto) -> list[tuple[int, str, str]]:
    """(node, rows, weights) of products: not those that see the features themselves, and not small ones such as heads.

    These are a small part of the work, and most of what rounding would cost. Where there are no others, all are taken.
    """
    # Double precision is for what needs it, as the processes of tuned models do.
    constants = {t.name: tuple(t.dims) for t in graph.initializer if t.data_type == _FLOAT}
    behind: set[str] = set()  # tensors that rest on a product
    delicate: list[tuple[int, str, str]] = []
    others: list[tuple[int, str, str]] = []
    for k, node in enumerate(graph.node):
        rests = any(name in behind for name in node.input)
        if node.op_type in _PRODUCTS:
            if _is_plain(node, constants):
                large = rests and min(constants[node.input[1]]) >= _LARGE
                (others if large else delicate).append((k, node.input[0], node.input[1]))
            rests = True
        if rests:
            behind |= set(node.output)
    return others or delicate


def _is_plain(node: NodeProto, constants: Mapping[str, tuple[int, ...]]) -> bool:
    """Rows times a constant matrix, plus a constant row at most."""
    rows, weights, *bias = node.input
    return (
        rows not in constants
        and len(constants.get(weights, ())) == 2
        and all(not name or name in constants for name in bias)
        and not _attribute(node, "transA", 0)
        and _attribute(node, "alpha", 1.0) == _attribute(node, "beta", 1.0) == 1.0
    )


def _attribute(node: NodeProto, name: str, default: float) -> float:
    from onnx import helper

    found = next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)
    return float(found)


def _ranges(proto: ModelProto, names: list[str], job: Job) -> dict[str, tuple[float, float, float]]:
    """Smallest and largest value (or zero) and root mean square of tensors."""
    import onnx

    runtime = load_optional("onnxruntime", "onnxruntime")
    probe = onnx.ModelProto.FromString(proto.SerializeToString())
    known = {port.name for port in (*probe.graph.input, *probe.graph.output)}
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = [name for name in names if name not in {port.name for port in probe.graph.input}]
    low, high = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    squares, counts = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for first in range(0, len(job.rows), _AT_ONCE):
        feed = _feed(job.rows[first : first + _AT_ONCE], job)
        seen = feed | dict(zip(wanted, session.run(wanted, feed) if wanted else (), strict=True))
        for name in names:
            values = seen[name]
            low[name], high[name] = min(low[name], float(values.min())), max(high[name], float(values.max()))
            squares[name] += float(np.square(values, dtype=np.float64).sum())
            counts[name] += values.size
    return {name: (low[name], high[name], math.sqrt(squares[name] / counts[name])) for name in names}


def _feed(rows: FloatArray, job: Job) -> dict[str, NDArray[Any]]:
    """Rows by the name of their input, and zero for a rate of dropout."""
    return {
        port.name: rows.astype(port.dtype)
        if len(port.shape) == 2
        else np.zeros([size or len(rows) for size in port.shape], dtype=port.dtype)
        for port in job.model.inputs
    }
