"""What the makers of forms have in common: a file in a temporary place, and how it is run here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seitz._typing import FloatArray

from .card import ModelCard
from .runtime import OnnxModel


@dataclass(frozen=True, slots=True)
class Made:
    """A form of a model before it is compared.

    Attributes
    ----------
    path
        File or folder, in a temporary place.
    run
        Rows to values, by what was read again from there.
    ends
        Rows to the (n, 2) ends of their intervals; None where the form gives the value alone.
    stamp
        Writes the card into the file once the figures on it are known; None where it is in there already.
    remark
        What ran instead, where this system cannot run the form.
    """

    path: Path
    run: Callable[[FloatArray], Any]
    ends: Callable[[FloatArray], FloatArray | None] | None = None
    stamp: Callable[[ModelCard], None] | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made.

    Attributes
    ----------
    model
        Stays as it is.
    rows
        To calibrate with.
    folder
        To write in.
    allowed
        Mean difference to the model that a rounded form may have; infinite where nothing is known.
    """

    model: OnnxModel
    rows: FloatArray
    folder: Path
    allowed: float = math.inf


Maker = Callable[[Job], Made]


def interval_ends(model: OnnxModel, rows: FloatArray) -> FloatArray | None:
    """(n, 2) ends of the intervals of a model; None if it has none."""
    answer = model.answer(rows)
    if answer.lower is None or answer.upper is None:
        return None
    return np.column_stack([answer.lower, answer.upper])


def with_free_batch(content: bytes) -> bytes:
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
