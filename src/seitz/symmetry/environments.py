"""Equality of sites for a representation that sees a cell and what lies behind its faces, and nothing further."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from seitz._typing import FloatArray, IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.errors import OptionError

from .classes import SiteClasses
from .labels import SiteLabels, site_kinds

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

#: Tolerance on distances, Å: far above rounding, far below any coordinate that is written down.
TOLERANCE = 1e-8
_WINDOW = 1.0 + 1e-6  # of a tolerance, where it is only a first sieve


def environment_classes(
    structure: StructureLike, *, tolerance: float = TOLERANCE, labels: SiteLabels | None = None
) -> SiteClasses:
    """Sites with equal local environments: the same species, and as many faces of each kind.

    A face's kind is the species behind it, its distance and its area. Where the faces stand is not compared, so these
    are the classes of representations that do not know angles, such as those of this package, and not of SOAP.

    Sites of one orbit are always in one class; sites of different orbits may be, and sites of a supercell with a defect
    are wherever the defect is out of reach. Faces are compared as they are, not rounded, and those of every site of a
    class equal those of its lowest site one by one, so that no two different environments are merged.

    Parameters
    ----------
    structure
        Anything :func:`seitz.as_cell` takes; shared sites are equal if their occupants are.
    tolerance
        Distances of faces that differ by less are equal, Å, and areas likewise relative to the cell's scale. Relaxed
        or rounded structures may want more, such as 1e-4.
    labels
        (n_sites,) what else tells sites apart, as for :func:`site_orbits`.

    Returns
    -------
    SiteClasses
        For any function of species, distances and areas: ``over_orbits(function, structure, classes=...)``.

    Raises
    ------
    OptionError
        A tolerance that is no positive length, or labels that do not fit the sites.

    Examples
    --------
    >>> import numpy as np
    >>> from seitz import Cell
    >>> chain = Cell(np.diag([3.0, 3, 24]), [[0, 0, k / 8] for k in range(8)], [26] * 7 + [13])
    >>> environment_classes(chain).labels.tolist()
    [0, 1, 1, 1, 1, 1, 0, 7]
    """
    from seitz.tessellation import tessellate

    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise OptionError(f"tolerance={tolerance!r}: give a positive length in Å")
    cell = as_cell(structure, occupancy="average")
    kinds = np.unique(np.array(site_kinds(cell, labels)), return_inverse=True)[1]
    faces = tessellate(cell)
    scale = float((cell.volume / len(cell)) ** (1 / 3))
    kept = faces.areas > tolerance * scale
    sites = faces.sites[kept]
    distances, areas = faces.distances[kept], faces.areas[kept]
    levels, wide = _levels(distances, tolerance)
    area_levels, wide_areas = _levels(areas, tolerance * scale)
    columns = np.stack([sites, kinds[faces.neighbours[kept]], levels, area_levels])
    order = np.lexsort(columns[::-1])
    columns = columns[:, order]
    starts = np.searchsorted(columns[0], np.arange(len(cell) + 1))
    first: dict[tuple[int, bytes], int] = {}
    found = [
        first.setdefault((int(kinds[site]), columns[1:, starts[site] : starts[site + 1]].tobytes()), site)
        for site in range(len(cell))
    ]
    found_labels = np.array(found, dtype=np.int64)
    unsure = np.zeros(len(cell), dtype=bool)
    unsure[sites[wide | wide_areas]] = True
    if unsure.any():
        lengths = np.stack([distances / tolerance, areas / (tolerance * scale)], axis=1)[order]
        _split(found_labels, np.flatnonzero(unsure), starts, columns[1], lengths)
    return SiteClasses(found_labels)


def _levels(values: FloatArray, tolerance: float) -> tuple[IndexArray, BoolArray]:
    """A number per value that is the same for values without a gap between them, and whether such values differ."""
    if not len(values):  # the tolerance is larger than every face
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    order = np.argsort(values)
    in_order = values[order]
    level = np.concatenate([[0], np.cumsum(np.diff(in_order) > tolerance)])
    first = np.searchsorted(level, np.arange(level[-1] + 1))
    last = np.append(first[1:], len(level)) - 1
    levels, wide = np.empty(len(values), dtype=np.int64), np.empty(len(values), dtype=bool)
    levels[order] = level
    wide[order] = (in_order[last] - in_order[first] > tolerance)[level]
    return levels, wide


def _split(
    labels: IndexArray, unsure: IndexArray, starts: IndexArray, kinds: IndexArray, lengths: FloatArray
) -> None:
    """Take classes apart whose sites are only connected by steps: into those equal to one of them, the lowest.

    ``lengths`` are distances and areas of faces in units of their tolerances; faces are sorted by site and kind.
    """
    by_label = unsure[np.argsort(labels[unsure], kind="stable")]
    for sites in np.split(by_label, np.flatnonzero(np.diff(labels[by_label])) + 1):
        if len(sites) == 1:
            continue
        first, last = starts[sites[0]], starts[sites[0] + 1]
        faces = lengths[starts[sites][:, None] + np.arange(last - first)]
        labels[sites] = sites[_alike(faces, kinds[first:last])]


def _alike(faces: FloatArray, kinds: IndexArray) -> IndexArray:
    """For each of some sites the first that it equals: faces (n_sites, n_faces, 2) of the same kinds, by tolerance."""
    n_sites = len(faces)
    columns = [np.sort(faces[:, kinds == kind], axis=1).reshape(n_sites, -1) for kind in np.unique(kinds)]
    sizes = np.concatenate(columns, axis=1)  # those of equal sites differ by less than one, each
    spread = sizes.max(axis=0) - sizes.min(axis=0)
    keys = np.ascontiguousarray(sizes.T[np.argsort(-spread)])
    by_key = np.argsort(keys[0], kind="stable")
    in_order = keys[0, by_key]
    equal = np.arange(n_sites)
    done = _alone(keys[:3].T)
    for site in np.flatnonzero(~done).tolist():
        if done[site]:
            continue
        low, high = np.searchsorted(in_order, (keys[0, site] - _WINDOW, keys[0, site] + _WINDOW))
        near = by_key[low:high]
        near = near[~done[near]]
        for key in keys[1:]:
            near = near[np.abs(key[near] - key[site]) <= _WINDOW]
            if len(near) == 1:
                break
        paired = (np.abs(faces[near] - faces[site]) <= 1.0).all(axis=(1, 2))
        paired[~paired] = [_is_same(faces[site], faces[other], kinds) for other in near[~paired].tolist()]
        equal[near[paired]], done[near[paired]] = site, True
    return equal


def _alone(keys: FloatArray) -> BoolArray:
    """Which points have no other within one along each axis, by boxes: some that are alone may be missed."""
    boxes = np.floor(keys / _WINDOW).astype(np.int64)
    boxes -= boxes.min(axis=0)
    width = boxes.max(axis=0) + 3
    weights = np.concatenate([[1], np.cumprod(width[:-1], dtype=np.int64)])
    codes, counts = np.unique((boxes + 1) @ weights, return_counts=True)
    near = np.zeros(len(keys), dtype=np.int64)
    for step in product((-1, 0, 1), repeat=keys.shape[1]):
        code = (boxes + 1 + step) @ weights
        place = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
        near += np.where(codes[place] == code, counts[place], 0)
    alone: BoolArray = near == 1
    return alone


def _is_same(faces: FloatArray, others: FloatArray, kinds: IndexArray) -> bool:
    """Whether the faces of two sites can be paired so that each equals its partner."""
    fits = (np.abs(faces[:, None] - others[None]) <= 1.0).all(axis=2) & (kinds[:, None] == kinds[None])
    partners: dict[int, int] = {}

    def pair(face: int, tried: set[int]) -> bool:
        for other in np.flatnonzero(fits[face]).tolist():
            if other not in tried:
                tried.add(other)
                if other not in partners or pair(partners[other], tried):
                    partners[other] = face
                    return True
        return False

    return all(pair(face, set()) for face in range(len(faces)))
