"""From structures to a property with an interval, and a word where the model cannot judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seitz._typing import BoolArray, FloatArray, PathLike, StructureLike
from seitz.batch import ErrorPolicy, SymmetryPolicy
from seitz.cell import OccupancyPolicy
from seitz.descriptors import Descriptor, Feature
from seitz.descriptors import descriptor as find_descriptor
from seitz.descriptors.schema import block_features
from seitz.elements import SYMBOLS
from seitz.errors import ModelError
from seitz.featurize import Progress, featurize
from seitz.table import Failure, FeatureTable
from seitz.tessellation import thread_count

from .card import ModelCard
from .predictors import WrappedModel
from .runtime import Answer, OnnxModel

if TYPE_CHECKING:
    from collections.abc import Iterable

_ATOMIC_NUMBERS = ("min_Number", "max_Number")  # of the elements on the sites
#: A model: its name or file, one that was loaded or wrapped, or anything with ``predict(features)``.
ModelLike = Any


class Doubt(NamedTuple):
    """Why a prediction is not to be trusted, or less."""

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    message: str


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions for a list of structures, in the order they were given.

    Attributes
    ----------
    value
        (n,) or (n, m) predicted property in ``card.unit``; NaN for structures that failed.
    lower, upper
        (n,) ends of the interval that ``card.calibration`` describes; NaN where the model has none, or where the
        structure is beyond what it was calibrated for.
    in_domain
        (n,) whether the model can judge the structure: it is near the training data, and all its elements are in them.
        None for a model that cannot tell.
    doubts
        Reasons for rows outside the domain.
    features
        The feature vectors behind the predictions, with ids, failures and warnings.
    card
        What the model is.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    in_domain: BoolArray | None
    doubts: tuple[Doubt, ...]
    features: FeatureTable
    card: ModelCard

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"PredictionTable({len(self)} × {self.card.property}, {self.card.unit}, by {self.card.name})"

    @property
    def ids(self) -> tuple[str, ...]:
        """One identifier per row."""
        return self.features.ids

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Structures that gave no features."""
        return self.features.failures

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns after the id, as they are written."""
        values = ["value"] if self.value.ndim == 1 else [f"value_{k}" for k in range(self.value.shape[1])]
        return (*values, "lower", "upper", "in_domain", "doubt")

    def columns(self) -> dict[str, Any]:
        """Columns by name: ids, values, ends of the intervals, whether in the domain, and reasons for doubt."""
        reasons = [""] * len(self)
        for doubt in self.doubts:
            reasons[doubt.index] = f"{reasons[doubt.index]}; {doubt.message}".removeprefix("; ")
        values = self.value[None, :] if self.value.ndim == 1 else self.value.T
        domain = [None] * len(self) if self.in_domain is None else self.in_domain.tolist()
        return {
            "id": list(self.ids),
            **dict(
                zip(
                    self.names,
                    (*values.tolist(), self.lower.tolist(), self.upper.tolist(), domain, reasons),
                    strict=True,
                )
            ),
        }

    def write(self, path: PathLike) -> None:
        """Write to Parquet, CSV, NPZ or JSON lines, by the file name; complete or not at all.

        If rows failed, they are listed in a file beside it, ``energies.failures.csv`` for ``energies.csv``.

        Raises
        ------
        WriteError
            A file cannot be written; it is left as it was.
        OptionError
            The file name belongs to no format.
        """
        from .files import open_predictions

        with open_predictions(path, 1 if self.value.ndim == 1 else self.value.shape[1]) as sink:
            sink.append(self)

    def to_pandas(self) -> Any:
        """A pandas ``DataFrame``, ids as index; needs pandas."""
        from seitz._optional import load_optional

        columns = self.columns()
        index = load_optional("pandas", "pandas").Index(columns.pop("id"), name="id")
        return load_optional("pandas", "pandas").DataFrame(columns, index=index)

    def to_arrow(self) -> Any:
        """A pyarrow ``Table`` with the card as metadata."""
        import pyarrow as pa

        columns = self.columns()
        types = {"id": pa.string(), "in_domain": pa.bool_(), "doubt": pa.string()}
        arrays = [pa.array(column, types.get(name, pa.float64())) for name, column in columns.items()]
        return pa.table(arrays, names=list(columns)).replace_schema_metadata(
            {"seitz.card": self.card.to_json()}
        )


def predict(
    structures: StructureLike | Iterable[StructureLike] | FeatureTable,
    *,
    model: ModelLike = "default",
    symmetry: SymmetryPolicy = "none",
    occupancy: OccupancyPolicy = "raise",
    on_error: ErrorPolicy = "raise",
    ids: Iterable[object] | None = None,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> PredictionTable:
    """A property of structures, with an interval and whether the model can judge them.

    Parameters
    ----------
    structures
        Anything :func:`seitz.featurize` takes; or a table of features that are those of the model.
    model
        Name of a model (:func:`seitz.models.list`), an ONNX file with a card, a loaded model, or one made by
        :func:`seitz.models.wrap`.
    symmetry, occupancy, on_error, ids, n_threads, progress
        As for :func:`seitz.featurize`.

    Returns
    -------
    PredictionTable
        One row per structure.

    Raises
    ------
    ModelError
        The model cannot be loaded or run, or the table holds other features.
    SeitzError
        As for :func:`seitz.featurize`.
    """
    found = as_model(model)
    threads = thread_count(n_threads)
    complete = True
    if isinstance(structures, FeatureTable):
        table, elements = _of_table(structures, found.card)
        complete = any(feature.name in table.names for feature in _fractions())
    else:
        wanted = with_elements(_descriptor(found.card))
        featurized = featurize(
            structures, descriptor=wanted, symmetry=symmetry, occupancy=occupancy, on_error=on_error, ids=ids,
            n_threads=n_threads, progress=progress,
        )  # fmt: skip
        table, elements = without_elements(featurized, found.card)
    return predict_table(found.with_threads(threads), table, elements, complete=complete)


def as_model(model: ModelLike) -> OnnxModel | WrappedModel:
    """A model by name or file, or what is one already."""
    if isinstance(model, OnnxModel | WrappedModel):
        return model
    from .registry import load

    if hasattr(model, "predict") or callable(model):
        raise ModelError(
            f"{type(model).__name__!r} does not say what it takes: give it through seitz.models.wrap(model, "
            "descriptor=..., property=..., unit=...)"
        )
    return load(model)


def _descriptor(card: ModelCard) -> Descriptor:
    card.check_schema()
    return find_descriptor(card.descriptor, card.walk or None)  # type: ignore[arg-type]


def with_elements(descriptor: Descriptor) -> Descriptor:
    """The descriptor with the atomic fractions of all elements behind it: what the model's coverage is judged by."""
    return replace(descriptor, features=(*descriptor.features, *_fractions()))


def without_elements(table: FeatureTable, card: ModelCard) -> tuple[FeatureTable, BoolArray]:
    """The model's own features of a table made so, and (n, 112) which elements each row has."""
    chosen = _descriptor(card)
    present: BoolArray = table.values[:, len(chosen) :] > 0
    own = FeatureTable(
        np.ascontiguousarray(table.values[:, : len(chosen)]),
        chosen,
        table.ids,
        table.failures,
        table.warnings,
    )
    return own, present


def _fractions() -> Sequence[Feature]:
    return [feature for feature in block_features() if feature.quantity == "atomic fraction"]


def _of_table(table: FeatureTable, card: ModelCard) -> tuple[FeatureTable, BoolArray]:
    chosen = _descriptor(card)
    if table.descriptor.digest != chosen.digest:
        raise ModelError(f"{card.name} takes {chosen.name}, but the table holds {table.descriptor.name}")
    return table, elements_of(table)


def elements_of(table: FeatureTable) -> BoolArray:
    """(n, 112) elements that each row is known to have.

    The atomic fractions tell all they have a column for; the lightest and the heaviest element stand in the
    features of every descriptor, and the others are unknown.
    """
    present = np.zeros((len(table), len(SYMBOLS) - 1), dtype=bool)
    columns = [table.names.index(f.name) for f in _fractions() if f.name in table.names]
    present[:, : len(columns)] = table.values[:, columns] > 0
    for name in _ATOMIC_NUMBERS:
        if name in table.names:
            z = table.values[:, table.names.index(name)]
            rows = np.flatnonzero(
                (z >= 1) & (z < len(SYMBOLS)) & (z == np.round(z))
            )  # averaged sites have none
            present[rows, z[rows].astype(int) - 1] = True
    return present


def predict_table(
    model: OnnxModel | WrappedModel, table: FeatureTable, elements: BoolArray | None, *, complete: bool = True
) -> PredictionTable:
    """Predictions for a table of the model's own features.

    Parameters
    ----------
    elements
        (n, 112) which elements each row has; None if unknown.
    complete
        Whether these are all its elements. If not, only a model that says so itself calls a row in its domain.
    """
    n, card = len(table), model.card
    good: BoolArray = np.asarray(np.isfinite(table.values).all(axis=1))
    answer = model.answer(table.values[good]) if good.any() else Answer(np.empty(0))
    value = np.full((n, *answer.value.shape[1:]), np.nan)
    value[good] = answer.value
    lower, upper = (_spread(ends, good) for ends in (answer.lower, answer.upper))
    doubts = list(_doubts(table, card, answer, good, elements))
    judged = answer.in_domain is not None or (bool(card.elements) and elements is not None and complete)
    in_domain = None
    if judged:
        in_domain = good.copy()
        in_domain[[doubt.index for doubt in doubts]] = False
    unseen = _unseen(card, elements)
    if unseen is not None:
        lower[unseen.any(axis=1)] = upper[unseen.any(axis=1)] = np.nan
    wrong = lower > upper
    lower[wrong] = upper[wrong] = np.nan
    return PredictionTable(value, lower, upper, in_domain, tuple(doubts), table, card)


def _finite_rows(values: FloatArray) -> BoolArray:
    """(n,) where all numbers of a row are finite."""
    return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))


def _spread(column: FloatArray | None, good: BoolArray) -> FloatArray:
    found = np.full(len(good), np.nan)
    if column is not None:
        found[good] = column
    return found


def _unseen(card: ModelCard, elements: BoolArray | None) -> BoolArray | None:
    """(n, 112) elements of each row that are not in the training data; None if either is unknown."""
    if not card.elements or elements is None:
        return None
    known = np.array([symbol in card.elements for symbol in SYMBOLS[1:]])
    unseen: BoolArray = elements & ~known
    return unseen


def _doubts(
    table: FeatureTable, card: ModelCard, answer: Answer, good: BoolArray, elements: BoolArray | None
) -> Iterator[Doubt]:
    """Reasons by row: elements the model has not seen, properties that are missing, distance from the data."""
    reasons: dict[int, list[str]] = {}
    unseen = _unseen(card, elements)
    if unseen is not None:
        for row in np.flatnonzero(unseen.any(axis=1)).tolist():
            names = ", ".join(SYMBOLS[z + 1] for z in np.flatnonzero(unseen[row]).tolist())
            reasons.setdefault(row, []).append(f"no {names} in the training data")
    for warning in table.warnings:
        reasons.setdefault(warning.index, []).append(warning.message)
    if answer.in_domain is not None:
        for row in np.flatnonzero(good)[~answer.in_domain].tolist():
            reasons.setdefault(row, []).append("far from the training data")
    failed = {failure.index for failure in table.failures}
    for row in np.flatnonzero(~good).tolist():
        if row not in failed:
            reasons.setdefault(row, []).append("a feature is no number")
    rows = np.flatnonzero(good)
    for row in rows[~_finite_rows(answer.value)].tolist():
        reasons.setdefault(row, []).append("the model's answer is no number")
    if answer.lower is not None and answer.upper is not None:
        for row in rows[answer.lower > answer.upper].tolist():
            reasons.setdefault(row, []).append("the ends of the model's interval are exchanged")
    for row in sorted(reasons):
        yield Doubt(row, table.ids[row], "; ".join(reasons[row]))
