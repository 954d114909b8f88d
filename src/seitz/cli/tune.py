"""``seitz tune``: a model from your own data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from seitz.errors import ReadError

from .console import Debug, Json, UsageError, console, head_line, print_json
from .streams import plain
from .tables import Picture, check_picture
from .tune_options import (
    Data,
    Decays,
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
    Optimizers,
    OutputModel,
    Property,
    Rate,
    Rates,
    Reference,
    SamplerOption,
    Seed,
    Target,
    TargetsFile,
    TestShare,
    Unit,
    Work,
    network_settings,
)

if TYPE_CHECKING:
    from seitz.tune import Report, Score, Tuned

_SHOWN_EXCLUDED = 10


class _AdjustsByDefault(TyperGroup):
    """``seitz tune DATA`` is ``seitz tune adjust DATA``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["adjust", *args]
        return super().parse_args(ctx, args)


tune = typer.Typer(
    name="tune",
    cls=_AdjustsByDefault,
    help="A model from your own data: 'seitz tune DATA' adjusts one; search, transfer, train.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@tune.command()
def adjust(
    data: Data,
    target: Target,
    model: Model = "default",
    targets: TargetsFile = None,
    output: OutputModel = None,
    name: Name = "",
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
    reference: Reference = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Adjust a model to your data of the property that it predicts.

    Several ways are tried beside from-scratch baselines, and the best by validation is written.
    """
    from seitz.tune import adjust as run

    check_files(output, plot)
    settings = network_settings(epochs, rate, loss, optimizer, networks=not no_networks)
    given = _targets(data, target, targets)
    with learning_bar() as progress:
        done = run(
            model, data, given, name=name, group_by=group_by.value, test=test, n_folds=folds,
            networks=not no_networks, level=level, random_state=seed, device=device, work=work,
            references=reference or (), progress=progress, **settings,
        )  # fmt: skip
    finish(done, output, plot, as_json)


@tune.command()
def search(
    data: Data,
    target: Target,
    model: Model = "default",
    targets: TargetsFile = None,
    output: OutputModel = None,
    property_: Property = "",
    unit: Unit = "",
    sampler: Annotated[
        SamplerOption, typer.Option(help="All of a grid, or where optuna expects most.")
    ] = SamplerOption.grid,
    trials: Annotated[int, typer.Option(min=1, help="At most so many.")] = 27,
    rates: Rates = None,
    optimizers: Optimizers = None,
    decays: Decays = None,
    epochs: Epochs = None,
    loss: Loss = None,
    name: Name = "",
    group_by: GroupBy = GroupOption.system,
    test: TestShare = 0.2,
    folds: Folds = None,
    level: Level = 0.9,
    seed: Seed = 0,
    device: Device = None,
    work: Work = None,
    reference: Reference = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Adjust or, with --property, transfer a model with the best of many settings of its network.

    Trials see the training part alone. With --work, an interrupted search goes on where it stopped.
    """
    from seitz.tune import search as run

    check_files(output, plot)
    settings = network_settings(epochs, None, loss, None)
    space: dict[str, Any] = {
        "rates": rates,
        "optimisers": [o.value for o in optimizers or ()],
        "decays": decays,
    }
    space = {name: values for name, values in space.items() if values}
    given = _targets(data, target, targets)
    with learning_bar() as progress:
        done = run(
            model, data, given, new_property=property_, unit=unit, sampler=sampler.value, n_trials=trials, name=name,
            group_by=group_by.value, test=test, n_folds=folds, level=level, random_state=seed, device=device,
            work=work, references=reference or (), progress=progress, **space, **settings,
        )  # fmt: skip
    finish(done, output, plot, as_json)


@tune.command()
def transfer(
    data: Data,
    target: Target,
    property_: Property,
    unit: Unit,
    model: Model = "default",
    targets: TargetsFile = None,
    output: OutputModel = None,
    name: Name = "",
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
    reference: Reference = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A model of another property, from what the layers of this one have learned."""
    from seitz.tune import transfer as run

    check_files(output, plot)
    settings = network_settings(epochs, rate, loss, optimizer, networks=not no_networks)
    given = _targets(data, target, targets)
    with learning_bar() as progress:
        done = run(
            model, data, given, new_property=property_, unit=unit, name=name, group_by=group_by.value, test=test,
            n_folds=folds, networks=not no_networks, level=level, random_state=seed, device=device, work=work,
            references=reference or (), progress=progress, **settings,
        )  # fmt: skip
    finish(done, output, plot, as_json)


@tune.command()
def train(
    data: Data,
    target: Target,
    property_: Property,
    unit: Unit,
    descriptor: Annotated[
        str, typer.Option("--descriptor", "-d", help="Features, if DATA does not say.", show_default=False)
    ] = "",
    targets: TargetsFile = None,
    output: OutputModel = None,
    name: Name = "",
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
    reference: Reference = None,
    plot: Picture = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A model from your data alone."""
    from seitz.tune import train as run

    check_files(output, plot)
    settings = network_settings(epochs, rate, loss, optimizer, networks=not no_networks)
    given = _targets(data, target, targets)
    with learning_bar() as progress:
        done = run(
            data, given, property=property_, unit=unit, descriptor=descriptor, name=name, group_by=group_by.value,
            test=test, n_folds=folds, networks=not no_networks, level=level, random_state=seed, device=device,
            work=work, references=reference or (), progress=progress, **settings,
        )  # fmt: skip
    finish(done, output, plot, as_json)


def check_files(output: Path | None, plot: Path | None) -> None:
    """Refuse what could not be written, before any work is done."""
    if output is not None and output.suffix.lower() != ".onnx":
        raise UsageError(f"{plain(output)}: the name must end in .onnx")
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"{plain(output.parent)}: no such folder: create it first, or choose another -o")
    if plot is not None:
        check_picture(plot)


def _targets(data: str, column: str, path: Path | None) -> Any:
    """What to learn: a column of the table, or values by id from another file."""
    from seitz.tune.reading import TABLES, targets_from

    if path is not None:
        return targets_from(str(path), column)
    if not os.path.exists(data):  # noqa: PTH110  # unlike Path, it never raises
        raise ReadError(f"{plain(data)}: no such file")
    if os.path.isdir(data) or not data.lower().endswith(TABLES):  # noqa: PTH112
        raise UsageError(
            f"{plain(data)} is no table with a column {column!r} ({', '.join(TABLES[:4])}): give one, or structures "
            "with their values in --targets FILE"
        )
    return column


@contextmanager
def learning_bar() -> Iterator[Callable[[str, int, int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        BarColumn(), TextColumn("[bold]{task.description}"), TimeElapsedColumn(), console=console(stderr=True),
        transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=escape(what), completed=done, total=total or None)

        yield show


def finish(done: Tuned, output: Path | None, plot: Path | None, as_json: bool) -> None:
    if output is not None:
        done.save(output)
    if plot is not None:
        from seitz.plots import save
        from seitz.tune.plots import parity

        save(parity(done.report), plot)
    if as_json:
        print_json(_as_dict(done, output))
    else:
        _show(done.report, output)


def _as_dict(done: Tuned, output: Path | None) -> dict[str, Any]:
    import json

    content: dict[str, Any] = json.loads(done.report.to_json())
    return {"name": done.model.card.name, "output": None if output is None else str(output), **content}


def _show(report: Report, output: Path | None) -> None:
    from rich.table import Table

    out = console(whole_tables=True)
    out.print(
        f"{report.n_given:,} rows: {report.n_train:,} to learn from, {report.n_test:,} to test on, "
        f"{len(report.excluded):,} set aside; {report.n_groups:,} groups by {report.grouped_by}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    for entry in report.excluded[:_SHOWN_EXCLUDED]:
        out.print(f"  {plain(entry.id)}: {plain(entry.reason)}", markup=False, soft_wrap=True)
    hidden = len(report.excluded) - _SHOWN_EXCLUDED
    if hidden > 0:
        out.print(f"  … and {hidden:,} more", markup=False)
    if report.unmatched:
        names = ", ".join(map(plain, report.unmatched[:_SHOWN_EXCLUDED]))
        more = ", …" if len(report.unmatched) > _SHOWN_EXCLUDED else ""
        out.print(
            f"Targets without a row ({len(report.unmatched):,}): {names}{more}", markup=False, soft_wrap=True
        )
    table = Table(box=head_line(), pad_edge=False, show_edge=False)
    table.add_column(f"Mean absolute error, {report.unit}")
    for head in ("Unseen groups", "Test part", ""):
        table.add_column(head, justify="left" if not head else "right")
    if report.before is not None:
        name = "before" if report.verb != "transfer" else "before, on a straight line"
        table.add_row(name, "", _figure(report.before), "" if report.n_test else "on the training part")
    for c in report.candidates:
        remark = c.note or ("baseline" if c.baseline else "")
        bold = "[bold]" if c.name == report.chosen else ""
        table.add_row(f"{bold}{c.name}", _figure(c.validation), _figure(c.test), f"[dim]{remark}[/]")
    out.print(table)
    out.print(report.says, markup=False, soft_wrap=True)
    if report.coverage is not None:
        share = f"{100 * report.settings['level']:g} %"
        out.print(f"{100 * report.coverage:.0f} % of the test part are inside the {share} intervals")
    for warning in report.warnings:
        out.print(f"[yellow]{plain(warning)}[/]", soft_wrap=True)
    if output is not None:
        out.print(f"→ {plain(output)}", markup=False, soft_wrap=True)


def _figure(score: Score | None) -> str:
    if score is None:
        return ""
    return f"{score.mae.value:.3g} ({score.mae.lower:.3g} to {score.mae.upper:.3g})"
