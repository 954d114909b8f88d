"""``seitz featurize``: files to a table of features."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.cell import OccupancyPolicy
from seitz.errors import ReadError
from seitz.featurize import ErrorPolicy, SymmetryPolicy
from seitz.missing import MissingPolicy
from seitz.symmetry import Finder

from .console import Debug, Json, console, print_json

if TYPE_CHECKING:
    from seitz.parallel_files import FileBatch

    from .outputs import Outputs


def featurize(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders or patterns: POSCAR, CIF, extxyz, JSON, JSONL, Parquet; gzip and zstd too.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Table to write: .parquet, .csv, .npz or .jsonl",
            show_default=False,
        ),
    ],
    descriptor: Annotated[str, typer.Option(help="Descriptor; 'seitz descriptors' lists them.")] = "ks2022",
    symmetry: Annotated[
        SymmetryPolicy, typer.Option(help="Compute every site, or one site per crystallographic orbit.")
    ] = "none",
    finder: Annotated[Finder, typer.Option(help="Symmetry finder of --symmetry orbits.")] = "moyopy",
    missing: Annotated[
        MissingPolicy, typer.Option(help="Elements that lack a property: read 0, leave NaN, or refuse.")
    ] = "zero",
    occupancy: Annotated[
        OccupancyPolicy, typer.Option(help="Partially occupied sites: refuse, or average their occupants.")
    ] = "raise",
    threads: Annotated[
        int | None, typer.Option("--threads", "-j", min=1, help="Processors to use.", show_default="all")
    ] = None,
    on_error: Annotated[
        ErrorPolicy, typer.Option(help="A structure that fails: leave its row NaN and list it, or stop.")
    ] = "record",
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Feature vectors of all structures in files, as one table.

    Failed structures keep their row (NaN) and are listed with the reason in a table beside OUT.
    """
    from .outputs import Outputs

    outputs = Outputs(output, paths, descriptor)
    options = {
        "descriptor": descriptor,
        "symmetry": symmetry,
        "finder": finder,
        "missing": missing,
        "occupancy": occupancy,
        "on_error": on_error,
    }
    summary = _write_features(paths, outputs, threads, options)
    if as_json:
        print_json(summary.as_dict(outputs, descriptor))
    else:
        summary.show(outputs)
    return 1 if summary.n_failures else 0


def _write_features(
    paths: list[str], outputs: Outputs, threads: int | None, options: Mapping[str, Any]
) -> _Summary:
    from seitz.parallel_files import featurize_files

    from .progress import progress_bar

    summary = _Summary()
    batches = featurize_files(paths, n_threads=threads, skip=outputs.__contains__, **options)
    with closing(batches), outputs.table() as sink, progress_bar(paths, outputs) as advance:
        for batch in batches:
            summary.add(batch)
            sink.append(batch.table.ids, batch.table.values)
            advance(batch)
        if not summary.n_structures:
            raise ReadError(f"no structure found in {', '.join(paths)[:200]}")
    outputs.write_siblings(summary.failures, summary.warnings)
    summary.seconds = time.perf_counter() - summary.started
    return summary


def _columns(*names: str) -> dict[str, list[Any]]:
    return {name: [] for name in names}


@dataclass(slots=True)
class _Summary:
    """What a run has done so far."""

    n_structures: int = 0
    n_sites: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    failures: dict[str, list[Any]] = field(
        default_factory=lambda: _columns("index", "id", "source", "error", "message")
    )
    warnings: dict[str, list[Any]] = field(
        default_factory=lambda: _columns("index", "id", "source", "message")
    )

    @property
    def n_failures(self) -> int:
        return len(self.failures["index"])

    @property
    def n_warnings(self) -> int:
        return len(self.warnings["index"])

    def add(self, batch: FileBatch) -> None:
        for failure in batch.table.failures:
            _append(
                self.failures,
                self.n_structures + failure.index,
                failure.id,
                failure.source,
                failure.error,
                failure.message,
            )
        for warning in batch.table.warnings:
            _append(
                self.warnings, self.n_structures + warning.index, warning.id, warning.source, warning.message
            )
        self.n_structures += len(batch.table)
        self.n_sites += batch.n_sites

    def as_dict(self, outputs: Outputs, descriptor: str) -> dict[str, Any]:
        return {
            "output": os.fspath(outputs.path),
            "descriptor": descriptor,
            "n_features": outputs.n_features,
            "structures": self.n_structures,
            "sites": self.n_sites,
            "failures": self.n_failures,
            "failures_path": os.fspath(outputs.failures) if self.n_failures else None,
            "warnings": self.n_warnings,
            "warnings_path": os.fspath(outputs.warnings) if self.n_warnings else None,
            "seconds": round(self.seconds, 3),
            "structures_per_second": round(self.n_structures / self.seconds, 1),
        }

    def show(self, outputs: Outputs) -> None:
        from rich.markup import escape

        out = console()
        failed = f"[bold red]{self.n_failures:,} failed[/]" if self.n_failures else "none failed"
        out.print(
            f"[bold]{self.n_structures:,}[/] structures, {self.n_sites:,} sites, {failed}, "
            f"{self.seconds:.2f} s, {self.n_structures / self.seconds:,.0f} structures/s "
            f"[dim]→[/] [bold]{escape(os.fspath(outputs.path))}[/]",
            soft_wrap=True,
        )
        if self.n_failures:
            out.print(f"  failures: {escape(os.fspath(outputs.failures))}", soft_wrap=True)
        if self.n_warnings:
            out.print(
                f"  warnings: {escape(os.fspath(outputs.warnings))} [dim]"
                f"({self.n_warnings:,} with elements that lack a property)[/]",
                soft_wrap=True,
            )


def _append(columns: dict[str, list[Any]], *row: Any) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)
