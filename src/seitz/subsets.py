"""From one published descriptor to another that keeps part of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from ._typing import FloatArray
from .descriptors import Descriptor
from .descriptors import descriptor as find_descriptor
from .errors import DescriptorError
from .table import FeatureTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@overload
def ward_to_ks(features: FeatureTable) -> FeatureTable: ...
@overload
def ward_to_ks(features: ArrayLike) -> FloatArray: ...
def ward_to_ks(features: FeatureTable | ArrayLike) -> FeatureTable | FloatArray:
    """KS2022 vectors from Ward2017 vectors: the 15 columns that KS2022 leaves out are dropped.

    Parameters
    ----------
    features
        A table with the descriptor ``"ward2017"``, or an array (..., 271) in its column order.

    Returns
    -------
    FeatureTable or array
        What was given, with 256 columns.

    Raises
    ------
    DescriptorError
        Another descriptor, or another number of columns.

    Examples
    --------
    >>> ward_to_ks(np.zeros((5, 271))).shape
    (5, 256)
    """
    return _chosen(features, "ks2022", ("ward2017",))


@overload
def only_structural(features: FeatureTable) -> FeatureTable: ...
@overload
def only_structural(features: ArrayLike) -> FloatArray: ...
def only_structural(features: FeatureTable | ArrayLike) -> FeatureTable | FloatArray:
    """The 103 structural columns of KS2022 vectors, as published models of that kind take them.

    Parameters
    ----------
    features
        A table with the descriptor ``"ks2022"`` or ``"ward2017"``, or an array (..., 256) or (..., 271).

    Returns
    -------
    FeatureTable or array
        What was given, with 103 columns.

    Raises
    ------
    DescriptorError
        Another descriptor, or another number of columns.
    """
    return _chosen(features, "ks2022_structural", ("ks2022", "ward2017"))


def _chosen(
    features: FeatureTable | ArrayLike, wanted: str, sources: tuple[str, ...]
) -> FeatureTable | FloatArray:
    target = find_descriptor(wanted)
    if isinstance(features, FeatureTable):
        if features.descriptor.name not in sources:
            raise DescriptorError(f"the table holds {features.descriptor.name}, not {' or '.join(sources)}")
        values = features.values[:, _columns(features.descriptor, target)]
        return FeatureTable(values, target, features.ids, features.failures, features.warnings)
    values = _numbers(features)
    by_width = {len(find_descriptor(name)): find_descriptor(name) for name in sources}
    if values.ndim == 0 or values.shape[-1] not in by_width:
        widths = " or ".join(f"{width} ({source.name})" for width, source in by_width.items())
        raise DescriptorError(
            f"an array of shape {values.shape} was given: the last axis must be {widths} long"
        )
    return values[..., _columns(by_width[values.shape[-1]], target)]


def _numbers(features: ArrayLike) -> FloatArray:
    try:
        if np.iscomplexobj(features) or np.ma.is_masked(features):
            raise TypeError("it holds complex or masked values")
        return np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DescriptorError(f"no array of features: {error}") from None


def _columns(source: Descriptor, target: Descriptor) -> list[int]:
    index = {name: column for column, name in enumerate(source.names)}
    return [index[name] for name in target.names]
