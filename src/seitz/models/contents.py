"""What is to be known of a structure beside a model's own features: its elements, and its volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from seitz._typing import BoolArray, FloatArray
from seitz.descriptors import Descriptor, Feature
from seitz.descriptors.schema import block_features
from seitz.elements import SYMBOLS
from seitz.table import FeatureTable

_ATOMIC_NUMBERS = ("min_Number", "max_Number")  # of the elements on the sites
_VOLUME = "VolumePerAtom"


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What the rows of a table are known to hold.

    Attributes
    ----------
    elements
        (n, 112) elements that each row has.
    volume
        (n,) Å³ per atom; NaN where it is unknown.
    """

    elements: BoolArray
    volume: FloatArray


def with_contents(descriptor: Descriptor) -> Descriptor:
    """The descriptor with the atomic fractions of all elements and the volume per atom behind it."""
    return replace(descriptor, features=(*descriptor.features, *_fractions(), _volume()))


def without_contents(table: FeatureTable, descriptor: Descriptor) -> tuple[FeatureTable, Contents]:
    """The features of the descriptor alone of a table made so, and what the rest tells."""
    n = len(descriptor)
    present: BoolArray = table.values[:, n:-1] > 0
    own = np.ascontiguousarray(table.values[:, :n])
    return (
        FeatureTable(own, descriptor, table.ids, table.failures, table.warnings),
        Contents(present, table.values[:, -1]),
    )


def contents_of(table: FeatureTable) -> Contents:
    """What the features themselves tell.

    The atomic fractions tell all elements they have a column for; the lightest and the heaviest one stand in the
    features of every descriptor, and the others are unknown.
    """
    present = np.zeros((len(table), len(SYMBOLS) - 1), dtype=bool)
    columns = [table.names.index(f.name) for f in _fractions() if f.name in table.names]
    present[:, : len(columns)] = table.values[:, columns] > 0
    for name in _ATOMIC_NUMBERS:
        if name in table.names:
            z = table[name]
            # Averaged sites have no whole number.
            rows = np.flatnonzero((z >= 1) & (z < len(SYMBOLS)) & (z == np.round(z)))
            present[rows, z[rows].astype(int) - 1] = True
    volume = table[_VOLUME] if _VOLUME in table.names else np.full(len(table), np.nan)
    return Contents(present, volume)


@cache
def _fractions() -> Sequence[Feature]:
    return tuple(feature for feature in block_features() if feature.quantity == "atomic fraction")


@cache
def _volume() -> Feature:
    return next(feature for feature in block_features() if feature.name == _VOLUME)
