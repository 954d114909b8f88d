"""Compiled kernels; private."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ._typing import FloatArray, IndexArray, IntArray
from .environments import SpeciesTable

def featurize_batch(
    lattices: FloatArray,
    offsets: IndexArray,
    frac_coords: FloatArray,
    species: IntArray,
    weights: FloatArray | None,
    table: SpeciesTable,
    sections: int,
    n_threads: int,
) -> tuple[FloatArray, IndexArray, FloatArray]: ...
def tessellate(
    lattice: FloatArray, frac_coords: FloatArray, n_threads: int
) -> tuple[tuple[int, int, int], IndexArray, IntArray, IntArray, FloatArray, FloatArray]: ...
def featurize_decorations(
    faces: tuple[float, IndexArray, IntArray, IntArray, FloatArray, FloatArray],
    crystal: tuple[FloatArray, FloatArray] | None,
    directions: FloatArray | None,
    species: IntArray,
    table: SpeciesTable,
    sections: int,
    n_threads: int,
) -> FloatArray: ...
def environment_rows(
    faces: tuple[float, IndexArray, IntArray, IntArray, FloatArray, FloatArray],
    species: IntArray,
    table: SpeciesTable,
) -> FloatArray: ...
def ensemble_blocks(
    faces: tuple[float, IndexArray, IntArray, IntArray, FloatArray, FloatArray],
    species: IntArray,
    table: SpeciesTable,
    first: int,
    n_groups: int,
    n_threads: int,
) -> tuple[FloatArray, FloatArray]: ...
def random_block(
    sublattices: tuple[FloatArray, FloatArray, IndexArray, IntArray, FloatArray],
    species: IntArray,
    table: SpeciesTable,
    n_sites: float,
    max_values: int,
    n_threads: int,
    poll: Callable[[], None],
) -> FloatArray: ...

class Host:
    def __init__(
        self,
        lattice: FloatArray,
        frac_coords: FloatArray,
        species: IntArray,
        table: SpeciesTable,
        n_threads: int,
    ) -> None: ...
    @property
    def status(self) -> tuple[int, int, int]: ...
    @property
    def n_classes(self) -> int: ...
    def blocks(
        self,
        offsets: IndexArray,
        sites: IndexArray,
        species: IntArray,
        moved: NDArray[np.uint8],
        positions: FloatArray,
        table: SpeciesTable,
        n_threads: int,
    ) -> tuple[FloatArray, IndexArray]: ...
