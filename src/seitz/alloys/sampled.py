"""Sampling: random fillings of one supercell, until the vector of all of them together stands still.

The published routine, done soundly: every element of the target must have occurred, changes count in absolute value, a
seed makes it repeatable, and a limit ends it. Geometry is tessellated once; an expansion is only a new decoration.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

import numpy as np

from seitz import _core
from seitz._typing import FloatArray, IndexArray, IntArray
from seitz.descriptors import Descriptor
from seitz.environments import element_species
from seitz.tessellation import Tessellation

from .lattice import AlloyLattice
from .ranges import feature_ranges

_FIRST_CHUNK = 24
_MOST_DRAWS = 20_000_000  # comparisons of a chunk, each a byte
_LARGEST_CHUNK = 256  # so that an interruption is not waited for
_GROUPS = 20  # of the jackknife


@dataclass(frozen=True, slots=True)
class Criteria:
    """When an ensemble is large enough."""

    minimum_sites: int = 50
    composition: float = 0.01
    minimum_occurrences: int = 10
    feature: float = 0.005
    max_expansions: int = 2000


class Ensemble(NamedTuple):
    """A converged or exhausted sample."""

    tessellation: Tessellation
    numbers: IntArray
    """(n_expansions, n_sites) elements."""
    history: FloatArray
    """(n_expansions, n_features)."""
    standard_error: FloatArray
    largest_change: FloatArray
    worst_feature: tuple[str, ...]
    converged: bool
    status: str


def sample(
    lattice: AlloyLattice,
    fractions: FloatArray,
    numbers: IntArray,
    descriptor: Descriptor,
    criteria: Criteria,
    rng: np.random.Generator,
    n_threads: int,
    cancelled: Event | None = None,
) -> Ensemble:
    """Fill supercells of the lattice until every criterion is met, or the limit is reached.

    Parameters
    ----------
    fractions, numbers
        (n_sublattices, n_elements) probabilities, and the atomic numbers of their columns.
    cancelled
        Once set, the work is given up between two chunks of expansions.
    """
    faces, sublattices = lattice.expanded(criteria.minimum_sites)
    thresholds = np.cumsum(fractions, axis=1)[sublattices]
    thresholds[thresholds > 1.0 - 1e-12] = 1.0
    ranges = feature_ranges(descriptor)
    species = np.empty((0, len(faces)), dtype=np.int32)
    history = np.empty((0, len(descriptor)))
    counts = np.empty((0, *fractions.shape), dtype=np.int64)
    end, chunk = 0, _FIRST_CHUNK
    most = max(1, _MOST_DRAWS // (len(faces) * max(1, len(numbers))))
    while True:
        wanted = min(chunk, most, criteria.max_expansions - len(species))
        draws = rng.random((wanted, len(faces)))  # row by row, so that chunks of any size draw the same
        picked = (draws[:, :, None] >= thresholds[None]).sum(axis=2)
        species = np.concatenate([species, numbers[picked]])
        blocks, _ = _core.ensemble_blocks(
            faces._faces(), species, element_species(), len(history), 0, n_threads
        )
        history = np.concatenate([history, blocks[:, descriptor.positions]])
        change = _changes(history, ranges)
        counts = np.concatenate(
            [counts, _counts(species[len(counts) :], sublattices, len(fractions), numbers)]
        )
        composition, rarest = _amounts(counts, fractions)
        good = (composition <= criteria.composition) & (rarest >= criteria.minimum_occurrences)
        good &= change.max(axis=1) < criteria.feature
        reached = np.flatnonzero(good)
        if reached.size or len(species) == criteria.max_expansions:
            end = int(reached[0]) + 1 if reached.size else len(species)
            break
        chunk = min(2 * chunk, _LARGEST_CHUNK)
        if cancelled is not None and cancelled.is_set():
            raise CancelledError
    change = change[:end]
    worst = tuple(
        descriptor.names[k] if np.isfinite(c) else ""
        for k, c in zip(change.argmax(axis=1).tolist(), change.max(axis=1).tolist(), strict=True)
    )
    status = f"converged after {end} expansions"
    if not reached.size:
        status = f"stopped at the limit of {end} expansions: " + _lacking(
            composition[end - 1], int(rarest[end - 1]), float(change[-1].max()), worst[-1], criteria
        )
    return Ensemble(
        faces,
        species[:end],
        history[:end],
        _standard_error(faces, species[:end], descriptor, n_threads),
        change.max(axis=1),
        worst,
        bool(reached.size),
        status,
    )


def _changes(history: FloatArray, ranges: FloatArray) -> FloatArray:
    """(n, n_features) spread of each feature over the last three ensembles, in units of its range."""
    change = np.full(history.shape, np.inf)
    if len(history) > 2:
        last = np.stack([history[2:], history[1:-1], history[:-2]])
        spread = last.max(axis=0) - last.min(axis=0)
        change[2:] = np.where(ranges > 0, spread / np.where(ranges > 0, ranges, 1.0), 0.0)
    return change


def _counts(species: IntArray, sublattices: IndexArray, n_sublattices: int, numbers: IntArray) -> IndexArray:
    """(n, n_sublattices, n_elements) how often each element occurs in each expansion."""
    counts = np.empty((len(species), n_sublattices, len(numbers)), dtype=np.int64)
    for sublattice in range(n_sublattices):
        here = species[:, sublattices == sublattice]
        for k, z in enumerate(numbers.tolist()):
            counts[:, sublattice, k] = np.count_nonzero(here == z, axis=1)
    return counts


def _amounts(counts: IndexArray, fractions: FloatArray) -> tuple[FloatArray, IndexArray]:
    """After each expansion: mean deviation of the worst sublattice's composition, and how often the rarest occurred."""
    upto = np.cumsum(counts, axis=0)
    found = upto / upto.sum(axis=2, keepdims=True)
    meant = (fractions > 0) | (upto[-1] > 0)
    deviation = np.where(meant, np.abs(found - fractions), 0.0).sum(axis=2) / meant.sum(axis=1)
    rarest: IndexArray = upto.sum(axis=1)[:, fractions.max(axis=0) > 0].min(axis=1)
    return deviation.max(axis=1), rarest


def _lacking(composition: float, rarest: int, change: float, feature: str, criteria: Criteria) -> str:
    if rarest < criteria.minimum_occurrences:
        return f"the rarest element occurred {rarest} times, of {criteria.minimum_occurrences} asked for"
    if composition > criteria.composition:
        return f"the composition is off by {composition:.3g} on average, {criteria.composition:g} is allowed"
    return f"{feature} still changes by {change:.3g} of its range, {criteria.feature:g} is allowed"


def _standard_error(
    faces: Tessellation, species: IntArray, descriptor: Descriptor, n_threads: int
) -> FloatArray:
    """Delete-a-group jackknife over expansions."""
    n = len(species)
    groups = min(_GROUPS, n)
    if groups < 2:
        return np.full(len(descriptor), np.nan)
    _, blocks = _core.ensemble_blocks(faces._faces(), species, element_species(), n, groups, n_threads)
    rows = blocks[:, descriptor.positions]
    spread = rows - rows.mean(axis=0)
    error: FloatArray = np.sqrt((groups - 1) / groups * (spread**2).sum(axis=0))
    return error
