"""Progress of long runs, on terminals only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .console import console

if TYPE_CHECKING:
    from seitz.parallel_files import FileBatch

Advance = Callable[["FileBatch"], None]


@contextmanager
def progress_bar(paths: Sequence[str], skipped: Container[str]) -> Iterator[Advance]:
    """Yield what to call after every batch; it draws a bar if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda batch: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    total = _n_single_files(paths, skipped)
    with Progress(
        TextColumn("[bold]Featurizing"),
        BarColumn(bar_width=None),
        TextColumn(
            "{task.completed:,.0f}/{task.total:,.0f} files" if total else "{task.completed:,.0f} structures"
        ),
        TextColumn("{task.fields[rate]}"),
        *([TimeRemainingColumn()] if total else [TimeElapsedColumn()]),
        console=console(stderr=True),
        transient=True,
        expand=True,
    ) as progress:
        task = progress.add_task("", total=total, rate="")
        n_structures = 0

        def advance(batch: FileBatch) -> None:
            nonlocal n_structures
            n_structures += len(batch.table)
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{n_structures / elapsed:,.0f}/s" if elapsed else ""
            progress.update(task, advance=batch.n_files if total else len(batch.table), rate=rate)

        yield advance


def _n_single_files(paths: Sequence[str], skipped: Container[str]) -> int | None:
    """Number of files if each holds about one structure; None where the number of structures is anybody's guess."""
    from seitz.io.formats import format_by_name
    from seitz.io.paths import expand

    count = 0
    for path in expand(paths):
        if path in skipped:
            continue
        if format_by_name(path) in ("extxyz", "jsonl", "parquet"):
            return None
        count += 1
    return count
