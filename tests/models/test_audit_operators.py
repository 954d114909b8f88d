"""Operations that would fail, crash or quietly err in onnxruntime are refused before a session is built."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from audit_samples import (
    BYTES,
    CARD,
    PAIR,
    SCALES,
    TALL,
    TREES,
    X,
    behind,
    chain_of,
    dequantized,
    divided,
    doubles,
    graph,
    indices,
    learning,
    node,
    number,
    of_regression,
    of_vectors,
    ones,
    plain,
    ran,
    scaled,
    statistics,
    trees,
)  # fmt: skip
from onnx import TensorProto

from seitz.errors import ModelError
from seitz.models.audit import audit_bytes
from seitz.models.runtime import OnnxModel

# --- trees -----------------------------------------------------------------------------------------------------------

_INTERLEAVED = [0, 3, 1, 4, 2, 5]

WRONG_TREES = {
    "a feature that is not": (trees(nodes_featureids=[9, 0, 0, 0, 0, 0]), "feature 9 of 4"),
    "a negative feature": (trees(nodes_featureids=[-1, 0, 0, 0, 0, 0]), "feature -1"),
    "no features": (trees(nodes_featureids=None), "different lengths"),
    "no thresholds": (trees(nodes_values=None), "different lengths"),
    "no weights": (trees(target_weights=None), "different lengths"),
    "no values": (
        trees(**dict.fromkeys(("target_treeids", "target_nodeids", "target_ids", "target_weights"))),
        "without the lists target_",
    ),
    "few hit rates": (trees(nodes_hitrates=[1.0]), "nodes_hitrates for 1 of 6"),
    "few missing values": (trees(nodes_missing_value_tracks_true=[1]), "tracks_true for 1 of 6"),
    "few base values": (trees(base_values=[1.0]), "1 base values; targets: 2"),
    "few base values in double": (doubles(base_values_as_tensor=number("b", [1.0], "f8")), "1 base values"),
    "few thresholds in double": (doubles(nodes_values_as_tensor=number("v", [1.0], "f8")), "different lengths"),
    "singles for doubles": (doubles(nodes_values_as_tensor=number("v", [0.0] * 6)), "another type"),
    "an unknown sum": (trees(aggregate_function="MEDIAN"), "unknown aggregate_function: 'MEDIAN'"),
    "an unknown ending": (trees(post_transform="TANH"), "unknown post_transform"),
    "no targets": (trees(n_targets=0), "has 0 targets"),
    "a child that is not": (trees(nodes_truenodeids=[5, 0, 0, 1, 0, 0]), "no trees"),
    "a child of another tree": (trees(nodes_nodeids=[0, 1, 2, 3, 4, 5]), "no trees"),
    "a circle": (trees(nodes_truenodeids=[0, 0, 0, 1, 0, 0]), "no trees"),
    "two ways to a node": (trees(nodes_truenodeids=[2, 0, 0, 1, 0, 0]), "no trees"),
    "a tree beyond 32 bits": (trees(nodes_treeids=[0] * 3 + [2**32] * 3), "no trees"),
    "a node twice": (trees(nodes_nodeids=[0, 1, 1, 0, 1, 2]), "no trees"),
    "a node beyond their number": (
        trees(nodes_nodeids=[0, 1, 9, 0, 1, 2], nodes_falsenodeids=[9, 0, 0, 2, 0, 0]), "no trees"
    ),
    # onnxruntime would take the first for the root, and what is interleaved for further trees.
    "a root that comes last": (
        trees(nodes_modes=["LEAF", "LEAF", "BRANCH_LEQ"] * 2, nodes_truenodeids=[0, 0, 1] * 2,
              nodes_falsenodeids=[0] * 6, target_nodeids=[0, 1] * 2),
        "from its root on",
    ),
    "interleaved trees": (
        trees(**{name: [TREES[name][k] for k in _INTERLEAVED] for name in TREES if name.startswith("nodes_")}),
        "no trees",
    ),
    "a tree that is too deep": (chain_of(1001), "at most 1,000 deep"),
    "a tree that is far too deep": (chain_of(30_000), "at most 1,000 deep"),
    "a value of a branch": (trees(target_nodeids=[0, 2, 1, 2]), "no leaf"),
    "a value of no node": (trees(target_nodeids=[5, 2, 1, 2]), "no leaf"),
    "a value of no tree": (trees(target_treeids=[0, 0, 1, 7]), "no leaf"),
    "a target that is not": (trees(target_ids=[0, 1, 0, 2]), "targets that do not exist"),
    "two values of a leaf": (trees(target_nodeids=[1, 1, 1, 2], target_ids=[0, 0, 0, 1]), "two values for one leaf"),
}  # fmt: skip


# --- other operators of ai.onnx.ml -----------------------------------------------------------------------------------

WRONG_LEARNING = {
    "few coefficients": (of_regression(coefficients=[1.0] * 7), "7 coefficients; targets: 2, features: 4"),
    "many coefficients": (of_regression(coefficients=[1.0] * 12), "12 coefficients"),
    "no coefficients": (of_regression(coefficients=None), "0 coefficients"),
    "few intercepts": (of_regression(intercepts=[1.0]), "1 intercepts; targets: 2"),
    "an unknown transform": (of_regression(post_transform="TANH"), "unknown post_transform"),
    "a linear model of billions": (of_regression(targets=10**9), "1,000,000,000 targets"),
    "few scales": (learning("Scaler", scale=[1.0] * 3, offset=[1.0] * 3), "3 scales for 4 features"),
    "few offsets": (learning("Scaler", scale=[1.0] * 4, offset=[1.0] * 3), "4 scales; offsets: 3"),
    "no scales": (learning("Scaler"), "0 scales"),
    "few fillings": (learning("Imputer", imputed_value_floats=[1.0] * 3), "3 values for 4 features"),
    "no fillings": (learning("Imputer"), "one list of values"),
    "two fillings": (
        learning("Imputer", imputed_value_floats=[1.0], imputed_value_int64s=[1]), "one list of values"
    ),
    "fillings of integers": (learning("Imputer", imputed_value_int64s=[1]), "another type"),
    "an unknown norm": (learning("Normalizer", norm="L7"), "unknown norm: 'L7'"),
    "few support vectors": (of_vectors(support_vectors=[0.1] * 6), "of 3 features for 4"),
    "parts of support vectors": (of_vectors(support_vectors=[0.1] * 7), "2 support vectors; their numbers: 7"),
    "no support vectors": (of_vectors(support_vectors=None), "their numbers: 0"),
    "few coefficients of vectors": (of_vectors(coefficients=[1.0]), "coefficients: 1"),
    "a negative number of vectors": (of_vectors(n_supports=-2), "-2 support vectors"),
    "no rho": (of_vectors(rho=None), "0 values of rho"),
    "few parameters": (of_vectors(kernel_params=[1.0]), "1 parameters of its kernel"),
    "an unknown kernel": (of_vectors(kernel_type="COSINE"), "unknown kernel_type"),
    "linear vectors that are short": (
        of_vectors(n_supports=0, support_vectors=None, coefficients=[1.0] * 3), "of 3 features for 4"
    ),
    "a picked column that is not": (
        graph(node("ArrayFeatureExtractor", ["x", "k"], ["y"], name="one", domain="ai.onnx.ml"),
              constants=[number("k", [4], "i8")]),
        "number 4 of 4",
    ),
    "a picked column from the end": (
        graph(node("ArrayFeatureExtractor", ["x", "k"], ["y"], name="one", domain="ai.onnx.ml"),
              constants=[number("k", [-1], "i8")]),
        "number -1 of 4",
    ),
    "no picked column": (
        graph(node("ArrayFeatureExtractor", ["x", "k"], ["y"], name="one", domain="ai.onnx.ml"),
              constants=[number("k", [], "i8")]),
        "picks nothing",
    ),
    # Shapes are known behind operators that ONNX infers none for.
    "weights behind a scaler": (
        behind(scaled(), node("MatMul", ["s", "w"], ["y"], name="one"), constants=[number("w", np.ones((3, 1)))]),
        "not sound",
    ),
    "a linear model behind two": (
        behind(
            scaled(), node("Normalizer", ["s"], ["t"], domain="ai.onnx.ml", norm="L2"),
            node("LinearRegressor", ["t"], ["y"], name="one", domain="ai.onnx.ml", coefficients=[1.0] * 3),
        ),
        "3 coefficients",
    ),
    "a scaler behind trees": (
        behind(
            node("TreeEnsembleRegressor", ["x"], ["s"], domain="ai.onnx.ml", **TREES),
            node("Scaler", ["s"], ["y"], name="one", domain="ai.onnx.ml", scale=[1.0] * 3, offset=[1.0] * 3),
        ),
        "3 scales for 2 features",
    ),
    "trees of another standard": (
        graph(node("TreeEnsemble", ["x"], ["y"], name="one", domain="ai.onnx.ml")), "no place"
    ),
}  # fmt: skip


# --- plain operators -------------------------------------------------------------------------------------------------


WRONG_PLAIN = {
    "an index that is not": (plain("Gather", indices(0, 4), axis=1), "number 4 of 4"),
    "an index before the first": (plain("Gather", indices(-5), axis=1), "number -5 of 4"),
    "elements that are not": (plain("GatherElements", number("k", [[0, 9]], "i8"), inputs=TALL, axis=1), "9 of 4"),
    "elements of more rows": (plain("GatherElements", number("k", [[0]] * 4, "i8"), inputs=TALL, axis=1), "picks"),
    "elements of other axes": (plain("GatherElements", indices(0), inputs=TALL), "picks"),
    "more than all": (plain("TopK", indices(5), outputs=PAIR), "largest 5 of 4"),
    "less than none": (plain("TopK", indices(-1), outputs=PAIR), "largest -1 of 4"),
    "more than all of old": (plain("TopK", k=5, outputs=PAIR, opset=9), "largest 5 of 4"),
    "a number where lists are": (plain("TopK", number("k", 1, "i8"), outputs=PAIR), "input 2 of shape .*a list"),
    "parts that do not fit": (plain("Split", indices(2, 3), axis=1, outputs=PAIR), "splits 4 into"),
    "negative parts": (plain("Split", indices(5, -1), axis=1, outputs=PAIR), "splits 4 into"),
    "too many parts": (plain("Split", axis=1, num_outputs=9, outputs=tuple("yabcdefgh")), "split 4 into 9"),
    "an empty part": (plain("Split", axis=1, num_outputs=3, outputs=("y", "z", "a")), "split 4 into 3"),
    "other parts than it gives": (plain("Split", axis=1, num_outputs=1, outputs=PAIR), "into 1 parts, of which"),
    "bounds that are no lists": (
        plain("Slice", number("k", [[0]], "i8"), number("e", [[1]], "i8")), "input 2 of shape .*a list"
    ),
    "bounds of two lengths": (
        plain("Slice", indices(0, 0), number("e", [1, 1], "i8"), number("a", [1], "i8")), "different lengths"
    ),
    "a cut along no axis": (plain("Slice", opset=9, starts=[0], ends=[1], axes=[5]), "along axis"),
    "an axis beyond 32 bits": (plain("Softmax", axis=2**32 + 1), "axis 4294967297"),
    "an axis of a norm": (plain("LayerNormalization", ones("s", 4), axis=2), "axis 2 of"),
    "a short slope": (plain("PRelu", ones("s", 3)), "input 2 of shape"),
    "a short scale": (plain("LayerNormalization", ones("s", 3)), "input 2 of shape"),
    "a short bias": (plain("LayerNormalization", ones("s", 4), ones("b", 3)), "input 3 of shape"),
    "short statistics": (plain("BatchNormalization", *statistics(3)), "input 2 of shape .* for 4"),
    "short statistics of old": (plain("BatchNormalization", *statistics(3), opset=9), "input 2 of shape .* for 4"),
    "statistics of a table": (plain("InstanceNormalization", *statistics(4)[:2]), "3 axes or more"),
    "a bias of a product": (plain("Gemm", ones("w", 4, 2), ones("b", 3)), "input 3 of shape"),
    "another number of numbers": (plain("Reshape", number("k", [7, 1], "i8"), inputs=TALL), "cannot give"),
    "columns that are lost": (plain("Reshape", indices(0, 3)), "cannot give"),
    "an axis that is forgotten": (plain("Transpose", perm=[0]), "in the order"),
    "few scales of bytes": (dequantized(BYTES, ones("s", 3), axis=1), "along axis 1"),
    "few zero points": (dequantized(BYTES, ones("s", 2), ones("z", 1, dtype="i1"), axis=1), "zero points"),
    "scales along no axis": (dequantized(BYTES, ones("s", 2), axis=7), "axis 7"),
    "negative blocks": (dequantized(BYTES, ones("s", 2, 2), axis=0, block_size=-2), "blocks of -2"),
    "few zero points of columns": (
        graph(
            node("DynamicQuantizeLinear", ["x"], ["u", "s", "z"]),
            node("MatMulInteger", ["u", "q", "z", "c"], ["m"], name="one"),
            node("Cast", ["m"], ["y"], to=TensorProto.FLOAT), constants=[BYTES, ones("c", 3, dtype="i1")],
        ),
        "one number, or one per column",
    ),
    "bounds of lists": (plain("Clip", ones("a", 2)), "it is one number"),
    "a share above all": (plain("Dropout", number("r", 1.5)), "share"),
    "an unknown approximation": (plain("Gelu", approximate="guess"), "unknown approximation"),
    "steps of nothing": (
        graph(node("Range", ["a", "b", "c"], ["r"], name="one"), node("ReduceSum", ["r"], ["s"]),
              node("Add", ["x", "s"], ["y"]), constants=[number(*pair) for pair in (("a", 0), ("b", 1), ("c", 0))]),
        "steps of 0",
    ),
    "two values to fill with": (
        graph(node("ConstantOfShape", ["k"], ["c"], name="one", value=ones("v", 2)), node("Add", ["x", "c"], ["y"]),
              constants=[indices(4)]),
        "fills with",
    ),
    # The least integer divided by -1 would end the process.
    "integers by -1": (divided([-1]), "divides integers"),
    "integers by 0": (divided([0]), "divides integers"),
    "integers by what comes": (
        graph(node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("Div", ["i", "i"], ["j"], name="one"),
              node("Cast", ["j"], ["y"], to=TensorProto.FLOAT)),
        "divides integers",
    ),
}  # fmt: skip

WRONG = {**WRONG_TREES, **WRONG_LEARNING, **WRONG_PLAIN}


@pytest.fixture
def no_session(monkeypatch):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'onnxruntime'")

    def fail(*args: object, **options: object) -> None:
        raise AssertionError("a session was built")

    monkeypatch.setattr(runtime, "InferenceSession", fail)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_operations_are_refused_by_name(no_session, name):
    proto, reason = WRONG[name]
    with pytest.raises(ModelError, match=reason) as caught:
        OnnxModel(audit_bytes(proto.SerializeToString()), CARD).predict(X)
    assert "one" in str(caught.value)


# --- sound ones ------------------------------------------------------------------------------------------------------

SOUND = {
    "trees": trees(), "trees in double": doubles(), "a deep tree": chain_of(1000),
    "trees without base": trees(base_values=None, aggregate_function="AVERAGE"),
    "a stump": chain_of(0),
    "a linear model": of_regression(), "without intercepts": of_regression(intercepts=None),
    "support vectors": of_vectors(),
    "linear vectors": of_vectors(n_supports=0, support_vectors=None, coefficients=[1.0] * 4, kernel_type="LINEAR"),
    "a scaler": learning("Scaler", **SCALES), "one scale": learning("Scaler", scale=[2.0], offset=[1.0]),
    "an imputer": learning("Imputer", imputed_value_floats=[1.0] * 4, replaced_value_float=0.5),
    "one filling": learning("Imputer", imputed_value_floats=[1.0]), "a norm": learning("Normalizer", norm="L1"),
    "indices": plain("Gather", indices(-4, 3), axis=1),
    "elements": plain("GatherElements", number("k", [[0, -4]] * 3, "i8"), inputs=TALL, axis=1),
    "the largest": plain("TopK", indices(4), outputs=PAIR),
    "parts": plain("Split", indices(0, 4), axis=1, outputs=PAIR),
    "counted parts": plain("Split", axis=1, num_outputs=2, outputs=PAIR),
    "bounds beyond the ends": plain("Slice", indices(-99), number("e", [99], "i8"), number("a", [1], "i8")),
    "bounds of old": plain("Slice", opset=9, starts=[0], ends=[9], axes=[1]),
    "a slope": plain("PRelu", ones("s", 4)), "one slope": plain("PRelu", ones("s", 1)),
    "a scale and a bias": plain("LayerNormalization", ones("s", 4), ones("b", 1)),
    "statistics": plain("BatchNormalization", *statistics(4)),
    "statistics of old": plain("BatchNormalization", *statistics(4), opset=9),
    "a product": plain("Gemm", ones("w", 2, 4), ones("b", 2), transB=1),
    "another shape": plain("Reshape", indices(0, 2, -1)),
    "bytes": dequantized(BYTES, ones("s", 2), ones("z", 2, dtype="i1"), axis=1),
    "blocks of bytes": dequantized(BYTES, ones("s", 2, 2), axis=0, block_size=2),
    "bounds": plain("Clip", number("a", -0.5), ones("b", 1)), "integers": divided([2, -3, 4, 1]),
}  # fmt: skip
LEARNT = (
    "trees", "trees in double", "a linear model", "support vectors", "linear vectors", "a scaler", "an imputer",
)  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_operations_pass_and_run(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'onnxruntime'")
    assert np.isfinite(ran(SOUND[name])).all()


def spoilt(proto: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """The same with one attribute changed: lost, shorter, longer, or with another number in it."""

    def changed(k: int) -> tuple[onnx.ModelProto, onnx.AttributeProto]:
        copy = onnx.ModelProto.FromString(proto.SerializeToString())
        return copy, copy.graph.node[0].attribute[k]

    for k, entry in enumerate(proto.graph.node[0].attribute):
        copy, _ = changed(k)
        del copy.graph.node[0].attribute[k]
        yield copy
        for field in ("ints", "floats", "strings"):
            values = list(getattr(entry, field))
            shorter, longer = values[:-1], [*values, *values[:1]]
            others = [
                [*values[:i], n, *values[i + 1 :]] for i in range(len(values)) for n in (-1, 1, 7, 2**40)
            ]
            for new in (shorter, longer, *(others if field == "ints" else [])) if values else ():
                copy, target = changed(k)
                del getattr(target, field)[:]
                getattr(target, field).extend(new)
                yield copy
        for value in (-1, 0, 1, 3, 2**40) if entry.type == onnx.AttributeProto.INT else ():
            copy, target = changed(k)
            target.i = value
            yield copy


@pytest.mark.parametrize("name", LEARNT)
def test_what_is_accepted_runs(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'onnxruntime'")
    accepted = 0
    for proto in spoilt(SOUND[name]):
        try:
            audit_bytes(proto.SerializeToString())
        except ModelError:
            continue
        accepted += 1
        assert len(ran(proto)) == len(X)
    assert accepted or name == "a scaler"  # another leaf, another sum, no base
