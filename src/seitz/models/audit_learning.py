"""Operators of ``ai.onnx.ml``: their lists belong together and fit what they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .audit_operation import Check, Operation
from .audit_trees import trees

if TYPE_CHECKING:
    from onnx import TypeProto

_MAX_TARGETS = 10_000
#: What the text attributes may say.
_WORDS: Mapping[str, frozenset[bytes]] = {
    "aggregate_function": frozenset({b"AVERAGE", b"MAX", b"MIN", b"SUM"}),
    "kernel_type": frozenset({b"LINEAR", b"POLY", b"RBF", b"SIGMOID"}),
    "norm": frozenset({b"L1", b"L2", b"MAX"}),
    "post_transform": frozenset({b"LOGISTIC", b"NONE", b"PROBIT", b"SOFTMAX", b"SOFTMAX_ZERO"}),
}


def _words(operation: Operation) -> Iterator[str]:
    for name, known in _WORDS.items():
        said = operation.attribute(name)
        if said is not None and said not in known:
            yield f"has an unknown {name}: {said[:40].decode(errors='replace')!r}"


def _n_targets(operation: Operation) -> int:
    """How many numbers it gives for a row."""
    name = {"LinearRegressor": "targets", "TreeEnsembleRegressor": "n_targets"}.get(
        operation.node.op_type, ""
    )
    return int(operation.attribute(name, 1))


def _sane_targets(operation: Operation) -> Iterator[str]:
    if not 1 <= _n_targets(operation) <= _MAX_TARGETS:
        yield f"has {_n_targets(operation):,} targets"


def _scaler(operation: Operation) -> Iterator[str]:
    scales, offsets = (len(operation.attribute(name, ())) for name in ("scale", "offset"))
    width = operation.size(0, -1)
    if scales != offsets or not scales:
        yield f"has {scales:,} scales; offsets: {offsets:,}"
    elif scales != 1 and width not in (None, scales):
        yield f"has {scales:,} scales for {width:,} features"


def _imputer(operation: Operation) -> Iterator[str]:
    from onnx import TensorProto

    lists = {kind: operation.attribute(f"imputed_value_{kind}", ()) for kind in ("floats", "int64s")}
    given = {kind: len(values) for kind, values in lists.items() if values}
    if len(given) != 1:
        yield "has to fill gaps with one list of values, of floats or of integers"
        return
    ((kind, n),) = given.items()
    width = operation.size(0, -1)
    if n != 1 and width not in (None, n):
        yield f"fills gaps with {n:,} values for {width:,} features"
    if operation.kind(0) is not None and (operation.kind(0) == TensorProto.INT64) != (kind == "int64s"):
        yield "fills gaps with numbers of another type than its input"


def _linear(operation: Operation) -> Iterator[str]:
    n_targets, width = _n_targets(operation), operation.size(0, -1)
    coefficients, intercepts = (len(operation.attribute(name, ())) for name in ("coefficients", "intercepts"))
    if not coefficients or coefficients % n_targets or width not in (None, coefficients // n_targets):
        features = "unknown" if width is None else f"{width:,}"
        yield f"has {coefficients:,} coefficients; targets: {n_targets:,}, features: {features}"
    if intercepts not in (0, n_targets):
        yield f"has {intercepts:,} intercepts; targets: {n_targets:,}"


def _support_vectors(operation: Operation) -> Iterator[str]:
    n, width = operation.attribute("n_supports", 0), operation.size(0, -1)
    numbers, coefficients, rho, parameters = (
        len(operation.attribute(name, ()))
        for name in ("support_vectors", "coefficients", "rho", "kernel_params")
    )
    if rho != 1:
        yield f"has {rho:,} values of rho, which is one"
    if parameters != 3:
        yield f"has {parameters:,} parameters of its kernel, which are three"
    if n < 0 or coefficients < 1 or (n and (n != coefficients or not numbers or numbers % n)):
        yield f"has {n:,} support vectors; their numbers: {numbers:,}, coefficients: {coefficients:,}"
        return
    # Without support vectors the coefficients are those of the features.
    features = numbers // n if n else coefficients
    if width not in (None, features):
        yield f"has support vectors of {features:,} features for {width:,}"


#: Checks by operator, in this order.
LEARNING: Mapping[str, tuple[Check, ...]] = {
    "Imputer": (_imputer,),
    "LinearRegressor": (_words, _sane_targets, _linear),
    "Normalizer": (_words,),
    "SVMRegressor": (_words, _support_vectors),
    "Scaler": (_scaler,),
    "TreeEnsembleRegressor": (_words, _sane_targets, trees),
}


def given_by(operation: Operation) -> TypeProto:
    """Type and shape of what it gives: ONNX does not infer all of them."""
    from onnx import TensorProto, helper

    shape, kind = operation.shape(0), TensorProto.FLOAT
    if operation.node.op_type == "Imputer":
        kind = operation.kind(0) or kind
    elif shape is not None and operation.node.op_type.endswith("Regressor"):
        shape = (*(shape[:-1] or (1,)), _n_targets(operation))
    return helper.make_tensor_type_proto(kind, shape)
