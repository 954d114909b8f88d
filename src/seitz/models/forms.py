"""Models in other forms: every one is loaded again and compared with the original before its file appears."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args
from uuid import uuid4

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import ExportError, OptionError, SeitzError
from seitz.io.files import replacing

from . import onnx_forms, torch_forms
from .audit import audit_bytes
from .card import ModelCard
from .making import Job, Made, Maker, interval_ends
from .members import first_members
from .predictions import ModelLike, as_model
from .runtime import OnnxModel
from .samples import given_rows, own_rows

#: Forms a model can be written in.
Form = Literal["onnx", "fp16", "int8", "torch", "torchscript", "coreml"]

_MAKERS: Mapping[Form, Maker] = {
    "onnx": onnx_forms.simple, "fp16": onnx_forms.half, "int8": onnx_forms.in_bytes, "torch": torch_forms.exported,
    "torchscript": torch_forms.script, "coreml": torch_forms.core_ml,
}  # fmt: skip
_SUFFIX: Mapping[Form, str] = {
    "onnx": ".onnx", "fp16": ".fp16.onnx", "int8": ".int8.onnx", "torch": ".pt2", "torchscript": ".pt",
    "coreml": ".mlpackage",
}  # fmt: skip
_ROUNDED = ("fp16", "int8")
_EXACT = 1e-5  # of max(1, |value|), for forms in single precision
_SHARE = 0.05  # of the model's mean absolute error, for the others
_BATCHES = (1, 7, 4096)


@dataclass(frozen=True, slots=True)
class Export:
    """A written form of a model.

    Attributes
    ----------
    path, form
        The file, and what it is.
    drift, largest_drift
        Mean and largest absolute difference of its values to the model's (to those of the same members, if only some
        were exported), in ``unit``.
    n_rows
        Rows that were compared; none of them was used to calibrate.
    unit
        Of the differences: that of the card.
    error
        Mean absolute error of the model by its card; NaN if the card says none.
    difference
        Mean absolute difference of the exported members to the whole ensemble, before any rounding; 0 for all of them.
    remark
        What was compared, if this system cannot run the form itself.
    interval_drift
        Mean absolute difference of the ends of its intervals; 0 for a form without.
    """

    path: Path
    form: Form
    drift: float
    largest_drift: float
    n_rows: int
    unit: str
    error: float
    difference: float = 0.0
    remark: str = ""
    interval_drift: float = 0.0


def export(
    model: ModelLike,
    path: str | os.PathLike[str],
    *,
    to: Form = "onnx",
    members: int | None = None,
    rows: FloatArray | None = None,
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
        precision, or weights and activations in bytes. ``"torch"``: ``torch.export``. ``"torchscript"``. ``"coreml"``.
    members
        Only the mean of the first so many members of an ensemble, without intervals: faster, and less sure.
    rows
        (n, n_features) feature vectors to compare on; for ``"int8"``, every other one is used to calibrate instead. By
        default those of prototypes with other elements, strained; where the model knows its domain, of the nearest.

    Raises
    ------
    ExportError
        The form cannot be made of this model, or differs from it: in single precision by more than 1e-5, or else by
        more than 5 % of the mean absolute error that the card names.
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
    chosen = found if members is None else first_members(found, members)
    sample = own_rows(found) if rows is None else given_rows(found, rows, calibrated=to == "int8")
    target = _target(path, chosen.card.name, to)
    chosen, difference = _against_all(chosen, found, sample.comparison)
    with TemporaryDirectory(prefix="seitz-") as folder:
        error = _error(found.card)
        job = Job(chosen, sample.calibration, Path(folder), math.inf if math.isnan(error) else _SHARE * error)
        made = _made(job, to)
        drift, largest = _compared(chosen, made, sample.comparison, to)
        done = Export(
            target, to, drift, largest, len(sample.comparison), found.card.unit, error, difference,
            made.remark, _apart_in_intervals(chosen, made, sample.comparison),
        )  # fmt: skip
        _check(done, chosen.card.name, np.abs(chosen.predict(sample.comparison)).max())
        if made.stamp is not None:
            made.stamp(_stamped(chosen.card, done))
        _placed(made.path, target)
    return done


# --- before --------------------------------------------------------------------------------------------------------


def _target(path: str | os.PathLike[str], name: str, to: Form) -> Path:
    target, suffix = Path(path), "." + _SUFFIX[to].rpartition(".")[2]
    if os.fspath(path).endswith(("/", os.sep)) and not target.is_dir():
        raise OptionError(f"{target}: no such folder: create it first")
    if target.suffix.lower() not in ("", suffix) and not target.is_dir():
        raise OptionError(f"{target}: a model as {to} is a {suffix} file: name it so, or give a folder")
    if to == "coreml" and target.exists() and target.suffix == _SUFFIX[to]:
        raise ExportError(f"{target} is there already: choose another name")
    return target / f"{name}{_SUFFIX[to]}" if target.is_dir() else target


def _against_all(chosen: OnnxModel, whole: OnnxModel, rows: FloatArray) -> tuple[OnnxModel, float]:
    """The members, with how far from the whole ensemble they are on their card."""
    if chosen is whole:
        return chosen, 0.0
    apart = np.abs(chosen.predict(rows) - whole.predict(rows))
    figures = {"difference": float(apart.mean()), "largest_difference": float(apart.max()), "rows": len(rows)}
    members = {**chosen.card.extra["members"], **figures}
    card = replace(chosen.card, extra={**chosen.card.extra, "members": members})
    return OnnxModel(audit_bytes(chosen.content), card), float(apart.mean())


def _made(job: Job, to: Form) -> Made:
    try:
        return _MAKERS[to](job)
    except SeitzError:
        raise
    except Exception as error:  # converters raise whatever a step of theirs happens to
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{to} cannot be made of {job.model.card.name}: {reason[:300]}") from error


# --- after ---------------------------------------------------------------------------------------------------------


def _compared(model: OnnxModel, made: Made, rows: FloatArray, to: Form) -> tuple[float, float]:
    """Mean and largest difference on all rows, the largest also over batches of other sizes."""
    wanted = model.predict(rows).reshape(len(rows), -1)

    def apart(size: int) -> FloatArray:
        found = np.asarray(made.run(np.resize(rows, (size, rows.shape[1]))), dtype=np.float64)
        return np.abs(found.reshape(size, -1) - np.resize(wanted, (size, wanted.shape[1])))

    whole = apart(len(rows))
    largest = max(float(whole.max()), *(float(apart(size).max()) for size in _BATCHES))
    if not math.isfinite(largest):
        raise ExportError(f"{to} gives values that are no numbers: not written")
    return float(whole.mean()), largest


def _apart_in_intervals(model: OnnxModel, made: Made, rows: FloatArray) -> float:
    wanted = None if made.ends is None else interval_ends(model, rows)
    found = None if wanted is None or made.ends is None else made.ends(rows)
    return 0.0 if wanted is None or found is None else float(np.abs(found - wanted).mean())


def _error(card: ModelCard) -> float:
    stated = (m.value for m in card.metrics if m.name == "mean absolute error" and m.unit == card.unit)
    return next(stated, math.nan)


def _check(done: Export, name: str, largest_value: float) -> None:
    """Refuse what differs by more than its form may."""
    unit = done.unit
    if done.form in _ROUNDED:
        drift = max(done.drift, done.interval_drift)
        if drift > _SHARE * done.error:
            raise ExportError(
                f"{done.form} differs from {name} by {drift:.2g} {unit} on average, more than {_SHARE:.0%} of "
                f"its mean absolute error ({done.error:.2g}): not written; calibrate with rows= that are more like "
                "those it will see, or choose a form in single precision"
            )
        return
    if not done.largest_drift <= _EXACT * max(1.0, largest_value):
        raise ExportError(f"{done.form} differs from {name} by {done.largest_drift:g} {unit}: not written")


def _stamped(card: ModelCard, done: Export) -> ModelCard:
    """The card with what this form costs."""
    figures = {
        "to": done.form, "drift": done.drift, "largest_drift": done.largest_drift,
        "interval_drift": done.interval_drift, "unit": done.unit, "rows": done.n_rows,
    }  # fmt: skip
    return replace(card, extra={**card.extra, "form": figures})


def _placed(made: Path, target: Path) -> None:
    if not made.is_dir():
        with replacing(target) as temporary:
            Path(temporary).write_bytes(made.read_bytes())
        return
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        shutil.copytree(made, temporary)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
