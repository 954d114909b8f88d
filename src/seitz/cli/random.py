"""``seitz random``: vectors of random solid solutions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.errors import PrototypeError
from seitz.missing import MissingPolicy
from seitz.table import sibling

from .console import Debug, Json, UsageError, console, head_line, print_json
from .streams import plain
from .tables import Output, Picture, check_output, check_picture, print_written, written

if TYPE_CHECKING:
    from rich.table import Table

    from seitz.alloys import RandomAlloy, RandomAlloys

_BESIDE = ("failures", "warnings", "standard_error")


def random(
    compositions: Annotated[
        list[str],
        typer.Argument(
            metavar="COMPOSITION",
            help="Formulas such as Fe50Ni50, or '2a=Cr; 4f=FeCr' for sublattices of their own; or CSV "
            "files with a column 'composition' or one column per element.",
            show_default=False,
        ),
    ],
    lattices: Annotated[
        list[str],
        typer.Option(
            "--lattice",
            "-l",
            metavar="LATTICE",
            help="Prototype ('seitz prototypes' lists them) or structure file; may be repeated.",
            show_default=False,
        ),
    ],
    output: Output = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="The infinite alloy, without noise, instead of samples.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Makes a sampled result repeatable.")] = None,
    feature_criterion: Annotated[
        float, typer.Option(help="Largest change of any feature over three ensembles, in units of its range.")
    ] = 0.005,
    composition_criterion: Annotated[
        float, typer.Option(help="Largest mean deviation of the ensemble's fractions from the target's.")
    ] = 0.01,
    minimum_occurrences: Annotated[
        int, typer.Option(min=1, help="How often every element must have occurred.")
    ] = 10,
    max_expansions: Annotated[int, typer.Option(min=1, help="Where sampling ends, converged or not.")] = 2000,
    n_sites: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --exact: extremes expected among so many sites, not limits.", show_default=False
        ),
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
    """Feature vectors of random alloys: every composition on every lattice.

    With -o, the vectors are written as a table, and the standard errors of sampled ones beside it. An alloy that fails
    keeps its row (NaN) and is listed beside the table, too.

    Exit code: 0 all went well, 1 an alloy failed or did not converge, 2 the command line was wrong.
    """
    from seitz.alloys import featurize_random

    from .outputs import check_inputs
    from .prototypes import named_cell

    check_output(output)
    if plot is not None:
        check_picture(plot)
    check_inputs(output, plot, named=[*compositions, *lattices], kinds=_BESIDE)
    if n_sites is not None and not exact:
        raise UsageError("--n-sites: a sample has the extremes of its own size; give it with --exact")
    for lattice in lattices:
        with suppress(PrototypeError):  # a broken one costs its rows
            named_cell(lattice)
    asked = _compositions(compositions)
    if plot is not None and (exact or len(asked) * len(lattices) != 1):
        raise UsageError(
            "--plot shows the convergence of one sampled alloy: give one lattice and composition"
        )
    with _progress() as progress:
        result = featurize_random(
            lattices,
            list(asked.values()),
            names=list(asked),
            mode="exact" if exact else "sampled",
            seed=seed,
            feature_criterion=feature_criterion,
            composition_criterion=composition_criterion,
            minimum_occurrences=minimum_occurrences,
            max_expansions=max_expansions,
            n_sites=n_sites,
            missing=missing,
            on_error="record",
            n_threads=threads,
            progress=progress,
        )
    files = {} if output is None else _write(result, output)
    if plot is not None and result[0] is not None:
        from seitz import plots

        plots.save(plots.convergence(result[0]), plot)
        files["picture"] = str(plot)
    _report(result, files, as_json=as_json)
    return 0 if all(alloy is not None and alloy.converged for alloy in result) else 1


def _compositions(given: list[str]) -> dict[str, Any]:
    """Compositions by the name of their row, unchecked; files are read, anything else is a formula."""
    from seitz.alloys.tables import read_rows
    from seitz.io.records import printable

    asked: dict[str, Any] = {}
    for entry in given:
        if entry.lower().endswith((".csv", ".csv.gz", ".csv.zst")) or os.path.isfile(entry):  # noqa: PTH113
            if not os.path.lexists(entry):
                raise UsageError(f"{printable(entry)}: no such file or directory")
            for name, composition in read_rows(entry).items():
                asked[name if name not in asked else f"{name} ({entry})"] = composition
        else:
            asked[entry] = entry
    return asked


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("Alloys", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _write(result: RandomAlloys, output: Path) -> dict[str, str]:
    """Write all vectors, and beside them the standard errors of sampled ones; the files by what they hold."""
    import dataclasses

    import numpy as np

    from seitz.io.results import write_results

    table = result.table
    files, standard_error = written(output, table), None
    if any(alloy is not None and alloy.mode == "sampled" for alloy in result):
        blank = np.full(len(result.descriptor), np.nan)
        errors = np.array([blank if alloy is None else alloy.standard_error for alloy in result])
        standard_error = dataclasses.replace(table, values=errors, failures=(), warnings=())
        files["standard_errors_path"] = str(sibling(output, "standard_error"))
    write_results(output, table, beside={"standard_error": standard_error})
    return files


def _as_dict(alloy: RandomAlloy | None, name: str, reason: str) -> dict[str, Any]:
    if alloy is None:
        return {"id": name, "error": reason}
    return {
        "id": name,
        "mode": alloy.mode,
        "converged": alloy.converged,
        "status": alloy.status,
        "sites": alloy.n_sites or None,
        "expansions": len(alloy.history),
        "composition": alloy.composition.formula,
        "worst_feature": alloy.worst_feature[-1] if alloy.worst_feature else None,
    }


def _report(result: RandomAlloys, files: dict[str, str], *, as_json: bool) -> None:
    reasons = {failure.index: failure.message for failure in result.failures}
    if as_json:
        alloys = [
            _as_dict(alloy, name, reasons.get(k, ""))
            for k, (alloy, name) in enumerate(zip(result, result.ids, strict=True))
        ]
        n_warnings = len(result.table.warnings)
        print_json({"output": None, "picture": None, **files, "warnings": n_warnings, "alloys": alloys})
        return
    out = console(whole_tables=True)
    out.print(_table(result, reasons))
    if "output" in files:
        vectors = f"{len(result)} vector{'' if len(result) == 1 else 's'}"
        out.print(f"{vectors} → {plain(files['output'])}", markup=False, soft_wrap=True)
    else:
        out.print("vectors not kept: -o FILE writes them", markup=False)
    print_written(files)


def _table(result: RandomAlloys, reasons: dict[int, str]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=head_line(), pad_edge=False, show_edge=False)
    for head, justify in (("Alloy", "left"), ("Sites", "right"), ("Composition", "left"), ("Status", "left")):
        table.add_column(head, justify=justify)  # type: ignore[arg-type]
    for k, (alloy, name) in enumerate(zip(result, result.ids, strict=True)):
        shown = escape(plain(name))
        if alloy is None:
            table.add_row(shown, "", "", f"[red]failed: {escape(plain(reasons[k]))}[/]")
            continue
        sites = f"{alloy.n_sites:,}" if alloy.n_sites else "∞"
        colour = "green" if alloy.converged else "yellow"
        table.add_row(shown, sites, alloy.composition.formula, f"[{colour}]{escape(alloy.status)}[/]")
    return table
