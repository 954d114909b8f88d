"""The operations of a model have what they need, and its numbers are there and finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

MAX_ELEMENTS = 2**31  # of one tensor in the file

#: Operators that may be given infinity: as a bound, or as what is compared with and chosen.
_MAY_BE_INFINITE = frozenset(
    {
        "Clip",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "Where",
    }
)
#: Attributes likewise: thresholds of trees.
_INFINITE_ATTRIBUTES = frozenset({"nodes_values", "min", "max"})
#: Attributes that name what a missing number looks like.
_NAN_ATTRIBUTES = frozenset({"replaced_value_float", "nodes_hitrates", "nodes_hitrates_as_tensor"})
_SCALED = {"DequantizeLinear": (1,), "QuantizeLinear": (1,), "QLinearMatMul": (1, 4, 6)}


def check_tensors(graph: GraphProto) -> None:
    """Refuse numbers that are elsewhere, missing or not finite, wherever the graph holds them."""
    readers: dict[str, set[str]] = {port.name: {"the result"} for port in graph.output}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    scales = {
        node.input[k] for node in graph.node for k in _SCALED.get(node.op_type, ()) if k < len(node.input)
    }
    named: set[str] = set()
    for tensor in graph.initializer:
        if tensor.name in named:
            raise ModelError(f"two tensors are called {tensor.name}")
        named.add(tensor.name)
        found = readers.get(tensor.name, set())
        _check_tensor(tensor, tensor.name, found <= _MAY_BE_INFINITE, tensor.name in scales)
    for node in graph.node:
        # What a constant may hold depends on who reads it.
        found = {name for out in node.output for name in readers.get(out, set())}
        bound = node.op_type == "Constant" and found <= _MAY_BE_INFINITE
        scale = node.op_type == "Constant" and not scales.isdisjoint(node.output)
        for attribute in node.attribute:
            _check_attribute(attribute, node, bound, scale)


def _check_attribute(attribute: AttributeProto, node: NodeProto, bound: bool, scale: bool) -> None:
    name = f"{attribute.name} of {node.name or node.op_type}"
    if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
        raise ModelError(f"{name}: sparse tensors are not read")
    infinite = bound or attribute.name.removesuffix("_as_tensor") in _INFINITE_ATTRIBUTES
    for tensor in _tensors(attribute):
        _check_tensor(tensor, tensor.name or name, infinite, scale)
    if attribute.name not in _NAN_ATTRIBUTES:
        numbers = [*attribute.floats, *([attribute.f] if attribute.HasField("f") else [])]
        _check_numbers(np.array(numbers, dtype=np.float64), name, infinite, scale)


def _tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors


def _check_tensor(tensor: TensorProto, name: str, infinite: bool, scale: bool) -> None:
    """Sizes first: nothing is unpacked whose bytes are not there."""
    import onnx
    from onnx import numpy_helper

    name = name or "an unnamed tensor"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ModelError(f"{name} lies in another file: a model must be one file")
    if any(not 0 <= size <= MAX_ELEMENTS for size in tensor.dims) or math.prod(tensor.dims) > MAX_ELEMENTS:
        raise ModelError(f"{name} has the impossible shape {tuple(tensor.dims)}")
    if tensor.data_type in (onnx.TensorProto.STRING, onnx.TensorProto.UNDEFINED):
        raise ModelError(f"{name} holds no numbers")
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"{name} of shape {tuple(tensor.dims)} does not hold what it announces: {error}"
        ) from None
    _check_numbers(values, name, infinite, scale)


def _check_numbers(values: NDArray[Any], name: str, infinite: bool, scale: bool) -> None:
    if values.dtype.kind not in "biufc":  # the short floats that NumPy does not know
        values = values.astype(np.float32)
    if values.dtype.kind in "fc" and not np.isfinite(values).all():
        if np.isnan(values).any():
            raise ModelError(f"{name} holds values that are no numbers (NaN)")
        if not infinite:
            raise ModelError(f"{name} holds infinite values")
    if scale and values.size and not (values > 0).all():
        raise ModelError(f"{name} is a scale, but not positive")


def check_arguments(model: ModelProto) -> None:
    """Refuse operations that leave out what they need: some runtimes crash on them."""
    from onnx import defs

    opsets = {entry.domain.removeprefix("ai.onnx") or "": entry.version for entry in model.opset_import}
    for node in model.graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        title = node.name or node.op_type
        try:
            schema = defs.get_schema(node.op_type, opsets[domain.removeprefix("ai.onnx")], domain)
        except (defs.SchemaError, KeyError):
            raise ModelError(
                f"the operator {node.op_type} ({title}) is not in the opset of the file"
            ) from None
        last = len(schema.inputs) - 1
        for k, name in enumerate(node.input):
            optional = (
                last >= 0
                and schema.inputs[min(k, last)].option == defs.OpSchema.FormalParameterOption.Optional
            )
            # onnxruntime crashes on a normalisation whose bias is there but has no name.
            if not name and (not optional or node.op_type == "LayerNormalization"):
                raise ModelError(f"the operation {title} lacks its input {k + 1}")
