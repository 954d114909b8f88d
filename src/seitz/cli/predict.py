"""``seitz predict``: files to a property with intervals."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.cell import OccupancyPolicy
from seitz.errors import ReadError, SeitzError
from seitz.table import sibling

from .console import Debug, Json, UsageError, console, head_line, print_json
from .picture import MOST, Line, check_picture, save_picture
from .streams import plain
from .tables import Output, check_output
from .wording import as_command_line

if TYPE_CHECKING:
    from rich.table import Table

    from seitz.models.predictions import PredictionTable

_SHOWN = 60  # rows on a terminal, and one more where that would be all
_SHOWN_FAILURES = 10


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Files, folders (searched recursively), patterns or prototypes, as for 'seitz featurize'; "
            "or tables of features that it or 'seitz random' wrote.",
            show_default=False,
        ),
    ],
    output: Output = None,
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="NAME", help="A model ('seitz models list'), or an ONNX file."),
    ] = "default",
    occupancy: Annotated[
        OccupancyPolicy, typer.Option(help="Partially occupied sites: refuse, or average their occupants.")
    ] = "raise",
    threads: Annotated[
        int | None,
        typer.Option("--threads", "-j", min=1, help="Processors to use.", show_default="all there are"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw values and intervals into an SVG file.", show_default=False),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """A property of all structures in files, with an interval and a word where the model cannot judge.

    Exit code: 0 all went well, 1 a structure failed, 2 the command line was wrong.
    """
    from seitz.models import load

    from .earlier import EarlierResults
    from .outputs import check_inputs
    from .progress import progress_bar

    check_output(output)
    check_picture(plot)
    check_inputs(
        output, plot, searched=[path for path in paths if not _is_prototype(path)], kinds=("failures",)
    )
    found = load(model)
    gc.freeze()  # modules and model stay: the collector need not walk through them batch after batch
    summary = _Summary(kept=None if as_json else MOST if plot else _SHOWN + 1)
    earlier = EarlierResults([path for path in paths if not _is_prototype(path)])
    tables = _tables(paths, found, occupancy, threads, lambda path: summary.skips(path, path in earlier))
    with closing(tables), _opened(output, found) as sink, progress_bar(paths, earlier) as advance:
        for table, batch in tables:
            summary.take(table)
            if sink is not None:
                sink.append(table)
            if batch is not None:
                advance(batch)
        if not summary.n_structures:
            raise ReadError(f"no structure found in {', '.join(paths)[:200]}")
    seconds = time.perf_counter() - summary.started
    if plot is not None:
        summary.draw(found.card, plot)
    if as_json:
        print_json(summary.as_dict(found.card, output, seconds))
    else:
        summary.show(found.card, output, seconds)
    return 1 if summary.n_failures else 0


def _is_prototype(path: str) -> bool:
    from seitz.adapters import prototype_cell

    try:
        return not os.path.exists(path) and prototype_cell(path) is not None  # noqa: PTH110
    except SeitzError:
        return False  # what it is not is said where files are looked for


def _stored_features(path: str) -> Any:
    """The table of features in a file that is named; None for files of anything else."""
    from seitz.descriptors import descriptors
    from seitz.io import read_table

    from .earlier import holds_results

    if not holds_results(path):
        return None
    try:
        found = read_table(path)
    except SeitzError:
        return None
    return found if any(found.names == known.names for known in descriptors().values()) else None


def _tables(
    paths: list[str], model: Any, occupancy: OccupancyPolicy, threads: int | None, skip: Callable[[str], bool]
) -> Generator[tuple[PredictionTable, Any], None, None]:
    """Predictions batch by batch, with the batch of files behind them."""
    from seitz.models.contents import with_contents, without_contents
    from seitz.models.predictions import predict as predict_structures
    from seitz.models.predictions import predict_table
    from seitz.parallel_files import featurize_files
    from seitz.tessellation import thread_count

    named = [path for path in paths if _is_prototype(path)]
    if named:
        yield predict_structures(named, model=model, n_threads=threads), None
    ready = model.with_threads(thread_count(threads))
    files = []
    for path in paths:
        table = None if path in named else _stored_features(path)
        if table is not None:
            yield predict_structures(table, model=ready), None
        elif path not in named:
            files.append(path)
    if not files:
        return
    from seitz.descriptors import descriptor

    chosen = descriptor(model.card.descriptor, model.card.walk or None)
    batches = featurize_files(
        files,
        n_threads=threads,
        skip=skip,
        descriptor=with_contents(chosen),
        occupancy=occupancy,
        on_error="record",
    )
    with closing(batches):
        for batch in batches:
            yield predict_table(ready, *without_contents(batch.table, chosen)), batch


@contextmanager
def _opened(output: Path | None, model: Any) -> Iterator[Any]:
    if output is None:
        with nullcontext() as nothing:
            yield nothing
        return
    from seitz.models.files import open_predictions
    from seitz.models.predictions import metadata_of

    # How many values a row has is not told by all files.
    with open_predictions(output, None, metadata=metadata_of(model.card)) as sink:
        yield sink


@dataclass(slots=True)
class _Summary:
    """What a run has predicted so far."""

    kept: int | None
    """Rows to be kept for showing; None for all."""
    n_structures: int = 0
    n_failures: int = 0
    n_doubtful: int = 0
    skipped: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    repeated: dict[str, None] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def skips(self, path: str, is_earlier: bool) -> bool:
        """Note a file that is a result of an earlier run."""
        if is_earlier:
            self.skipped.add(path)
        return is_earlier

    def take(self, table: PredictionTable) -> None:
        """Count a batch, and keep the rows to be shown."""
        self.n_structures += len(table)
        self.n_failures += len(table.failures)
        self.n_doubtful += len({doubt.index for doubt in table.doubts})
        for name in table.ids:
            if name in self.ids:
                self.repeated[name] = None
            self.ids.add(name)
        reasons = {failure.index: as_command_line(failure.message) for failure in table.failures}
        for failure in table.failures[: _SHOWN_FAILURES - len(self.failures)]:
            self.failures.append(f"{failure.source or failure.id}: {reasons[failure.index]}")
        columns = table.columns()
        room = len(table) if self.kept is None else max(0, self.kept - len(self.rows))
        for k, row in enumerate(zip(*columns.values(), strict=True)):
            if k == room:
                break
            self.rows.append({**dict(zip(columns, row, strict=True)), "error": reasons.get(k, "")})

    def as_dict(self, card: Any, output: Path | None, seconds: float) -> dict[str, Any]:
        return {
            "model": card.name,
            "property": card.property,
            "unit": card.unit,
            "level": card.level,
            "output": None if output is None else os.fspath(output),
            "structures": self.n_structures,
            "failures": self.n_failures,
            "doubtful": self.n_doubtful,
            "earlier_results_skipped": len(self.skipped),
            "repeated_ids": list(self.repeated),
            "seconds": round(seconds, 3),
            "predictions": [{k: _finite(v) for k, v in row.items()} for row in self.rows],
        }

    def draw(self, card: Any, path: Path) -> None:
        """Values and intervals as a picture; what more than fit into one are left out, and it says so."""
        names = [name for name in (self.rows[0] if self.rows else {}) if name.startswith("value")]
        if len(names) > 1:
            raise UsageError(
                f"--plot: {card.name} predicts {len(names)} numbers for each structure; one is drawn"
            )
        nan = float("nan")
        lines = [
            Line(row["id"], row["value"], row.get("lower", nan), row.get("upper", nan), bool(row["doubt"]))
            for row in self.rows
        ]
        left_out = f", first {MOST} of {self.n_structures:,}" if self.n_structures > MOST else ""
        level = f" with {100 * card.level:.0f} % intervals" if card.level else ""
        title = plain(f"{card.property.capitalize()}{level}{left_out}")
        save_picture(path, lines, title, plain(f"{card.property}, {card.unit}"))

    def show(self, card: Any, output: Path | None, seconds: float) -> None:
        from rich.markup import escape

        out = console(whole_tables=True)
        shown = self.rows if self.n_structures == _SHOWN + 1 else self.rows[:_SHOWN]
        out.print(_table(shown, card))
        hidden = self.n_structures - len(shown)
        if hidden:
            out.print(f"… and {hidden:,} more")
        failed = f", [bold red]{self.n_failures:,} failed[/]" if self.n_failures else ""
        doubtful = f", [yellow]{self.n_doubtful:,} doubtful[/]" if self.n_doubtful else ""
        arrow = f" [dim]→[/] [bold]{escape(plain(output))}[/]" if output is not None else ""
        out.print(
            f"[bold]{self.n_structures:,} structure{'' if self.n_structures == 1 else 's'}[/]{failed}{doubtful}, "
            f"{seconds:.2f} s{arrow}",
            soft_wrap=True,
        )
        if output is not None and self.n_failures:
            out.print(f"  failures: {plain(sibling(output, 'failures'))}", markup=False, soft_wrap=True)
        if self.skipped:
            n = len(self.skipped)
            out.print(f"  {n:,} earlier result{'' if n == 1 else 's'} skipped")
        if self.repeated:
            first = escape(plain(next(iter(self.repeated))))
            out.print(
                f"  names that stand for several structures each: {len(self.repeated):,}, such as {first}"
            )
        if self.n_doubtful and card.level:
            out.print("[dim]The interval of a doubtful value may hold less often.[/]", soft_wrap=True)
        if hidden:
            for line in self.failures:
                out.print(f"  [red]{escape(plain(line))}[/]", soft_wrap=True)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(rows: list[dict[str, Any]], card: Any) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=head_line(), pad_edge=False, show_edge=False)
    table.add_column("Structure", overflow="fold")
    table.add_column(escape(plain(f"{card.property.capitalize()}, {card.unit}")), justify="right")
    if card.level:
        table.add_column(f"{100 * card.level:.0f} % interval", justify="right", no_wrap=True)
    table.add_column("")
    values = [name for name in (rows[0] if rows else {}) if name.startswith("value")]
    for row in rows:
        shown = [escape(plain(row["id"])), "  ".join(_number(row[name]) for name in values)]
        if card.level:
            known = math.isfinite(row["lower"])
            shown.append(f"{_number(row['lower'])} to {_number(row['upper'])}" if known else "")
        remark = (
            f"[red]{escape(plain(row['error']))}[/]"
            if row["error"]
            else f"[yellow]{escape(plain(row['doubt']))}[/]"
        )
        table.add_row(*shown, remark)
    return table


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
