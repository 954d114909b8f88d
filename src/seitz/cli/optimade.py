"""``seitz optimade``: structures with a property from the providers of OPTIMADE."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Debug, Json, UsageError, console, print_json
from .streams import plain
from .tables import Picture, check_output
from .tune import check_files, finish, learning_bar
from .tune_options import (
    Device,
    Epochs,
    Folds,
    GroupBy,
    GroupOption,
    Level,
    Loss,
    Model,
    Name,
    NoNetworks,
    Optimizer,
    OutputModel,
    Rate,
    Seed,
    TestShare,
    Work,
    network_settings,
)
from .wording import as_command_line

if TYPE_CHECKING:
    from seitz.optimade import OptimadeTable

optimade = typer.Typer(
    name="optimade",
    help="Structures with a property from the providers of OPTIMADE: fetch, adjust, providers.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_FORMATS = (".parquet", ".csv", ".csv.gz", ".csv.zst")
_FETCHING = "[bold]Fetching"
_WAITS = logging.getLogger("seitz.optimade.client")

Filter = Annotated[
    str,
    typer.Argument(
        metavar="FILTER",
        help='In the language of OPTIMADE: \'elements HAS ALL "Hf", "Mo" AND nelements<=3\'.',
        show_default=False,
    ),
]
Provider = Annotated[
    str,
    typer.Option(
        "--provider", "-p", metavar="NAME", help="One of 'seitz optimade providers', or any base URL."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="PATH",
        help="Path of the number to fetch: _field or _field/part.",
        show_default="what the provider is known for",
    ),
]


Unit = Annotated[str | None, typer.Option(help="Unit of the target, if it is not known.", show_default=False)]
Databases = Annotated[
    list[str] | None,
    typer.Option(
        "--database", help="Which one of a provider's several; may be repeated.", show_default=False
    ),
]
Mix = Annotated[
    bool, typer.Option("--mix", help="Allow several databases in one table, although their values differ.")
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Another address of the provider.", show_default=False)
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="At most so many records of each database.", show_default="all")
]
Cache = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where pages are kept.", show_default="your cache")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask for everything again.")]
PageLimit = Annotated[int, typer.Option(min=1, help="Records on a page.")]
Timeout = Annotated[float, typer.Option(min=1.0, help="Seconds for a page.")]
Retries = Annotated[int, typer.Option(min=0, help="How often a page is asked for again.")]


@optimade.command()
def fetch(
    filter_: Filter,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Table to write: .parquet, with the structures, or .csv, also with .gz or .zst, without.",
            show_default=False,
        ),
    ],
    provider: Provider = "mp",
    target: Target = None,
    no_target: Annotated[bool, typer.Option("--no-target", help="Structures alone.")] = False,
    unit: Unit = None,
    database: Databases = None,
    mix: Mix = False,
    base_url: BaseUrl = None,
    limit: Limit = None,
    cache: Cache = None,
    refresh: Refresh = False,
    page_limit: PageLimit = 100,
    timeout: Timeout = 120.0,
    retries: Retries = 5,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Fetch structures that match a filter, with the values of a property.

    Pages are kept as they come: the same command goes on where an interrupted one stopped.

    Exit code: 0 there is a table, 1 nothing could be had, 2 the command line was wrong.
    """
    from seitz.optimade import fetch as fetch_table

    _check(output)
    if no_target and target is not None:
        raise UsageError("--target and --no-target contradict one another")
    with _progress() as progress:
        table = fetch_table(
            provider, filter_, () if no_target else target, database=database or None, mix=mix, unit=unit,
            base_url=base_url, limit=limit, cache=cache, refresh=refresh, page_limit=page_limit, timeout=timeout,
            retries=retries, progress=progress,
        )  # fmt: skip
    if len(table):
        table.write(output)
    if as_json:
        print_json(_as_dict(table, output))
    else:
        _show(table, output)
    return 0 if len(table) else 1


@optimade.command()
def adjust(
    filter_: Filter,
    provider: Provider = "mp",
    target: Target = None,
    model: Model = "default",
    output: OutputModel = None,
    name: Name = "",
    unit: Unit = None,
    database: Databases = None,
    mix: Mix = False,
    base_url: BaseUrl = None,
    limit: Limit = None,
    cache: Cache = None,
    refresh: Refresh = False,
    page_limit: PageLimit = 100,
    timeout: Timeout = 120.0,
    retries: Retries = 5,
    group_by: GroupBy = GroupOption.system,
    test: TestShare = 0.2,
    folds: Folds = None,
    no_networks: NoNetworks = False,
    epochs: Epochs = None,
    rate: Rate = None,
    loss: Loss = None,
    optimizer: Optimizer = None,
    level: Level = 0.9,
    seed: Seed = 0,
    device: Device = None,
    work: Work = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fetch structures with a property, and adjust a model to them, as 'seitz tune' does.

    Pages are kept as they come: the same command goes on where an interrupted one stopped.
    """
    from seitz.optimade import adjust as run

    check_files(output, plot)
    settings = network_settings(epochs, rate, loss, optimizer, networks=not no_networks)
    with learning_bar() as show, _waits(show):

        def advance(what: str, done: int, total: int) -> None:
            if show is not None:
                what = f"{what}, {done:,} of {total:,} records" if what == "fetching" else what
                show(what, done, total)

        done = run(
            provider, filter_, target, model=model, database=database or None, mix=mix, unit=unit, base_url=base_url,
            limit=limit, cache=cache, refresh=refresh, page_limit=page_limit, timeout=timeout, retries=retries,
            progress=advance, name=name, group_by=group_by.value, test=test, n_folds=folds, networks=not no_networks,
            level=level, random_state=seed, device=device, work=work, **settings,
        )  # fmt: skip
    finish(done, output, plot, as_json)


@optimade.command()
def providers(as_json: Json = False, debug: Debug = False) -> None:
    """Providers that are known by name, their databases, and the targets in them."""
    from seitz.optimade import providers as known_providers

    known = [
        (provider, database, target)
        for provider in known_providers().values()
        for database in provider.databases
        for target in database.targets
    ]
    if as_json:
        print_json(
            [
                {
                    "provider": provider.name, "title": provider.title, "database": database.name,
                    "base_url": database.base_url, "target": str(target), "property": target.property,
                    "unit": target.unit, "functional": target.functional,
                }
                for provider, database, target in known
            ]
        )  # fmt: skip
        return
    out, heads = console(), set()
    for provider, database, target in known:
        name = (
            provider.name if len(provider.databases) == 1 else f"{provider.name} --database {database.name}"
        )
        if name not in heads:
            out.print(f"[bold]{name}[/]  [dim]{provider.title}, {database.base_url}[/]", soft_wrap=True)
            heads.add(name)
        out.print(f"  {target.property}, {target.unit}: {target.functional}", soft_wrap=True)
        path = str(target).removeprefix("attributes/")
        out.print(f"    --target {path}", markup=False, soft_wrap=True)


def _check(output: Path) -> None:
    if not output.name.lower().endswith(_FORMATS):
        raise UsageError(f"{plain(output)}: the name must end in {', '.join(_FORMATS)}")
    check_output(output)


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:,.0f} of {task.fields[total_text]} records"),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
        expand=True,
    ) as bar:
        task = bar.add_task(_FETCHING, total=None, total_text="…")

        def advance(done: int, total: int | None) -> None:
            text = "…" if total is None else f"{total:,}"
            bar.update(task, description=_FETCHING, completed=done, total=total, total_text=text)

        with _waits(lambda what, done, total: bar.update(task, description=f"[yellow]{what}")):
            yield advance


class _Shown(logging.Handler):
    """Passes on what is logged as it is."""

    def __init__(self, show: Callable[[str, int, int], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(plain(record.getMessage()), 0, 0)


@contextmanager
def _waits(show: Callable[[str, int, int], None] | None) -> Iterator[None]:
    """Show why nothing comes, until something does."""
    if show is None:
        yield
        return
    handler, before = _Shown(show), _WAITS.level
    _WAITS.addHandler(handler)
    _WAITS.setLevel(logging.INFO)
    try:
        yield
    finally:
        _WAITS.setLevel(before)
        _WAITS.removeHandler(handler)


def _as_dict(table: OptimadeTable, output: Path) -> dict[str, Any]:
    return {
        "output": os.fspath(output) if len(table) else None,
        "structures": len(table),
        "property": table.target.property,
        "target": str(table.target),
        "unit": table.unit or None,
        "skipped": len(table.skipped),
        "reasons": table.reasons,
        "warnings": [as_command_line(warning) for warning in table.warnings],
        "provider": table.provenance.provider,
        "filter": table.provenance.filter,
        "sources": [source._asdict() for source in table.provenance.sources],
    }


def _show(table: OptimadeTable, output: Path) -> None:
    from rich.markup import escape

    out = console()
    number = f"{len(table):,} structure{'' if len(table) == 1 else 's'}"
    arrow = f" [dim]→[/] [bold]{escape(plain(output))}[/]" if len(table) else ", nothing written"
    out.print(f"[bold]{number}[/]{escape(_what(table))}{arrow}", soft_wrap=True)
    for source in table.provenance.sources:
        functional = f", {source.functional}" if source.functional else ""
        line = f"  {source.database}: {source.n_received:,} records of {source.date}{functional}"
        out.print(plain(line), markup=False, soft_wrap=True)
    if table.skipped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in table.reasons.items())
        out.print(f"  [yellow]{len(table.skipped):,} skipped[/]: {reasons}", soft_wrap=True)
    for warning in table.warnings:
        out.print(f"  [yellow]warning[/]: {escape(plain(as_command_line(warning)))}", soft_wrap=True)


def _what(table: OptimadeTable) -> str:
    if not table.target.path:
        return ""
    unit = table.unit or "unit not known"
    return f", {plain(table.target.property)} ({plain(unit)})"
