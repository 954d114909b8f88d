"""An ONNX file is read and judged before anything in it runs: what is not plain arithmetic on a table is refused."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seitz.descriptors import descriptor
from seitz.errors import CardError, DescriptorError, ModelError

from .audit_graph import check_arguments, check_tensors
from .audit_shapes import check_shapes
from .card import METADATA_KEY, card_from_json

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

MAX_BYTES = 4 * 2**30
MAX_NODES = 20_000
MAX_ROWS = 65_536  # of a batch whose size is fixed
MAX_WIDTH = 1_000_000  # numbers of one row of an input
OLDEST_OPSET, NEWEST_OPSET = 7, 25
NEWEST_ML_OPSET, NEWEST_IR = 5, 13

_PLAIN = """
Abs Add And ArgMax ArgMin BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape
DequantizeLinear Div Dropout DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements
Gelu Gemm Greater GreaterOrEqual HardSigmoid HardSwish Identity InstanceNormalization IsNaN LayerNormalization
LeakyRelu Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max Mean Min Mish Mul Neg Not Or
PRelu Pow QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Selu Shape Sigmoid Sign Size Slice Softmax Softplus
Softsign Split Sqrt Squeeze Sub Sum Tanh ThresholdedRelu TopK Transpose Trilu Unsqueeze Where
"""
_LEARNING = """
ArrayFeatureExtractor Imputer LinearRegressor Normalizer SVMRegressor Scaler TreeEnsembleRegressor
"""

#: Operators of feed-forward models on tables, quantised ones and calibrated intervals included. Control flow, random
#: numbers, strings, sequences and functions have no place there.
OPERATORS = frozenset(_PLAIN.split())
#: Of the machine-learning operators: what trees and linear models of other packages are written with.
ML_OPERATORS = frozenset(_LEARNING.split())
_DOMAINS = {"": OPERATORS, "ai.onnx": OPERATORS, "ai.onnx.ml": ML_OPERATORS}
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, as torch saves it"),
    (b"\x80", "a pickle"),
    (b"\x89HDF", "an HDF5 file"),
)


class Port(NamedTuple):
    """An input or output of a model."""

    name: str
    dtype: str
    """NumPy's name of the type."""
    shape: tuple[int | None, ...]
    """None where any size goes."""


class Audited(NamedTuple):
    """A model file that holds nothing but what it should."""

    content: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]


def audit(path: str | os.PathLike[str]) -> Audited:
    """Read a model file and refuse it with a reason, or say what goes in and out.

    Raises
    ------
    ModelError
        No ONNX file, or one with operators, tensors, outside data or shapes that have no place in it.
    """
    shown = os.fspath(path)
    try:
        size = os.stat(path).st_size  # noqa: PTH116
        if not Path(path).is_file():
            raise ModelError(f"{shown}: not a file")
        if size > MAX_BYTES:
            raise ModelError(f"{shown}: {size:,} bytes, more than {MAX_BYTES:,}")
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{shown}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return audit_bytes(content)
    except ModelError as error:
        raise ModelError(f"{shown}: {error}") from None


def audit_bytes(content: bytes) -> Audited:
    """The same for the content of a file."""
    model = _parsed(content)
    try:
        return _audited(model, content)
    except UnicodeDecodeError:  # names are decoded when they are first read
        raise ModelError("a text in the graph is no UTF-8") from None


def _audited(model: ModelProto, content: bytes) -> Audited:
    _check_header(model)
    _check_graph(model.graph)
    check_tensors(model.graph)
    check_arguments(model)
    inputs = [
        port for port in model.graph.input if port.name not in {t.name for t in model.graph.initializer}
    ]
    if not inputs or not model.graph.output:
        raise ModelError("the graph has no input or no output")
    ports = tuple(_port(port, "input") for port in inputs)
    for port in ports:
        _check_input(port)
    outputs = tuple(_port(port, "output") for port in model.graph.output)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    check_shapes(model, _told_widths(ports, metadata))
    return Audited(content, ports, outputs, metadata)


def _told_widths(ports: tuple[Port, ...], metadata: dict[str, str]) -> dict[str, int]:
    """Width of the input that takes features, where only a card in the file tells it."""
    try:
        n = len(descriptor(card_from_json(metadata[METADATA_KEY]).descriptor))
    except (KeyError, CardError, DescriptorError):  # none, or it is refused when it is asked for
        return {}
    tables = [port for port in ports if len(port.shape) == 2 and port.dtype.startswith("float")]
    return {port.name: n for port in tables[:1] if port.shape[1] is None}


def _parsed(content: bytes) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    for magic, name in _FOREIGN:
        if content.startswith(magic):
            raise ModelError(
                f"{name}, no ONNX file: pickles and archives are never opened; export the model to ONNX"
            )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise ModelError(f"no ONNX file, or a cut one: {error}") from None
    if model.ir_version <= 0 or not model.graph.node:
        raise ModelError("no ONNX file: it has no version or no graph")
    return model


def _check_header(model: ModelProto) -> None:
    if model.functions:
        raise ModelError(
            f"it defines functions of its own ({model.functions[0].name}): inline them on export"
        )
    if model.training_info:
        raise ModelError("it holds training graphs: export for inference")
    versions = {
        ("" if entry.domain == "ai.onnx" else entry.domain, entry.version) for entry in model.opset_import
    }
    if len({domain for domain, _ in versions}) < len(versions):
        raise ModelError("it asks for two versions of the same operators")
    keys = [entry.key for entry in model.metadata_props]
    if len(set(keys)) < len(keys):
        raise ModelError("it says the same about itself twice: two files in one?")
    if model.ir_version > NEWEST_IR:
        raise ModelError(f"version {model.ir_version} of the format: up to {NEWEST_IR} are read")
    for entry in model.opset_import:
        if entry.domain not in _DOMAINS:
            raise ModelError(
                f"operators of the domain {entry.domain!r} are not run: only the standard ones are"
            )
        if entry.domain in ("", "ai.onnx") and not OLDEST_OPSET <= entry.version <= NEWEST_OPSET:
            raise ModelError(f"opset {entry.version}: {OLDEST_OPSET} to {NEWEST_OPSET} are run")
        if entry.domain == "ai.onnx.ml" and not 1 <= entry.version <= NEWEST_ML_OPSET:
            raise ModelError(f"opset {entry.version} of {entry.domain}: 1 to {NEWEST_ML_OPSET} are run")


def _check_graph(graph: GraphProto) -> None:
    if len(graph.node) > MAX_NODES:
        raise ModelError(f"{len(graph.node):,} operations, more than {MAX_NODES:,}")
    if graph.sparse_initializer:
        raise ModelError("sparse tensors are not read")
    for node in graph.node:
        allowed = _DOMAINS.get(node.domain)
        if allowed is None or node.op_type not in allowed:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            raise ModelError(
                f"the operator {name} ({node.name or 'unnamed'}) has no place in a model of a table"
            )
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise ModelError(f"the operation {node.name or node.op_type} holds a graph of its own")


def _port(info: Any, kind: str) -> Port:
    import onnx
    from onnx import helper

    if not info.type.HasField("tensor_type"):
        raise ModelError(f"the {kind} {info.name} is no tensor")
    tensor = info.type.tensor_type
    try:
        dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"the {kind} {info.name} has a type that does not exist") from None
    if tensor.elem_type == onnx.TensorProto.STRING:
        raise ModelError(f"the {kind} {info.name} is text")
    shape = tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim
    )
    return Port(info.name, dtype, shape)


def _check_input(port: Port) -> None:
    """Refuse sizes that would fill the memory with rows nobody gave, or with switches."""
    if len(port.shape) > 1 and (port.shape[0] or 1) > MAX_ROWS:
        raise ModelError(
            f"the input {port.name} takes {port.shape[0]:,} rows at once: up to {MAX_ROWS:,} are run"
        )
    size = math.prod(n or 1 for n in (port.shape[1:] if len(port.shape) > 1 else port.shape))
    if size > MAX_WIDTH:
        raise ModelError(f"the input {port.name} takes {size:,} numbers: up to {MAX_WIDTH:,} are given")
