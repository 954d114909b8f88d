"""What was tried, what it reached, and why one was chosen."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from seitz._typing import FloatArray, PathLike
from seitz.errors import TuneError

from .examples import Excluded
from .scores import Figure, Score

if TYPE_CHECKING:
    from pathlib import Path

    from seitz.models import OnnxModel

#: Key of the report in the metadata of an ONNX file.
METADATA_KEY = "seitz.report"


@dataclass(frozen=True)
class Losses:
    """Losses of a network by epoch, of one fold; epoch 0 is before training."""

    train: tuple[float, ...]
    validation: tuple[float, ...]
    rate: tuple[float, ...]
    best: int


@dataclass(frozen=True)
class Candidate:
    """One way that was tried.

    Attributes
    ----------
    name, baseline, uses_model
        What it is, whether others must beat it, and whether it starts from the model.
    validation
        On rows of the training part, each by a fit that had not seen its group.
    test
        On the test part; None where there is none, or the candidate was left early.
    note
        Why it was left early, if it was; its validation is then of one fold, at its own best epoch.
    parts
        Names and weights, of a mean.
    curves
        Of networks.
    """

    name: str
    baseline: bool
    uses_model: bool
    validation: Score
    test: Score | None
    note: str = ""
    parts: tuple[tuple[str, float], ...] = ()
    curves: tuple[Losses, ...] = ()


@dataclass(frozen=True)
class Row:
    """One example: its target, and values before and after, the latter by a fit that had not seen its group."""

    id: str
    group: str
    part: str
    """``"train"`` or ``"test"``."""
    target: float
    before: float
    after: float


@dataclass(frozen=True)
class Report:
    """Everything about one tuning.

    Attributes
    ----------
    verb, model
        What was done, and to which model; empty for training from scratch.
    property, unit
        What the targets are.
    chosen
        Name of the best candidate by mean absolute error on the validation parts.
    says
        In one sentence: what won, by how much, and whether starting from the model pays.
    pays
        Whether the best that starts from the model beats the best that does not; None where the rows cannot tell, or
        nothing started from a model.
    gain
        How much lower the error of the former is on unseen groups, as a share, with its 95 % interval.
    candidates
        All of them.
    before, after
        The model as it was and as it is, on the test part, or on unseen training rows where there is none.
    coverage
        Share of the test part inside the intervals; None without either.
    settings
        Of networks, and everything else that was chosen.
    n_given, n_train, n_test, n_groups, n_folds, grouped_by
        How the rows were divided: n_given = n_train + n_test + what was set aside.
    excluded, unmatched
        Rows that were set aside, also of a test part that was given, and ids without a row.
    digest
        SHA-256 of the examples.
    references
        Where the targets are from.
    rows
        All examples with their values.
    drift
        Largest difference between the file's values and those that were judged, in the unit.
    warnings
        What to be careful with.
    """

    verb: str
    model: str
    property: str
    unit: str
    chosen: str
    says: str
    pays: bool | None
    candidates: tuple[Candidate, ...]
    before: Score | None
    after: Score
    coverage: float | None
    settings: Mapping[str, Any]
    n_given: int
    n_train: int
    n_test: int
    n_groups: int
    n_folds: int
    grouped_by: str
    digest: str
    excluded: tuple[Excluded, ...] = ()
    unmatched: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    drift: float = 0.0
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    gain: Figure | None = None

    def __repr__(self) -> str:
        return f"Report({self.says})"

    @builtins.property  # "property" is a field here
    def ids(self) -> tuple[str, ...]:
        """Ids of all rows, in order."""
        return tuple(row.id for row in self.rows)

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name."""
        for found in self.candidates:
            if found.name == name:
                return found
        raise TuneError(
            f"no candidate is called {name!r}; there is {', '.join(c.name for c in self.candidates)}"
        )

    def to_json(self) -> str:
        """The report as JSON text; figures that are no numbers are null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Tuned:
    """A tuned model and how it came about.

    Attributes
    ----------
    model
        Runs like any other: ``seitz.predict(structures, model=tuned.model)``.
    report
        What was tried.
    """

    model: OnnxModel
    report: Report

    def __repr__(self) -> str:
        return f"Tuned({self.model.card.name}: {self.report.says})"

    def save(self, path: PathLike) -> Path:
        """Write the model with its card and report as one ONNX file, complete or not at all.

        Raises
        ------
        WriteError
            The file cannot be written; an older one is left as it was.
        """
        from pathlib import Path

        from seitz.io import replacing

        target = Path(path)
        with replacing(target) as temporary:
            temporary.write_bytes(self.model.content)
        return target


def report(model: Any) -> Report:
    """The report inside a tuned model: its name, its file, or the model itself.

    Raises
    ------
    TuneError
        The model was not made by ``seitz.tune``.
    """
    from seitz.models.audit import audit_bytes
    from seitz.models.predictions import as_model

    found = as_model(model)
    content = getattr(found, "content", b"")
    metadata = audit_bytes(content).metadata if content else {}
    if METADATA_KEY not in metadata:
        raise TuneError(f"{found.card.name} holds no report: it was not made by seitz.tune")
    return report_from_json(metadata[METADATA_KEY])


def report_from_json(text: str) -> Report:
    """The report behind its JSON text."""
    try:
        content = json.loads(text)
        candidates = tuple(
            Candidate(**c | {"validation": _score(c["validation"]), "test": _score(c["test"]),
                             "parts": tuple((name, weight) for name, weight in c["parts"]),
                             "curves": tuple(Losses(*map(_tuple, curve.values())) for curve in c["curves"])})
            for c in content["candidates"]
        )  # fmt: skip
        rows = tuple(_row(row) for row in content["rows"])
        excluded = tuple(Excluded(*entry) for entry in content["excluded"])
        lists = {name: tuple(content[name]) for name in ("unmatched", "references", "warnings")}
        scores: dict[str, Any] = {name: _score(content[name]) for name in ("before", "after")}
        scores["gain"] = None if content["gain"] is None else Figure(*content["gain"])
        return Report(
            **content | lists | scores | {"candidates": candidates, "rows": rows, "excluded": excluded}
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TuneError(f"the report cannot be read: {error!r}") from None


def _score(content: Any) -> Score | None:
    if content is None:
        return None
    *figures, n, n_groups = content
    mae, rmse, r2 = (Figure(*(float("nan") if x is None else x for x in figure)) for figure in figures)
    return Score(mae, rmse, r2, n, n_groups)


def _row(content: Mapping[str, Any]) -> Row:
    values: Any = {key: float("nan") if value is None else value for key, value in content.items()}
    return Row(**values)


def _tuple(value: Any) -> Any:
    return tuple(float("nan") if x is None else x for x in value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def residuals(found: Report, part: str = "") -> FloatArray:
    """(n,) value after minus target, of one part or of all rows."""
    import numpy as np

    return np.array([row.after - row.target for row in found.rows if part in ("", row.part)])
