"""The shapes in a model's graph fit together, and nothing in it grows out of bounds.

They are inferred operation by operation, each judged before the next: impossible ones crash ONNX, and in a whole graph
it follows lists of any length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz.errors import ModelError

from .audit_learning import LEARNING, given_by
from .audit_operation import Operation, Shape, shape_of
from .audit_operators import check_operator

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import (
        GraphProto,
        ModelProto,
        NodeProto,
        OperatorSetIdProto,
        TensorProto,
        TypeProto,
        ValueInfoProto,
    )

MAX_COMPUTED = 2**28  # numbers of one tensor that is computed, its unknown axes left out
MAX_AXES = 64
_SMALL = 1024  # elements; larger constants say nothing about shapes
_ROWS = 1024  # as a batch has

#: Operators whose output is as large as a number says.
_SIZED = frozenset({"ConstantOfShape", "Expand", "Range"})


def check_shapes(model: ModelProto, widths: Mapping[str, int] | None = None) -> None:
    """Refuse graphs whose parts do not fit together, by the rules of the standard, and what they would fill.

    ``widths`` are those of inputs that do not say it themselves.
    """
    import onnx
    from onnx import shape_inference

    outline = _outline(model)
    _set_widths(outline.graph.input, widths or {})
    try:
        onnx.checker.check_model(outline)
    except Exception as error:  # there are several, without a common base
        raise ModelError(f"the graph is not sound: {_short(error)}") from None
    _follow(model, outline, judged=True)
    # A shape must be there for the checker, and none for what comes next.
    for port in outline.graph.output:
        port.type.tensor_type.ClearField("shape")
    try:
        declared = shape_inference.infer_shapes(outline, check_type=True, strict_mode=True)
    except Exception as error:
        raise ModelError(f"the graph is not sound: {_short(error)}") from None
    _check_outputs(model.graph, declared.graph)
    _set_rows(outline.graph.input)
    _follow(model, outline, judged=False)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the values in a graph, by their names."""

    types: dict[str, TypeProto]
    constants: dict[str, TensorProto]
    opsets: list[OperatorSetIdProto]

    def add(self, name: str, tensor: TensorProto) -> None:
        from onnx import helper

        self.constants[name] = tensor
        self.types[name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))

    def infer(self, node: NodeProto) -> dict[str, TypeProto]:
        """Types and shapes of the outputs, none if an input is not known."""
        from onnx import defs, shape_inference

        if any(name and name not in self.types for name in node.input):
            return {}
        inputs = {name: self.types[name] for name in node.input if name}
        small = {name: self.constants[name] for name in inputs if name in self.constants}
        small = {name: tensor for name, tensor in small.items() if math.prod(tensor.dims) <= _SMALL}
        domain = "" if node.domain == "ai.onnx" else node.domain
        version = next(
            entry.version for entry in self.opsets if (entry.domain or "ai.onnx") == (domain or "ai.onnx")
        )
        schema = defs.get_schema(node.op_type, version, domain)
        return dict(
            shape_inference.infer_node_outputs(schema, node, inputs, small, opset_imports=self.opsets)
        )


def _follow(model: ModelProto, outline: ModelProto, *, judged: bool) -> None:
    """Go through the operations with what is known of their inputs, and refuse those that give too much.

    With ``judged``, also those that do not fit their inputs; without, such ones give something unknown: there are
    models that take fewer rows than a batch has.
    """
    known = _Known({port.name: port.type for port in outline.graph.input}, {}, list(outline.opset_import))
    for tensor in model.graph.initializer:
        known.add(tensor.name, tensor)
    for node in model.graph.node:
        if (constant := _constant(node)) is not None:
            known.add(node.output[0], constant)
            continue
        operation = Operation(node, known.types, known.constants)
        if judged:
            check_operator(operation)
        try:
            given = {node.output[0]: given_by(operation)} if node.op_type in LEARNING else known.infer(node)
        except Exception as error:  # there are several, without a common base
            if judged:
                where = f"the operation {operation.title}: {_short(error)}"
                raise ModelError(f"the graph is not sound: {where}") from None
            given = {}
        known.types.update(given)
        for name, kind in given.items():
            _check_size(name, shape_of(kind))
        shape = shape_of(given[node.output[0]]) if node.output[0] in given else None
        if node.op_type in _SIZED and not judged and (shape is None or None in shape):
            raise ModelError(
                f"how large the operation {operation.title} makes its output is not told beforehand"
            )
        if (values := _values(operation, shape)) is not None:
            known.add(node.output[0], values)


def _check_size(name: str, shape: Shape | None) -> None:
    known = [n for n in shape or () if n is not None]
    if any(n < 0 for n in known) or len(shape or ()) > MAX_AXES:
        raise ModelError(f"{name} would have an impossible shape")
    if math.prod(known) > MAX_COMPUTED:
        raise ModelError(f"{name} would have {math.prod(known):,} numbers, more than {MAX_COMPUTED:,}")


# --- numbers that stand for shapes ---------------------------------------------------------------------------------


def _constant(node: NodeProto) -> TensorProto | None:
    """What a constant holds."""
    from onnx import numpy_helper

    if node.op_type != "Constant" or len(node.attribute) != 1:
        return None
    (entry,) = node.attribute
    if entry.name == "value":
        return entry.t
    kind = np.float32 if entry.name.startswith("value_float") else np.int64
    values = {"value_float": entry.f, "value_int": entry.i}.get(entry.name, list(entry.floats or entry.ints))
    return (
        None if entry.name.startswith("value_str") else numpy_helper.from_array(np.array(values, dtype=kind))
    )


def _values(operation: Operation, shape: Shape | None) -> TensorProto | None:
    """Sizes that follow from those of others: what is longer than a shape is none."""
    from onnx import numpy_helper

    node = operation.node
    if shape is None or None in shape or len(shape) > 1 or math.prod(n or 0 for n in shape) > MAX_AXES:
        return None
    with np.errstate(all="ignore"):
        if node.op_type in ("Shape", "Size"):
            found = _sizes(operation)
        elif node.op_type in _FOLLOWED and all(_is_small(operation.shape(k)) for k in range(len(node.input))):
            found = _followed(operation)
        else:
            return None
    if found is None or found.dtype.kind not in "iu" or found.size != math.prod(n or 0 for n in shape):
        return None
    return numpy_helper.from_array(found.reshape([n or 0 for n in shape]))


def _is_small(shape: Shape | None) -> bool:
    return shape is not None and None not in shape and math.prod(n or 0 for n in shape) <= _SMALL


def _sizes(operation: Operation) -> NDArray[Any] | None:
    shape = operation.shape(0)
    if shape is None or None in shape:
        return None
    if operation.node.op_type == "Size":
        return np.array(math.prod(n or 0 for n in shape), dtype=np.int64)
    return np.array(shape[operation.attribute("start", 0) : operation.attribute("end")], dtype=np.int64)


def _followed(operation: Operation) -> NDArray[Any] | None:
    values = [operation.values(k) for k in range(len(operation.node.input))]
    known = [value for value in values if value is not None]
    try:
        return _FOLLOWED[operation.node.op_type](operation, *known) if len(known) == len(values) else None
    except (IndexError, TypeError, ValueError):  # they do not fit
        return None


def _slice(operation: Operation, x: NDArray[Any], *bounds: NDArray[Any]) -> NDArray[Any]:
    if not bounds:  # before opset 10
        bounds = (operation.attribute("starts"), operation.attribute("ends"))
    step = bounds[3][0] if len(bounds) > 3 else 1
    return x[bounds[0][0] : bounds[1][0] : step]


def _cast(operation: Operation, x: NDArray[Any]) -> NDArray[Any]:
    from onnx import helper

    return x.astype(helper.tensor_dtype_to_np_dtype(operation.attribute("to")))


#: How lists of sizes are computed; the shape of what comes out is known.
_FOLLOWED: Mapping[str, Callable[..., Any]] = {
    "Add": lambda _, x, y: x + y, "Sub": lambda _, x, y: x - y, "Mul": lambda _, x, y: x * y, "Cast": _cast,
    "Concat": lambda _, *x: np.concatenate(x), "Slice": _slice,
    "Gather": lambda operation, x, k: np.take(x, k, operation.attribute("axis", 0)),
    "Identity": lambda _, x: x, "Reshape": lambda _, x, *rest: x, "Squeeze": lambda _, x, *rest: x,
    "Unsqueeze": lambda _, x, *rest: x,
}  # fmt: skip


def _outline(model: ModelProto) -> ModelProto:
    """The model without its weights, which become inputs, and without the sizes its outputs declare."""
    import onnx
    from onnx import helper

    found = onnx.ModelProto(ir_version=max(model.ir_version, 4))  # since 4 constants need not be inputs
    opsets = {(entry.domain, entry.version): entry for entry in model.opset_import}  # some say one twice
    found.opset_import.extend(opsets.values())
    found.graph.name = model.graph.name or "graph"
    found.graph.node.extend(model.graph.node)
    named = {tensor.name for tensor in model.graph.initializer}
    found.graph.input.extend(port for port in model.graph.input if port.name not in named)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            found.graph.initializer.add().CopyFrom(tensor)
        else:
            found.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    for port in model.graph.output:
        kind = port.type.tensor_type.elem_type
        found.graph.output.append(helper.make_tensor_value_info(port.name, kind, []))
    return found


def _set_widths(ports: list[ValueInfoProto], widths: Mapping[str, int]) -> None:
    """Leave open what is no size, and say what is known from elsewhere."""
    for port in ports:
        for size in port.type.tensor_type.shape.dim:
            if size.HasField("dim_value") and size.dim_value <= 0:
                size.Clear()
        if port.name in widths:
            port.type.tensor_type.shape.dim[-1].dim_value = widths[port.name]


def _set_rows(ports: list[ValueInfoProto]) -> None:
    """Give inputs whose number of rows is free as many as a batch has."""
    for port in ports:
        dims = port.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].Clear()
            dims[0].dim_value = _ROWS


def _check_outputs(graph: GraphProto, inferred: GraphProto) -> None:
    """Compare the axes of the outputs with those announced; the first is left out, as exporters often err in it."""
    for port, found in zip(graph.output, inferred.output, strict=True):
        announced, true = port.type.tensor_type, found.type.tensor_type
        if not (announced.HasField("shape") and true.HasField("shape")):
            continue
        pairs = list(zip(announced.shape.dim, true.shape.dim, strict=False))[1:]
        differ = any(a.dim_value > 0 < b.dim_value and a.dim_value != b.dim_value for a, b in pairs)
        if len(announced.shape.dim) != len(true.shape.dim) or differ:
            raise ModelError(f"the output {port.name} has another shape than it announces")


def _short(error: Exception) -> str:
    """What a checker says, on one short line."""
    text = " ".join(str(error).split("\n\n==>")[0].split())
    for word in ("[ShapeInferenceError] ", "[TypeInferenceError] ", "Inference error(s): "):
        text = text.replace(word, "")
    return text[:200] or type(error).__name__
