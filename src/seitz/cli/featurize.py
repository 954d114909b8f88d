"""``seitz featurize``: files to a table of features."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.batch import ErrorPolicy, SymmetryPolicy
from seitz.cell import OccupancyPolicy
from seitz.descriptors import Descriptor, Walk
from seitz.descriptors import descriptor as find_descriptor
from seitz.errors import ReadError
from seitz.finders import SYMPREC, Finder
from seitz.missing import MissingPolicy

from .console import Debug, Json, Symprec, console, print_json
from .streams import plain
from .tables import OUTPUT
from .wording import as_command_line

if TYPE_CHECKING:
    from seitz.io.results import ResultSinks
    from seitz.parallel_files import FileBatch

    from .outputs import Outputs


_SHOWN_FAILURES = 5
_KINDS = {
    "missing": "with elements that lack a property",
    "crowded": "with atoms too close together",
    "averaged": "with averaged sites",
}


def featurize(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Files, folders (searched recursively) or patterns: POSCAR, CIF, extended XYZ, JSON, JSON lines, "
            "Parquet; also compressed by gzip, zstd, bzip2 or xz.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, OUTPUT],
    occupancy: Annotated[
        OccupancyPolicy, typer.Option(help="Partially occupied sites: refuse, or average their occupants.")
    ] = "raise",
    missing: Annotated[
        MissingPolicy, typer.Option(help="Elements that lack a property: read 0, leave NaN, or refuse.")
    ] = "zero",
    on_error: Annotated[
        ErrorPolicy, typer.Option(help="A structure that fails: leave its row NaN and list it, or stop.")
    ] = "record",
    threads: Annotated[
        int | None,
        typer.Option("--threads", "-j", min=1, help="Processors to use.", show_default="all there are"),
    ] = None,
    descriptor: Annotated[
        str, typer.Option(metavar="NAME", help="Which features; 'seitz descriptors' lists them.")
    ] = "ks2022",
    walk: Annotated[
        Walk | None,
        typer.Option(
            help="Walks of --descriptor ward2017: as in Ward's program, or as published models are run with.",
            show_default="self_avoiding",
        ),
    ] = None,
    symmetry: Annotated[
        SymmetryPolicy, typer.Option(help="Compute every site, or one site per crystallographic orbit.")
    ] = "none",
    symprec: Symprec = SYMPREC,
    finder: Annotated[Finder, typer.Option(help="Symmetry finder of --symmetry orbits.")] = "moyopy",
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Feature vectors of all structures in files, as one table.

    Failed structures keep their row (NaN) and are listed with the reason in a table beside FILE.

    Tables of earlier runs that lie in searched folders are skipped.

    Exit code: 0 all went well, 1 the work or some structures failed, 2 the command line was wrong.
    """
    from .outputs import Outputs

    chosen = find_descriptor(descriptor, walk)
    outputs = Outputs(output, paths, chosen)
    options = {
        "descriptor": chosen.name,
        "walk": chosen.walk,
        "symmetry": symmetry,
        "symprec": symprec,
        "finder": finder,
        "missing": missing,
        "occupancy": occupancy,
        "on_error": on_error,
    }
    summary = _write_features(paths, outputs, threads, options)
    if as_json:
        print_json(summary.as_dict(outputs, chosen))
    else:
        summary.show(outputs)
    return 1 if summary.n_failures else 0


def _write_features(
    paths: list[str], outputs: Outputs, threads: int | None, options: Mapping[str, Any]
) -> _Summary:
    from seitz.parallel_files import featurize_files

    from .earlier import EarlierResults
    from .progress import progress_bar

    earlier = EarlierResults(paths)
    summary = _Summary()

    def skip(path: str) -> bool:
        if path not in earlier:
            return False
        summary.skipped.add(path)
        return True

    batches = featurize_files(paths, n_threads=threads, skip=skip, **options)
    with closing(batches), outputs.opened() as rows, progress_bar(paths, earlier) as advance:
        for batch in batches:
            summary.write(batch, rows)
            advance(batch)
        if not summary.n_structures:
            note = f"; {summary.skipped_text} skipped" if summary.skipped else ""
            raise ReadError(f"no structure found in {', '.join(paths)[:200]}{note}")
    summary.seconds = time.perf_counter() - summary.started
    return summary


@dataclass(slots=True)
class _Summary:
    """What a run has done so far."""

    n_structures: int = 0
    n_sites: int = 0
    n_failures: int = 0
    n_warnings: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first_failures: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def write(self, batch: FileBatch, rows: ResultSinks) -> None:
        """Write a batch, and count what is in it."""
        table = batch.table
        rows.table.append(table.ids, table.values)
        for failure in table.failures:
            index, message = self.n_structures + failure.index, as_command_line(failure.message)
            rows.failures.append(index, failure.id, failure.source, failure.error, message)
            if len(self.first_failures) < _SHOWN_FAILURES:
                self.first_failures.append(f"{failure.source or failure.id}: {message}")
        for warning in table.warnings:
            index, message = self.n_structures + warning.index, as_command_line(warning.message)
            rows.warnings.append(index, warning.id, warning.source, message)
        self.n_structures += len(table)
        self.n_sites += batch.n_sites
        self.n_failures += len(table.failures)
        self.n_warnings += len(table.warnings)
        self.kinds.update(warning.kind for warning in table.warnings)

    @property
    def warned_of(self) -> str:
        return ", ".join(f"{n:,} {_KINDS[kind]}" for kind, n in self.kinds.items())

    @property
    def skipped_text(self) -> str:
        return _counted(len(self.skipped), "earlier result")

    def as_dict(self, outputs: Outputs, descriptor: Descriptor) -> dict[str, Any]:
        return {
            "output": os.fspath(outputs.path),
            "descriptor": descriptor.name,
            "walk": descriptor.walk,
            "n_features": outputs.n_features,
            "structures": self.n_structures,
            "sites": self.n_sites,
            "failures": self.n_failures,
            "failures_path": os.fspath(outputs.failures) if self.n_failures else None,
            "warnings": self.n_warnings,
            "warnings_path": os.fspath(outputs.warnings) if self.n_warnings else None,
            "earlier_results_skipped": len(self.skipped),
            "seconds": round(self.seconds, 3),
            "structures_per_second": round(self.n_structures / self.seconds, 1),
        }

    def show(self, outputs: Outputs) -> None:
        from rich.markup import escape

        out = console()
        failed = f"[bold red]{self.n_failures:,} failed[/]" if self.n_failures else "none failed"
        out.print(
            f"[bold]{_counted(self.n_structures, 'structure')}[/], {_counted(self.n_sites, 'site')}, {failed}, "
            f"{self.seconds:.2f} s, {self.n_structures / self.seconds:,.0f} structures/s "
            f"[dim]→[/] [bold]{escape(plain(outputs.path))}[/]",
            soft_wrap=True,
        )
        if self.n_failures:
            for line in self.first_failures:
                out.print(f"  [red]{escape(plain(line))}[/]", soft_wrap=True)
            out.print(f"  failures: {escape(plain(outputs.failures))}", soft_wrap=True)
        if self.n_warnings:
            out.print(
                f"  warnings: {escape(plain(outputs.warnings))} [dim]({self.warned_of})[/]",
                soft_wrap=True,
            )
        if self.skipped:
            out.print(f"  {self.skipped_text} skipped")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
