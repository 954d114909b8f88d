"""The parts of a model's graph fit together, its numbers are finite, and nothing in it grows out of bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

MAX_ELEMENTS = 2**31  # of one tensor in the file
MAX_COMPUTED = 2**28  # of one that is computed, its unknown axes left out
_MAX_TARGETS = 10_000
_SMALL = 1024  # elements; larger constants say nothing about shapes
_ROWS = 1024  # as a batch has

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
        "TreeEnsemble",
        "Where",
    }
)
#: Attributes likewise: thresholds of trees.
_INFINITE_ATTRIBUTES = frozenset({"nodes_values", "nodes_splits", "min", "max"})
#: Attributes that name what a missing number looks like.
_NAN_ATTRIBUTES = frozenset({"replaced_value_float", "nodes_hitrates", "nodes_hitrates_as_tensor"})
#: Operators whose output is as large as a number says.
_SIZED = frozenset({"ConstantOfShape", "Expand", "Range"})
_MODES = {b"LEAF"} | {b"BRANCH_" + kind for kind in (b"LEQ", b"LT", b"GTE", b"GT", b"EQ", b"NEQ")}
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
        if node.domain == "ai.onnx.ml":
            _check_learning(node, title)


def _check_learning(node: NodeProto, title: str) -> None:
    """Lists of the machine-learning operators that belong together are equally long, and numbers of targets sane."""
    ints = {attribute.name: attribute.i for attribute in node.attribute}
    lists = {a.name: list(a.ints) for a in node.attribute if a.ints}
    lengths = {a.name: len(a.ints) or len(a.floats) or len(a.strings) for a in node.attribute}
    for name in ("n_targets", "targets"):
        if name in ints and not 1 <= ints[name] <= _MAX_TARGETS:
            raise ModelError(f"the operation {title} has {ints[name]:,} targets")
    if node.op_type == "TreeEnsembleRegressor":
        for start in ("nodes_", "target_"):
            if len({n for name, n in lengths.items() if name.startswith(start) and n}) > 1:
                raise ModelError(f"the trees of {title} have lists of different lengths")
        targets = lists.get("target_ids", [])
        if any(not 0 <= target < ints.get("n_targets", 1) for target in targets):
            raise ModelError(f"the trees of {title} have values for targets that do not exist")
        if any(feature < 0 for feature in lists.get("nodes_featureids", [])):
            raise ModelError(f"the trees of {title} ask for a feature that does not exist")
        if not _are_trees(node):
            raise ModelError(f"what {title} holds are no trees")
    if node.op_type == "SVMRegressor" and ints.get("n_supports", 0):
        n = ints["n_supports"]
        if n != lengths.get("coefficients", 0) or lengths.get("support_vectors", 0) % n:
            raise ModelError(f"the {n:,} support vectors of {title} are not there")


def _are_trees(node: NodeProto) -> bool:
    """Whether all branches are of a known kind and lead to nodes of their tree, none of which leads back."""
    found = {attribute.name: attribute for attribute in node.attribute}
    names = ("nodes_treeids", "nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids")
    if not found.keys() >= {*names, "nodes_modes"}:
        return False
    modes = [bytes(mode) for mode in found["nodes_modes"].strings]
    rows = list(zip(*(found[name].ints for name in names), modes, strict=False))
    below = {
        (tree, number): [] if mode == b"LEAF" else [(tree, yes), (tree, no)]
        for tree, number, yes, no, mode in rows
    }
    children = [child for pair in below.values() for child in pair]
    roots = below.keys() - set(children)
    if not set(modes) <= _MODES or len(below) < len(rows) or not below.keys() >= set(children):
        return False
    seen, stack = 0, list(roots)
    while stack and seen <= len(rows):
        seen += 1
        stack += below[stack.pop()]
    # All nodes are reached once each: nothing is in a circle or below two branches.
    return seen == len(rows) and not stack and len(roots) == len({tree for tree, _ in below})


def check_shapes(model: ModelProto) -> None:
    """Refuse graphs whose parts do not fit together, by the rules of the standard, and what they would fill."""
    import onnx
    from onnx import shape_inference

    outline = _outline(model)
    try:
        onnx.checker.check_model(outline)
        for (
            port
        ) in outline.graph.output:  # a shape must be there for the checker, and none for what comes next
            port.type.tensor_type.ClearField("shape")
        declared = shape_inference.infer_shapes(outline, check_type=True, strict_mode=True)
        _set_rows(outline.graph.input)
        sized = shape_inference.infer_shapes(outline, data_prop=True)
    except Exception as error:  # there are several, without a common base
        raise ModelError(f"the graph is not sound: {_short(error)}") from None
    _check_outputs(model.graph, declared.graph)
    shapes = {}
    for info in (*sized.graph.value_info, *sized.graph.output):
        if info.type.tensor_type.HasField("shape"):
            dims = info.type.tensor_type.shape.dim
            shapes[info.name] = [d.dim_value if d.HasField("dim_value") else None for d in dims]
            size = math.prod(n for n in shapes[info.name] if n is not None)
            if size > MAX_COMPUTED:
                raise ModelError(f"{info.name} would have {size:,} numbers, more than {MAX_COMPUTED:,}")
    for node in model.graph.node:
        if node.op_type in _SIZED and None in shapes.get(node.output[0], [None]):
            raise ModelError(
                f"how large the operation {node.name or node.op_type} makes its output is not told beforehand"
            )


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
