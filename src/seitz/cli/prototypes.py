"""``seitz prototypes``: named crystal structures, listed, shown, and added to."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.elements import SYMBOLS
from seitz.errors import PrototypeError, ReadError

from .console import Debug, Json, UsageError, console, head_line, print_json
from .streams import encodable

if TYPE_CHECKING:
    from rich.table import Table

    from seitz.cell import Cell
    from seitz.prototypes import BrokenPrototype, Prototype

_ADD = "add"


def prototypes(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this one site by site; 'add' puts FILE among your own.", show_default=False
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(help="With 'add': a YAML, CIF or POSCAR file.", show_default=False),
    ] = None,
    new_name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="With 'add': the name to give it.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With 'add': replace your prototype of that name.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List the origin of each, and other names.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the prototypes, show one, or add your own: named lattices with the parameters of a real material."""
    adding = name is not None and name.casefold() == _ADD
    if (file is not None) != adding:
        raise UsageError("give one name, or: seitz prototypes add FILE")
    if not adding and (new_name is not None or force):
        raise UsageError("--name and --force belong to: seitz prototypes add FILE")
    if file is not None:
        _add(file, new_name, force=force, as_json=as_json)
    elif name is not None:
        _show(name, as_json=as_json)
    else:
        _list(verbose=verbose, as_json=as_json)


def _list(*, verbose: bool, as_json: bool) -> None:
    from seitz.prototypes import broken_prototypes, user_folder
    from seitz.prototypes import prototypes as all_prototypes

    usable, broken = list(all_prototypes().values()), broken_prototypes()
    if as_json:
        problems = [{"name": b.name, "source": b.source, "message": str(b.error)} for b in broken]
        print_json(
            {
                "prototypes": [_head(known) for known in usable],
                "broken": problems,
                "folder": str(user_folder()),
            }
        )
        return
    out = console()
    out.print(_overview(usable, verbose=verbose))
    _print_broken(broken)


def _print_broken(broken: list[BrokenPrototype]) -> None:
    if not broken:
        return
    out = console()
    out.print(f"\n[bold yellow]{len(broken)} not usable[/]")
    for problem in broken:
        out.print(f"  {encodable(str(problem.error), sys.stdout)}", markup=False, soft_wrap=True)


def _show(name: str, *, as_json: bool) -> None:
    from rich.text import Text

    from seitz.prototypes import is_prototype, prototype

    try:
        chosen = prototype(name)
    except PrototypeError as error:
        raise error if is_prototype(name) else UsageError(str(error)) from None
    if as_json:
        print_json(_head(chosen) | {"lattice": chosen.lattice_parameters, "sites": _sites(chosen)})
        return
    out = console(whole_tables=True)
    name_and_title = (chosen.name, "bold"), "  ", (encodable(chosen.title, sys.stdout), "dim")
    out.print(Text.assemble(*name_and_title))
    for fact, value in _facts(chosen):
        out.print(f"[dim]{fact:<11}[/]  ", end="")
        out.print(value, markup=False, soft_wrap=True)
    out.print()
    out.print(_site_table(chosen))


def _add(file: Path, name: str | None, *, force: bool, as_json: bool) -> None:
    from seitz.prototypes import add_prototype

    before = _own_files()
    try:
        added = add_prototype(file, name=name, overwrite=force)
    except ReadError as error:  # there is no such file
        raise UsageError(str(error)) from None
    if as_json:
        print_json(_head(added))
        return
    done = "replaced" if added.source in before else "added"
    text = f"{added.name} {done}: {added.title}, {added.pearson}, space group {added.space_group} → {added.source}"
    console().print(text, markup=False, soft_wrap=True)


def _own_files() -> set[str]:
    from seitz.io.records import printable
    from seitz.prototypes.folder import user_files

    with suppress(PrototypeError):  # a folder that cannot be listed may still be written
        return {printable(os.fspath(path)) for path in user_files()}
    return set()


def named_cell(name: str, *, patterns: bool = False) -> Cell | None:
    """The prototype of that name; None where there is a file, or with ``patterns`` one that matches.

    Raises
    ------
    UsageError
        There is none of them.
    PrototypeError
        The file of the prototype is broken.
    """
    from seitz.adapters import prototype_cell
    from seitz.io.paths import expand
    from seitz.io.records import printable
    from seitz.prototypes import is_prototype, prototype

    try:
        found = prototype_cell(name)
        if found is None and patterns:
            next(expand([name]), None)
    except ReadError as error:
        if is_prototype(name):
            prototype(name)
        raise UsageError(str(error)) from None
    if found is None and not patterns and not os.path.lexists(name):
        raise UsageError(f"{printable(name)}: no such file or directory")
    return found


# --- contents ----------------------------------------------------------------------------------------------------


def _head(known: Prototype) -> dict[str, Any]:
    origin = known.origin
    return {
        "name": known.name,
        "title": known.title,
        "aliases": list(known.aliases),
        "strukturbericht": known.strukturbericht,
        "pearson": known.pearson,
        "space_group": known.space_group,
        "formula": known.cell.formula,
        "n_sites": len(known.cell),
        "sublattices": known.multiplicities,
        "origin": None if origin is None else {key: getattr(origin, key) for key in origin.__slots__},
        "note": known.note,
        "source": known.source,
    }


def _sites(known: Prototype) -> list[dict[str, Any]]:
    cell = known.cell
    return [
        {"element": SYMBOLS[z], "sublattice": sublattice, "position": position}
        for z, sublattice, position in zip(
            cell.atomic_numbers.tolist(), known.sublattices, cell.frac_coords.tolist(), strict=True
        )
    ]


def _facts(known: Prototype) -> list[tuple[str, str]]:
    a, b, c, alpha, beta, gamma = (
        f"{value:.5f}".rstrip("0").rstrip(".") for value in known.lattice_parameters.values()
    )
    facts = [
        ("also called", ", ".join(known.aliases)),
        ("structure", f"{known.pearson}, space group {known.space_group}"),
        ("cell", f"a {a}  b {b}  c {c} Å,  α {alpha}  β {beta}  γ {gamma}°"),
        ("contents", f"{known.cell.formula}, {len(known.cell)} sites, {known.cell.volume:.2f} Å³"),
        ("origin", "" if known.origin is None else str(known.origin)),
        ("note", known.note),
        ("source", known.source),
    ]
    return [(fact, encodable(value, sys.stdout)) for fact, value in facts if value]


def _overview(usable: list[Prototype], *, verbose: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Name", style="bold", no_wrap=True)
    table.add_column("Structure", no_wrap=not verbose)
    if verbose:
        table.add_column("Also called")
    table.add_column("Pearson", no_wrap=True)
    table.add_column("Group", justify="right", no_wrap=True)
    table.add_column("Sites", justify="right", no_wrap=True)
    if verbose:
        table.add_column("Origin")
    else:
        table.add_column("Sublattices")
    for known in usable:
        origin = "" if known.origin is None else str(known.origin)
        cells = [
            known.title,
            *([", ".join(known.aliases)] if verbose else []),
            known.pearson,
            str(known.space_group),
            str(len(known.cell)),
            origin if verbose else _sublattices(known),
        ]
        table.add_row(
            Text(encodable(known.name, sys.stdout)), *(Text(encodable(cell, sys.stdout)) for cell in cells)
        )
    return table


def _sublattices(known: Prototype) -> str:
    return "  ".join(
        f"{sublattice} {SYMBOLS[int(known.cell.atomic_numbers[known.sites(sublattice)[0]])]}"
        for sublattice in known.multiplicities
    )


def _site_table(known: Prototype) -> Table:
    from rich.table import Table

    table = Table(box=head_line(), pad_edge=False, header_style="dim", show_edge=False, collapse_padding=True)
    table.add_column("Site", justify="right", no_wrap=True)
    table.add_column("Sublattice", no_wrap=True)
    table.add_column("Atom", style="bold", no_wrap=True)
    table.add_column("x, y, z", no_wrap=True)
    for number, site in enumerate(_sites(known)):
        position = "  ".join(f"{x:.5f}" for x in site["position"])
        table.add_row(str(number), site["sublattice"], site["element"], position)
    return table
