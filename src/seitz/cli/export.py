"""``seitz export``: a model in another form."""

from __future__ import annotations

import math
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .console import Debug, Json, console, print_json
from .streams import plain


class FormOption(StrEnum):
    """Forms of a model on the command line."""

    onnx = "onnx"
    fp16 = "fp16"
    int8 = "int8"
    torch = "torch"
    torchscript = "torchscript"
    coreml = "coreml"


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a model, or an ONNX file.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write, or a folder for it.", show_default=False
        ),
    ],
    to: Annotated[FormOption, typer.Option(help="Form to write.")] = FormOption.onnx,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a model in another form: smaller, faster, or for other programs.

    It is loaded again and compared on a thousand crystals before the file appears.
    """
    from seitz.models import card
    from seitz.models import export as write

    done = write(model, output, to=to.value)
    if as_json:
        found = asdict(done) | {"path": str(done.path)}
        print_json({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in found.items()})
        return
    unit = card(model).unit
    drift = "not compared: this system cannot run it"
    if not math.isnan(done.drift):
        on = f"on {done.n_rows:,} crystals"
        drift = f"drift {done.drift:.2g} {unit} on average, {done.largest_drift:.2g} at most, {on}"
    console().print(f"{done.form} → {plain(done.path)}; {drift}", markup=False, soft_wrap=True)
