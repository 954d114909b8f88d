"""Operations are given what they can run on: indices that exist, sizes and parameters that fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from seitz.errors import ModelError

from .audit_learning import LEARNING
from .audit_operation import Check, Operation, Shape

_MOST_AXES = 64
#: ONNX's numbers of the types of integers.
_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
#: Inputs of products of bytes: rounding of all rows, which are not counted beforehand, and rounding by column.
_ROUNDING = {"MatMulInteger": ((2,), (3,)), "QLinearMatMul": ((1, 2, 6, 7), (4, 5))}
#: Inputs that are lists, of axes or sizes.
_LISTS = {
    "ConstantOfShape": (0,), "Expand": (1,), "Reshape": (1,), "Slice": (1, 2, 3, 4), "Split": (1,), "Squeeze": (1,),
    "TopK": (1,), "Unsqueeze": (1,),
}  # fmt: skip
#: Inputs that are one number.
_SINGLE = {"Clip": (1, 2), "Trilu": (1,)}
#: Lists of one number for each column, and the axes there must be at least.
_PER_COLUMN = {"BatchNormalization": ((1, 2, 3, 4), 2), "InstanceNormalization": ((1, 2), 3)}


def check_operator(operation: Operation) -> None:
    """Refuse what onnxruntime would fail or crash on, as far as its inputs are known beforehand."""
    kind = operation.node.op_type
    for check in (_axes, _lists, *_PLAIN.get(kind, ()), *LEARNING.get(kind, ())):
        for complaint in check(operation):
            raise ModelError(f"the operation {operation.title} {complaint}")


def _axes(operation: Operation) -> Iterator[str]:
    """Inference compares the lower half of an axis only."""
    axes = (
        *operation.attribute("axes", ()),
        *operation.attribute("perm", ()),
        operation.attribute("axis", 0),
    )
    for axis in axes:
        if abs(axis) > _MOST_AXES:
            yield f"asks for axis {axis}"


def _lists(operation: Operation) -> Iterator[str]:
    kind = operation.node.op_type
    for k in (1,) if kind.startswith("Reduce") else _LISTS.get(kind, ()):
        shape = operation.shape(k)
        if shape is not None and len(shape) != 1:
            yield f"has an input {k + 1} of shape {_shown(shape)}: it is a list"


def _picked(operation: Operation) -> Iterator[str]:
    last = operation.node.op_type == "ArrayFeatureExtractor"
    size, indices = operation.size(0, -1 if last else operation.attribute("axis", 0)), operation.values(1)
    if indices is None:
        return
    if last and not indices.size:
        yield "picks nothing"
    if size is not None and indices.size:
        low, high = int(indices.min()), int(indices.max())
        if low < (0 if last else -size) or high >= size:
            yield f"asks for number {low if low < 0 else high} of {size:,}, counted from 0"


def _elements(operation: Operation) -> Iterator[str]:
    data, indices, axis = operation.shape(0), operation.shape(1), operation.attribute("axis", 0)
    if data is None or indices is None:
        return
    others = set(range(len(data))) - {axis % max(1, len(data))}
    if len(data) != len(indices) or any((indices[k] or 0) > (data[k] or math.inf) for k in others):
        yield f"picks {_shown(indices)} of {_shown(data)}"


def _largest(operation: Operation) -> Iterator[str]:
    size, values = operation.size(0, operation.attribute("axis", -1)), operation.values(1)
    n = operation.attribute("k") if values is None else values.item() if values.size == 1 else None
    if n is not None and (n < 0 or (size is not None and n > size)):
        yield f"takes the largest {n:,} of {'some' if size is None else f'{size:,}'}"


def _parts(operation: Operation) -> Iterator[str]:
    size, n = operation.size(0, operation.attribute("axis", 0)), operation.attribute("num_outputs")
    given = operation.values(1)
    sizes = operation.attribute("split", []) if given is None else given.reshape(-1).tolist()
    if n is not None and n != len(operation.node.output):
        yield f"splits into {n:,} parts, of which it gives {len(operation.node.output):,}"
    if any(part < 0 for part in sizes) or (sizes and sum(sizes) != (sum(sizes) if size is None else size)):
        yield f"splits {'some' if size is None else f'{size:,}'} into {_shown(sizes)}"
    # All parts but the last are equally large, and it must not be empty.
    if n is not None and size is not None and (n - 1) * math.ceil(size / n) >= size:
        yield f"cannot split {size:,} into {n:,} parts"


def _sliced(operation: Operation) -> Iterator[str]:
    shape, lengths = operation.shape(0), {operation.size(k, 0) for k in range(1, len(operation.node.input))}
    if len(lengths - {None}) > 1:
        yield "has bounds of different lengths"
    if shape is not None and any(not -len(shape) <= k < len(shape) for k in operation.attribute("axes", [])):
        yield f"cuts along axis {_shown(operation.attribute('axes'))} of {_shown(shape)}"


def _reshaped(operation: Operation) -> Iterator[str]:
    """As many numbers before as after, where they can be counted."""
    before, target = operation.shape(0), operation.values(1)
    if before is None or target is None or (operation.attribute("allowzero", 0) and 0 in target):
        return
    after = target.reshape(-1).tolist()
    rest = [n for k, n in enumerate(before) if k >= len(after) or after[k]]  # 0 is as before
    known = [n for n in rest if n is not None]
    if len(known) < len(rest):
        return
    size, wanted = math.prod(known), math.prod(n for n in after if n > 0)
    if size % wanted if -1 in after else size != wanted:
        yield f"cannot give {_shown(before)} the shape {_shown(after)}"


def _permuted(operation: Operation) -> Iterator[str]:
    shape, order = operation.shape(0), operation.attribute("perm")
    if shape is not None and order is not None and sorted(order) != list(range(len(shape))):
        yield f"cannot put {_shown(shape)} in the order {_shown(order)}"


def _slope(operation: Operation) -> Iterator[str]:
    yield from _unlike(operation, 1, operation.shape(0))


def _layer(operation: Operation) -> Iterator[str]:
    shape, axis = operation.shape(0), operation.attribute("axis", -1)
    if shape is None:
        return
    if not -len(shape) <= axis < len(shape):
        yield f"asks for axis {axis} of {_shown(shape)}"
    for k in (1, 2):
        yield from _unlike(operation, k, shape[axis:])


def _bias(operation: Operation) -> Iterator[str]:
    transposed, rows = operation.attribute("transB", 0), operation.attribute("transA", 0)
    yield from _unlike(
        operation, 2, (operation.size(0, 1 if rows else 0), operation.size(1, 0 if transposed else 1))
    )


def _per_column(operation: Operation) -> Iterator[str]:
    inputs, n_axes = _PER_COLUMN[operation.node.op_type]
    shape = operation.shape(0)
    if shape is None or operation.attribute("spatial", 1) == 0:
        return
    if len(shape) < n_axes:
        yield f"takes {n_axes} axes or more, not {_shown(shape)}"
        return
    for k in inputs:
        given = operation.shape(k)
        if shape[1] is not None and given is not None and given not in ((None,), (shape[1],)):
            yield f"has an input {k + 1} of shape {_shown(given)} for {shape[1]:,} columns"


def _scaled(operation: Operation) -> Iterator[str]:
    shape, scale, zero = (operation.shape(k) for k in range(3))
    block, axis = operation.attribute("block_size", 0), operation.attribute("axis", 1)
    if block < 0:
        yield f"has blocks of {block}"
    if shape is None or scale is None or None in scale:
        return
    single = not block and len(scale) < 2 and math.prod(n or 0 for n in scale) == 1
    if not single and not -len(shape) <= axis < len(shape):
        yield f"asks for axis {axis} of {_shown(shape)}"
    elif not (single or block) and (len(scale) != 1 or shape[axis] not in (None, scale[0])):
        yield f"has scales of shape {_shown(scale)} along axis {axis} of {_shown(shape)}"
    if zero is not None and None not in zero and zero != scale and not (single and zero in ((), (1,))):
        yield f"has zero points of shape {_shown(zero)} and scales of {_shown(scale)}"


def _rounding(operation: Operation) -> Iterator[str]:
    of_all, by_column = _ROUNDING[operation.node.op_type]
    weights = operation.shape(3 if operation.node.op_type == "QLinearMatMul" else 1)
    columns = weights[1] if weights is not None and len(weights) == 2 else None
    for k in (*of_all, *by_column):
        shape = operation.shape(k)
        if shape is None or None in shape:
            continue
        n = math.prod(size or 0 for size in shape)
        if n != 1 and (k in of_all or columns not in (None, n)):
            read = "one number is read" if k in of_all else "one number, or one per column, is read"
            yield f"has an input {k + 1} of shape {_shown(shape)}: {read}"


def _single(operation: Operation) -> Iterator[str]:
    for k in _SINGLE[operation.node.op_type]:
        shape = operation.shape(k)
        if shape is not None and None not in shape and math.prod(n or 0 for n in shape) != 1:
            yield f"has an input {k + 1} of shape {_shown(shape)}: it is one number"


def _divided(operation: Operation) -> Iterator[str]:
    """The least integer divided by -1 stops the process."""
    if operation.kind(0) in _INTEGERS:
        divisor = operation.values(1)
        if divisor is None or np.isin(divisor.astype(np.int64), (0, -1)).any():
            yield "divides integers by what is, or could be, 0 or -1"


def _ratio(operation: Operation) -> Iterator[str]:
    values = operation.values(1)
    if values is not None and not ((values >= 0) & (values < 1)).all():
        yield "leaves out a share that is not between 0 and 1"


def _steps(operation: Operation) -> Iterator[str]:
    values = operation.values(2)
    if values is not None and not values.all():
        yield "goes on in steps of 0"


def _filled(operation: Operation) -> Iterator[str]:
    value = operation.attribute("value")
    if value is not None and math.prod(value.dims) != 1:
        yield f"fills with a value of shape {_shown(value.dims)}"


def _approximated(operation: Operation) -> Iterator[str]:
    said = operation.attribute("approximate", b"none")
    if said not in (b"none", b"tanh"):
        yield f"has an unknown approximation: {said[:40].decode(errors='replace')!r}"


def _unlike(operation: Operation, k: int, shape: Shape | None) -> Iterator[str]:
    """Whether an input cannot be repeated to a shape."""
    given = operation.shape(k)
    if given is None or shape is None:
        return
    target = (1,) * (len(given) - len(shape)) + shape
    pairs = zip(given[::-1], target[::-1], strict=False)
    if any(n not in (None, 1) and m not in (None, n) for n, m in pairs):
        yield f"has an input {k + 1} of shape {_shown(given)} for {_shown(shape)}"


def _shown(shape: Iterable[int | None]) -> str:
    """A shape on a short line."""
    sizes = ["any" if n is None else str(n) for n in shape]
    return f"({', '.join([*sizes[:8], *(['...'] if len(sizes) > 8 else [])])})"


_PLAIN: Mapping[str, tuple[Check, ...]] = {
    "ArrayFeatureExtractor": (_picked,), "BatchNormalization": (_per_column,), "Clip": (_single,),
    "ConstantOfShape": (_filled,), "DequantizeLinear": (_scaled,), "Div": (_divided,), "Dropout": (_ratio,),
    "Gather": (_picked,), "GatherElements": (_elements, _picked), "Gelu": (_approximated,), "Gemm": (_bias,),
    "InstanceNormalization": (_per_column,), "LayerNormalization": (_layer,), "MatMulInteger": (_rounding,),
    "PRelu": (_slope,), "QLinearMatMul": (_rounding,), "QuantizeLinear": (_scaled,), "Range": (_steps,),
    "Reshape": (_reshaped,), "Slice": (_sliced,), "Split": (_parts,), "TopK": (_largest,),
    "Transpose": (_permuted,), "Trilu": (_single,),
}  # fmt: skip
