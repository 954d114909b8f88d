"""Models in other forms: every one is loaded again and compared with the original before its file appears."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from seitz._optional import load_optional
from seitz._typing import FloatArray
from seitz.errors import ExportError, OptionError
from seitz.io.files import replacing

from .audit import audit_bytes
from .predictions import ModelLike, as_model
from .runtime import OnnxModel

if TYPE_CHECKING:
    from onnx import ModelProto

#: Forms a model can be written in.
Form = Literal["onnx", "fp16", "int8", "torch", "torchscript", "coreml"]
_SUFFIX: Mapping[str, str] = {
    "onnx": ".onnx", "fp16": ".fp16.onnx", "int8": ".int8.onnx", "torch": ".pt2", "torchscript": ".pt",
    "coreml": ".mlpackage",
}  # fmt: skip
_EXACT = 1e-5  # of max(1, |value|), for forms in single precision
_BATCHES = (1, 7, 4096)
_LARGE = 100  # inputs and outputs of a product that is worth bytes


@dataclass(frozen=True, slots=True)
class Export:
    """A written form of a model.

    Attributes
    ----------
    path, form
        The file, and what it is.
    drift, largest_drift
        Mean and largest absolute difference of its values to the model's, in the unit of the card; NaN where this
        system cannot run it.
    n_rows
        Rows that were compared.
    """

    path: Path
    form: Form
    drift: float
    largest_drift: float
    n_rows: int


def export(
    model: ModelLike, path: str | os.PathLike[str], *, to: Form = "onnx", rows: FloatArray | None = None
) -> Export:
    """Write a model in another form; the loaded one stays as it is.

    Parameters
    ----------
    model
        As for :func:`seitz.predict`; it must be an ONNX model.
    path
        The file, or a folder, in which it is named after the model.
    to
        ``"onnx"``: simplified, for any number of rows. ``"fp16"`` and ``"int8"``: the same with weights in half
        precision, or weights and activations in bytes, calibrated on ``rows``. ``"torch"``: ``torch.export``.
        ``"torchscript"``. ``"coreml"``.
    rows
        (n, n_features) feature vectors to calibrate with and to compare on; by default those of the prototypes and of
        their strained and substituted variants.

    Raises
    ------
    ExportError
        The form cannot be made of this model, or differs from it.
    MissingExtraError
        torch or coremltools is not installed.
    WriteError
        The file cannot be written; an older one is left as it was.
    """
    if to not in get_args(Form):
        raise OptionError(f"to={to!r}: choose one of {', '.join(get_args(Form))}")
    found = as_model(model)
    if not isinstance(found, OnnxModel):
        raise ExportError(f"{found.card.name} is a {type(found.predictor).__name__}, not an ONNX model")
    target = _target(path, found, to)
    sample: FloatArray = np.asarray(_sample(found) if rows is None else rows, dtype=np.float32)
    with TemporaryDirectory(prefix="seitz-") as folder:
        made = _MAKERS[to](found, sample, Path(folder))
        drift, largest = _compared(found, made, sample, to)
        if to in ("onnx", "torch", "torchscript") and not largest <= _EXACT * max(
            1.0, np.abs(found.predict(sample)).max()
        ):
            raise ExportError(
                f"{to} differs from {found.card.name} by {largest:g} {found.card.unit}: not written"
            )
        _placed(made.path, target)
    return Export(target, to, drift, largest, len(sample))


# --- forms -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Made:
    """A form in a temporary place, and how it is run here; None where it cannot be."""

    path: Path
    run: Callable[[FloatArray], Any] | None


def _simplified(model: OnnxModel) -> ModelProto:
    """The graph after constants are folded and what does nothing is gone, with any number of rows."""
    import onnx

    runtime = load_optional("onnxruntime", "onnxruntime")
    proto = onnx.load_from_string(_with_free_batch(model.content))
    with TemporaryDirectory(prefix="seitz-") as folder:
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "simple.onnx")
        options.log_severity_level = 4
        options.add_session_config_entry(
            "session.disable_quant_qdq", "1"
        )  # folds weights that are stored as bytes
        runtime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        simple = onnx.load(options.optimized_model_filepath)
    del simple.metadata_props[:]
    simple.metadata_props.extend(proto.metadata_props)
    used = {node.domain for node in simple.graph.node}
    own = [entry for entry in simple.opset_import if entry.domain in used]  # onnxruntime lists all it knows
    del simple.opset_import[:]
    simple.opset_import.extend(own)
    return simple


def _with_free_batch(content: bytes) -> bytes:
    """The model for any number of rows, where it was written for one or some."""
    import onnx

    proto = onnx.load_from_string(content)
    for port in (*proto.graph.input, *proto.graph.output):
        axes = port.type.tensor_type.shape.dim
        if len(axes) == 2 or (len(axes) == 1 and port in proto.graph.output):
            axes[0].ClearField("dim_value")
            axes[0].dim_param = "batch"
    del proto.graph.value_info[:]
    free: bytes = proto.SerializeToString()
    return free


def _onnx(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    return _written_onnx(_simplified(model), model, folder)


def _written_onnx(proto: ModelProto, model: OnnxModel, folder: Path, **extra: str) -> _Made:
    path = folder / "model.onnx"
    for key, value in extra.items():
        proto.metadata_props.add(key=f"seitz.{key}", value=value)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    own = OnnxModel(audit_bytes(path.read_bytes()), model.card)
    return _Made(path, own.predict)


def _fp16(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    load_optional("onnxruntime", "onnxruntime")
    from onnxruntime.transformers.float16 import convert_float_to_float16

    blocked = [
        "TopK",
        "LayerNormalization",
        "ReduceSum",
        "ReduceMean",
        "Sqrt",
        "Log",
    ]  # sums need their digits
    half = convert_float_to_float16(_simplified(model), keep_io_types=True, op_block_list=blocked)
    return _written_onnx(_sorted(half), model, folder, precision="fp16")


def _int8(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    load_optional("onnxruntime", "onnxruntime")
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    name = model.inputs[0].name

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.parts = iter(np.array_split(rows, max(1, len(rows) // 256)))

        def get_next(self) -> dict[str, FloatArray] | None:
            part = next(self.parts, None)
            return None if part is None else {name: part}

    source, target = folder / "simple.onnx", folder / "int8.onnx"
    simple = _simplified(model)
    onnx.save(simple, source)
    with _quiet():
        quantize_static(
            source, target, Rows(), quant_format=QuantFormat.QDQ, per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"], nodes_to_exclude=_delicate(simple),
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
        )  # fmt: skip
    return _written_onnx(onnx.load(target), model, folder, precision="int8")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that the quantiser logs to the root."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _delicate(proto: ModelProto) -> list[str]:
    """Products that stay as they are: those that see the features themselves, and small ones such as heads.

    They are a small part of the work, and most of what rounding to bytes would cost. Where there are no others, all
    are rounded.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    behind: set[str] = set()  # tensors that rest on a product
    delicate: list[str] = []
    others: list[str] = []
    for node in proto.graph.node:
        rests = any(name in behind for name in node.input)
        if node.op_type in ("MatMul", "Gemm"):
            shape = next((shapes[name] for name in node.input if len(shapes.get(name, ())) == 2), (0, 0))
            (others if rests and min(shape) >= _LARGE else delicate).append(node.name)
            rests = True
        if rests:
            behind |= set(node.output)
    return delicate if others else []


def _sorted(proto: ModelProto) -> ModelProto:
    """The same with every operation behind those it needs: converters leave some out of order."""
    graph = proto.graph
    known = {port.name for port in graph.input} | {tensor.name for tensor in graph.initializer} | {""}
    left, ordered = list(graph.node), []
    while left:
        ready = [node for node in left if all(name in known for name in node.input)]
        if not ready:
            raise ExportError("the graph has a circle")
        ordered += ready
        known |= {name for node in ready for name in node.output}
        done = {id(node) for node in ready}
        left = [node for node in left if id(node) not in done]
    copies = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)
    return proto


def _torch(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    torch = load_optional("torch", "'seitz[tune]'")
    from .torch_graph import as_module

    module = as_module(audit_bytes(_with_free_batch(model.content)))
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(module, (torch.as_tensor(rows[:7]),), dynamic_shapes=(batch,))
    path = folder / "model.pt2"
    torch.export.save(program, path, extra_files={"seitz.card": model.card.to_json()})
    loaded = torch.export.load(path).module()
    return _Made(path, _value_of(loaded))


def _torchscript(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    torch = load_optional("torch", "'seitz[tune]'")
    from .torch_graph import as_module

    module = as_module(audit_bytes(_with_free_batch(model.content)))
    path = folder / "model.pt"
    with _old_ways():
        traced = torch.jit.trace(module, torch.as_tensor(rows[:7]), check_trace=False)
        torch.jit.save(traced, path, _extra_files={"seitz.card": model.card.to_json()})
        return _Made(path, _value_of(torch.jit.load(path)))


@contextmanager
def _old_ways() -> Iterator[None]:
    """TorchScript is deprecated, and what some programs still load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _value_of(module: Any) -> Callable[[FloatArray], Any]:
    def run(rows: FloatArray) -> Any:
        import torch

        with torch.no_grad():
            found = module(torch.as_tensor(rows))
        first = found[0] if isinstance(found, tuple | list) else found
        return first.numpy().astype(np.float64).reshape(len(rows), -1)

    return run


def _coreml(model: OnnxModel, rows: FloatArray, folder: Path) -> _Made:
    tools = load_optional("coremltools", "coremltools")
    torch = load_optional("torch", "'seitz[tune]'")
    from .torch_graph import as_module

    module = as_module(audit_bytes(_with_free_batch(model.content)))
    with _old_ways():
        traced = torch.jit.trace(module, torch.as_tensor(rows[:4]), check_trace=False)
    shape = tools.Shape((tools.RangeDim(1, 4096, default=1), rows.shape[1]))
    try:
        converted = tools.convert(
            traced, inputs=[tools.TensorType(name="features", shape=shape)], convert_to="mlprogram",
            compute_precision=tools.precision.FLOAT32,
        )  # fmt: skip
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise ExportError(f"coremltools does not convert {model.card.name}: {error}") from None
    converted.user_defined_metadata["seitz.card"] = model.card.to_json()
    path = folder / "model.mlpackage"
    converted.save(str(path))
    return _Made(path, None)


_MAKERS: Mapping[Form, Callable[[OnnxModel, FloatArray, Path], _Made]] = {
    "onnx": _onnx, "fp16": _fp16, "int8": _int8, "torch": _torch, "torchscript": _torchscript, "coreml": _coreml,
}  # fmt: skip


# --- before and after ----------------------------------------------------------------------------------------------


def _target(path: str | os.PathLike[str], model: OnnxModel, to: Form) -> Path:
    target = Path(path)
    return target / f"{model.card.name}{_SUFFIX[to]}" if target.is_dir() and to != "coreml" else target


def _sample(model: OnnxModel) -> FloatArray:
    """Feature vectors of real kinds: all prototypes, strained and with other elements on them."""
    from seitz.descriptors import descriptor
    from seitz.featurize import featurize

    chosen = descriptor(model.card.descriptor, model.card.walk or None)  # type: ignore[arg-type]
    return featurize(list(_variants(model.card.elements)), descriptor=chosen).values


def _variants(elements: tuple[str, ...], n: int = 1000) -> Iterator[Any]:
    from seitz.elements import SYMBOLS
    from seitz.prototypes import prototypes

    generator = np.random.default_rng(0)
    allowed = np.array([SYMBOLS.index(symbol) for symbol in elements] or range(1, 84))
    cells = [known.cell for known in prototypes().values()]
    for k in range(n):
        cell = cells[k % len(cells)]
        drawn = generator.choice(allowed, size=int(cell.atomic_numbers.max()) + 1)
        strain = np.eye(3) * generator.uniform(0.9, 1.15) + generator.normal(0.0, 0.01, (3, 3))
        yield cell.replace(atomic_numbers=drawn[cell.atomic_numbers], lattice=cell.lattice @ strain)


def _compared(model: OnnxModel, made: _Made, rows: FloatArray, to: Form) -> tuple[float, float]:
    """Mean and largest difference, over batches of several sizes."""
    if made.run is None:
        return float("nan"), float("nan")
    wanted = model.predict(rows).reshape(len(rows), -1)
    differences = []
    for size in _BATCHES:
        part = np.resize(rows, (size, rows.shape[1])) if size > len(rows) else rows[:size]
        found = np.asarray(made.run(part)).reshape(len(part), -1)
        differences.append(np.abs(found - np.resize(wanted, (size, wanted.shape[1]))[: len(part)]))
    whole = np.asarray(made.run(rows)).reshape(len(rows), -1)
    largest = max(float(d.max()) for d in (*differences, np.abs(whole - wanted)))
    if not np.isfinite(largest):
        raise ExportError(f"{to} gives values that are no numbers")
    return float(np.abs(whole - wanted).mean()), largest


def _placed(made: Path, target: Path) -> None:
    if made.is_dir():
        import shutil

        if target.exists():
            raise ExportError(f"{target} is there already: choose another name")
        shutil.copytree(made, target)
        return
    with replacing(target) as temporary:
        Path(temporary).write_bytes(made.read_bytes())
