"""Finding a host in a structure: which host sites its atoms stand on, which are empty, and which atoms are extra.

Nothing is asked of the structure's description: sites come in any order and image, the origin may be shifted, the
lattice vectors may be other ones of the same superlattice and turned in space, and neighbours of a defect may be
relaxed. The host is laid into the structure's own lattice, so a strain is shared by both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from seitz._typing import FloatArray, IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.cell import Cell
from seitz.errors import DefectError, SymmetryError
from seitz.symmetry import primitive_cell
from seitz.tessellation import tessellate

from .changes import Change, Displacement, Interstitial, Substitution, Vacancy
from .superlattices import MOSTLY, STRAIN, Superlattices, expand

_SAME_PLACE = 1e-9  # Å; beyond it an atom counts as moved, so that its cell is computed again
_SYMPREC = 1e-2  # Å, for the primitive cell of a host
_REACH = 0.35  # of the host's shortest bond: how far an atom may have moved from its site
_KEPT = 16  # expanded hosts


class Mapping(NamedTuple):
    """A structure as a host and what has changed."""

    host: Cell
    """The host, expanded into the structure's lattice and shifted onto its atoms."""
    changes: tuple[Change, ...]
    host_sites: IndexArray
    """(n_sites of the structure,) host site of each atom, -1 for an added one."""


def map_onto_host(
    structure: StructureLike, host: StructureLike, *, tolerance: float | None = None, rescale: bool = False
) -> Mapping:
    """Describe a structure as a changed supercell of a host.

    Parameters
    ----------
    structure, host
        Anything :func:`seitz.as_cell` takes.
    tolerance
        How far an atom may be from its site, Å; by default 0.35 of the host's shortest distance of neighbours.
    rescale
        Let the host's lattice take any scale, as for a prototype whose lattice parameter means nothing.

    Raises
    ------
    DefectError
        The structure's lattice is no superlattice of the host's, or fewer than half of the host's sites are found.
    """
    return Matcher(as_cell(host), tolerance=tolerance, rescale=rescale).match(as_cell(structure))


class Matcher:
    """A host to be found in many structures: what depends on the host alone is done once."""

    def __init__(self, host: Cell, *, tolerance: float | None = None, rescale: bool = False) -> None:
        if tolerance is not None and (
            isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1e6
        ):
            raise DefectError(f"tolerance={tolerance!r}: give a positive length in Å")
        self._host, self._tolerance, self._rescale = host, tolerance, rescale
        self._given = Superlattices(host, rescale=rescale)
        self._expanded: dict[tuple[int, bytes, bytes], Cell] = {}

    @cached_property
    def _reach(self) -> float:
        if self._tolerance is not None:
            return self._tolerance
        return _REACH * float(tessellate(self._host).distances.min())

    @cached_property
    def _primitive(self) -> Superlattices | None:
        """Those of the primitive cell, which has more of them; None where the host is one."""
        try:
            primitive = primitive_cell(self._host, symprec=_SYMPREC)
        except SymmetryError:
            return None
        return Superlattices(primitive, rescale=self._rescale) if len(primitive) < len(self._host) else None

    def match(self, structure: Cell) -> Mapping:
        """The host and the changes that make up a structure; see :func:`map_onto_host`."""
        best: _Found | None = None
        is_settled = False  # by a lattice that fits
        for superlattices in self._descriptions():
            reference = superlattices.host
            for matrix, scale, is_doubtful in superlattices.candidates(structure):
                if is_doubtful and is_settled:
                    break
                reach = self._reach * scale if self._tolerance is None else self._reach
                expanded = self._expand(reference, matrix, structure.lattice)
                found = _best_shift(structure, expanded, reach, len(reference))
                if best is None or found.score > best.score:
                    best = found
                is_settled |= found.is_fair and not is_doubtful
                if found.is_clear:
                    return _mapping(structure, best)
        if best is None:
            raise DefectError(
                "the lattice is no superlattice of the host's: no integer combination of the host's lattice vectors "
                f"fits within {STRAIN:.0%}; give a host of the same crystal"
            )
        _refuse_strangers(structure, best)
        return _mapping(structure, best)

    def _descriptions(self) -> Iterator[Superlattices]:
        yield self._given
        if self._primitive is not None:
            yield self._primitive

    def _expand(self, reference: Cell, matrix: IndexArray, lattice: FloatArray) -> Cell:
        key = (id(reference), matrix.tobytes(), lattice.tobytes())
        if key not in self._expanded:
            if len(self._expanded) == _KEPT:
                self._expanded.clear()
            self._expanded[key] = expand(reference, matrix, lattice)
        return self._expanded[key]


# --- sites -------------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A host laid into a structure."""

    score: float
    is_clear: bool
    """Whether nearly all atoms are in place, so that no better one has to be searched."""
    is_fair: bool
    """Whether nearly all atoms are near their places, as in a hot crystal, or in a wrong orientation."""
    host: Cell
    sites: IndexArray
    """(n_sites of the structure,) host site of each atom, -1 for an added one."""
    distances: FloatArray


def _best_shift(structure: Cell, host: Cell, reach: float, n_basis: int) -> _Found:
    """The host at the origin shift that explains most atoms.

    The first ``n_basis`` sites of the host are one of its cells: translations by the others give the same.
    """
    best = _refined(structure, _laid(structure, host, reach), reach)
    if best.is_clear:
        return best
    # An atom that is not itself part of a defect stands on some site of the host.
    for atom in _spread(len(structure), 6):
        for site in _spread(n_basis, 64):
            shift = structure.frac_coords[atom] - host.frac_coords[site]
            found = _laid(structure, host.replace(frac_coords=host.frac_coords + shift), reach)
            if found.score > best.score:
                best = _refined(structure, found, reach)
            if best.is_clear:
                return best
    return best


def _refined(structure: Cell, found: _Found, reach: float) -> _Found:
    """The same after taking off the shift that most atoms share, so that they stand exactly on their sites."""
    atoms = np.flatnonzero(found.sites >= 0)
    if not atoms.size or 2 * np.count_nonzero(found.distances[atoms] <= _SAME_PLACE) > atoms.size:
        return found
    host = found.host
    apart = structure.frac_coords[atoms] - host.frac_coords[found.sites[atoms]]
    apart -= np.round(apart)
    shift = np.percentile(apart, 50, axis=0, method="nearest")  # one of the values, not between two
    if not np.abs(shift @ host.lattice).max() > _SAME_PLACE:
        return found
    again = _laid(structure, host.replace(frac_coords=host.frac_coords + shift), reach)
    return again if again.score > found.score else found


def _spread(n: int, most: int) -> list[int]:
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, most)).tolist()})


def _laid(structure: Cell, host: Cell, reach: float) -> _Found:
    """Atoms on the nearest sites of a host, and how well they fit.

    The score is the share of atoms on their sites. Another element counts half, and an atom as far off as it may be
    half of one in place: else a host in a wrong orientation, whose every site has some atom near, would be as good as
    the right one with a defect.
    """
    sites, distances = nearest_sites(structure, host, reach)
    by_distance = np.argsort(np.where(sites >= 0, distances, np.inf), kind="stable")
    _, first = np.unique(sites[by_distance], return_index=True)
    nearest = np.full(len(sites), -1, dtype=np.int64)  # of two atoms at one site, the nearer has it
    nearest[by_distance[first]] = sites[by_distance[first]]
    on_site = nearest >= 0
    same = structure.atomic_numbers[on_site] == host.atomic_numbers[nearest[on_site]]
    apart = distances[on_site]
    shares = 0.5 + 0.5 * same
    score = float((shares * (1.0 - 0.5 * (apart / reach) ** 2)).sum())
    score += 1e-3 * float((apart <= _SAME_PLACE).sum())
    enough = (1.0 - max(0.1, 1.5 / len(structure))) * _highest_score(structure, host)
    share = 1.0 / max(len(host), len(structure))
    is_fair = float(shares.sum()) >= enough
    return _Found(score * share, score >= enough, is_fair or score >= enough, host, nearest, distances)


def _highest_score(structure: Cell, host: Cell) -> float:
    """Of a host of these elements: with every atom it can have in place, and as many of their own element as it has."""
    counts = [np.bincount(cell.atomic_numbers, minlength=128) for cell in (structure, host)]
    return 0.5 * min(len(structure), len(host)) + 0.5 * float(np.minimum(*counts).sum())


def _mapping(structure: Cell, found: _Found) -> Mapping:
    """Host sites and atoms as a list of changes."""
    host, sites = found.host, found.sites
    changes: list[Change] = []
    for atom, (site, distance) in enumerate(zip(sites.tolist(), found.distances.tolist(), strict=True)):
        z = int(structure.atomic_numbers[atom])
        if site >= 0 and distance <= _SAME_PLACE:
            if z != host.atomic_numbers[site]:
                changes.append(Substitution(site, z))
            continue
        position = tuple(structure.frac_coords[atom].tolist())
        if site < 0:
            changes.append(Interstitial(position, z))
        else:
            changes.append(Displacement(site, position, None if z == host.atomic_numbers[site] else z))
    vacant = np.setdiff1d(np.arange(len(host)), sites)
    changes += [Vacancy(site) for site in vacant.tolist()]
    return Mapping(host, tuple(changes), sites)


def nearest_sites(structure: Cell, host: Cell, reach: float) -> tuple[IndexArray, FloatArray]:
    """Host site nearest to each atom within a distance (Å), -1 where there is none, and how far it is.

    Both share one lattice. Time grows linearly: host sites are sorted into boxes wider than the distance.
    """
    lattice = host.lattice
    if len(structure) == len(host):  # most often the order of sites is the same
        apart = structure.frac_coords - host.frac_coords
        distances = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1)
        if distances.max() <= 0.5 * reach:
            return np.arange(len(host)), distances
    spacings = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # of the lattice planes
    n_boxes = np.clip(np.floor(spacings / reach), 1, 64).astype(np.int64)
    atoms, points = structure.frac_coords % 1.0, host.frac_coords % 1.0
    boxes = np.minimum((points * n_boxes).astype(np.int64), n_boxes - 1)
    keys = np.ravel_multi_index(tuple(boxes.T), tuple(n_boxes))
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    own = np.minimum((atoms * n_boxes).astype(np.int64), n_boxes - 1)
    found = np.full(len(atoms), -1, dtype=np.int64)
    nearest = np.full(len(atoms), np.inf)
    offsets = [(-1, 0, 1) if n > 2 else tuple(range(n)) if n == 2 else (0,) for n in n_boxes.tolist()]
    for step in product(*offsets):
        box = (own + step) % n_boxes
        key = np.ravel_multi_index(tuple(box.T), tuple(n_boxes))
        first, last = np.searchsorted(sorted_keys, key), np.searchsorted(sorted_keys, key, side="right")
        for k in range(int((last - first).max(initial=0))):
            here = np.flatnonzero(first + k < last)
            candidates = order[first[here] + k]
            apart = atoms[here] - points[candidates]
            apart -= np.round(apart)
            distance = np.linalg.norm(apart @ lattice, axis=1)
            closer = (distance < nearest[here]) & (distance <= reach)
            found[here[closer]] = candidates[closer]
            nearest[here[closer]] = distance[closer]
    return found, nearest


def _refuse_strangers(structure: Cell, found: _Found) -> None:
    on_site = found.sites >= 0
    if on_site.sum() >= MOSTLY * len(found.host):
        return
    strangers = np.flatnonzero(~on_site)
    names = ", ".join(map(str, strangers[:10].tolist())) + (" ..." if len(strangers) > 10 else "")
    raise DefectError(
        f"only {int(on_site.sum())} of the host's {len(found.host)} sites are found in the structure; sites {names} "
        f"of the structure's {len(structure)} are at none of them: give the host this structure was made from"
    )
