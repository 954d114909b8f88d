"""The workflow of pySIPFENN for people coming from it: models in a container, run on structures, results by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from seitz._typing import FloatArray, PathLike, StructureLike
from seitz.cell import OccupancyPolicy
from seitz.errors import ModelError, OptionError, SeitzError
from seitz.table import FeatureTable

from .contents import contents_of
from .predictions import ModelLike, PredictionTable, as_model, predict, predict_table

Result = dict[str, Any]


class Calculator:
    """Some models, and what they said about the structures they were run on last.

    Nothing is printed, loaded or downloaded behind your back: each model is given by name, file or object.

    Parameters
    ----------
    models
        Models as for :func:`seitz.predict`; one or several.

    Attributes
    ----------
    models
        By name.
    tables
        Predictions of the last run, by name of the model; each holds its feature vectors.

    Examples
    --------
    >>> calculator = Calculator()
    >>> [result] = calculator.run_models(["fcc"])
    >>> sorted(result)
    ['default', 'default_doubt', 'default_in_domain', 'default_lower', 'default_upper', 'error', 'id']
    """

    def __init__(self, models: ModelLike | list[ModelLike] = "default") -> None:
        given = list(models) if isinstance(models, list | tuple) else [models]
        loaded = [as_model(model) for model in given]
        names = [model.card.name for model in loaded]
        if len(set(names)) < len(names):
            raise OptionError(f"models: two are called {max(names, key=names.count)}")
        self.models = dict(zip(names, loaded, strict=True))
        self.tables: Mapping[str, PredictionTable] = {}

    def __repr__(self) -> str:
        n = len(next(iter(self.tables.values()))) if self.tables else 0
        return f"Calculator({', '.join(self.models)}; {n} structures)"

    def run_models(self, structures: StructureLike | Iterable[StructureLike], **options: Any) -> list[Result]:
        """Run all models on structures.

        Parameters
        ----------
        structures
            Anything :func:`seitz.featurize` takes.
        **options
            Other options of :func:`seitz.predict`.

        Returns
        -------
        list of dict
            One per structure: ``"id"``; the value of each model by its name, the ends of its interval as
            ``"NAME_lower"`` and ``"NAME_upper"`` and whether it can judge the structure as ``"NAME_in_domain"``, where
            the model says so, and reasons for doubt as ``"NAME_doubt"``; and why there is no value as ``"error"``.
        """
        kept = (
            list(structures) if isinstance(structures, Iterator) else structures
        )  # for one model after the other
        return self._keep(
            {name: predict(kept, model=model, **options) for name, model in self.models.items()}
        )

    def run_from_directory(
        self, folder: PathLike, *, occupancy: OccupancyPolicy = "raise", **options: Any
    ) -> list[Result]:
        """Run all models on the structures in a folder; those that cannot be read keep their row, with NaN."""
        options = {"on_error": "record", **options}
        return self.run_models(os.fspath(folder), occupancy=occupancy, **options)

    def run_dilute(
        self, structures: Iterable[StructureLike], *, host: Any = "pure", **options: Any
    ) -> list[Result]:
        """Run all models on structures that differ from a host at a few sites; see :func:`seitz.featurize_dilute`."""
        from seitz.defects import featurize_dilute

        kept = list(structures)

        def vectors(descriptor: str, walk: Any) -> FeatureTable:
            return featurize_dilute(kept, host=host, descriptor=descriptor, walk=walk, **options)

        return self._keep(self._of_vectors(vectors, [_elements_of(structure) for structure in kept]))

    def run_random(self, lattice: Any, composition: Any, **options: Any) -> list[Result]:
        """Run all models on random alloys; see :func:`seitz.featurize_random`."""
        from seitz.alloys import RandomAlloy, featurize_random

        elements: list[set[int]] = []

        def vectors(descriptor: str, walk: Any) -> FeatureTable:
            found = featurize_random(lattice, composition, descriptor=descriptor, **options)
            alloys = [found] if isinstance(found, RandomAlloy) else list(found)
            elements[:] = [set(alloy.composition.fractions) for alloy in alloys]
            if isinstance(found, RandomAlloy):
                return FeatureTable(found.values[None, :], found.descriptor, (found.id,))
            table: FeatureTable = found.table
            return table

        return self._keep(self._of_vectors(vectors, elements))

    @property
    def results(self) -> list[Result]:
        """What the last run gave: one dictionary per structure, as :meth:`run_models` describes it."""
        columns = self._columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _columns(self) -> dict[str, list[Any]]:
        """The results by column."""
        if not self.tables:
            return {}
        first = next(iter(self.tables.values()))
        columns: dict[str, list[Any]] = {"id": list(first.ids)}
        for model, table in self.tables.items():
            found = table.columns()
            columns[model] = table.value.tolist()
            ends = ("lower", "upper") if table.card.level else ()
            judged = () if table.in_domain is None else ("in_domain",)
            for name in (*ends, *judged, "doubt"):
                columns[f"{model}_{name}"] = found[name]
        reasons = {failure.index: failure.message for failure in first.failures}
        columns["error"] = [reasons.get(row, "") for row in range(len(first))]
        return columns

    def features(self, model: str | None = None) -> FloatArray:
        """(n, n_features) vectors of the last run, for one of the models; the first by default."""
        if not self.tables:
            raise ModelError("nothing has been run yet: there are no features")
        name = next(iter(self.tables)) if model is None else model
        if name not in self.tables:
            raise ModelError(f"no model is called {name!r} here; there is {', '.join(self.tables)}")
        return self.tables[name].features.values

    def write_csv(self, path: PathLike) -> None:
        """Write the results as CSV, complete or not at all."""
        from seitz.io.rows import open_rows

        if not self.tables:
            raise ModelError("nothing was predicted yet: run_models() or one of its kin comes first")
        columns = self._columns()
        with open_rows(path, list(columns), format="csv", keep_empty=True) as sink:
            for row in zip(*columns.values(), strict=True):
                sink.append(*row)

    def write_npy(self, path: PathLike, model: str | None = None) -> None:
        """Write the feature vectors of one model as a NumPy file, complete or not at all."""
        from seitz.io.files import replacing

        values = self.features(model)
        with replacing(path) as temporary, temporary.open("wb") as out:
            np.save(out, values)

    def _of_vectors(self, vectors: Any, elements: list[set[int]]) -> dict[str, PredictionTable]:
        """Predictions from one table of vectors per descriptor, and the atomic numbers in each row."""
        made: dict[tuple[str, str], FeatureTable] = {}
        tables: dict[str, PredictionTable] = {}
        for name, model in self.models.items():
            key = model.card.descriptor, model.card.walk
            if key not in made:
                made[key] = vectors(key[0], key[1] or None)
            contents = contents_of(made[key])
            for row, numbers in enumerate(elements):
                contents.elements[row, [z - 1 for z in numbers]] = True
            tables[name] = predict_table(model, made[key], contents)
        return tables

    def _keep(self, tables: dict[str, PredictionTable]) -> list[Result]:
        self.tables = tables
        return self.results


def _elements_of(structure: StructureLike) -> set[int]:
    """Atomic numbers in a structure; none for one that cannot be read, whose row says why."""
    from seitz.adapters import as_cell

    try:
        cell = as_cell(structure, occupancy="average")
    except SeitzError:
        return set()
    return set(cell.amounts)
