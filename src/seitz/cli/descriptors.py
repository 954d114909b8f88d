"""``seitz descriptors``: what there is to compute, feature by feature."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.descriptors import Descriptor
from seitz.descriptors import descriptor as find_descriptor
from seitz.descriptors import descriptors as all_descriptors

from .console import Debug, Json, console, print_json
from .streams import encodable

if TYPE_CHECKING:
    from rich.table import Table


def descriptors(
    name: Annotated[
        str | None, typer.Argument(help="Show all features of this one.", show_default=False)
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the descriptors, or the features of one: name, unit, formula."""
    if name is None:
        if as_json:
            print_json({"descriptors": [_head(known) for known in all_descriptors().values()]})
        else:
            console(whole_tables=True).print(_overview())
        return
    chosen = find_descriptor(name)
    if as_json:
        print_json(_head(chosen) | {"features": [_feature(f) for f in chosen.features]})
    else:
        out = console()
        out.print(f"[bold]{chosen.title}[/]: {len(chosen)} features. {chosen.reference}")
        out.print(_schema(chosen))


def _head(chosen: Descriptor) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "title": chosen.title,
        "n_features": len(chosen),
        "reference": chosen.reference,
        "digest": chosen.digest,
    }


def _feature(feature: Any) -> dict[str, Any]:
    names = ("name", "unit", "formula", "source", "statistic", "quantity")
    return {name: getattr(feature, name) for name in names} | {"properties": list(feature.properties)}


def _overview() -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Name", style="bold")
    table.add_column("Features", justify="right")
    table.add_column("Reference")
    for known in all_descriptors().values():
        table.add_row(known.name, str(len(known)), known.reference)
    return table


def _schema(chosen: Descriptor) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("Feature", style="bold", no_wrap=True)
    table.add_column("Unit", no_wrap=True)
    table.add_column("Formula")
    source = definition = ""
    for number, feature in enumerate(chosen.features):
        if feature.source != source:
            source = feature.source
            table.add_row("", Text(f"\n{source}", style="not bold cyan"), "", "")
        unit = "" if feature.unit == "1" else feature.unit
        if definition and feature.formula.endswith(definition):
            formula = feature.formula.removesuffix(f", {definition}")
        else:
            formula = feature.formula
            definition = formula.partition(", ")[2] if " = " in formula else ""
        table.add_row(str(number), feature.name, unit, Text(encodable(formula, sys.stdout)))
    return table
