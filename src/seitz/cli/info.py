"""``seitz info``: one structure, site by site."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from seitz.cell import Cell
from seitz.errors import ReadError, SeitzError
from seitz.finders import SYMPREC

from .console import Debug, Json, Symprec, UsageError, console, head_line, print_json

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from .crystal import CrystalReport, Shell

_MAX_ROWS = 60
_SHOWN_IDS = 4
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")


def info(
    structure: Annotated[
        str,
        typer.Argument(
            metavar="STRUCTURE",
            help="File with a structure, of any format that 'seitz featurize' reads; or a prototype "
            "('seitz prototypes').",
            show_default=False,
        ),
    ],
    id_: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="Which structure of a file with several.", show_default=False
        ),
    ] = None,
    sites: Annotated[bool, typer.Option("--sites", help="List every site, not one per orbit.")] = False,
    symprec: Symprec = SYMPREC,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Describe a structure: symmetry, density, and the Wigner-Seitz cell of every orbit.

    Partially occupied sites are shown with their occupants. Site numbers count from 0.
    """
    from .crystal import crystal_report

    name, source, cell = _chosen(structure, id_)
    try:
        report = crystal_report(cell, symprec=symprec, every_site=sites)
    except SeitzError as error:
        raise type(error)(f"{source}: {error}") from None
    if as_json:
        print_json({"id": name} | asdict(report))
        return
    out = console(whole_tables=True)
    colours = {
        name: _COLOURS[k % len(_COLOURS)]
        for k, name in enumerate(sorted({o.occupants for o in report.orbits}))
    }
    out.print(_title(name, report))
    for fact, value in _facts(report):
        out.print(f"[dim]{fact:<11}[/]  {value}")
    out.print()
    out.print(_site_table(report, colours, every_site=sites))
    for note in _notes(report, every_site=sites):
        out.print(f"[dim]{note}[/]")


def _chosen(path: str, wanted: str | None) -> tuple[str, str, Cell]:
    """Identifier, place and cell of the one structure in a file, or of the one that was asked for."""
    from seitz.io import read_structures
    from seitz.prototypes import prototype

    from .prototypes import named_cell

    if (named := named_cell(path, patterns=True)) is not None:
        if wanted is not None:
            raise UsageError(f"--id: {path} is a prototype, which is one structure")
        return prototype(path).name, path, named
    records = read_structures(path, occupancy="average")
    if wanted is None:
        head = list(islice(records, _SHOWN_IDS + 1))
        if len(head) > 1:
            ids = ", ".join(record.id for record in head[:_SHOWN_IDS]) + (
                ", …" if len(head) > _SHOWN_IDS else ""
            )
            raise UsageError(f"{path} holds several structures: choose one with --id ({ids})")
    else:
        head = list(islice((record for record in records if record.id == wanted), 1))
        if not head:
            raise ReadError(f"{path} holds no structure with the id {wanted!r}")
    if not head:
        raise ReadError(f"{path} holds no structure")
    if head[0].cell is None:
        raise head[0].error or ReadError(f"{path} holds no structure")
    return head[0].id, head[0].source, head[0].cell


def _title(name: str, report: CrystalReport) -> Text:
    from rich.text import Text

    title = Text(report.formula, style="bold")
    if report.n_formula_units != 1:
        title.append(f" × {report.n_formula_units:g}", style="dim")
    if name != report.formula:
        title.append(f"  {name}", style="dim")
    return title


def _facts(report: CrystalReport) -> list[tuple[str, str]]:
    a, b, c = (f"{x:.4f}".rstrip("0").rstrip(".") for x in report.lengths)
    alpha, beta, gamma = (f"{x:.3f}".rstrip("0").rstrip(".") for x in report.angles)
    per_site = report.volume / report.n_sites
    sites = "1 site" if report.n_sites == 1 else f"{report.n_sites} sites"
    return [
        ("space group", f"{report.space_group_symbol} ({report.space_group}), {report.crystal_system}"),
        ("cell", f"a {a}  b {b}  c {c} Å,  α {alpha}  β {beta}  γ {gamma}°"),
        ("volume", f"{report.volume:.2f} Å³, {sites}, {per_site:.2f} Å³ per site"),
        ("density", f"{report.density:.3f} g/cm³"),
        ("packing", f"{report.packing_efficiency:.4f} of the volume in inscribed spheres"),
    ]


def _site_table(report: CrystalReport, colours: dict[str, str], *, every_site: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=head_line(), pad_edge=False, header_style="dim", show_edge=False, collapse_padding=True)
    table.add_column("Site" if every_site else "Sites", justify="right", no_wrap=True)
    table.add_column("Wyckoff", no_wrap=True)
    table.add_column("Atom", no_wrap=True)
    if every_site:
        table.add_column("x, y, z", no_wrap=True)
    table.add_column("Faces", justify="right", no_wrap=True)
    table.add_column("CN eff", justify="right", no_wrap=True)
    table.add_column("V/Å³", justify="right", no_wrap=True)
    table.add_column("Neighbours", no_wrap=True)
    table.add_column("Distance/Å", justify="right", no_wrap=True)
    table.add_column("Surface", justify="right", no_wrap=True)
    for orbit in report.orbits if every_site else report.orbits[:_MAX_ROWS]:
        table.add_row(
            str(orbit.sites[0] if every_site else len(orbit.sites)),
            orbit.wyckoff,
            Text(orbit.occupants, style=f"bold {colours[orbit.occupants]}"),
            *([" ".join(f"{x:.4f}" for x in orbit.position)] if every_site else []),
            f"{orbit.n_faces}" + (f"+{orbit.n_small_faces}" if orbit.n_small_faces else ""),
            f"{orbit.effective_coordination:.2f}",
            f"{orbit.cell_volume:.2f}",
            *_shell_cells(orbit.shells, colours),
        )
    return table


def _shell_cells(shells: tuple[Shell, ...], colours: dict[str, str]) -> tuple[Text, str, str]:
    """Three table cells with one line per shell."""
    from rich.text import Text

    neighbours = Text("\n").join(
        Text.assemble(
            f"{shell.n_faces:>2}\N{MULTIPLICATION SIGN}", (shell.neighbour, colours[shell.neighbour])
        )
        for shell in shells
    )
    distances = "\n".join(_distance(shell) for shell in shells)
    return neighbours, distances, "\n".join(f"{shell.share:.0%}" for shell in shells)


def _distance(shell: Shell) -> str:
    nearest, farthest = f"{shell.nearest:.3f}", f"{shell.farthest:.3f}"
    return nearest if nearest == farthest else f"{nearest} – {farthest}"


def _notes(report: CrystalReport, *, every_site: bool) -> list[str]:
    from .crystal import SMALL_FACE

    notes = []
    if len(report.orbits) > _MAX_ROWS and not every_site:
        notes.append(f"{len(report.orbits) - _MAX_ROWS:,} more orbits: --sites lists every site")
    if any(orbit.n_small_faces for orbit in report.orbits):
        notes.append(f"+n: further faces, each below {SMALL_FACE:.0%} of the surface")
    return notes
