"""One operation of a graph, with what is known of its inputs before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto, TypeProto

#: None where any size goes.
Shape: TypeAlias = "tuple[int | None, ...]"


def shape_of(kind: TypeProto) -> Shape | None:
    """None if not even the number of axes is known."""
    tensor = kind.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation; what is not known of its inputs is None."""

    node: NodeProto
    _types: Mapping[str, TypeProto]
    _constants: Mapping[str, TensorProto]

    @property
    def title(self) -> str:
        """Its name and what it does."""
        return f"{self.node.name} ({self.node.op_type})" if self.node.name else self.node.op_type

    def attribute(self, name: str, default: Any = None) -> Any:
        """Its value: a number, bytes, a tensor, or a list of them."""
        from onnx import helper

        found = (entry for entry in self.node.attribute if entry.name == name)
        return next((helper.get_attribute_value(entry) for entry in found), default)

    def _input(self, k: int) -> str:
        return self.node.input[k] if k < len(self.node.input) else ""

    def shape(self, k: int) -> Shape | None:
        """Of an input."""
        kind = self._types.get(self._input(k))
        return None if kind is None else shape_of(kind)

    def size(self, k: int, axis: int) -> int | None:
        """Of an input along an axis."""
        shape = self.shape(k)
        return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None

    def kind(self, k: int) -> int | None:
        """Type of the numbers of an input, as ONNX counts them."""
        kind = self._types.get(self._input(k))
        return None if kind is None else kind.tensor_type.elem_type

    def values(self, k: int) -> NDArray[Any] | None:
        """The numbers of an input, if they do not depend on the features."""
        from onnx import numpy_helper

        tensor = self._constants.get(self._input(k))
        values = None if tensor is None else np.asarray(numpy_helper.to_array(tensor))
        return None if values is None or values.dtype.kind == "c" else values


#: Says what is wrong with an operation: what stands behind its title.
Check: TypeAlias = Callable[[Operation], Iterator[str]]
