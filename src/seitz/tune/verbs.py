"""Adjusting a model to examples, transferring it to another property, and training one from nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from seitz._optional import load_optional
from seitz._typing import PathLike
from seitz.descriptors import descriptor as find_descriptor
from seitz.errors import OptionError, TuneError, WriteError

from .checks import check_integer, check_kind, check_path, check_said, check_seed, check_share, check_texts
from .examples import Examples, Targets, column, examples, numbered, with_test
from .grouping import GroupBy
from .report import Tuned
from .settings import Settings
from .splits import check_folds, folds_of, split
from .targets import check_spread

if TYPE_CHECKING:
    from .engine import Contest, Progress

_ROWS_OF_FEW_FOLDS = 300
_REQUIREMENT = "'seitz[tune]'"


class Options(TypedDict, total=False):
    """What all verbs of ``seitz.tune`` take, by keyword.

    Attributes
    ----------
    ids, groups, group_by
        As for :func:`~seitz.tune.examples.examples`.
    references
        Where the targets are from; kept in the model.
    name
        What to call the model.
    settings
        How networks are trained.
    test
        Share of the rows that nothing is chosen by, 0.2 by default and 0 for none. Or other examples for that.
    n_folds
        Validation parts; by default 5, and 3 for more than 300 rows.
    networks
        Whether networks are trained, too: that takes most of the time. True by default.
    level
        Share of cases that the intervals are to contain, 0.9 by default.
    random_state
        Seed of splits, draws and networks.
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``; by default what there is.
    work
        Folder for checkpoints: an interrupted run goes on from there.
    progress
        Called as ``progress(what, done, total)``.
    """

    ids: Iterable[object] | None
    groups: Sequence[object] | None
    group_by: GroupBy
    references: Iterable[str]
    name: str
    settings: Settings
    test: float | Examples
    n_folds: int | None
    networks: bool
    level: float
    random_state: int
    device: str | None
    work: PathLike | None
    progress: Progress | None


@dataclass(frozen=True, eq=False)
class Chosen:
    """The options with their defaults."""

    ids: Iterable[object] | None = None
    groups: Sequence[object] | None = None
    group_by: GroupBy = "system"
    references: Iterable[str] = ()
    name: str = ""
    settings: Settings = field(default_factory=Settings)
    test: float | Examples = 0.2
    n_folds: int | None = None
    networks: bool = True
    level: float = 0.9
    random_state: int = 0
    device: str | None = None
    work: PathLike | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        clean: dict[str, Any] = {
            "level": check_share("level", self.level, zero=False),
            "random_state": check_seed(self.random_state),
            "references": check_texts("references", self.references),
        }
        if self.n_folds is not None:
            clean["n_folds"] = check_integer("n_folds", self.n_folds, 2)
        if not isinstance(self.test, Examples):
            clean["test"] = check_share("test", self.test, zero=True)
        for name, value in clean.items():
            object.__setattr__(self, name, value)
        check_kind("settings", self.settings, Settings, "seitz.tune.Settings(...)")
        check_kind("networks", self.networks, bool, "True or False")
        check_kind("name", self.name, str, "a text")
        check_kind("device", self.device, (str, type(None)), "'cpu', 'cuda' or 'mps'")
        if self.work is not None:
            check_path("work", self.work)
        if self.progress is not None and not callable(self.progress):
            raise OptionError(f"progress={self.progress!r:.60}: give a function of what, done and total")
        if self.name:
            from seitz.models.registry import check_name

            check_name(self.name)

    def examples(self, table: Any, targets: Targets, descriptor: Any) -> Examples:
        """What is to be learned from."""
        return examples(
            table, targets, ids=self.ids, groups=self.groups, group_by=self.group_by, descriptor=descriptor
        )


def chosen_options(options: Any) -> Chosen:
    """The options, if there are such."""
    known = list(Options.__annotations__)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise OptionError(f"there is no option {unknown[0]!r}; there is {', '.join(known)}")
    return Chosen(**options)


def adjust(model: Any, table: Any, targets: Targets = None, **options: Unpack[Options]) -> Tuned:
    """The model, adjusted to examples of the property that it predicts: other settings, other alloys, other labels.

    Several ways are tried on the same folds, and the best by validation is returned: offset and slope, a Gaussian
    process on the features and on what the model makes of them, boosted trees as a correction, further training of
    the network; and what does without the model, so that nobody is sold a transfer that does not pay.

    Parameters
    ----------
    model
        Name, file or object of an ONNX model of a dense network.
    table, targets
        As for :func:`~seitz.tune.examples.examples`; structures and arrays are taken to be of the model's own
        descriptor.
    **options
        See :class:`seitz.tune.Options`.

    Returns
    -------
    Tuned
        A model, and a report.

    Raises
    ------
    TuneError
        Examples that cannot be learned from, or a model that cannot be trained.
    MissingExtraError
        torch or scikit-learn is not installed.
    """
    plan = model_plan("adjust", model, table, targets, chosen_options(options))
    return plan.finish(plan.methods("fine-tune", "fine-tuned network"))


def transfer(
    model: Any,
    table: Any,
    targets: Targets = None,
    *,
    new_property: str,
    unit: str,
    **options: Unpack[Options],
) -> Tuned:
    """A model of another property, from what the layers of this one have learned.

    As :func:`adjust`, with a new head on the network: found in closed form, trained alone at first, then together
    with the rest at a smaller rate.

    Parameters
    ----------
    model, table, targets
        As for :func:`adjust`.
    new_property, unit
        What the targets are.
    **options
        See :class:`seitz.tune.Options`.
    """
    check_said(new_property=new_property, unit=unit)
    plan = model_plan("transfer", model, table, targets, chosen_options(options), new_property, unit)
    return plan.finish(plan.methods("new head", "network with a new head"))


def train(
    table: Any,
    targets: Targets = None,
    *,
    property: str,
    unit: str,
    descriptor: str = "",
    **options: Unpack[Options],
) -> Tuned:
    """A model from examples alone: boosted trees, a Gaussian process and a residual network, the best of them.

    Parameters
    ----------
    table, targets
        As for :func:`~seitz.tune.examples.examples`.
    property, unit
        What the targets are.
    descriptor
        Features of structures, arrays and files that do not say it.
    **options
        See :class:`seitz.tune.Options`.
    """
    check_said(property=property, unit=unit)
    _check_machine(chosen_options(options))
    from .methods import FROM_NOTHING, KERNEL_ALONE, Boosting, NetworkMethod
    from .simple import MedianOfExamples

    chosen = chosen_options({"settings": Settings(rate=FROM_NOTHING)} | options)
    given = chosen.examples(table, targets, descriptor)
    _check_unit(given, unit, "what is said is")
    plan = _plan("train", None, None, given, chosen, property, unit)
    methods: list[Any] = [MedianOfExamples(), Boosting(), KERNEL_ALONE]
    if chosen.networks:
        methods.append(NetworkMethod(None, "dense", chosen.settings, "network from scratch", True, False))
    return plan.finish(methods)


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything before the first fit."""

    verb: str
    model: Any
    base: Any
    given: Examples
    train: Examples
    held: Examples
    contest: Contest
    chosen: Chosen
    property: str
    unit: str

    def methods(self, start: str, title: str, settings: Settings | None = None) -> list[Any]:
        """All ways from a model, with the network trained from ``start``."""
        from .methods import (
            KERNEL_ALONE,
            BoostedCorrection,
            Boosting,
            KernelMethod,
            NetworkMethod,
        )
        from .simple import MedianOfExamples, OffsetSlope

        found: list[Any] = [
            MedianOfExamples(),
            OffsetSlope(),
            Boosting(),
            KERNEL_ALONE,
            KernelMethod(),
            BoostedCorrection(),
        ]
        if self.chosen.networks:
            how = settings or self.chosen.settings
            found.append(NetworkMethod(self.base, start, how, title))
            found.append(NetworkMethod(self.base, "scratch", how, "network from scratch", True, False))
        return found

    def finish(self, methods: list[Any], **extra: Any) -> Tuned:
        """The contest, and the winner as a model; ``extra`` is kept in the report."""
        from .finish import Finish

        finish = Finish(
            self.verb, self.model, self.base, self.given, self.train, self.held, self.contest,
            self.contest.run(methods), self.chosen.level, extra.pop("settings", self.chosen.settings), extra,
        )  # fmt: skip
        ending = re.sub(r"[^A-Za-z0-9.]+", "-", self.property).strip("-.") or "adjusted"
        name = f"{self.model.card.name}-{ending}" if self.model is not None else ending
        return finish.tuned(self.chosen.name or name, self.property, self.unit, tuple(self.chosen.references))


def model_plan(
    verb: str, model: Any, table: Any, targets: Targets, chosen: Chosen, property: str = "", unit: str = ""
) -> Plan:
    """A plan that starts from a model."""
    _check_machine(chosen)
    from seitz.models.predictions import as_model
    from seitz.models.runtime import OnnxModel

    from .networks import Base

    found = as_model(model)
    if not isinstance(found, OnnxModel):
        raise TuneError(f"{found.card.name} is a {type(found.predictor).__name__}, not an ONNX model")
    found.card.check_schema()
    wanted = find_descriptor(found.card.descriptor, found.card.walk or None)  # type: ignore[arg-type]
    base = Base(found)
    if not property and (n := base.n_values(len(wanted))) != 1:
        raise TuneError(f"{found.card.name} gives {n} values per row: only models with one are adjusted")
    given = chosen.examples(table, targets, wanted)
    if given.descriptor.digest != wanted.digest:
        raise TuneError(
            f"{found.card.name} takes {wanted.name} (schema {wanted.digest}), the examples are of "
            f"{given.descriptor.name} (schema {given.descriptor.digest})"
        )
    _check_unlearned(found, given)
    _check_unit(
        given, unit or found.card.unit, f"{found.card.name} predicts in" if not unit else "what is said is"
    )
    return _plan(verb, found, base, given, chosen, property, unit)


def _check_unlearned(model: Any, given: Examples) -> None:
    """Refuse rows that a tuned model has learned from: nothing that it says of them would be a test."""
    from .report import METADATA_KEY, report

    if METADATA_KEY.encode() not in model.content:
        return
    learned = {row.id for row in report(model).rows if row.part == "train"}
    known = [] if numbered(given) else [name for name in given.ids if name in learned]
    if known:
        raise TuneError(
            f"{model.card.name} has learned from {len(known)} of these rows, such as {known[0]}: its figures on them "
            "would be no test; start from the model that it was made of, with all rows together"
        )


def _check_unit(given: Examples, unit: str, why: str) -> None:
    """Refuse examples that say another unit than the one of the model to be."""
    if given.unit and given.unit != unit:
        raise OptionError(f"the examples are in {given.unit}, {why} {unit}: nothing is converted")


def check(**options: Unpack[Options]) -> None:
    """Refuse options that make no sense or that this machine has not what it needs for, before any other work."""
    _check_machine(chosen_options(options))


def _check_machine(chosen: Chosen) -> None:
    load_optional("torch", _REQUIREMENT)
    load_optional("sklearn", _REQUIREMENT)
    from .networks import device_of

    device_of(chosen.device)


def _plan(
    verb: str, model: Any, base: Any, given: Examples, chosen: Chosen, property: str, unit: str
) -> Plan:
    from .engine import Contest
    from .networks import plain_views

    column(given.targets)  # one value per row, before the work
    n_folds = chosen.n_folds or (5 if len(given) <= _ROWS_OF_FEW_FOLDS else 3)
    if isinstance(chosen.test, Examples):
        train, held, given = given, chosen.test, with_test(given, chosen.test)
        folds = folds_of(train.groups, n_folds, chosen.random_state)
    else:
        parts = split(given.groups, test=chosen.test, n_folds=n_folds, random_state=chosen.random_state)
        train, held = given.rows(parts.train), given.rows(parts.test)
        folds = tuple(np.searchsorted(parts.train, fold) for fold in parts.folds)
    check_folds(train.groups, folds)
    targets = column(train.targets)
    check_spread(targets)
    folder = None if chosen.work is None else _made(Path(chosen.work))
    views = plain_views(train.features) if base is None else base.views(train.features)
    contest = Contest(
        views, targets, train.groups, folds, chosen.random_state, chosen.device, folder, chosen.progress
    )
    return Plan(verb, model, base, given, train, held, contest, chosen, property, unit)


def _made(folder: Path) -> Path:
    """The folder for checkpoints."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise WriteError(f"{folder}: checkpoints cannot be kept there: {reason}") from None
    return folder
