"""From structures to a property with an interval, and a word where the model cannot judge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz._typing import BoolArray, FloatArray, PathLike, StructureLike
from seitz.batch import ErrorPolicy, SymmetryPolicy
from seitz.cell import OccupancyPolicy
from seitz.descriptors import Descriptor
from seitz.descriptors import descriptor as find_descriptor
from seitz.errors import ModelError, OptionError
from seitz.featurize import Progress, featurize
from seitz.io.tables import Table
from seitz.table import Failure, FeatureTable, RowChoice, moved, row_numbers
from seitz.tessellation import thread_count

from .card import ModelCard
from .contents import Contents, contents_of, with_contents, without_contents
from .doubts import Doubt, Judgement
from .predictors import WrappedModel
from .runtime import Answer, OnnxModel

if TYPE_CHECKING:
    from seitz.alloys import RandomAlloy, RandomAlloys

#: A model: its name or file, one that was loaded or wrapped, or anything with ``predict(features)``.
ModelLike = Any


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions for a list of structures, in the order they were given.

    ``table[2:5]``, ``table[[4, 0]]`` and ``table[table.in_domain]`` are tables of some of the rows, as of a
    :class:`seitz.FeatureTable`.

    Attributes
    ----------
    value
        (n,) or (n, m) predicted property in ``card.unit``; NaN for structures that failed.
    lower, upper
        (n,) ends of the interval that ``card.calibration`` describes; NaN where the model has none, or where the
        structure is beyond what it was calibrated for.
    in_domain
        (n,) whether the model can judge the structure: it is near the training data, and all its elements are in them.
        None for a model that cannot tell, such as some members of an ensemble.
    doubts
        Reasons why rows are not to be trusted, or less: one for each such row, which is its ``index``.
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

    def __getitem__(self, key: slice | RowChoice) -> PredictionTable:
        """The predictions of some rows, chosen with a slice, row numbers or a mask; rows are counted anew.

        Raises
        ------
        OptionError
            A key that is none of these; columns are attributes.
        IndexError
            A row number outside the table.
        """
        rows = row_numbers(key, len(self), "the columns of predictions are attributes, such as table.value")
        return PredictionTable(
            self.value[rows], self.lower[rows], self.upper[rows],
            None if self.in_domain is None else self.in_domain[rows],
            moved(self.doubts, rows.tolist()), self.features[rows], self.card,
        )  # fmt: skip

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
            reasons[doubt.index] = doubt.message
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

    @property
    def metadata(self) -> dict[str, str]:
        """What Parquet and NPZ files carry beside the numbers: model, property, unit, share of the intervals, card."""
        return metadata_of(self.card)

    def write(self, path: PathLike) -> None:
        """Write to Parquet, CSV, NPZ or JSON lines, by the file name; complete or not at all.

        If rows failed, they are listed in a file beside it, ``energies.failures.csv`` for ``energies.csv``. Only
        Parquet and NPZ have a place for :attr:`metadata`.

        Raises
        ------
        WriteError
            A file cannot be written; it is left as it was.
        OptionError
            The file name belongs to no format.
        """
        from .files import open_predictions

        n_values = 1 if self.value.ndim == 1 else self.value.shape[1]
        with open_predictions(path, n_values, metadata=self.metadata) as sink:
            sink.append(self)

    def to_pandas(self) -> Any:
        """A pandas ``DataFrame``, ids as index; needs pandas."""
        from seitz._optional import load_optional

        columns = self.columns()
        index = load_optional("pandas", "pandas").Index(columns.pop("id"), name="id")
        return load_optional("pandas", "pandas").DataFrame(columns, index=index)

    def to_arrow(self) -> Any:
        """A pyarrow ``Table`` with :attr:`metadata`."""
        import pyarrow as pa

        columns = self.columns()
        types = {"id": pa.string(), "in_domain": pa.bool_(), "doubt": pa.string()}
        arrays = [pa.array(column, types.get(name, pa.float64())) for name, column in columns.items()]
        return pa.table(arrays, names=list(columns)).replace_schema_metadata(self.metadata)


def metadata_of(card: ModelCard) -> dict[str, str]:
    """What a file of predictions says about all its rows."""
    level = "" if card.level is None else f"{card.level:g}"
    return {
        "seitz.model": card.name, "seitz.property": card.property, "seitz.unit": card.unit, "seitz.level": level,
        "seitz.card": card.to_json(),
    }  # fmt: skip


def predict(
    structures: StructureLike | Iterable[StructureLike] | FeatureTable | Table | RandomAlloy | RandomAlloys,
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
        Anything :func:`seitz.featurize` takes; or a table of features that are those of the model, be it made now or
        read from a file (:func:`seitz.io.read_table`), and what :func:`seitz.featurize_random` gives.
    model
        Name of a model (:func:`seitz.models.list`), an ONNX file with a card, a loaded model, or one made by
        :func:`seitz.models.wrap`.
    symmetry, occupancy, on_error, ids, n_threads, progress
        As for :func:`seitz.featurize`; of features that are there already, failures stay failures.

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
    ready = found.with_threads(thread_count(n_threads))
    own = _own_features(structures, found.card)
    if own is not None:
        given = {"symmetry": symmetry != "none", "occupancy": occupancy != "raise", "ids": ids is not None}
        if any(given.values()):
            name = next(name for name, said in given.items() if said)
            raise OptionError(f"{name}: the features are there already, and {name} would change nothing")
        return predict_table(ready, *own)
    chosen = _descriptor(found.card)
    featurized = featurize(
        structures,
        descriptor=with_contents(chosen), symmetry=symmetry, occupancy=occupancy, on_error=on_error, ids=ids,
        n_threads=n_threads, progress=progress,
    )  # fmt: skip
    return predict_table(ready, *without_contents(featurized, chosen))


def _own_features(given: Any, card: ModelCard) -> tuple[FeatureTable, Contents] | None:
    """The features and contents of what has them; None for structures."""
    if isinstance(given, np.ndarray) and given.dtype.kind == "f":
        raise ModelError(
            f"an array of shape {given.shape} is neither structures nor a table that names its features: give the "
            "FeatureTable itself, or the array to seitz.models.load(model).predict()"
        )
    if isinstance(given, FeatureTable):
        return _checked_table(given, card)
    if isinstance(given, Table):
        return _checked_table(features_of(given, _descriptor(card), card.name), card)
    if type(given).__name__ not in ("RandomAlloy", "RandomAlloys"):  # importing them takes time
        return None
    from seitz.alloys import RandomAlloy, RandomAlloys

    if not isinstance(given, RandomAlloy | RandomAlloys):
        return None
    table, contents = _checked_table(given.table, card)
    for row, alloy in enumerate([given] if isinstance(given, RandomAlloy) else given):
        if alloy is not None:
            contents.elements[row, [z - 1 for z in alloy.composition.fractions]] = True
    return table, Contents(contents.elements, contents.volume)


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


def features_of(table: Table, descriptor: Descriptor, model: str) -> FeatureTable:
    """A table that was read from a file, as the features that a model takes.

    Raises
    ------
    ModelError
        It holds others, or those of another schema.
    """
    said = (
        table.metadata.get("seitz.descriptor", descriptor.name),
        table.metadata.get("seitz.schema", descriptor.digest),
    )
    if said != (descriptor.name, descriptor.digest) or tuple(table.names) != tuple(descriptor.names):
        raise ModelError(
            f"{model} takes the {len(descriptor)} features of {descriptor.name} (schema {descriptor.digest}), but the "
            f"table holds {len(table.names)} of {said[0]} (schema {said[1]})"
        )
    return FeatureTable(np.ascontiguousarray(table.values), descriptor, tuple(table.ids))


def _checked_table(table: FeatureTable, card: ModelCard) -> tuple[FeatureTable, Contents]:
    chosen = _descriptor(card)
    if table.descriptor.digest != chosen.digest:
        raise ModelError(
            f"{card.name} takes {chosen.name}, but the table holds {table.descriptor.name}: compute those features, or "
            "choose a model that takes these (seitz.models.list())"
        )
    return table, contents_of(table)


def predict_table(
    model: OnnxModel | WrappedModel, table: FeatureTable, contents: Contents | None
) -> PredictionTable:
    """Predictions for a table of the model's own features, and what else is known of its rows."""
    n, card = len(table), model.card
    good: BoolArray = np.asarray(np.isfinite(table.values).all(axis=1))
    answer = model.answer(table.values[good]) if good.any() else Answer(np.empty(0))
    value = np.full((n, *answer.value.shape[1:]), np.nan)
    value[good] = answer.value
    lower, upper = (_spread(ends, good) for ends in (answer.lower, answer.upper))
    judgement = Judgement(table, card, contents)
    judgement.judge_answer(answer, good)
    doubts = judgement.doubts
    in_domain = None  # a list of elements alone does not tell what is far from the training data
    if any(port.name == "in_domain" for port in getattr(model, "outputs", ())):
        in_domain = good.copy()
        in_domain[[doubt.index for doubt in doubts]] = False
    lower[judgement.beyond] = upper[judgement.beyond] = np.nan
    wrong = lower > upper
    lower[wrong] = upper[wrong] = np.nan
    return PredictionTable(value, lower, upper, in_domain, doubts, table, card)


def _spread(column: FloatArray | None, good: BoolArray) -> FloatArray:
    found = np.full(len(good), np.nan)
    if column is not None:
        found[good] = column
    return found
