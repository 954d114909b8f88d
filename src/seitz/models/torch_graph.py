"""An audited ONNX graph as a torch module, to run or to train: one table from operators to functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from seitz.errors import ExportError

from .audit import Audited
from .torch_trees import tree_tables, trees

Operator = Callable[[list[Any], Mapping[str, Any]], Any]

_TYPES = {
    TensorProto.FLOAT: torch.float32, TensorProto.DOUBLE: torch.float64, TensorProto.FLOAT16: torch.float32,
    TensorProto.INT64: torch.int64, TensorProto.INT32: torch.int32, TensorProto.BOOL: torch.bool,
}  # fmt: skip  # single precision stands for half: what was stored in half is trained in single


class GraphModule(nn.Module):  # type: ignore[misc]  # torch is not seen by the type checker
    """Runs the nodes of a graph one after the other.

    Parameters
    ----------
    proto
        The model.
    outputs
        Names of the tensors that are wanted, also inner ones; or how many of its outputs, all by default.
    trainable
        Whether weights, biases and norms are parameters, those stored as bytes unfolded. Other constants, such as
        those of a scaler and the statistics of a batch norm, are buffers in any case.
    dropout
        Rate of the graph's dropouts while the module trains; they do nothing otherwise.
    """

    def __init__(
        self,
        proto: ModelProto,
        outputs: int | Sequence[str] | None = None,
        *,
        trainable: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        graph = proto.graph
        self.dropout = dropout
        constants = {tensor.name for tensor in graph.initializer}
        self._graph_constants = list(graph.initializer)
        ports = [port for port in graph.input if port.name not in constants]
        table = next((port for port in ports if len(port.type.tensor_type.shape.dim) == 2), ports[0])
        self._batch = _fixed_batch(table)
        self._input = table.name
        self._others = [port.name for port in ports if port.name != self._input]
        self._outputs = _wanted(graph, outputs)
        self.kept = _needed(graph.node, self._outputs)
        """The nodes that are run, in their order."""
        learned = self.learned() if trainable else {}
        used = {name for node in self.kept for name in node.input}
        self.sources = [tensor for tensor in graph.initializer if not trainable or tensor.name in used]
        """The constants, as the file has them."""
        self.unfolded: dict[str, Tensor] = {}
        """What weights that are stored as bytes were before training, by the names of their tensors."""
        self._whole: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        for k, tensor in enumerate(self.sources):
            value = torch.tensor(numpy_helper.to_array(tensor))
            value = value.to(torch.float32) if value.dtype == torch.float16 else value
            self._keep(k, tensor.name, value, tensor.name in learned)
        self._nodes = [_prepared(node, self) for node in self.kept]
        if trainable:
            self._unfold(learned)

    def _keep(self, k: int, name: str, value: Tensor, learned: bool) -> None:
        self._whole[name] = value.tolist() if value.dtype == torch.int64 else None
        self._places[name] = f"constant{k}"
        if learned:
            self.register_parameter(f"constant{k}", nn.Parameter(value.to(torch.float32)))
        else:
            self.register_buffer(f"constant{k}", value)

    def _unfold(self, learned: Collection[str]) -> None:
        """Weights stored as bytes become parameters in place of the operations that unfold them."""
        for k, node in enumerate(self.kept):
            if node.op_type == "DequantizeLinear" and node.output[0] in learned:
                operator, inputs, _, attributes = self._nodes[k]
                given = [getattr(self, self._places[name]) if name else None for name in inputs]
                value = operator(given, attributes | {"module": self})
                self._places[node.output[0]] = f"unfolded{k}"
                self.unfolded[node.output[0]] = value
                self.register_parameter(f"unfolded{k}", nn.Parameter(value.clone()))
        self._nodes = [step for step in self._nodes if step[2][0] not in self._places]

    def learned(self) -> dict[str, str]:
        """Constants that training changes, as :func:`learned_constants`; those in double precision stay."""
        constants = {
            tensor.name for tensor in self._graph_constants if tensor.data_type != TensorProto.DOUBLE
        }
        return learned_constants(self.kept, constants)

    @property
    def places(self) -> Mapping[str, str]:
        """Names of parameters and buffers by the names of their tensors in the graph."""
        return self._places

    @property
    def fixed_batch(self) -> int | None:
        """How many rows the graph was written for; None for any number."""
        return self._batch

    @property
    def feature_port(self) -> str:
        """Name of the input that takes the rows."""
        name: str = self._input
        return name

    @property
    def switches(self) -> list[str]:
        """Names of the other inputs, such as a rate of dropout: they are zero."""
        return self._others

    @property
    def output_names(self) -> list[str]:
        """Names of the tensors it gives."""
        return self._outputs

    def forward(self, features: Tensor) -> Any:
        """The first output, or a tuple of all that are wanted."""
        values: dict[str, Any] = {name: getattr(self, place) for name, place in self._places.items()}
        values[self._input] = features
        values |= dict.fromkeys(self._others, torch.zeros(()))
        for operator, inputs, outputs, attributes in self._nodes:
            given = [values[name] if name else None for name in inputs]
            whole = [self._whole.get(name) for name in inputs]
            found = operator(given, {**attributes, "whole": whole, "module": self})
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


def as_trainable(audited: Audited, outputs: Sequence[str] = (), *, dropout: float = 0.0) -> GraphModule:
    """The torch module behind an audited model, with its weights, biases and norms as parameters.

    Parameters
    ----------
    outputs
        Names of inner or outer tensors to give; by default the value.

    Raises
    ------
    ExportError
        An operator that has no counterpart here; the message names it.
    """
    proto = ModelProto.FromString(audited.content)
    module = GraphModule(proto, outputs or 1, trainable=True, dropout=dropout)
    module.eval()
    return module


_PASSES = (
    "Identity",
    "Transpose",
    "Cast",
    "DequantizeLinear",
)  # what may stand between a weight and its product


def learned_constants(nodes: Sequence[NodeProto], constants: Collection[str]) -> dict[str, str]:
    """Constants that training changes: weights, biases and norms, each with the product or norm that it belongs to.

    A constant of ``DequantizeLinear`` is named by the operation's output, which takes its place.
    """
    source = {name: name for name in constants}
    products: dict[str, str] = {}
    learned: dict[str, str] = {}
    for node in nodes:
        kind, inputs = node.op_type, list(node.input)
        if kind in _PASSES and inputs[0] in source:
            unfolded = kind == "DequantizeLinear"
            source[node.output[0]] = node.output[0] if unfolded else source[inputs[0]]
            continue
        if kind in ("MatMul", "Gemm"):
            products[node.output[0]] = node.output[0]
            chosen = inputs
        elif kind in ("Add", "Sum"):
            behind = [products[name] for name in inputs if name in products]
            chosen = inputs if behind else []
            products |= dict.fromkeys(node.output, behind[0]) if behind and len(behind) < len(inputs) else {}
        elif kind in ("LayerNormalization", "BatchNormalization", "PRelu"):
            chosen = inputs[1:3]
        else:
            chosen = []
        learned |= {
            source[name]: products.get(node.output[0], node.output[0]) for name in chosen if name in source
        }
    return learned


def _fixed_batch(port: Any) -> int | None:
    axes = port.type.tensor_type.shape.dim
    return int(axes[0].dim_value) if axes and axes[0].HasField("dim_value") else None


def _wanted(graph: Any, outputs: int | Sequence[str] | None) -> list[str]:
    if outputs is None or isinstance(outputs, int):
        return [port.name for port in graph.output][:outputs]
    return list(outputs)


def _needed(nodes: Any, outputs: list[str]) -> list[NodeProto]:
    """The nodes that the wanted outputs rest on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def _prepared(node: NodeProto, module: GraphModule) -> tuple[Operator, list[str], list[str], dict[str, Any]]:
    operator = OPERATORS.get(node.op_type)
    if operator is None:
        raise ExportError(
            f"the operator {node.op_type} ({node.name or 'unnamed'}) has no counterpart in torch here"
        )
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Constant" and "value" in attributes:
        attributes["value"] = torch.tensor(numpy_helper.to_array(attributes["value"]))
    if node.op_type == "TreeEnsembleRegressor":
        attributes = tree_tables(attributes)
    if node.op_type == "Reshape" and node.input[0] not in module.places:
        attributes["batch"] = module.fixed_batch
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
    sizes = [x[0].shape[k] if size == 0 else size for k, size in enumerate(a["whole"][1])]
    if sizes and a.get("batch") == sizes[0]:  # written for so many rows, run on any number
        sizes[0] = x[0].shape[0]
    return x[0].reshape(sizes)


def _dropout(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    module: GraphModule = a["module"]
    return F.dropout(x[0], module.dropout, module.training)


def _cast(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    return x[0].to(_TYPES[a["to"]])


def _reduced(function: Callable[..., Tensor]) -> Operator:
    def reduce_(x: list[Any], a: Mapping[str, Any]) -> Tensor:
        axes = _axes(x, a) if len(x) > 1 or "axes" in a else list(range(x[0].ndim))
        return function(x[0], dim=axes, keepdim=bool(a.get("keepdims", 1)))

    return reduce_


def _plain(function: Callable[..., Any]) -> Operator:
    return lambda x, a: function(*x)


OPERATORS: Mapping[str, Operator] = {
    "Gemm": _gemm, "DequantizeLinear": _dequantize, "LayerNormalization": _layer_norm, "Gelu": _gelu,
    "BatchNormalization": _batch_norm, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Split": _split, "Clip": _clip,
    "Reshape": _reshape, "TreeEnsembleRegressor": trees, "Dropout": _dropout, "Cast": _cast,
    "ReduceMean": _reduced(torch.mean), "ReduceSum": _reduced(torch.sum), "ReduceMax": _reduced(torch.amax),
    "ReduceMin": _reduced(torch.amin),
    "MatMul": _plain(torch.matmul), "Add": _plain(torch.add), "Sub": _plain(torch.sub), "Mul": _plain(torch.mul),
    "Div": _plain(torch.div), "Abs": _plain(torch.abs), "Log": _plain(torch.log), "Exp": _plain(torch.exp),
    "Sqrt": _plain(torch.sqrt), "Sign": _plain(torch.sign), "Neg": _plain(torch.neg), "Erf": _plain(torch.erf),
    "Greater": _plain(torch.gt), "Less": _plain(torch.lt), "Where": _plain(torch.where), "Pow": _plain(torch.pow),
    "Relu": _plain(torch.relu), "Sigmoid": _plain(torch.sigmoid), "Tanh": _plain(torch.tanh),
    "Softplus": _plain(F.softplus), "Identity": lambda x, a: x[0],
    "Softsign": _plain(F.softsign), "Mish": _plain(F.mish), "HardSwish": _plain(F.hardswish),
    "Reciprocal": _plain(torch.reciprocal), "GreaterOrEqual": _plain(torch.ge), "LessOrEqual": _plain(torch.le),
    "Celu": lambda x, a: F.celu(x[0], a.get("alpha", 1.0)),
    "HardSigmoid": lambda x, a: torch.clamp(a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5), 0.0, 1.0),
    "Max": lambda x, a: reduce(torch.maximum, x), "Min": lambda x, a: reduce(torch.minimum, x),
    "Sum": lambda x, a: reduce(torch.add, x), "Mean": lambda x, a: reduce(torch.add, x) / len(x),
    "Concat": lambda x, a: torch.cat(x, dim=a["axis"]),
    "Flatten": lambda x, a: torch.flatten(x[0], a.get("axis", 1)),
    "Transpose": lambda x, a: x[0].permute(*a.get("perm", range(x[0].ndim)[::-1])),
    "PRelu": lambda x, a: torch.where(x[0] > 0, x[0], x[0] * x[1]),
    "LeakyRelu": lambda x, a: F.leaky_relu(x[0], a.get("alpha", 0.01)),
    "Elu": lambda x, a: F.elu(x[0], a.get("alpha", 1.0)),
    "Selu": lambda x, a: F.selu(x[0]),
    "Softmax": lambda x, a: torch.softmax(x[0], dim=a.get("axis", -1)),
    "Constant": lambda x, a: a["value"],
}  # fmt: skip
