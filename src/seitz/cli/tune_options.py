"""What the commands of ``seitz tune``, and ``seitz optimade adjust``, can be told."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import UsageError

_ANY_STEPS = 10**9  # who asks for epochs wants them, however many steps they are


class GroupOption(StrEnum):
    """What stays together on the command line."""

    system = "system"
    composition = "composition"
    row = "row"


class LossOption(StrEnum):
    """What networks make small, on the command line."""

    mae = "mae"
    mse = "mse"
    huber = "huber"
    quantile = "quantile"


class OptimizerOption(StrEnum):
    """How they do it."""

    adam = "adam"
    adamw = "adamw"
    adamax = "adamax"
    rmsprop = "rmsprop"


class SamplerOption(StrEnum):
    """Ways to search."""

    grid = "grid"
    optuna = "optuna"


def _positive(rate: float | None) -> float | None:
    if rate is not None and not 0 < rate < math.inf:
        raise typer.BadParameter(f"{rate:g} is no positive number")
    return rate


def _all_positive(rates: list[float] | None) -> list[float] | None:
    for rate in rates or ():
        _positive(rate)
    return rates


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Table of features (.parquet, .csv, .npz, .jsonl) or structures (.parquet, .jsonl) with the targets in a "
        "column; or files, folders or patterns of structures, with --targets.",
        show_default=False,
    ),
]
Target = Annotated[
    str, typer.Option("--target", "-t", metavar="COLUMN", help="Column to learn.", show_default=False)
]
TargetsFile = Annotated[
    Path | None,
    typer.Option(
        "--targets",
        metavar="FILE",
        help="CSV with columns id and COLUMN, if DATA has none.",
        show_default=False,
    ),
]
Model = Annotated[
    str, typer.Option("--model", "-m", metavar="NAME", help="A model ('seitz models list'), or an ONNX file.")
]
OutputModel = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Model to write, .onnx.", show_default=False),
]
Name = Annotated[str, typer.Option(help="What to call the model.", show_default="its property")]
GroupBy = Annotated[GroupOption, typer.Option("--group-by", help="What is never on two sides of a split.")]
TestShare = Annotated[
    float, typer.Option("--test", min=0.0, max=0.9, help="Share of the rows for the last word; 0 for none.")
]
Folds = Annotated[
    int | None,
    typer.Option("--folds", min=2, help="Validation parts.", show_default="5, or 3 beyond 300 rows"),
]
NoNetworks = Annotated[bool, typer.Option("--no-networks", help="Train no networks: seconds, not minutes.")]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Passes of networks over the data, at most.", show_default="60, fewer for many rows"
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        callback=_positive,
        help="Learning rate of networks, at most.",
        show_default="0.0003, or 0.001 from nothing",
    ),
]
Loss = Annotated[LossOption | None, typer.Option(help="Loss that networks make small.", show_default="mae")]
Optimizer = Annotated[
    OptimizerOption | None,
    typer.Option("--optimizer", "--optimiser", help="Optimizer of networks.", show_default="adamw"),
]
Level = Annotated[
    float, typer.Option(min=0.01, max=0.99, help="Share of cases that the intervals are to contain.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps.", show_default="what there is")]
Work = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Checkpoints: an interrupted run goes on from there.", show_default=False
    ),
]
Reference = Annotated[
    list[str] | None, typer.Option("--reference", help="Where the targets are from.", show_default=False)
]
Property = Annotated[str, typer.Option("--property", help="What the column is.", show_default=False)]
Unit = Annotated[str, typer.Option("--unit", help="In which unit.", show_default=False)]


Rates = Annotated[
    list[float] | None,
    typer.Option(
        "--rate", callback=_all_positive, help="A learning rate to try; may be repeated.",
        show_default="0.0001, 0.0003, 0.001",
    ),
]  # fmt: skip
Optimizers = Annotated[
    list[OptimizerOption] | None,
    typer.Option(
        "--optimizer", "--optimiser", help="One to try; may be repeated.",
        show_default="adamw, adamax, rmsprop",
    ),
]  # fmt: skip
Decays = Annotated[
    list[float] | None,
    typer.Option(
        "--decay", min=0.0, help="A decay of weights to try; may be repeated.",
        show_default="0.00001, 0.0001, 0.001",
    ),
]  # fmt: skip


def network_settings(
    epochs: int | None,
    rate: float | None,
    loss: LossOption | None,
    optimizer: OptimizerOption | None,
    *,
    networks: bool = True,
) -> dict[str, Any]:
    """``settings`` for a verb of ``seitz.tune``, if any was given."""
    from seitz.tune import Settings

    named = {"epochs": epochs, "rate": rate, "loss": loss, "optimizer": optimizer}
    names = [name for name, value in named.items() if value is not None]
    if names and not networks:
        raise UsageError(f"--{names[0]} and --no-networks contradict one another")
    given: dict[str, Any] = {}
    if epochs is not None:
        given |= {"epochs": epochs, "max_steps": _ANY_STEPS}
    if rate is not None:
        given["rate"] = rate
    if loss is not None:
        given["loss"] = loss.value
    if optimizer is not None:
        given["optimiser"] = optimizer.value
    return {"settings": Settings(**given)} if given else {}
