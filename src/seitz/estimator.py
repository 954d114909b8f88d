"""Structures to features as a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._optional import load_optional
from ._typing import FloatArray, StructureLike
from .adapters import one_column
from .batch import ErrorPolicy, SymmetryPolicy
from .cell import OccupancyPolicy
from .descriptors import Walk
from .errors import OptionError
from .featurize import _is_structure, featurize
from .finders import SYMPREC, Finder
from .missing import MissingPolicy
from .table import FeatureTable

load_optional("sklearn", "scikit-learn")  # its error says what to install

from sklearn.base import BaseEstimator, TransformerMixin  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402


class StructureFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Transformer from structures to their feature vectors.

    The input is a list (or a NumPy object array, a pandas Series, a DataFrame of one column) of anything
    :func:`seitz.as_cell` takes; each gives one row. It is no matrix of numbers, so ``n_features_in_`` is not set.
    Fitting only looks the features up: nothing is learned from the structures.

    Parameters
    ----------
    descriptor, walk, symmetry, finder, symprec, missing, occupancy, on_error, n_threads
        As for :func:`seitz.featurize`.

    Attributes
    ----------
    descriptor_
        Schema of the columns.

    Examples
    --------
    >>> from seitz import Cell, StructureFeatures
    >>> iron = Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])
    >>> StructureFeatures().fit_transform([iron, iron]).shape
    (2, 256)
    """

    def __init__(
        self,
        descriptor: str = "ks2022",
        *,
        walk: Walk | None = None,
        symmetry: SymmetryPolicy = "none",
        finder: Finder = "moyopy",
        symprec: float = SYMPREC,
        missing: MissingPolicy = "zero",
        occupancy: OccupancyPolicy = "raise",
        on_error: ErrorPolicy = "raise",
        n_threads: int | None = None,
    ) -> None:
        self.descriptor = descriptor
        self.walk = walk
        self.symmetry = symmetry
        self.finder = finder
        self.symprec = symprec
        self.missing = missing
        self.occupancy = occupancy
        self.on_error = on_error
        self.n_threads = n_threads

    def fit(self, structures: Iterable[StructureLike], y: object = None) -> Self:
        """Check the options and look up the features; the structures are not read."""
        self.descriptor_ = featurize((), **self.get_params(deep=False)).descriptor
        return self

    def transform(self, structures: Iterable[StructureLike]) -> FloatArray:
        """(n_structures, n_features) float64; with ``on_error="record"``, NaN for those that failed."""
        return self.table(structures).values

    def table(self, structures: Iterable[StructureLike]) -> FeatureTable:
        """Like :meth:`transform`, with the failures and warnings beside the rows.

        Raises
        ------
        OptionError
            One structure instead of a list, or a table of several columns.
        SeitzError
            A structure failed and ``on_error="raise"``; the message names it.
        """
        check_is_fitted(self)
        if _is_one(structures):
            raise OptionError(
                f"StructureFeatures takes a list of structures, not one {type(structures).__name__}"
            )
        column = one_column(structures)
        many = column if isinstance(column, Sequence) else list(column)
        return featurize(many, **self.get_params(deep=False))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Feature names in column order."""
        check_is_fitted(self)
        return np.asarray(self.descriptor_.names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags


def _is_one(structures: object) -> bool:
    """Whether this is no collection of structures, though it may be iterable, as the atoms of one structure are."""
    if hasattr(structures, "iloc"):  # pandas has columns as attributes, whatever they are called
        return False
    return (
        not isinstance(structures, Iterable)
        or isinstance(structures, str | Path | Mapping)
        or _is_structure(structures)
    )
