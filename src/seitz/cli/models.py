"""``seitz models``: which models there are, what they are, and adding others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Debug, Json, console, head_line, print_json
from .streams import plain

if TYPE_CHECKING:
    from seitz.models import Listed, ModelCard

models = typer.Typer(
    name="models",
    help="Models: list, card, add, remove, pull, verify.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CELL = 120  # characters

Name = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a model, or an ONNX file.", show_default=False)
]


@models.command("list")
def list_(as_json: Json = False, debug: Debug = False) -> None:
    """All models: those of the package, your own, and published ones to be downloaded."""
    from seitz.models import list as list_models

    found = list_models()
    if as_json:
        print_json([_as_dict(entry) for entry in found])
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=head_line(), pad_edge=False, show_edge=False)
    for head in ("Name", "Predicts", "From", "Where", ""):
        table.add_column(head)
    for entry in found:
        card = entry.card
        what = (f"{card.property}, {card.unit}", card.descriptor, card.title) if card else ("", "", "")
        name, predicts, source, title = (escape(_short(text)) for text in (entry.name, *what))
        remark = f"[red]{escape(plain(entry.trouble))}[/]" if entry.trouble else title
        table.add_row(name, predicts, source, entry.where, remark)
    console(whole_tables=True).print(table)


@models.command()
def card(model: Name, as_json: Json = False, debug: Debug = False) -> None:
    """What a model predicts, from what data, how well, and what it is not good for."""
    from seitz.models import card as card_of

    found = card_of(model)
    if as_json:
        print_json(asdict(found))
        return
    out = console()
    for head, text in _lines(found):
        out.print(f"[bold]{head:12s}[/] ", end="")
        out.print(plain(" ".join(text.split())), markup=False, emoji=False, soft_wrap=True)
    from .elements import element_map, numbers_by_element

    by_element = numbers_by_element(found.extra.get("error_by_element"))
    if by_element:
        out.print("\n[bold]mean absolute error[/] of crystals with an element, in thousandths of the unit\n")
        out.print(element_map(by_element), end="", soft_wrap=True)


@models.command()
def add(
    path: Annotated[str, typer.Argument(metavar="FILE", help="An ONNX file.", show_default=False)],
    name: Annotated[
        str, typer.Option(help="What to call it.", show_default="its card's or file's name")
    ] = "",
    descriptor: Annotated[str, typer.Option(help="Its features, if the file has no card.")] = "",
    property_: Annotated[
        str, typer.Option("--property", help="What it predicts, if the file has no card.")
    ] = "",
    unit: Annotated[str, typer.Option(help="In which unit, if the file has no card.")] = "",
    walk: Annotated[str, typer.Option(help="Walks of ward2017: self_avoiding or no_reversal.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a model of that name.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Audit a model file and put it into your folder of models."""
    from seitz.models import add as add_model

    fields: dict[str, Any] = {"walk": walk} if walk else {}
    target = add_model(
        path, name=name, descriptor=descriptor, property=property_, unit=unit, replace=force, **fields
    )
    _tell("added", target, as_json)


@models.command()
def pull(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a published model.", show_default=False)
    ],
    address: Annotated[
        str | None, typer.Option(help="Another address of the same file.", show_default=False)
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Download a published model; an interrupted download goes on where it stopped."""
    from seitz.models import pull as pull_model

    with _progress() as progress:
        target = pull_model(model, address=address, progress=progress)
    _tell("downloaded", target, as_json)


def _tell(what: str, path: Path, as_json: bool) -> None:
    """What was done with which file."""
    if as_json:
        print_json({what: os.fspath(path)})
    else:
        console().print(f"{what} {plain(path)}", markup=False, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    with Progress(
        BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@models.command()
def remove(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a model of yours.", show_default=False)
    ],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove a model from your folder of models."""
    from seitz.models import remove as remove_model

    _tell("removed", remove_model(model), as_json)


@models.command()
def verify(model: Name, as_json: Json = False, debug: Debug = False) -> None:
    """Audit a model, compare its digest, open it, and run it on all prototypes."""
    from seitz.models import verify as verify_model

    found = verify_model(model)
    if as_json:
        print_json(asdict(found))
        return
    weights = (
        "its weights are those of its card"
        if found.bound
        else "no digest says whether its weights are the first"
    )
    doubtful = f", {found.n_doubtful} doubtful" if found.n_doubtful else ""
    console().print(
        f"{plain(found.model)}: sound, and {weights}; {found.n_structures} prototypes predicted{doubtful}\n"
        f"sha256 {found.sha256}",
        markup=False,
        soft_wrap=True,
    )


def _as_dict(entry: Listed) -> dict[str, Any]:
    path = None if entry.path is None else str(entry.path)
    return {
        "name": entry.name, "where": entry.where, "path": path, "trouble": entry.trouble or None,
        "card": None if entry.card is None else asdict(entry.card),
    }  # fmt: skip


def _lines(found: ModelCard) -> list[tuple[str, str]]:
    lines = [("name", found.name), ("title", found.title), ("predicts", f"{found.property}, {found.unit}")]
    lines += [("from", found.descriptor), ("training", found.training), ("licence", found.licence)]
    if found.elements:
        lines.append(("elements", f"{len(found.elements)}: {' '.join(found.elements)}"))
    if found.level:
        lines.append(("intervals", f"{100 * found.level:.0f} %: {found.calibration.get('method', '')}"))
    for metric in found.metrics:
        spread = (
            f" ({metric.lower:.3g} to {metric.upper:.3g})"
            if metric.lower is not None and metric.upper is not None
            else ""
        )
        lines.append(
            (
                "figure",
                f"{metric.name} {metric.value:.3g}{_unit(metric.unit)}{spread}, {metric.on} (n = {metric.n:,})",
            )
        )
    lines += [("limit", text) for text in found.limits]
    lines.append(("cite", found.citation))
    return [(head, text) for head, text in lines if text]


def _short(text: str) -> str:
    """A text for one cell: all rows of a table are as wide as the longest."""
    shown = plain(text[: _CELL + 1])
    return shown if len(shown) <= _CELL else f"{shown[: _CELL - 1]}…"


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"
