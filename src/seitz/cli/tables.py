"""Outputs of commands that write one table, and perhaps a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from seitz.table import sibling

from .console import UsageError, console
from .streams import plain

if TYPE_CHECKING:
    from seitz.table import FeatureTable

_TABLES = (".parquet", ".csv", ".npz", ".jsonl", ".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst")
_PICTURES = (".html", ".png", ".svg")

OUTPUT: OptionInfo = typer.Option(
    "--output",
    "-o",
    metavar="FILE",
    help="Table to write: .parquet, .csv, .npz or .jsonl; .csv and .jsonl also with .gz or .zst.",
    show_default=False,
)
Output = Annotated[Path | None, OUTPUT]
Picture = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Picture to draw: .html, .png or .svg.", show_default=False),
]


def written(path: Path, table: FeatureTable) -> dict[str, str]:
    """Files that writing a table made, by what they hold."""
    found = {"output": str(path)}
    if table.failures:
        found["failures_path"] = str(sibling(path, "failures"))
    if table.warnings:
        found["warnings_path"] = str(sibling(path, "warnings"))
    return found


def print_written(files: Mapping[str, str]) -> None:
    """Name the files beside the table, one line each, as every command does."""
    out = console()
    for name, path in files.items():
        if name != "output":
            title = name.removesuffix("_path").replace("_", " ")
            out.print(f"  {title}: {plain(path)}", markup=False, soft_wrap=True)


def check_output(path: Path | None) -> None:
    """Refuse a table that could not be written, before any work is done."""
    if path is not None:
        _check(path, _TABLES, "-o")


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be drawn, before any work is done."""
    _check(path, _PICTURES, "--plot")


def _check(path: Path, suffixes: tuple[str, ...], option: str) -> None:
    if not path.name.lower().endswith(suffixes) or path.name.lower() in suffixes:
        raise UsageError(f"{plain(path)}: the name must end in {', '.join(suffixes)}")
    if not os.path.isdir(path.parent):  # noqa: PTH112  # unlike Path, it never raises
        raise UsageError(f"{plain(path.parent)}: no such folder: create it first, or choose another {option}")
    if os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{plain(path)}: is a folder: give the name of a file in it")
