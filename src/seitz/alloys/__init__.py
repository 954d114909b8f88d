"""Random solid solutions: a lattice, a composition, and the vector that belongs to them."""

from __future__ import annotations

from .alloy import featurize_random
from .composition import Composition, as_composition
from .lattice import AlloyLattice, as_alloy_lattice
from .result import RandomAlloy, RandomAlloys
from .tables import read_compositions

__all__ = [
    "AlloyLattice",
    "Composition",
    "RandomAlloy",
    "RandomAlloys",
    "as_alloy_lattice",
    "as_composition",
    "featurize_random",
    "read_compositions",
]
