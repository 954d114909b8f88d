"""``seitz demo``: bundled crystals, featurized."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import typer

from seitz.cell import Cell
from seitz.errors import WriteError
from seitz.table import FeatureTable

from .console import Debug, Json, console, head_line, print_json
from .picture import Line, check_picture, save_picture

if TYPE_CHECKING:
    from rich.table import Table

    from seitz.models import PredictionTable

_SHOWN = (
    ("mean_EffectiveCoordination", "CN eff", "{:.2f}"),
    ("MaxPackingEfficiency", "Packing", "{:.3f}"),
    ("mean_NeighDiff_shell1_Electronegativity", "|Δχ|", "{:.2f}"),
    ("mean_NeighDiff_shell1_CovalentRadius", "|Δr|/pm", "{:.1f}"),
)


_WIDTH = 40


class _Row(NamedTuple):
    """One crystal of the demonstration."""

    name: str
    cell: Cell
    formula: str
    space_group: str
    features: FeatureTable
    seconds: float


def demo(
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Copy the bundled structures there, to try things.", show_default=False
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the predictions into an SVG file.", show_default=False),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Featurize a dozen bundled crystals, and predict their formation energies."""
    check_picture(plot)
    with as_file(files("seitz") / "data" / "demo") as folder:
        if write is not None:
            names = _copied(folder, write)
            if as_json:
                print_json({"folder": str(write), "files": names})
            else:
                console().print(f"{len(names)} structures copied to {write}", markup=False, soft_wrap=True)
                _print_next_steps(write)
            return
        rows = _rows(folder)
    found = _predicted(rows)
    if plot is not None:
        _draw(rows, found, plot)
    if as_json:
        print_json({"structures": [_as_dict(row) for row in rows]})
        return
    out = console()
    out.print(f"[bold]{len(rows)} crystals, {len(rows[0].features.names)} features each[/]: a few of them\n")
    out.print(_table(rows))
    n_sites, seconds = sum(len(row.cell) for row in rows), sum(row.seconds for row in rows)
    out.print(
        "\n[dim]Means over sites. CN eff: effective coordination. Packing: volume share of the inscribed spheres.\n"
        "|Δχ|, |Δr|: differences in electronegativity and covalent radius to the neighbours, by face area.[/]"
        f"\n\nAll features of {n_sites} sites in [bold]{1000 * seconds:.1f} ms[/] on one processor.\n"
    )
    out.print(_energies(rows, found))
    out.print(_doubts(rows, found))
    out.print(
        "\n[dim]What the bundled model says: a value, and where 90 % of true values are expected to lie. "
        "'seitz models card default' says how it was made.[/]"
    )
    if plot is not None:
        out.print(f"The same as a picture: {plot}", markup=False, soft_wrap=True)
    _print_next_steps(None)


def _structure_files(folder: Path) -> list[Path]:
    from seitz.io.formats import format_by_name

    return sorted(path for path in folder.iterdir() if format_by_name(path.name))


def _rows(folder: Path) -> list[_Row]:
    from seitz.featurize import featurize
    from seitz.io import read_one
    from seitz.symmetry import site_orbits

    rows: list[_Row] = []
    for path in _structure_files(folder):
        cell = read_one(path, occupancy="average")
        features = featurize(cell, occupancy="average", n_threads=1)
        seconds = _seconds_each(lambda copies: featurize(copies, occupancy="average", n_threads=1), cell)
        symbol = site_orbits(cell).symbol.replace(" ", "")
        rows.append(_Row(path.name, cell, cell.formula_unit[0], symbol, features, seconds))
    return rows


def _seconds_each(featurize_all: Callable[[list[Cell]], object], cell: Cell) -> float:
    """Seconds per structure in a batch, as bulk work sees it; the best of three, since the first one is cold."""
    copies = [cell] * 20
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        featurize_all(copies)
        best = min(best, time.process_time() - start)
    return best / len(copies)


def _table(rows: list[_Row]) -> Table:
    from rich.table import Table

    table = Table(box=head_line(), pad_edge=False, show_edge=False, header_style="dim", collapse_padding=True)
    table.add_column("File", no_wrap=True)
    table.add_column("Crystal", style="bold cyan", no_wrap=True)
    table.add_column("Group", no_wrap=True)
    table.add_column("Sites", justify="right")
    for _, title, _ in _SHOWN:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Time/µs", justify="right", style="green")
    for row in rows:
        table.add_row(
            row.name,
            row.formula,
            row.space_group,
            str(len(row.cell)),
            *(form.format(row.features[name][0]) for name, _, form in _SHOWN),
            f"{1e6 * row.seconds:.0f}",
        )
    return table


def _predicted(rows: list[_Row]) -> PredictionTable:
    from seitz.models import predict

    return predict([row.cell for row in rows], occupancy="average")


def _draw(rows: list[_Row], found: PredictionTable, path: Path) -> None:
    doubtful = {doubt.index for doubt in found.doubts}
    lines = [
        Line(row.formula, float(found.value[k]), float(found.lower[k]), float(found.upper[k]), k in doubtful)
        for k, row in enumerate(rows)
    ]
    save_picture(path, lines, "Formation energies with 90 % intervals", "formation energy, eV/atom")


def _energies(rows: list[_Row], found: PredictionTable) -> Table:
    """Predicted formation energies, with the intervals drawn as text."""
    from rich.table import Table

    low, high = float(np.nanmin(found.lower)), float(max(np.nanmax(found.upper), 0.0))
    doubtful = {doubt.index for doubt in found.doubts}
    table = Table(box=head_line(), pad_edge=False, show_edge=False, header_style="dim", collapse_padding=True)
    table.add_column("Crystal", style="bold cyan", no_wrap=True)
    table.add_column("Formation energy, eV/atom", justify="right", no_wrap=True)
    table.add_column("90 % interval", justify="right", no_wrap=True)
    table.add_column(f"{low:.1f}{'':{_WIDTH - 8}}{high:.1f}", no_wrap=True)
    for k, row in enumerate(rows):
        value, lower, upper = (float(column[k]) for column in (found.value, found.lower, found.upper))
        known = math.isfinite(lower)
        low_end, mark_at, high_end = (
            round((x - low) / (high - low) * (_WIDTH - 1))
            for x in ((lower, value, upper) if known else [value] * 3)
        )
        mark, colour = ("○", "yellow") if k in doubtful else ("●", "green")
        bar = _bar(low_end, mark_at, high_end, mark)
        table.add_row(
            row.formula, f"{value:.2f}", f"{lower:.2f} to {upper:.2f}" if known else "", f"[{colour}]{bar}[/]"
        )
    return table


def _doubts(rows: list[_Row], found: PredictionTable) -> str:
    """What the open circles mean."""
    reasons = "".join(f"\n  {rows[doubt.index].formula}: {doubt.message}" for doubt in found.doubts)
    return f"[yellow]○ in doubt:{reasons}[/]"


def _bar(first: int, middle: int, last: int, mark: str) -> str:
    """An interval as text, with its middle marked."""
    marks = [" "] * _WIDTH
    marks[first : last + 1] = ["─"] * (last + 1 - first)
    marks[min(max(middle, 0), _WIDTH - 1)] = mark
    return "".join(marks).rstrip()


def _as_dict(row: _Row) -> dict[str, Any]:
    return {
        "file": row.name,
        "formula": row.formula,
        "space_group": row.space_group,
        "sites": len(row.cell),
        "seconds": row.seconds,
        "features": dict(zip(row.features.names, row.features.values[0].tolist(), strict=True)),
    }


def _copied(folder: Path, target: Path) -> list[str]:
    """Copy the structures; files that are there already must be the same."""
    names = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in _structure_files(folder):
            copy, content = target / path.name, path.read_bytes()
            with suppress(FileNotFoundError):
                if copy.read_bytes() != content:
                    raise WriteError(f"{copy}: another file has this name: choose another folder")
            copy.write_bytes(content)
            names.append(path.name)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{target}: cannot be written: {error.strerror or error}") from error
    return names


def _print_next_steps(folder: Path | None) -> None:
    from rich.markup import escape

    place = escape(str(folder or "crystals"))
    steps = [
        *([] if folder else [(f"seitz demo --write {place}", "copy these files")]),
        (f"seitz info {place}/Cr8Fe22_sigma.POSCAR", "one structure, orbit by orbit"),
        (f"seitz featurize {place} -o features.csv --occupancy average", "all features, as a table"),
        (f"seitz predict {place} --occupancy average", "formation energies with intervals"),
        ("seitz descriptors ks2022", "what each feature means"),
    ]
    out = console()
    out.print("\nNext:")
    width = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        out.print(f"  [bold green]{command:<{width}}[/]  [dim]{meaning}[/]", soft_wrap=True)
