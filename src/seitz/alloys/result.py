"""Results for random alloys: one vector with how well it is known, or one per lattice and composition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from seitz._typing import FloatArray
from seitz.descriptors import Descriptor
from seitz.table import Failure, FeatureTable, RowWarning

from .composition import Composition


@dataclass(frozen=True, slots=True, eq=False)
class RandomAlloy:
    """Feature vector of a random solid solution.

    Attributes
    ----------
    lattice
        Name of the lattice.
    target
        The composition asked for.
    mode
        ``"sampled"`` or ``"exact"``.
    descriptor
        Schema of the features.
    values
        (n_features,) the vector: of the whole ensemble, or of the infinite alloy.
    standard_error
        (n_features,) of a sampled vector, by leaving groups of expansions out in turn (delete-a-group jackknife);
        zero in exact mode. For minima, maxima and ranges, which grow with the sample, it only tells how much they
        still move.
    converged
        Whether all criteria were met before the limit of expansions.
    status
        What ended the sampling, in words.
    composition
        Composition of the ensemble; that of the target in exact mode.
    n_sites
        Size of the ensemble; 0 in exact mode.
    history
        (n_expansions, n_features) vector of the ensemble after each expansion.
    expansions
        Feature vectors of the single expansions, one row each: what a model would see.
    largest_change
        (n_expansions,) largest change of any feature over the last three ensembles, in units of its range, and ...
    worst_feature
        ... the feature it belongs to; empty where there are fewer than three.
    warnings
        Elements that lack a property, as in :class:`FeatureTable`.
    """

    lattice: str
    target: Composition
    mode: str
    descriptor: Descriptor
    values: FloatArray
    standard_error: FloatArray
    converged: bool
    status: str
    composition: Composition
    n_sites: int
    history: FloatArray
    expansions: FeatureTable
    largest_change: FloatArray
    worst_feature: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"RandomAlloy({self.target.formula} on {self.lattice}, {self.mode}: {self.status})"

    def __getitem__(self, name: str) -> float:
        """Value of one feature."""
        return float(self.table[name][0])

    @property
    def id(self) -> str:
        """``composition@lattice``."""
        return f"{self.target.formula}@{self.lattice}"

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names."""
        return self.descriptor.names

    @property
    def table(self) -> FeatureTable:
        """The vector as a table of one row."""
        warnings = tuple(RowWarning(0, self.id, message) for message in self.warnings)
        return FeatureTable(self.values[None, :], self.descriptor, (self.id,), warnings=warnings)


@dataclass(frozen=True, slots=True, eq=False)
class RandomAlloys(Sequence["RandomAlloy | None"]):
    """Results for several lattices and compositions, in the order they were given; None for those that failed.

    Attributes
    ----------
    results
        One per alloy.
    ids
        ``composition@lattice`` of each, or the names given.
    descriptor
        Schema of the features.
    failures
        With ``on_error="record"``, those that failed.
    """

    results: tuple[RandomAlloy | None, ...]
    ids: tuple[str, ...]
    descriptor: Descriptor
    failures: tuple[Failure, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> RandomAlloy | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RandomAlloy | None]: ...
    def __getitem__(self, index: int | slice) -> RandomAlloy | Sequence[RandomAlloy | None] | None:
        return self.results[index]

    def __iter__(self) -> Iterator[RandomAlloy | None]:
        return iter(self.results)

    def __repr__(self) -> str:
        trouble = f", {len(self.failures)} failed" if self.failures else ""
        return f"RandomAlloys({len(self)}{trouble})"

    @property
    def table(self) -> FeatureTable:
        """All vectors, one row per alloy; NaN for those that failed."""
        blank = np.full(len(self.descriptor), np.nan)
        rows = [blank if result is None else result.values for result in self.results]
        warnings = tuple(
            RowWarning(row, self.ids[row], message)
            for row, result in enumerate(self.results)
            if result is not None
            for message in result.warnings
        )
        values = np.array(rows).reshape(-1, len(self.descriptor))
        return FeatureTable(values, self.descriptor, self.ids, self.failures, warnings)
