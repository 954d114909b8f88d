"""Shapes are followed without harm, whatever a graph asks for, and widths are taken from where they are told."""

from __future__ import annotations

import itertools

import onnx
import pytest
from audit_samples import (
    CARD,
    REGRESSION,
    SCALES,
    TALL,
    VECTORS,
    graph,
    indices,
    learning,
    node,
    number,
    ones,
    plain,
    table,
    trees,
)  # fmt: skip
from onnx import TensorProto, helper
from onnx_samples import linear

from seitz.errors import ModelError
from seitz.models.audit import audit_bytes
from seitz.models.card import METADATA_KEY

# --- what ONNX itself crashes on -------------------------------------------------------------------------------------


def with_summed(*nodes: onnx.NodeProto, constants=(), inputs=None) -> onnx.ModelProto:
    """x plus the sum of c, which the nodes make."""
    end = (
        node("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        node("ReduceSum", ["f"], ["s"], keepdims=0),
        node("Add", ["x", "s"], ["y"]),
    )
    return graph(*nodes, *end, constants=constants, inputs=inputs)


def doubled(n: int) -> onnx.ModelProto:
    """A list of sizes, appended to itself again and again."""
    names = ["c0", *(f"c{k}" for k in range(1, n)), "c"]
    pairs = itertools.pairwise(names)
    return with_summed(
        node("Shape", ["x"], ["c0"]), *(node("Concat", [a, a], [b], axis=0) for a, b in pairs), inputs=TALL
    )


def test_lists_are_followed_only_as_long_as_shapes_are():
    audit_bytes(doubled(24).SerializeToString())  # ONNX would need gigabytes for it
    with pytest.raises(ModelError, match="numbers, more than"):
        audit_bytes(doubled(60).SerializeToString())
    sizes = [number("k", [10**7], "i8"), number("a", 0, "i8"), number("b", 10**7, "i8"), number("d", 1, "i8")]
    audit_bytes(with_summed(node("ConstantOfShape", ["k"], ["c"]), constants=sizes).SerializeToString())
    audit_bytes(with_summed(node("Range", ["a", "b", "d"], ["c"]), constants=sizes).SerializeToString())


def test_axes_without_a_size_are_open():
    for size in (0, -1, -(2**63)):
        sliced = plain(
            "Slice", indices(0), number("e", [3], "i8"), number("a", [1], "i8"), inputs=table("n", size)
        )
        audit_bytes(sliced.SerializeToString())


def test_sizes_that_overflow_are_refused():
    joined = node("Concat", ["r", "r"], ["d"], axis=0)
    cut = node("Slice", ["d", "zero", "one"], ["c"])
    constants = [number("k", [2**62], "i8"), number("zero", [0], "i8"), number("one", [1], "i8")]
    proto = with_summed(node("ConstantOfShape", ["k"], ["r"]), joined, cut, constants=constants)
    with pytest.raises(ModelError, match="numbers, more than"):
        audit_bytes(proto.SerializeToString())


def test_a_computed_size_is_known_from_shapes():
    repeated = (node("Shape", ["x"], ["k"]), node("Expand", ["one", "k"], ["c"]))
    audit_bytes(with_summed(*repeated, constants=[ones("one", 1)]).SerializeToString())
    told = (node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("Slice", ["i", "a", "b", "a"], ["j"]))
    told = (*told, node("Reshape", ["j", "flat"], ["k"]), node("Expand", ["one", "k"], ["c"]))
    constants = [ones("one", 1), number("a", [0], "i8"), number("b", [1], "i8"), number("flat", [-1], "i8")]
    with pytest.raises(ModelError, match="not told beforehand"):
        audit_bytes(with_summed(*told, constants=constants).SerializeToString())


# --- widths ----------------------------------------------------------------------------------------------------------

OPEN = {
    "trees": trees(table("n", "w"), nodes_featureids=[300, 0, 0, 3, 0, 0]),
    "scaler": learning("Scaler", table("n", "w"), **SCALES),
    "linear": learning("LinearRegressor", table("n", "w"), **REGRESSION),
    "vectors": learning("SVMRegressor", table("n", "w"), **VECTORS),
    "indices": plain("Gather", indices(300), axis=1, inputs=table("n", "w")),
}


@pytest.mark.parametrize("name", OPEN)
def test_a_width_that_only_the_card_tells(name):
    proto = OPEN[name]
    audit_bytes(proto.SerializeToString())  # nobody knows how many features come
    carded = onnx.ModelProto.FromString(proto.SerializeToString())
    helper.set_model_props(carded, {METADATA_KEY: CARD.to_json()})
    with pytest.raises(ModelError, match="256"):
        audit_bytes(carded.SerializeToString())


def test_a_card_of_the_right_width_changes_nothing():
    proto = linear(256)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "w"
    helper.set_model_props(proto, {METADATA_KEY: CARD.to_json()})
    assert audit_bytes(proto.SerializeToString()).inputs[0].shape == (None, None)
