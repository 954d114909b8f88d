"""Compiled kernels; private."""

from ._typing import FloatArray, IndexArray, IntArray
from .environments import SpeciesTable

def featurize_batch(
    lattices: FloatArray,
    offsets: IndexArray,
    frac_coords: FloatArray,
    species: IntArray,
    weights: FloatArray | None,
    table: SpeciesTable,
    n_threads: int,
) -> tuple[FloatArray, IndexArray]: ...
def tessellate(
    lattice: FloatArray, frac_coords: FloatArray, n_threads: int
) -> tuple[tuple[int, int, int], IndexArray, IntArray, IntArray, FloatArray, FloatArray]: ...
def featurize_decorations(
    volume: float,
    offsets: IndexArray,
    neighbours: IntArray,
    areas: FloatArray,
    distances: FloatArray,
    species: IntArray,
    table: SpeciesTable,
    n_threads: int,
) -> FloatArray: ...
def environment_rows(
    volume: float,
    offsets: IndexArray,
    neighbours: IntArray,
    areas: FloatArray,
    distances: FloatArray,
    species: IntArray,
    table: SpeciesTable,
) -> FloatArray: ...
