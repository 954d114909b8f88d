"""``seitz export``: a model in another form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Debug, Json, console, print_json
from .streams import plain

if TYPE_CHECKING:
    from seitz.models import Export


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
    members: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Only the first N of an ensemble, without intervals.", show_default="all"
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a model in another form: smaller, faster, or for other programs.

    It is loaded again and compared on a thousand crystals before the file appears.
    """
    from seitz.models import export as write

    done = write(model, output, to=to.value, members=members)
    if as_json:
        found = asdict(done) | {"path": str(done.path)}
        print_json({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in found.items()})
        return
    out = console()
    out.print(f"{done.form} → {plain(done.path)}", markup=False, soft_wrap=True)
    for line in _figures(done):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _figures(done: Export) -> Iterator[str]:
    """What the form costs, in lines."""
    if done.remark:
        yield f"compared: {done.remark}"
    share = (
        f", {done.drift / done.error:.1%} of the error of the model" if done.drift and done.error > 0 else ""
    )
    yield (
        f"drift {_amount(done.drift, done.unit)} on average{share}; {_amount(done.largest_drift, done.unit)} at most, "
        f"on {done.n_rows:,} crystals"
    )
    if done.interval_drift:
        yield f"ends of intervals drift {_amount(done.interval_drift, done.unit)} on average"
    if done.form in ("fp16", "int8") and math.isnan(done.error):
        yield "its card names no error, so nothing says whether that is little: compare it with what you know"
    if done.form in ("torch", "torchscript", "coreml"):
        yield "gives the value alone, without interval and domain"
    if done.difference:
        yield f"these members differ from all of them by {_amount(done.difference, done.unit)} on average"


def _amount(value: float, unit: str) -> str:
    """Two digits with the unit, energies in meV."""
    return (
        f"{1000 * value:.2g} m{unit}" if unit.startswith("eV") else f"{value:.2g} {unit}".removesuffix(" 1")
    )
