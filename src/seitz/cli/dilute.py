"""``seitz dilute``: every solute on every orbit of a host, or structures that are variants of it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.cell import OccupancyPolicy
from seitz.descriptors import Walk
from seitz.descriptors import descriptor as find_descriptor
from seitz.elements import MAX_Z, SYMBOLS
from seitz.errors import OccupancyError
from seitz.missing import MissingPolicy

from .console import Debug, Json, UsageError, console, print_json
from .streams import plain
from .tables import Output, Picture, check_output, check_picture, print_written, written

if TYPE_CHECKING:
    from seitz.cell import Cell
    from seitz.record import Record
    from seitz.table import FeatureTable

_MULTIPLES = re.compile(r"(\d+)[x×,](\d+)[x×,](\d+)")
_MOST_SITES = 1_000_000


def dilute(
    host: Annotated[
        str,
        typer.Argument(
            help="The perfect structure: a file, or a prototype ('seitz prototypes').", show_default=False
        ),
    ],
    output: Output = None,
    solutes: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS", help="Solutes, as Al,Cr,Ni; 'all' takes every element.", show_default=False
        ),
    ] = None,
    vacancies: Annotated[bool, typer.Option("--vacancies", help="A vacancy on every orbit, too.")] = False,
    structures: Annotated[
        list[str] | None,
        typer.Option(
            "--structures",
            metavar="PATH",
            help="Variants of the host, whose defects are found: files, folders or patterns; may be repeated.",
            show_default=False,
        ),
    ] = None,
    supercell: Annotated[
        str, typer.Option(metavar="NxNxN", help="Repeat the host along its axes first.")
    ] = "1x1x1",
    occupancy: Annotated[
        OccupancyPolicy, typer.Option(help="Partially occupied sites of the host: refuse, or average.")
    ] = "raise",
    descriptor: Annotated[
        str, typer.Option(metavar="NAME", help="Which features; 'seitz descriptors' lists them.")
    ] = "ks2022",
    walk: Annotated[
        Walk | None,
        typer.Option(help="Walks of --descriptor ward2017.", show_default="self_avoiding"),
    ] = None,
    missing: Annotated[
        MissingPolicy, typer.Option(help="Elements that lack a property: read 0, leave NaN, or refuse.")
    ] = "zero",
    threads: Annotated[
        int | None,
        typer.Option("--threads", "-j", min=1, help="Processors to use.", show_default="all there are"),
    ] = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Feature vectors of a host with defects, computed from what each of them changes.

    Rows are named after the change and the first site of the orbit, as Al@0 and vacancy@0.

    --plot draws the Wigner-Seitz cells of the host's unique sites.

    Exit code: 0 all went well, 1 a structure failed, 2 the command line was wrong.
    """
    from seitz.adapters import as_cell
    from seitz.defects import featurize_dilute, host_plan
    from seitz.io import read_structures
    from seitz.table import concatenate

    from .outputs import check_inputs
    from .prototypes import named_cell

    check_output(output)
    if plot is not None:
        check_picture(plot)
    check_inputs(output, plot, named=[host], searched=structures or [])
    elements = _elements(solutes)
    if not elements and not vacancies and not structures and plot is None:
        raise UsageError(
            "give --solutes, --vacancies or --structures: without them nothing differs from the host"
        )
    named = named_cell(host)
    unit, multiples = as_cell(host if named is None else named, occupancy=occupancy), _multiples(supercell)
    if len(unit) * multiples[0] * multiples[1] * multiples[2] > _MOST_SITES:
        raise UsageError(f"--supercell {supercell}: more than {_MOST_SITES:,} sites")
    started = time.perf_counter()
    plan = host_plan(unit, supercell=multiples, occupancy=occupancy, n_threads=threads)
    chosen = find_descriptor(descriptor, walk)
    tables: list[FeatureTable] = []
    if elements:
        tables.append(plan.all_substitutions(elements, descriptor=chosen, missing=missing, n_threads=threads))
    if vacancies:
        sets = [{site: None} for site in plan.orbits.representatives.tolist()]
        tables.append(plan.featurize(sets, descriptor=chosen, missing=missing, n_threads=threads))
    if structures:
        records = map(_ordered, read_structures(structures))
        tables.append(
            featurize_dilute(
                records, host=plan, descriptor=chosen, missing=missing, on_error="record", n_threads=threads
            )
        )
    seconds = time.perf_counter() - started
    table = concatenate(tables) if tables else None
    files: dict[str, str] = {}
    if plot is not None:
        from seitz import plots

        plots.save(plots.cells(unit), plot)
        files["picture"] = str(plot)
    if table is not None and output is not None:
        table.write(output)
        files = written(output, table) | files
    _report(table, plan.cell, seconds, files, as_json=as_json)
    return 1 if table is not None and table.failures else 0


def _elements(solutes: str | None) -> list[str]:
    from seitz.alloys.composition import capitalised

    if solutes is None:
        return []
    if solutes.strip().lower() == "all":
        return list(SYMBOLS[1 : MAX_Z + 1])
    found = [word for word in re.split(r"[,\s]+", solutes) if word]
    wrong = next((word for word in found if word not in SYMBOLS[1:]), None if found else "nothing")
    if wrong is not None:
        guess = capitalised(wrong)
        hint = f": did you mean {guess}?" if guess else "; give e.g. Al,Cr,Ni"
        raise UsageError(f"--solutes {solutes}: {wrong} is no element{hint}")
    return list(dict.fromkeys(found))


def _ordered(record: Record) -> Record:
    """The same, or with an error that advises no averaging: changes are of whole atoms."""
    if not isinstance(record.error, OccupancyError):
        return record
    reason = str(record.error).partition(". Order the structure")[0]
    message = f"{reason}: variants must be fully occupied by one element per site"
    return record._replace(error=OccupancyError(message))


def _multiples(supercell: str) -> tuple[int, int, int]:
    match = _MULTIPLES.fullmatch(supercell.strip().lower())
    a, b, c = map(int, match.groups()) if match else (0, 0, 0)
    if not a * b * c:
        raise UsageError(f"--supercell {supercell}: give three positive numbers, as 3x3x3")
    return a, b, c


def _report(
    table: FeatureTable | None, cell: Cell, seconds: float, files: dict[str, str], *, as_json: bool
) -> None:
    if as_json:
        print_json(_summary(table, cell, files) | {"seconds": round(seconds, 4)})
        return
    out = console()
    if table is not None:
        failed = f"{len(table.failures)} failed" if table.failures else "none failed"
        arrow = f" → {plain(files['output'])}" if "output" in files else ""
        variants = "variant" if len(table) == 1 else "variants"
        out.print(
            f"{len(table):,} {variants} of {cell.formula} ({len(cell)} sites, one is {100 / len(cell):.3g} at.%), "
            f"{failed}, {1e3 * seconds:.1f} ms{arrow}",
            markup=False,
            soft_wrap=True,
        )
    print_written(files)
    if table is None:
        return
    if "output" not in files:
        out.print("  not kept: -o FILE writes them", markup=False)
    for failure in table.failures[:20]:
        line = f"{failure.source or failure.id}: {failure.message}"
        out.print(f"  {plain(line)}", markup=False, soft_wrap=True)


def _summary(table: FeatureTable | None, cell: Cell, files: dict[str, str]) -> dict[str, Any]:
    known = () if table is None else table.failures
    return {
        "output": None,
        "picture": None,
        **files,
        "host": cell.formula,
        "host_sites": len(cell),
        "vectors": 0 if table is None else len(table),
        "failures": [{"id": f.id, "error": f.error, "message": f.message} for f in known],
        "warnings": 0 if table is None else len(table.warnings),
    }
