"""What was learned as one ONNX graph, with operators that every version since opset 7 has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from seitz.models.torch_graph import GraphModule

FEATURES = "features"
OPSET, IR = 20, 10
_TREES_OF, _TREES = "ai.onnx.ml", 3


class Graph:
    """Nodes and constants on their way to a model.

    Parameters
    ----------
    n_features
        Columns of the input.
    opset, ir_version
        Those of the model that goes into it.
    """

    def __init__(self, n_features: int, opset: int = OPSET, ir_version: int = IR) -> None:
        self.n_features, self.opset, self.ir_version = n_features, opset, ir_version
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._domains = {"": opset}
        self._float: type = np.float32

    def constant(self, values: Any) -> str:
        """Name of an array; floats in the precision of the place."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(self._float)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Name of what an operation gives; arrays and numbers among its inputs become constants."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [name], name=name, **attributes))
        return name

    @contextmanager
    def in_double(self) -> Iterator[None]:
        """Constants within are in double precision; what they meet must be cast to it."""
        self._float = np.float64
        try:
            yield
        finally:
            self._float = np.float32

    def cast(self, x: str, kind: int) -> str:
        """x as another type, e.g. ``TensorProto.DOUBLE``."""
        return self.add("Cast", x, to=kind)

    def trees(self, x: str, **attributes: Any) -> str:
        """(n, 1) sum of regression trees; attributes of ``TreeEnsembleRegressor``."""
        self._domains[_TREES_OF] = _TREES
        return self.add("TreeEnsembleRegressor", x, domain=_TREES_OF, **attributes)

    def linear(self, x: str, weights: Any, bias: Any = 0.0) -> str:
        """x @ weights + bias."""
        return self.add("Add", self.add("MatMul", x, np.asarray(weights)), np.asarray(bias, dtype=np.float64))

    def scaled(self, x: str, centre: Any, unit: Any, limit: float) -> str:
        """(x - centre) · unit, within ± limit."""
        z = self.add("Mul", self.add("Sub", x, centre), unit)
        return self.between(z, -limit, limit)

    def between(self, x: str, low: float, high: float) -> str:
        """x, not below the one and not above the other."""
        return self.add("Min", self.add("Max", x, np.float64(low)), np.float64(high))

    def joined(self, columns: list[str]) -> str:
        """Columns beside one another."""
        return columns[0] if len(columns) == 1 else self.add("Concat", *columns, axis=1)

    def as_column(self, x: str) -> str:
        """(n, 1) of (n,) or (n, 1)."""
        return self.add("Reshape", x, np.array([-1, 1], dtype=np.int64))

    def as_row(self, x: str, name: str) -> None:
        """(n,) of (n, 1), under this name."""
        shape = self.constant(np.array([-1], dtype=np.int64))
        self.nodes.append(helper.make_node("Reshape", [x, shape], [name], name=name))

    def include(self, module: GraphModule, prefix: str) -> list[str]:
        """Put the nodes of a module into the graph, with its weights as they are now; names of what it gives."""
        names = {module.feature_port: FEATURES, "": ""}
        names |= {name: self.constant(np.float64(0.0)) for name in module.switches}
        changed = _changed(module)
        for tensor in module.sources:
            array = changed.get(tensor.name)
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor if array is None else numpy_helper.from_array(array))
            names[tensor.name] = copy.name = f"{prefix}.{tensor.name}"
            self.constants.append(copy)
        for node in module.kept:
            if node.domain == _TREES_OF:
                self._domains[_TREES_OF] = _TREES
            output = node.output[0]
            if output in changed:  # bytes that were unfolded and trained
                names[output] = f"{prefix}.{output}"
                self.constants.append(numpy_helper.from_array(changed[output], names[output]))
            else:
                self.nodes.append(_renamed(node, names, prefix))
        self._reshape_any_batch(module, prefix)
        self._drop_unused(prefix)
        return [names[name] for name in module.output_names]

    def _reshape_any_batch(self, module: GraphModule, prefix: str) -> None:
        """Shapes that were written for so many rows hold for any number."""
        if module.fixed_batch is None:
            return
        known = {tensor.name: tensor for tensor in self.constants}
        for node in self.nodes:
            own = node.op_type == "Reshape" and node.name.startswith(f"{prefix}.")
            if own and node.input[0] not in known and node.input[1] in known:
                sizes = numpy_helper.to_array(known[node.input[1]]).copy()
                if len(sizes) and sizes[0] == module.fixed_batch:
                    _any_batch(node, sizes, self.constant)

    def _drop_unused(self, prefix: str) -> None:
        used = {name for node in self.nodes for name in node.input}
        self.constants = [
            tensor
            for tensor in self.constants
            if tensor.name in used or not tensor.name.startswith(f"{prefix}.")
        ]

    def model(self, outputs: dict[str, int], metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole, with (n,) outputs of these types by name."""
        features = helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["batch", self.n_features])
        graph = helper.make_graph(
            self.nodes, "seitz", [features],
            [helper.make_tensor_value_info(name, kind, ["batch"]) for name, kind in outputs.items()], self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid(domain, version) for domain, version in self._domains.items()]
        found = helper.make_model(
            graph, opset_imports=opsets, ir_version=self.ir_version, producer_name="seitz"
        )
        helper.set_model_props(found, metadata)
        return found


def _any_batch(node: onnx.NodeProto, sizes: Any, constant: Callable[[Any], str]) -> None:
    """(n, everything else) for a reshape to (1, -1), else (n, ...) for (1, ...)."""
    if sizes[1:].tolist() == [-1]:
        node.op_type = "Flatten"
        del node.input[1:], node.attribute[:]
        return
    sizes[0] = 0 if -1 in sizes[1:] else -1
    node.input[1] = constant(sizes)


def _changed(module: GraphModule) -> dict[str, np.ndarray[Any, Any]]:
    """Weights by the names of their tensors, where training has changed them."""
    original = {tensor.name: numpy_helper.to_array(tensor) for tensor in module.sources}
    found = {}
    for name, place in module.places.items():
        value = getattr(module, place).detach().cpu().numpy()
        if not getattr(module, place).requires_grad and name in original:
            continue
        if name not in original:
            if not np.array_equal(value, module.unfolded[name].numpy()):
                found[name] = value
        elif not np.array_equal(value, original[name].astype(value.dtype)):
            found[name] = value
    return found


def _renamed(node: onnx.NodeProto, names: dict[str, str], prefix: str) -> onnx.NodeProto:
    """A copy for the new graph; dropouts, which do nothing there, lose their rate."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.input[:], copy.output[:]
    inputs = list(node.input)
    if node.op_type == "Dropout":
        copy.op_type, inputs = "Identity", inputs[:1]
        del copy.attribute[:]
    copy.input.extend(names[name] for name in inputs)
    for name in node.output[: 1 if node.op_type == "Dropout" else None]:
        names[name] = f"{prefix}.{name}"
        copy.output.append(names[name])
    copy.name = f"{prefix}.{node.name or node.output[0]}"
    return copy
