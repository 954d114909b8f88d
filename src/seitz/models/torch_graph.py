"""An audited ONNX graph as a torch module: one table from operators to functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch
from onnx import ModelProto, NodeProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from seitz.errors import ExportError

from .audit import Audited

Operator = Callable[[list[Any], Mapping[str, Any]], Any]


class GraphModule(nn.Module):  # type: ignore[misc]  # torch is not seen by the type checker
    """Runs the nodes of a graph one after the other; constants of floats are buffers."""

    def __init__(self, proto: ModelProto, n_outputs: int | None = None) -> None:
        super().__init__()
        graph = proto.graph
        self._whole: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        for k, tensor in enumerate(graph.initializer):
            self._keep(k, tensor.name, torch.tensor(numpy_helper.to_array(tensor)))
        constants = {tensor.name for tensor in graph.initializer}
        self._input = next(port.name for port in graph.input if port.name not in constants)
        self._others = [p.name for p in graph.input if p.name not in constants and p.name != self._input]
        self._outputs = [port.name for port in graph.output][:n_outputs]
        self._nodes = [_prepared(node) for node in _needed(graph.node, self._outputs)]

    def _keep(self, k: int, name: str, value: Tensor) -> None:
        self._whole[name] = value.tolist() if value.dtype == torch.int64 else None
        self._places[name] = f"constant{k}"
        self.register_buffer(f"constant{k}", value)

    def forward(self, features: Tensor) -> Any:
        """The first output, or a tuple of all that are wanted."""
        values: dict[str, Any] = {name: getattr(self, place) for name, place in self._places.items()}
        values[self._input] = features
        values |= dict.fromkeys(self._others, torch.zeros(()))
        for operator, inputs, outputs, attributes in self._nodes:
            given = [values[name] if name else None for name in inputs]
            whole = [self._whole.get(name) for name in inputs]
            found = operator(given, {**attributes, "whole": whole})
            for name, value in zip(
                outputs, found if isinstance(found, tuple | list) else (found,), strict=False
            ):
                values[name] = value
        found = tuple(values[name] for name in self._outputs)
        return found[0] if len(found) == 1 else found


def as_module(audited: Audited, n_outputs: int = 1) -> GraphModule:
    """The torch module behind an audited model.

    Raises
    ------
    ExportError
        An operator that has no counterpart here; the message names it.
    """
    module = GraphModule(ModelProto.FromString(audited.content), n_outputs)
    module.eval()
    return module


def _needed(nodes: Any, outputs: list[str]) -> list[NodeProto]:
    """The nodes that the wanted outputs rest on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def _prepared(node: NodeProto) -> tuple[Operator, list[str], list[str], dict[str, Any]]:
    operator = OPERATORS.get(node.op_type)
    if operator is None:
        raise ExportError(
            f"the operator {node.op_type} ({node.name or 'unnamed'}) has no counterpart in torch here"
        )
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Constant" and "value" in attributes:
        attributes["value"] = torch.tensor(numpy_helper.to_array(attributes["value"]))
    return operator, list(node.input), list(node.output), attributes


def _gemm(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    left = x[0].transpose(0, 1) if a.get("transA") else x[0]
    right = x[1].transpose(0, 1) if a.get("transB") else x[1]
    product = a.get("alpha", 1.0) * (left @ right)
    return product if len(x) < 3 or x[2] is None else product + a.get("beta", 1.0) * x[2]


def _dequantize(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    value = x[0].to(torch.float32) - (x[2].to(torch.float32) if len(x) > 2 and x[2] is not None else 0.0)
    scale = x[1]
    if scale.ndim == 1:
        shape = [1] * value.ndim
        shape[a.get("axis", 1)] = -1
        if len(x) > 2 and x[2] is not None:
            value = x[0].to(torch.float32) - x[2].to(torch.float32).reshape(shape)
        scale = scale.reshape(shape)
    return value * scale


def _layer_norm(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return F.layer_norm(x[0], x[1].shape, x[1], x[2] if len(x) > 2 else None, a.get("epsilon", 1e-5))


def _gelu(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return F.gelu(x[0], approximate=a.get("approximate", b"none").decode())


def _batch_norm(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return F.batch_norm(x[0], x[3], x[4], x[1], x[2], training=False, eps=a.get("epsilon", 1e-5))


def _axes(x: list[Any], a: Mapping[str, Any]) -> list[int]:
    if len(x) > 1:
        found: list[int] = a["whole"][1]
        return found
    return list(a["axes"])


def _squeeze(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return reduce(lambda t, axis: t.squeeze(axis), sorted(_axes(x, a), reverse=True), x[0])


def _unsqueeze(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return reduce(lambda t, axis: t.unsqueeze(axis), sorted(_axes(x, a)), x[0])


def _split(x: list[Any], a: Mapping[str, Any]) -> tuple[Tensor, ...]:
    sizes = a["whole"][1] if len(x) > 1 else list(a["split"])
    return tuple(torch.split(x[0], sizes, dim=a.get("axis", 0)))


def _clip(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    low = x[1] if len(x) > 1 else a.get("min")
    high = x[2] if len(x) > 2 else a.get("max")
    found = x[0]
    if low is not None:
        found = torch.maximum(found, torch.as_tensor(low, dtype=found.dtype))
    return found if high is None else torch.minimum(found, torch.as_tensor(high, dtype=found.dtype))


def _reshape(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return x[0].reshape([x[0].shape[k] if size == 0 else size for k, size in enumerate(a["whole"][1])])


def _plain(function: Callable[..., Any]) -> Operator:
    return lambda x, a: function(*x)


OPERATORS: Mapping[str, Operator] = {
    "Gemm": _gemm, "DequantizeLinear": _dequantize, "LayerNormalization": _layer_norm, "Gelu": _gelu,
    "BatchNormalization": _batch_norm, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Split": _split, "Clip": _clip,
    "Reshape": _reshape,
    "MatMul": _plain(torch.matmul), "Add": _plain(torch.add), "Sub": _plain(torch.sub), "Mul": _plain(torch.mul),
    "Div": _plain(torch.div), "Abs": _plain(torch.abs), "Log": _plain(torch.log), "Exp": _plain(torch.exp),
    "Sqrt": _plain(torch.sqrt), "Sign": _plain(torch.sign), "Neg": _plain(torch.neg), "Erf": _plain(torch.erf),
    "Greater": _plain(torch.gt), "Less": _plain(torch.lt), "Where": _plain(torch.where), "Pow": _plain(torch.pow),
    "Relu": _plain(torch.relu), "Sigmoid": _plain(torch.sigmoid), "Tanh": _plain(torch.tanh),
    "Softplus": _plain(F.softplus), "Identity": lambda x, a: x[0], "Dropout": lambda x, a: x[0],
    "Max": lambda x, a: reduce(torch.maximum, x), "Min": lambda x, a: reduce(torch.minimum, x),
    "Sum": lambda x, a: reduce(torch.add, x), "Mean": lambda x, a: reduce(torch.add, x) / len(x),
    "Concat": lambda x, a: torch.cat(x, dim=a["axis"]),
    "Flatten": lambda x, a: torch.flatten(x[0], a.get("axis", 1)),
    "Transpose": lambda x, a: x[0].permute(*a["perm"]),
    "PRelu": lambda x, a: torch.where(x[0] > 0, x[0], x[0] * x[1]),
    "LeakyRelu": lambda x, a: F.leaky_relu(x[0], a.get("alpha", 0.01)),
    "Elu": lambda x, a: F.elu(x[0], a.get("alpha", 1.0)),
    "Selu": lambda x, a: F.selu(x[0]),
    "Softmax": lambda x, a: torch.softmax(x[0], dim=a.get("axis", -1)),
    "Constant": lambda x, a: a["value"],
}  # fmt: skip
