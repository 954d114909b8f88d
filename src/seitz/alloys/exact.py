"""The infinite alloy: every site occupied independently, no sample and no noise.

Neighbour differences are sums of independent terms, one per face, so their distribution is a convolution; compositions
and site statistics follow from the fractions, and the geometry is that of the lattice.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from threading import Event

import numpy as np

from seitz import _core
from seitz._typing import FloatArray, IntArray
from seitz.descriptors import Descriptor
from seitz.environments import element_species

from .lattice import AlloyLattice

#: Values a distribution may have before neighbouring ones are merged; the error of a deviation is about 1e-6 of it.
RESOLUTION = 2048
_N_GEOMETRY = 13  # numbers of the block before the neighbour differences


def exact_features(
    lattice: AlloyLattice,
    fractions: FloatArray,
    numbers: IntArray,
    descriptor: Descriptor,
    *,
    n_sites: int | None,
    n_threads: int,
    cancelled: Event | None = None,
) -> FloatArray:
    """(n_features,) vector of the infinite alloy.

    Parameters
    ----------
    fractions, numbers
        (n_sublattices, n_elements) probabilities, and the atomic numbers of their columns.
    n_sites
        Report the smallest and largest neighbour difference expected among so many sites instead of the limits.
    cancelled
        Once set, the work is given up soon.
    """

    def poll() -> None:
        if cancelled is not None and cancelled.is_set():
            raise CancelledError

    multiplicities, sublattices, offsets, neighbours, weights = lattice.kinds
    table = element_species()
    block = _core.random_block(
        (multiplicities, np.ascontiguousarray(fractions[sublattices]), offsets, neighbours, weights),
        numbers,
        table,
        float(n_sites or 0),
        RESOLUTION,
        n_threads,
        poll,
    )
    bare = np.full((1, len(lattice.cell)), int(numbers[0]), dtype=np.int32)
    geometry = _core.featurize_decorations(lattice.tessellation._faces(), None, None, bare, table, 0, 1)
    block[:_N_GEOMETRY] = geometry[0, :_N_GEOMETRY]
    values: FloatArray = block[descriptor.positions]
    return values
