"""From the winner of a contest to a model file with card, intervals and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto

from seitz._typing import FloatArray
from seitz.errors import TuneError
from seitz.models.audit import audit_bytes
from seitz.models.card import Metric, ModelCard
from seitz.models.runtime import OnnxModel
from seitz.models.stamp import with_card

from .engine import Contest, Entry
from .examples import Examples, column
from .graphs import FEATURES, Graph
from .intervals import Intervals, calibrate
from .networks import Base, Views, plain_views
from .report import METADATA_KEY, Candidate, Losses, Report, Row, Tuned
from .scores import Figure, Score, gain, score
from .settings import Settings
from .simple import MedianOfExamples, OffsetSlope
from .task import Fitted, Task

_DRIFT = 1e-3  # of the spread of the targets, between the file and what was judged
_FEW = 30
_SURE = 0.99
_SEEN = 2.0  # times less than its card says, a model errs on what it has seen
_ALIKE = 3.0  # times the spread of the model's values


@dataclass(eq=False)
class Finish:
    """What is known after the contest."""

    verb: str
    model: Any
    base: Base | None
    given: Examples
    train: Examples
    held: Examples
    contest: Contest
    entries: list[Entry]
    level: float
    settings: Settings
    extra: Mapping[str, Any] = field(default_factory=dict)

    def tuned(self, name: str, property: str, unit: str, references: tuple[str, ...]) -> Tuned:
        """The winner as a model, and the report."""
        winner = self._winner()
        fitted = self.contest.refit(winner)
        intervals = self._intervals(winner)
        test_views = self._views(self.held) if len(self.held) else None
        if test_views is not None:
            for entry in self.entries:
                if entry.complete or entry.method.baseline:
                    entry.test = self.contest.refit(entry).predict(test_views)
        property, unit = property or self.model.card.property, unit or self.model.card.unit
        graph, outputs = self._graph(fitted, intervals)
        plain = OnnxModel(audit_bytes(graph.model(outputs, {}).SerializeToString()),
                          self._card(name, property, unit, references, intervals, ()))  # fmt: skip
        drift = self._drift(plain, fitted)
        report = self._report(winner, plain, property, unit, references, intervals, drift)
        card = self._card(name, property, unit, references, intervals, _metrics(report), report)
        content = with_card(graph.model(outputs, {METADATA_KEY: report.to_json()}), card)
        return Tuned(OnnxModel(audit_bytes(content), card), report)

    def _winner(self) -> Entry:
        complete = [entry for entry in self.entries if entry.complete]
        return min(complete, key=self.contest.errors)

    def _views(self, part: Examples) -> Views:
        return plain_views(part.features) if self.base is None else self.base.views(part.features)

    def _intervals(self, winner: Entry) -> Intervals:
        widths, latent = self.contest.deviations()
        return calibrate(np.abs(winner.unseen - self.contest.targets), widths, latent, self.level)

    def _graph(self, fitted: Fitted, intervals: Intervals) -> tuple[Graph, dict[str, int]]:
        n = self.train.features.shape[1]
        graph = Graph(n) if self.base is None else Graph(n, self.base.opset, self.base.ir_version)
        names = {"features": FEATURES}
        if self.base is not None:
            tensors = graph.include(self.base.module(hidden=True), "base")
            names["value"] = (
                graph.as_column(tensors[0]) if self.contest.views.value.shape[1] == 1 else tensors[0]
            )
            names["hidden"] = graph.joined(tensors[1:])
        value = fitted.write(graph, names)
        graph.as_row(value, "value")
        outputs = {"value": TensorProto.FLOAT}
        _, (width, latent) = self.contest.process().write(graph, names, deviation=True)
        if intervals.factor is not None:
            half = graph.add("Mul", width, np.float64(intervals.factor))
            graph.as_row(graph.add("Sub", value, half), "lower")
            graph.as_row(graph.add("Add", value, half), "upper")
            outputs |= {"lower": TensorProto.FLOAT, "upper": TensorProto.FLOAT}
        distance = graph.add("Div", latent, np.float64(intervals.edge))
        graph.as_row(distance, "distance")
        graph.as_row(graph.add("Not", graph.add("Greater", distance, np.float64(1.0))), "in_domain")
        return graph, outputs | {"distance": TensorProto.FLOAT, "in_domain": TensorProto.BOOL}

    def _drift(self, model: OnnxModel, fitted: Fitted) -> float:
        """Largest difference between the file and what was fitted.

        Trees may decide a close comparison otherwise in single precision; all but a few rows must agree.
        """
        difference = np.abs(model.predict(self.train.features) - fitted.predict(self.contest.views))
        allowed = _DRIFT * max(float(self.contest.targets.std()), 1e-300)
        if not float(np.quantile(difference, 0.95)) <= allowed:
            raise TuneError(
                f"the file differs from what was trained by {difference.max():g}: please report this, with the data"
            )
        return float(difference.max())

    def _report(
        self, winner: Entry, model: OnnxModel, property: str, unit: str, references: tuple[str, ...],
        intervals: Intervals, drift: float,
    ) -> Report:  # fmt: skip
        candidates = tuple(sorted((self._candidate(entry) for entry in self.entries), key=_order))
        rows, before, after = self._rows(winner, model)
        gained, against = self._gain()
        says, pays = _verdict(winner.name, candidates, gained, against, unit)
        says += self._about_before(winner)
        return Report(
            verb=self.verb, model="" if self.model is None else self.model.card.name, property=property, unit=unit,
            chosen=winner.name, says=says, pays=pays, candidates=candidates, before=before, after=after,
            coverage=self._coverage(model, intervals), settings=self._settings(intervals), n_given=self.given.n_given,
            n_train=len(self.train), n_test=len(self.held), n_groups=self.given.n_groups,
            n_folds=len(self.contest.folds), grouped_by=self.given.grouped_by, digest=self.given.digest,
            excluded=self.given.excluded, unmatched=self.given.unmatched, references=references, rows=rows,
            drift=drift, warnings=self._warnings(winner, intervals), extra=self.extra,
            gain=gained,
        )  # fmt: skip

    def _error_before(self) -> float:
        """Mean absolute error of the model as it was, on the training rows."""
        return float(np.abs(self.contest.views.value[:, 0] - self.contest.targets).mean())

    def _about_before(self, winner: Entry) -> str:
        """A word where the model as it was does as well on the same rows."""
        if self.verb != "adjust" or self.base is None:
            return ""
        error = self._error_before()
        as_well = error <= self.contest.errors(winner)
        return f"; the model as it was errs by {error:.3g}: adjusting it does not help" if as_well else ""

    def _gain(self) -> tuple[Figure | None, str]:
        """What starting from the model brings, against the name of the best that does not; means included."""
        with_model = self.contest.best([entry for entry in self.entries if entry.method.uses_model])
        without = self.contest.best([entry for entry in self.entries if not entry.method.uses_model])
        if with_model is None or without is None:
            return None, ""
        found = gain(with_model.unseen, without.unseen, self.contest.targets, self.train.groups)
        parts = " and ".join(method.name for method, _ in without.parts)
        return found, f"a mean of {parts}" if parts else without.name

    def _candidate(self, entry: Entry) -> Candidate:
        judged = np.isfinite(entry.unseen)
        groups = [group for group, there in zip(self.train.groups, judged, strict=True) if there]
        validation = score(entry.unseen[judged], self.contest.targets[judged], groups)
        test = None
        if entry.test is not None:
            test = score(entry.test, column(self.held.targets), self.held.groups)
        return Candidate(
            entry.name, entry.method.baseline, entry.method.uses_model, validation, test, entry.note,
            tuple((method.name, weight) for method, weight in entry.parts),
            tuple(Losses(c.train, c.validation, c.rate, c.best) for c in entry.curves),
        )  # fmt: skip

    def _before(self, part: Examples) -> FloatArray:
        """Values of the model as it was; for another property, after the straight line that fits best."""
        missing: FloatArray = np.full(len(part), np.nan)
        if self.base is None or self.contest.views.value.shape[1] != 1:
            return missing
        views = self._views(part)
        if self.verb == "transfer":
            return (
                OffsetSlope()
                .fit(Task(self.contest.views, self.contest.targets, self.train.groups))
                .predict(views)
            )
        return views.value[:, 0]

    def _rows(self, winner: Entry, model: OnnxModel) -> tuple[tuple[Row, ...], Score | None, Score]:
        """All examples with their values; and scores on the test part, or on unseen training rows without one."""
        parts = [("train", self.train, winner.unseen)]
        if len(self.held):
            parts.append(("test", self.held, model.predict(self.held.features)))
        rows: list[Row] = []
        scores: tuple[Score | None, Score]
        for title, part, after in parts:
            before, targets = self._before(part), column(part.targets)
            rows += [
                Row(*row)
                for row in zip(part.ids, part.groups, [title] * len(part), targets.tolist(), before.tolist(),
                               after.tolist(), strict=True)
            ]  # fmt: skip
            known = bool(np.isfinite(before).all())
            scores = (
                score(before, targets, part.groups) if known else None,
                score(after, targets, part.groups),
            )
        return tuple(rows), scores[0], scores[1]

    def _coverage(self, model: OnnxModel, intervals: Intervals) -> float | None:
        if not len(self.held) or intervals.factor is None:
            return None
        answer = model.answer(self.held.features)
        if answer.lower is None or answer.upper is None:
            return None
        targets = column(self.held.targets)
        return float(((answer.lower <= targets) & (targets <= answer.upper)).mean())

    def _settings(self, intervals: Intervals) -> dict[str, Any]:
        return {
            "network": asdict(self.settings), "random_state": self.contest.seed, "level": self.level,
            "interval_factor": intervals.factor,
        }  # fmt: skip

    def _warnings(self, winner: Entry, intervals: Intervals) -> tuple[str, ...]:
        n, said = len(self.train), list(self.given.remarks)
        one = next((entry for entry in self.entries if isinstance(entry.method, MedianOfExamples)), None)
        groups = self.train.groups
        # The winner is the best of many by chance alone: hence the wider interval.
        if one and not gain(winner.unseen, one.unseen, self.contest.targets, groups, _SURE).lower > 0:
            said.append("nothing is clearly better than one value for all, the median of the examples")
        if n < _FEW:
            said.append(f"{n} examples to learn from: what was chosen may owe to chance")
        said += [f"{name} was left out: {why}" for name, why in self.contest.left_out.items()]
        said += [*self._about_unit(), *self._about_overlap()]
        if intervals.factor is None:
            said.append(f"{n} examples are too few for {100 * self.level:g} % intervals: there are none")
        elif n < 100:
            said.append(f"the level of the intervals rests on {n} rows, and is rough")
        if self.given.excluded:
            said.append(f"{len(self.given.excluded)} of {self.given.n_given} rows were set aside")
        return tuple(said)

    def _about_overlap(self) -> list[str]:
        """A remark where the model errs so much less than its card says that it may have seen these rows."""
        if self.verb != "adjust" or self.base is None:
            return []
        told = next((m for m in self.model.card.metrics if m.name == "mean absolute error"), None)
        error = self._error_before()
        if told is None or error > told.value / _SEEN:
            return []
        return [
            f"{self.model.card.name} errs by {error:.2g} {told.unit} on these rows, and by {told.value:.2g} on its "
            "card: it may have been trained on them; then errors and intervals hold for such rows alone"
        ]

    def _about_unit(self) -> list[str]:
        """A remark where targets are so unlike what the model says that they may be in another unit."""
        if self.verb != "adjust" or self.base is None:
            return []
        spread = float(self.contest.targets.std() / max(self.contest.views.value[:, 0].std(), 1e-300))
        if 1 / _ALIKE <= spread <= _ALIKE:
            return []
        return [
            f"the targets vary {spread:.3g} times as much as what {self.model.card.name} says of them in "
            f"{self.model.card.unit}: is that their unit?"
        ]

    def _card(
        self, name: str, property: str, unit: str, references: tuple[str, ...], intervals: Intervals,
        metrics: tuple[Metric, ...], report: Report | None = None,
    ) -> ModelCard:  # fmt: skip
        old: ModelCard | None = None if self.model is None else self.model.card
        source = f"; it started from {old.name}: {old.training}" if old is not None else ""
        summary = {} if report is None else {
            "verb": report.verb, "model": report.model, "chosen": report.chosen, "says": report.says,
            "data": report.digest, "references": list(references),
        }  # fmt: skip
        return ModelCard(
            name=name, property=property, unit=unit, descriptor=self.given.descriptor.name,
            title=f"{property}, learned from {len(self.train)} examples", schema=self.given.descriptor.digest,
            walk=self.given.descriptor.walk or "", elements=self.train.elements or (old.elements if old else ()),
            volumes=old.volumes if old else None,
            training=f"{len(self.train)} examples, {self.train.n_groups} groups by {self.train.grouped_by}{source}",
            licence=f"that of the examples; of {old.name}: {old.licence}" if old is not None and old.licence else "",
            citation="; ".join((*references, *([old.citation] if old is not None and old.citation else []))),
            metrics=metrics, calibration=intervals.calibration(),
            limits=("compounds that are not like the examples: in_domain says which",), version=_version(),
            extra={"tune": summary},
        )  # fmt: skip


def _version() -> str:
    import seitz

    return seitz.__version__


def _order(candidate: Candidate) -> tuple[bool, float]:
    return bool(candidate.note), candidate.validation.mae.value


def _metrics(report: Report) -> tuple[Metric, ...]:
    where = "test" if report.n_test else "validation"
    on = f"the {where} part, other groups ({report.grouped_by}) than those learned from"
    names = (("mean absolute error", "mae", report.unit), ("root mean square error", "rmse", report.unit),
             ("R²", "r2", "1"))  # fmt: skip
    found = []
    for title, key, unit in names:
        figure = getattr(report.after, key)
        if all(np.isfinite(figure)):
            found.append(Metric(title, figure.value, unit, on, report.after.n, figure.lower, figure.upper))
    return tuple(found)


def _verdict(
    chosen: str, candidates: tuple[Candidate, ...], gained: Figure | None, against: str, unit: str
) -> tuple[str, bool | None]:
    """In words: what won, against what, and whether starting from the model pays."""
    judged = [c for c in candidates if not c.note]
    won = next(c for c in judged if c.name == chosen)
    error = f"{won.validation.mae.value:.3g} {unit}"
    parts = " + ".join(f"{weight:.3g} {name}" for name, weight in won.parts)
    said = f"{chosen}{f' ({parts})' if parts else ''} is best on unseen groups: mean absolute error {error}"
    baselines = [c for c in judged if c.baseline and c is not won]
    if baselines:
        best = min(baselines, key=lambda c: c.validation.mae.value)
        other = "other " if won.baseline else ""
        said += f" against {best.validation.mae.value:.3g} of the best {other}baseline, {best.name}"
    if gained is None:
        return said, None
    change, low, high = (round(-100 * x) for x in (gained.value, gained.upper, gained.lower))
    figures = f"{change:+d} % in the error ({low:+d} to {high:+d}) against {against}, the best without it"
    if won.validation.n < _FEW:
        return (
            f"{said}; whether starting from the model pays cannot be told from so few rows: {figures}",
            None,
        )
    if gained.lower > 0:
        return f"{said}; starting from the model pays: {figures}", True
    if gained.upper < 0:
        return f"{said}; starting from the model does not pay: {figures}", False
    return f"{said}; whether starting from the model pays cannot be told from these rows: {figures}", None
