"""Forms of a model by way of torch: exported programs, TorchScript, Core ML."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import numpy as np

from seitz._optional import load_optional
from seitz._typing import FloatArray
from seitz.errors import ExportError

from .audit import audit_bytes
from .making import Job, Made, with_free_batch
from .runtime import OnnxModel

_MOST_ROWS = 4096  # at once, of a form that must know
_EXAMPLE = 7  # rows to trace with


def exported(job: Job) -> Made:
    """``torch.export``."""
    torch = load_optional("torch", "'seitz[tune]'")
    path = job.folder / "model.pt2"
    torch.export.save(
        _program(job.model, job.rows), path, extra_files={"seitz.card": job.model.card.to_json()}
    )
    return Made(path, _value_of(torch.export.load(path).module()))


def script(job: Job) -> Made:
    """A traced module."""
    torch = load_optional("torch", "'seitz[tune]'")
    path = job.folder / "model.pt"
    with _old_ways():
        traced = torch.jit.trace(_module(job.model), _example(job.rows), check_trace=False)
        torch.jit.save(traced, path, _extra_files={"seitz.card": job.model.card.to_json()})
        return Made(path, _value_of(torch.jit.load(path)))


def core_ml(job: Job) -> Made:
    """A package for Core ML, in single precision; elsewhere than on macOS, the program that it was made of is run."""
    with _old_ways(), redirect_stderr(io.StringIO()):  # progress bars and advice
        tools = load_optional("coremltools", "coremltools")
        program = _program(job.model, job.rows, most=_MOST_ROWS).run_decompositions({})
        try:
            converted = tools.convert(
                program, outputs=[tools.TensorType(name="value")], convert_to="mlprogram",
                compute_precision=tools.precision.FLOAT32,
            )  # fmt: skip
        except Exception as error:  # the converter raises whatever a step of it happens to
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ExportError(f"coremltools does not convert {job.model.card.name}: {reason}") from None
        converted.short_description = (
            f"{job.model.card.property}, {job.model.card.unit}, by {job.model.card.name}"
        )
        converted.user_defined_metadata["seitz.card"] = job.model.card.to_json()
        path = job.folder / "model.mlpackage"
        converted.save(str(path))
        mac = sys.platform == "darwin"
        package = tools.models.MLModel(str(path), skip_model_load=not mac)
        _check_package(package.get_spec().description, job.model)
    if mac:
        return Made(path, lambda part: package.predict({"features": part})["value"])
    return Made(
        path, _value_of(program.module()), remark="the torch program behind it: Core ML runs on macOS only"
    )


def _check_package(description: Any, model: OnnxModel) -> None:
    ports = [[port.name for port in kind] for kind in (description.input, description.output)]
    card = dict(description.metadata.userDefined).get("seitz.card")
    if ports != [["features"], ["value"]] or card != model.card.to_json():
        raise ExportError(f"coremltools wrote a package with other inputs or outputs: {ports}")


def _module(model: OnnxModel) -> Any:
    from .torch_graph import as_module

    return as_module(audit_bytes(with_free_batch(model.content)))


def _program(model: OnnxModel, rows: FloatArray, most: int | None = None) -> Any:
    torch = load_optional("torch", "'seitz[tune]'")
    batch = {0: torch.export.Dim("batch", min=1, max=most)}
    return torch.export.export(_module(model), (_example(rows),), dynamic_shapes=(batch,))


def _example(rows: FloatArray) -> Any:
    return load_optional("torch", "'seitz[tune]'").as_tensor(np.resize(rows, (_EXAMPLE, rows.shape[1])))


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
