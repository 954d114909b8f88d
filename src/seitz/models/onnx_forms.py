"""ONNX forms of a model: simplified, in half precision, in bytes."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from seitz._optional import load_optional
from seitz.errors import ExportError

from .audit import ML_OPERATORS, audit_bytes
from .bytes_form import new_enough, products, with_bytes
from .card import ModelCard
from .making import Job, Made, interval_ends, with_free_batch
from .runtime import OnnxModel
from .stamp import with_card

if TYPE_CHECKING:
    from onnx import ModelProto

_SHARES = (1.0, 0.75, 0.5, 0.25)  # of the large products that are put into bytes
_LARGE = 256  # numbers of a constant that is worth rounding
_MARGIN = 0.6  # of the allowed difference on rows that were calibrated with: others differ more
_NEED_THEIR_DIGITS = [
    "TopK",
    "LayerNormalization",
    "ReduceSum",
    "ReduceMean",
    "Sqrt",
    "Log",
    "Cast",
    *sorted(ML_OPERATORS),
]


def simple(job: Job) -> Made:
    """The graph without what does nothing, for any number of rows."""
    return _written(_simplified(job.model), job)


def half(job: Job) -> Made:
    """The same in half precision, sums and roots in single."""
    import onnx

    load_optional("onnxruntime", "onnxruntime")
    from onnxruntime.transformers.float16 import convert_float_to_float16

    plain = onnx.load_from_string(with_free_batch(job.model.content))
    if any(node.domain == "ai.onnx.ml" for node in plain.graph.node):
        return _written(_half_weights(plain), job, precision="fp16")
    converted = convert_float_to_float16(
        _simplified(job.model), keep_io_types=True, op_block_list=_NEED_THEIR_DIGITS
    )
    return _written(_sorted(converted), job, precision="fp16")


def _half_weights(proto: ModelProto) -> ModelProto:
    """Weights alone in half precision, those that trees do not rest on.

    Trees compare: a feature that is rounded falls on the other side of a threshold.
    """
    from onnx import TensorProto, helper, numpy_helper

    compared = _before_trees(proto)
    casts = []
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LARGE or tensor.name in compared:
            continue
        if np.abs(values).max() < np.finfo(np.float16).max:
            casts.append(
                helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT)
            )
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half"))
    nodes = [*casts, *(type(node).FromString(node.SerializeToString()) for node in proto.graph.node)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def _before_trees(proto: ModelProto) -> set[str]:
    """Names of everything that the inputs of trees are made of."""
    producers = {name: node for node in proto.graph.node for name in node.output}
    left = [name for node in proto.graph.node if node.domain == "ai.onnx.ml" for name in node.input]
    found: set[str] = set()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += list(producers[name].input) if name in producers else []
    return found


def in_bytes(job: Job) -> Made:
    """Weights and activations of large products in bytes: of as many as the allowed difference permits."""
    plain = new_enough(_simplified(job.model))
    large = products(plain, job)
    wanted = job.model.predict(job.rows)
    for share in _SHARES:
        rounded = with_bytes(plain, large[: math.ceil(share * len(large))])
        made = _written(rounded, job, precision="int8")
        drift = np.abs(np.asarray(made.run(job.rows)) - wanted).mean()
        if drift <= _MARGIN * job.allowed:
            break
    return made


def _simplified(model: OnnxModel) -> ModelProto:
    """The graph after constants are folded and what does nothing is gone, with any number of rows."""
    import onnx

    runtime = load_optional("onnxruntime", "onnxruntime")
    proto = onnx.load_from_string(with_free_batch(model.content))
    with TemporaryDirectory(prefix="seitz-") as folder:
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "simple.onnx")
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        # Weights that are stored as bytes are folded into numbers.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        runtime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = onnx.load(options.optimized_model_filepath)
    del found.metadata_props[:]
    found.metadata_props.extend(proto.metadata_props)
    used = {"", *(node.domain for node in found.graph.node)}
    own = [entry for entry in found.opset_import if entry.domain in used]  # onnxruntime lists all it knows
    del found.opset_import[:]
    found.opset_import.extend(own)
    return found


def _written(proto: ModelProto, job: Job, **extra: str) -> Made:
    path = job.folder / "model.onnx"
    for key, value in extra.items():
        proto.metadata_props.add(key=f"seitz.{key}", value=value)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    own = OnnxModel(audit_bytes(path.read_bytes()), job.model.card)

    def stamp(card: ModelCard) -> None:
        path.write_bytes(with_card(proto, card))
        audit_bytes(path.read_bytes())

    return Made(path, own.predict, lambda rows: interval_ends(own, rows), stamp)


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
