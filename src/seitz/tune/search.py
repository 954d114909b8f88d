"""A search over how networks are trained; it never sees the test part, and goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, Unpack, get_args

import numpy as np

from seitz._optional import load_optional
from seitz.errors import OptionError

from .checks import check_integer, check_said
from .examples import Targets
from .report import Tuned
from .settings import Optimiser, Settings
from .verbs import Options, Plan, chosen_options, model_plan

Sampler = Literal["grid", "optuna"]

# As many of each as in pySIPFENN's search; which ones they are is our choice.
RATES = (1e-4, 3e-4, 1e-3)
OPTIMISERS: tuple[Optimiser, ...] = ("adamw", "adamax", "rmsprop")
DECAYS = (1e-5, 1e-4, 1e-3)
_FOLDS = 2  # that a trial is judged on


@dataclass(frozen=True)
class Trial:
    """Some settings, and the mean absolute error on rows that had not been seen."""

    settings: Settings
    mae: float


def search(
    model: Any,
    table: Any,
    targets: Targets = None,
    *,
    new_property: str = "",
    unit: str = "",
    sampler: Sampler = "grid",
    n_trials: int = 27,
    rates: Sequence[float] = RATES,
    optimisers: Sequence[Optimiser] = OPTIMISERS,
    decays: Sequence[float] = DECAYS,
    **options: Unpack[Options],
) -> Tuned:
    """As :func:`seitz.tune.adjust` or, with ``new_property``, :func:`seitz.tune.transfer`, with the best settings.

    Each trial trains the network on folds of the training part. Finished trials are kept in ``work``.

    Parameters
    ----------
    model, table, targets
        As for :func:`seitz.tune.adjust`.
    new_property, unit
        As for :func:`seitz.tune.transfer`.
    sampler
        ``"grid"``: all of ``rates`` × ``optimisers`` × ``decays``. ``"optuna"``: as many as ``n_trials``, between the
        smallest and the largest of these, where optuna expects most; it must be installed.
    n_trials
        At most so many.
    rates, optimisers, decays
        What is tried; by default three of each, as in the search of pySIPFENN, with values of our own choice.
    **options
        See :class:`seitz.tune.Options`.

    Returns
    -------
    Tuned
        As ever, with all trials in ``report.extra["trials"]``.

    Raises
    ------
    OptionError
        An unknown sampler, or nothing to try.
    """
    if sampler not in get_args(Sampler):
        raise OptionError(f"sampler={sampler!r}: choose one of {', '.join(get_args(Sampler))}")
    rates, optimisers, decays = tuple(rates), tuple(optimisers), tuple(decays)
    check_integer("n_trials", n_trials, 1)
    if not (rates and optimisers and decays):
        raise OptionError("nothing to try: give rates, optimisers, decays and a positive n_trials")
    if new_property or unit:
        check_said(new_property=new_property, unit=unit)
    verb = "transfer" if new_property else "adjust"
    plan = model_plan(verb, model, table, targets, chosen_options(options), new_property, unit)
    start = "new head" if new_property else "fine-tune"
    own = plan.chosen.settings
    space = [replace(own, rate=r, optimiser=o, decay=d) for r, o, d in product(rates, optimisers, decays)]
    judged = _Judge(plan, start)
    trials = list(judged.grid(space[:n_trials]) if sampler == "grid" else judged.sampled(space, n_trials))
    best = min(trials, key=lambda trial: trial.mae).settings
    title = "network with a new head" if new_property else "fine-tuned network"
    kept = [{"mae": trial.mae, **_varied(trial.settings)} for trial in trials]
    return plan.finish(plan.methods(start, title, best), settings=best, trials=kept)


class _Judge:
    """Trials on the first folds of the training part; those of an earlier run are not repeated."""

    def __init__(self, plan: Plan, start: str) -> None:
        from .methods import NetworkMethod

        self._plan, self._start, self._method = plan, start, NetworkMethod
        some = plan.contest.folds[: max(_FOLDS, 1)]
        self._contest = replace(plan.contest, folds=some, progress=None, work=None, fits={}, gains={})
        judged = hashlib.sha256(
            "\0".join(",".join(map(str, fold.tolist())) for fold in some).encode()
        ).hexdigest()
        self._key = f"{plan.train.digest} {plan.model.digest} {start} {plan.chosen.random_state} {judged}"
        self._file = None if plan.chosen.work is None else Path(plan.chosen.work) / "trials.jsonl"
        self._known = dict(self._stored())

    def grid(self, space: Sequence[Settings]) -> Iterator[Trial]:
        """One trial for each of these settings."""
        for k, settings in enumerate(space):
            yield self._trial(settings, k, len(space))

    def sampled(self, space: Sequence[Settings], n_trials: int) -> Iterator[Trial]:
        """Trials where optuna wants them, between the ends of the space."""
        optuna = load_optional("optuna", "optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=self._plan.chosen.random_state)
        study = optuna.create_study(sampler=sampler)
        ends = {name: sorted({getattr(s, name) for s in space}) for name in ("rate", "decay")}
        for k in range(n_trials):
            asked = study.ask()
            settings = replace(
                space[0], optimiser=asked.suggest_categorical("optimiser", sorted({s.optimiser for s in space})),
                **{name: asked.suggest_float(name, some[0], some[-1], log=some[0] > 0) for name, some in ends.items()},
            )  # fmt: skip
            trial = self._trial(settings, k, n_trials)
            study.tell(asked, trial.mae)
            yield trial

    def _trial(self, settings: Settings, number: int, total: int) -> Trial:
        name = json.dumps(asdict(settings), sort_keys=True)
        if self._plan.chosen.progress is not None:
            self._plan.chosen.progress(f"trial {number + 1} of {total}", number, total)
        if name not in self._known:
            self._known[name] = self._judged(settings)
            self._keep(name)
        return Trial(settings, self._known[name])

    def _judged(self, settings: Settings) -> float:
        """Mean absolute error; infinite where the training ends in no numbers."""
        method = self._method(self._plan.base, self._start, settings, "trial")
        entries = replace(self._contest, left_out={}).run([method])
        return self._contest.errors(entries[0]) if entries else float("inf")

    def _stored(self) -> Iterator[tuple[str, float]]:
        """Trials of earlier runs on the same examples; a line that was cut short is left out."""
        if self._file is None or not self._file.is_file():
            return
        for line in self._file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                if entry["key"] == self._key:
                    yield entry["settings"], float(np.inf if entry["mae"] is None else entry["mae"])
            except (ValueError, TypeError, KeyError):
                continue

    def _keep(self, name: str) -> None:
        if self._file is None:
            return
        mae = self._known[name]
        entry = {"key": self._key, "settings": name, "mae": mae if np.isfinite(mae) else None}
        with self._file.open("a+b") as lines:
            if lines.tell():  # a line that was cut short must not swallow this one
                lines.seek(-1, 2)
                lines.write(b"" if lines.read(1) == b"\n" else b"\n")
            lines.write(json.dumps(entry).encode() + b"\n")


def _varied(settings: Settings) -> dict[str, Any]:
    return {"rate": settings.rate, "optimiser": settings.optimiser, "decay": settings.decay}
