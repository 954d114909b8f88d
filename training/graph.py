"""The ensemble with its scaler, calibration and flag as one ONNX graph; weights are stored as bytes.

Weights are rounded per output column to 8 bits and unfolded when a session opens: the arithmetic stays that of single
precision, so a row's prediction never depends on the other rows of its batch.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .ensemble import Ensemble
from .network import EnergyNet
from .uncertainty import CLOSE, N_NEIGHBOURS, Calibration

OPSET, IR = 20, 10


class Graph:
    """Nodes and constants on their way to a model."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, matrix: np.ndarray, bits: int) -> str:
        """A matrix (inputs, outputs), as bytes with one scale per output, or as it is."""
        if bits == 32:
            return self.constant(name, matrix.astype(np.float32))
        scale = np.abs(matrix).max(axis=0) / 127.0
        scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
        stored = np.clip(np.round(matrix / scale), -127, 127).astype(np.int8)
        zero = self.constant(f"{name}.zero", np.zeros(len(scale), dtype=np.int8))
        inputs = [self.constant(f"{name}.bytes", stored), self.constant(f"{name}.scale", scale), zero]
        return self.add("DequantizeLinear", inputs, name, axis=1)

    def linear(self, x: str, layer: object, name: str, bits: int) -> str:
        matrix = layer.weight.detach().numpy().T  # type: ignore[attr-defined]
        weight = self.weight(f"{name}.weight", matrix, bits)
        product = self.add("MatMul", [x, weight], f"{name}.product")
        bias = self.constant(f"{name}.bias", layer.bias.detach().numpy())  # type: ignore[attr-defined]
        return self.add("Add", [product, bias], f"{name}.sum")

    def norm(self, x: str, layer: object, name: str) -> str:
        scale = self.constant(f"{name}.scale", layer.weight.detach().numpy())  # type: ignore[attr-defined]
        bias = self.constant(f"{name}.bias", layer.bias.detach().numpy())  # type: ignore[attr-defined]
        return self.add("LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=float(layer.eps))  # type: ignore[attr-defined]


def build(ensemble: Ensemble, calibration: Calibration | None, bits: int = 8) -> onnx.ModelProto:
    """features → value, lower, upper, distance, in_domain; without a calibration, value alone."""
    graph = Graph()
    n_features = len(ensemble.members[0].scaler.centre)
    energies, scales, hidden = [], [], []
    for k, net in enumerate(ensemble.members):
        energy, scale, last = _member(graph, net, f"m{k}", bits)
        energies.append(energy), scales.append(scale), hidden.append(last)
    graph.add("Mean", energies, "value")
    outputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["batch"])]
    if calibration is not None:
        graph.add("Mean", scales, "scale")
        _interval(graph, calibration, hidden)
        outputs += [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch"])
            for n in ("lower", "upper", "distance")
        ]
        outputs.append(helper.make_tensor_value_info("in_domain", TensorProto.BOOL, ["batch"]))
    proto = helper.make_graph(
        graph.nodes, "seitz", [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", n_features])],
        outputs, graph.constants,
    )  # fmt: skip
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="seitz"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _member(graph: Graph, net: EnergyNet, name: str, bits: int) -> tuple[str, str, str]:
    add, constant = graph.add, graph.constant
    x = add("Sub", ["features", constant(f"{name}.centre", net.scaler.centre.numpy())], f"{name}.shifted")
    x = add("Mul", [x, constant(f"{name}.unit", net.scaler.scale.numpy())], f"{name}.scaled")
    tail = add(
        "Sub", [add("Abs", [x], f"{name}.size"), constant(f"{name}.two", np.float32(2.0))], f"{name}.tail"
    )
    tail = add("Max", [tail, constant(f"{name}.one", np.float32(1.0))], f"{name}.clamped")
    tail = add("Mul", [add("Sign", [x], f"{name}.sign"), add("Log", [tail], f"{name}.log")], f"{name}.signed")
    ends = [constant(f"{name}.low", np.float32(-3.0)), constant(f"{name}.high", np.float32(3.0))]
    x = add("Add", [add("Clip", [x, *ends], f"{name}.middle"), tail], f"{name}.robust")
    x = graph.linear(x, net.first, f"{name}.first", bits)
    for b, block in enumerate(net.blocks):
        norm, one, _, _, two, _ = block.body
        y = graph.linear(graph.norm(x, norm, f"{name}.{b}.norm"), one, f"{name}.{b}.one", bits)
        y = graph.linear(add("Gelu", [y], f"{name}.{b}.gelu"), two, f"{name}.{b}.two", bits)
        x = add("Add", [x, y], f"{name}.{b}")
    last = add("Gelu", [graph.norm(x, net.last[0], f"{name}.last.norm")], f"{name}.last")
    out = graph.linear(last, net.head, f"{name}.head", 32)
    parts = graph.constant(f"{name}.parts", np.array([1, 1], dtype=np.int64))
    graph.nodes.append(
        helper.make_node("Split", [out, parts], [f"{name}.a", f"{name}.b"], name=f"{name}.split", axis=1)
    )
    axes = graph.constant(f"{name}.axes", np.array([1], dtype=np.int64))
    spread = float(net.spread)
    energy = add(
        "Mul",
        [
            add("Squeeze", [f"{name}.a", axes], f"{name}.energy1"),
            constant(f"{name}.spread", np.float32(spread)),
        ],
        f"{name}.energy2",
    )
    energy = add("Add", [energy, constant(f"{name}.mean", np.float32(float(net.mean)))], f"{name}.energy")
    scale = add("Exp", [add("Squeeze", [f"{name}.b", axes], f"{name}.scale1")], f"{name}.scale2")
    return energy, add("Mul", [scale, f"{name}.spread"], f"{name}.scale"), last


def _error(graph: Graph, calibration: Calibration, distance: str, embedded: str, last: str) -> str:
    """The expected error: the mean of the heads, in logarithms."""
    add, constant = graph.add, graph.constant
    scale = add("Unsqueeze", [add("Log", ["scale"], "scale.log"), last], "scale.column")
    close = add("Add", [distance, constant("close", np.float32(CLOSE))], "distance.close")
    far = add("Unsqueeze", [add("Log", [close], "distance.log"), last], "distance.column")
    place = add("Div", [embedded, constant("spread", calibration.spread.astype(np.float32))], "place")
    inputs = add("Concat", [scale, far, place, "m0.robust"], "error.inputs", axis=1)
    logs = []
    for k, head in enumerate(calibration.heads):
        _, one, _, _, two, _, three = head.body
        x = add("Gelu", [graph.linear(inputs, one, f"error{k}.one", 32)], f"error{k}.gelu1")
        x = add("Gelu", [graph.linear(x, two, f"error{k}.two", 32)], f"error{k}.gelu2")
        logs.append(graph.linear(x, three, f"error{k}.three", 32))
    log = add("Add", [add("Mean", logs, "error.mean"), scale], "error.log")
    return add("Exp", [add("Squeeze", [log, last], "error.row")], "error")


def _interval(graph: Graph, calibration: Calibration, hidden: list[str]) -> None:
    add, constant = graph.add, graph.constant
    joined = add("Concat", hidden, "hidden", axis=1)
    embedded = add("MatMul", [joined, constant("projection", calibration.projection)], "embedded.product")
    embedded = add("Add", [embedded, constant("offset", calibration.offset)], "embedded")
    # |e - r|² = |r|² - 2 e·r + |e|², of which the last is the same for all references.
    references = calibration.references.astype(np.float16).astype(np.float32)
    half = constant("references.half", -2.0 * references.T.astype(np.float16))
    points = add("Cast", [half], "references", to=TensorProto.FLOAT)
    last = constant("axis.last", np.array([1], dtype=np.int64))
    squares = constant("references.squares", (references**2).sum(axis=1)[None])
    own = add("ReduceSum", [add("Mul", [embedded, embedded], "own.products"), last], "own", keepdims=1)
    part = add("Gemm", [embedded, points, squares], "d2.part")
    count = constant("neighbours", np.array([N_NEIGHBOURS], dtype=np.int64))
    graph.nodes.append(
        helper.make_node(
            "TopK", [part, count], ["nearest.part", "which"], name="nearest", axis=1, largest=0, sorted=0
        )
    )
    d2 = add("Max", [add("Add", ["nearest.part", own], "d2"), constant("zero", np.float32(0.0))], "positive")
    nearest = add("Sqrt", [d2], "roots")
    mean = add("ReduceMean", [nearest, last], "mean", keepdims=0)
    distance = add("Div", [mean, constant("unit", np.float32(calibration.unit))], "distance")
    column = add("Unsqueeze", [distance, last], "column")
    beyond = add(
        "GreaterOrEqual", [column, constant("edges", calibration.edges.astype(np.float32)[None])], "beyond"
    )
    error = _error(graph, calibration, distance, embedded, last)
    bin_ = add("ReduceSum", [add("Cast", [beyond], "beyond1", to=TensorProto.INT64), last], "bin", keepdims=0)
    factor = add("Gather", [constant("factors", calibration.factors.astype(np.float32)), bin_], "factor")
    width = add("Mul", [error, factor], "half")
    add("Sub", ["value", width], "lower")
    add("Add", ["value", width], "upper")
    add("LessOrEqual", [distance, constant("edge", np.float32(1.0))], "in_domain")
