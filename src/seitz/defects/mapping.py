"""Finding a host in a structure: which host sites its atoms stand on, which are empty, and which atoms are extra.

Nothing is asked of the structure's description: sites come in any order and image, the origin may be shifted, the
lattice vectors may be other ones of the same superlattice and turned in space, and neighbours of a defect may be
relaxed. The host is laid into the structure's own lattice, so a strain is shared by both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray, IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.cell import Cell
from seitz.errors import DefectError, SymmetryError
from seitz.symmetry import primitive_cell
from seitz.tessellation import tessellate

from .changes import Change, Displacement, Interstitial, Substitution, Vacancy

_SAME_PLACE = 1e-9  # Å; beyond it an atom counts as moved, so that its cell is computed again
_STRAIN = 0.05  # largest misfit of lattice vectors, relative
_SYMPREC = 1e-2  # Å, for the primitive cell of a host
_REACH = 0.35  # of the host's shortest bond: how far an atom may have moved from its site
_IDENTITY = np.eye(3, dtype=np.int64)
_KEPT = 16  # expanded hosts
_MOSTLY = 0.5  # share of the host's sites that must be found


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
        self._expanded: dict[tuple[int, bytes, bytes], Cell] = {}

    @cached_property
    def _reach(self) -> float:
        if self._tolerance is not None:
            return self._tolerance
        return _REACH * float(tessellate(self._host).distances.min())

    @cached_property
    def _primitive(self) -> Cell | None:
        """The primitive cell, whose lattice has more superlattices; None where the host is one."""
        try:
            primitive = primitive_cell(self._host, symprec=_SYMPREC)
        except SymmetryError:
            return None
        return primitive if len(primitive) < len(self._host) else None

    def match(self, structure: Cell) -> Mapping:
        """The host and the changes that make up a structure; see :func:`map_onto_host`."""
        best: tuple[float, Mapping] | None = None
        for reference in self._descriptions():
            for matrix in _superlattices(structure, reference, self._rescale):
                n_cells = abs(round(float(np.linalg.det(matrix))))
                scale = (structure.volume / (reference.volume * n_cells)) ** (1 / 3)
                reach = self._reach * scale if self._tolerance is None else self._reach
                expanded = self._expand(reference, matrix, structure.lattice)
                found = _best_shift(structure, expanded, reach, len(reference))
                if best is None or found[0] > best[0]:
                    best = found
                if best[0] >= _clear(structure):
                    return best[1]
        if best is None:
            raise DefectError(
                "the lattice is no superlattice of the host's: no integer combination of the host's lattice vectors "
                f"fits within {_STRAIN:.0%}; give a host of the same crystal"
            )
        _refuse_strangers(structure, best[1])
        return best[1]

    def _descriptions(self) -> Iterator[Cell]:
        yield self._host
        if self._primitive is not None:
            yield self._primitive

    def _expand(self, reference: Cell, matrix: IndexArray, lattice: FloatArray) -> Cell:
        key = (id(reference), matrix.tobytes(), lattice.tobytes())
        if key not in self._expanded:
            if len(self._expanded) == _KEPT:
                self._expanded.clear()
            self._expanded[key] = expand(reference, matrix, lattice)
        return self._expanded[key]


def expand(host: Cell, matrix: IndexArray, lattice: FloatArray) -> Cell:
    """Supercell of a host: lattice vectors ``matrix @ host.lattice``, then strained and turned into ``lattice``."""
    if np.array_equal(matrix, _IDENTITY):
        return host.replace(lattice=lattice)
    n_cells = abs(round(float(np.linalg.det(matrix))))
    corners = np.array(list(product((0, 1), repeat=3))) @ matrix
    low, high = corners.min(axis=0), corners.max(axis=0)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    inverse = np.linalg.inv(matrix.astype(np.float64))
    points = grid.reshape(-1, 3) @ inverse
    inside = ((points > -1e-9) & (points < 1 - 1e-9)).all(axis=1)
    cells = points[inside]
    if len(cells) != n_cells:
        raise DefectError(
            f"{len(cells)} of {n_cells} cells of the host were found in the structure's lattice"
        )
    coords = (cells[:, None, :] + (host.frac_coords @ inverse)[None, :, :]).reshape(-1, 3)
    occupancies = {
        k * len(host) + site: content for k in range(n_cells) for site, content in host.occupancies.items()
    }
    return Cell(lattice, coords, np.tile(host.atomic_numbers, n_cells), occupancies)


# --- lattices ----------------------------------------------------------------------------------------------------


def _superlattices(structure: Cell, host: Cell, rescale: bool) -> list[IndexArray]:
    """Integer matrices that take the host's lattice vectors to the structure's, best fit first."""
    found: list[tuple[float, IndexArray]] = []
    for n_cells in _cell_counts(structure, host, rescale):
        scale = (structure.volume / (host.volume * n_cells)) ** (1 / 3)
        if not rescale and abs(scale - 1) > _STRAIN:
            continue
        direct = structure.lattice @ np.linalg.inv(scale * host.lattice)
        rounded = np.round(direct).astype(np.int64)
        if abs(round(float(np.linalg.det(rounded)))) == n_cells and np.abs(direct - rounded).max() < _STRAIN:
            found.append((float(np.abs(direct - rounded).max()), rounded))
            continue
        found += _turned(structure.lattice, scale * host.lattice, n_cells)
    found.sort(key=lambda pair: pair[0])
    return [matrix for _, matrix in found[:48]]


def _cell_counts(structure: Cell, host: Cell, rescale: bool) -> list[int]:
    """How many host cells the structure may hold: by volume, or by number of atoms where the scale is free."""
    ratio = len(structure) / len(host) if rescale else structure.volume / host.volume
    nearest = max(1, round(ratio))
    # More sites than this cannot be found again by half.
    most = min(nearest + 1, int((len(structure) / _MOSTLY + 1) / len(host)))
    return sorted(range(max(1, nearest - 1), most + 1), key=lambda n: abs(n - ratio))


def _turned(lattice: FloatArray, host: FloatArray, n_cells: int) -> list[tuple[float, IndexArray]]:
    """The same where the structure is turned against the host: by lengths and angles of lattice vectors."""
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    bound = np.ceil(lengths.max() * (1 + _STRAIN) * np.linalg.norm(np.linalg.inv(host), axis=0)).astype(int)
    if np.prod(2 * bound + 1) > 2_000_000:
        return []
    grid = np.stack(np.meshgrid(*(np.arange(-b, b + 1) for b in bound), indexing="ij"), -1).reshape(-1, 3)
    vectors = grid @ host
    norms = np.linalg.norm(vectors, axis=1)
    choices = [np.flatnonzero(np.abs(norms - length) < 0.3 * _STRAIN * length) for length in lengths]
    found: list[tuple[float, IndexArray]] = []
    for a in choices[0]:
        fits_b = _at_angle(vectors, a, choices[1], metric[0, 1], lengths[0] * lengths[1])
        fits_c = _at_angle(vectors, a, choices[2], metric[0, 2], lengths[0] * lengths[2])
        for b in fits_b:
            for c in _at_angle(vectors, b, fits_c, metric[1, 2], lengths[1] * lengths[2]):
                matrix = grid[[a, b, c]]
                if abs(round(float(np.linalg.det(matrix)))) == n_cells:
                    misfit = np.abs(matrix @ host @ host.T @ matrix.T - metric).max() / metric.max()
                    found.append((float(misfit), matrix))
    return found


def _at_angle(vectors: FloatArray, first: Any, others: IndexArray, scalar: float, size: float) -> IndexArray:
    fitting: IndexArray = others[np.abs(vectors[others] @ vectors[first] - scalar) < _STRAIN * size]
    return fitting


# --- sites -------------------------------------------------------------------------------------------------------


def _best_shift(structure: Cell, host: Cell, reach: float, n_basis: int) -> tuple[float, Mapping]:
    """The mapping of the origin shift that explains most atoms, with its score.

    The first ``n_basis`` sites of the host are one of its cells: translations by the others give the same.
    """
    best = _refined(structure, _mapped(structure, host, reach), reach)
    if best[0] >= _clear(structure):
        return best
    # An atom that is not itself part of a defect stands on some site of the host.
    for atom in _spread(len(structure), 6):
        for site in _spread(n_basis, 64):
            shift = structure.frac_coords[atom] - host.frac_coords[site]
            moved = host.replace(frac_coords=host.frac_coords + shift)
            found = _mapped(structure, moved, reach)
            if found[0] > best[0]:
                best = _refined(structure, found, reach)
            if best[0] >= _clear(structure):
                return best
    return best


def _clear(structure: Cell) -> float:
    """Score from which no better mapping is searched: nine atoms in ten, or all but one."""
    return 1.0 - max(0.1, 1.5 / len(structure))


def _refined(structure: Cell, mapping: tuple[float, Mapping], reach: float) -> tuple[float, Mapping]:
    """The same after taking off the shift that most atoms share, so that they stand exactly on their sites."""
    host, _, sites = mapping[1]
    atoms = np.flatnonzero(sites >= 0)
    if not atoms.size:
        return mapping
    apart = structure.frac_coords[atoms] - host.frac_coords[sites[atoms]]
    apart -= np.round(apart)
    shift = np.percentile(apart, 50, axis=0, method="nearest")  # one of the values, not between two
    if not np.abs(shift @ host.lattice).max() > _SAME_PLACE:
        return mapping
    again = _mapped(structure, host.replace(frac_coords=host.frac_coords + shift), reach)
    return again if again[0] > mapping[0] else mapping


def _spread(n: int, most: int) -> list[int]:
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, most)).tolist()})


def _mapped(structure: Cell, host: Cell, reach: float) -> tuple[float, Mapping]:
    """(score, mapping): the share of atoms on their sites; another element counts half, closeness decides ties."""
    sites, distances = nearest_sites(structure, host, reach)
    changes: list[Change] = []
    taken = np.zeros(len(host), dtype=bool)
    order = np.argsort(np.where(sites >= 0, distances, np.inf), kind="stable")
    for atom in order.tolist():
        site = int(sites[atom])
        if site >= 0 and taken[site]:
            sites[atom] = site = -1
        z = int(structure.atomic_numbers[atom])
        position = tuple(structure.frac_coords[atom].tolist())
        if site < 0:
            changes.append(Interstitial(position, z))
            continue
        taken[site] = True
        same = z == host.atomic_numbers[site]
        if distances[atom] > _SAME_PLACE:
            changes.append(Displacement(site, position, None if same else z))
        elif not same:
            changes.append(Substitution(site, z))
    changes += [Vacancy(site) for site in np.flatnonzero(~taken).tolist()]
    on_site = sites >= 0
    same = on_site & (structure.atomic_numbers == host.atomic_numbers[sites])
    closeness = 1.0 - np.where(on_site, distances, 0.0) / reach
    score = 0.5 * on_site.sum() + 0.5 * same.sum() + 1e-3 * closeness[on_site].sum()
    score += 1e-3 * (distances[on_site] <= _SAME_PLACE).sum()
    return float(score) / max(len(host), len(structure)), Mapping(host, tuple(changes), sites)


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


def _refuse_strangers(structure: Cell, mapping: Mapping) -> None:
    on_site = mapping.host_sites >= 0
    if on_site.sum() >= _MOSTLY * len(mapping.host):
        return
    strangers = np.flatnonzero(~on_site)
    names = ", ".join(map(str, strangers[:10].tolist())) + (" ..." if len(strangers) > 10 else "")
    raise DefectError(
        f"only {int(on_site.sum())} of the host's {len(mapping.host)} sites are found in the structure; sites {names} "
        f"of the structure's {len(structure)} are at none of them: give the host this structure was made from"
    )
