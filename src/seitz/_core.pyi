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
    walk: int,
    n_threads: int,
) -> tuple[FloatArray, IndexArray]: ...
def tessellate(
    lattice: FloatArray, frac_coords: FloatArray, n_threads: int
) -> tuple[tuple[int, int, int], IndexArray, IntArray, IntArray, FloatArray, FloatArray]: ...
def featurize_decorations(
    faces: tuple[float, IndexArray, IntArray, IntArray, FloatArray, FloatArray],
    species: IntArray,
    table: SpeciesTable,
    walk: int,
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
    n_threads: int,
) -> FloatArray: ...
def random_block(
    sublattices: tuple[FloatArray, FloatArray, IndexArray, IntArray, FloatArray],
    species: IntArray,
    table: SpeciesTable,
    n_sites: float,
    max_values: int,
    n_threads: int,
) -> FloatArray: ...
