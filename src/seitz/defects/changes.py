"""What can differ from a host structure, atom by atom, and lists of such changes as arrays for the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seitz._typing import FloatArray, IndexArray, IntArray
from seitz.cell import Cell
from seitz.elements import MAX_Z, SYMBOLS, atomic_number
from seitz.errors import DefectError, ElementError

Element = str | int


class Substitution(NamedTuple):
    """Another element on a site of the host."""

    site: int
    element: Element


class Vacancy(NamedTuple):
    """A site of the host without its atom."""

    site: int


class Interstitial(NamedTuple):
    """An atom where the host has none, at fractional coordinates of the host's lattice."""

    frac_coords: Sequence[float]
    element: Element


class Displacement(NamedTuple):
    """An atom of the host at another place, at fractional coordinates; perhaps of another element."""

    site: int
    frac_coords: Sequence[float]
    element: Element | None = None


Change = Substitution | Vacancy | Interstitial | Displacement

_KINDS = "give Substitution, Vacancy, Interstitial or Displacement"

#: One changed structure: its changes in any order, or elements by site with None for a vacancy.
ChangeSet = Sequence[Change] | Mapping[int, Element | None]


class ChangeArrays(NamedTuple):
    """Changes of many structures one after the other, as the kernel takes them."""

    offsets: IndexArray
    """(n + 1,) first change of each structure."""
    sites: IndexArray
    """Site of the host, -1 for an added atom."""
    species: IntArray
    """Atomic number, -1 for a vacancy."""
    moved: NDArray[np.uint8]
    """Whether the position counts."""
    positions: FloatArray
    """(n_changes, 3) fractional coordinates."""


def as_change_sets(changes: Any) -> list[tuple[Change, ...]]:
    """One set of changes, or a sequence of sets, as a list of sets."""
    if isinstance(changes, Mapping):
        return [_from_mapping(changes)]
    if isinstance(changes, Change):
        return [(changes,)]
    if not isinstance(changes, Iterable) or isinstance(changes, str):
        raise DefectError(f"{type(changes).__name__!r} is no list of changes: {_KINDS}, or elements by site")
    entries = list(changes)
    if entries and all(isinstance(entry, Change) for entry in entries):
        return [tuple(entries)]
    return [_one_set(index, entry) for index, entry in enumerate(entries)]


def _one_set(index: int, entry: Any) -> tuple[Change, ...]:
    if isinstance(entry, Mapping):
        return _from_mapping(entry)
    if isinstance(entry, Change):
        raise DefectError(
            f"entry {index} is a single change among sets of changes: put it into a list of its own"
        )
    if isinstance(entry, str) or not isinstance(entry, Iterable):
        raise DefectError(f"entry {index} is {type(entry).__name__!r}, not a set of changes")
    found = tuple(entry)
    for change in found:
        if not isinstance(change, Change):
            raise DefectError(f"entry {index} holds {type(change).__name__!r}: {_KINDS}")
    return found


def _from_mapping(changes: Mapping[int, Element | None]) -> tuple[Change, ...]:
    return tuple(
        Vacancy(site) if element is None else Substitution(site, element) for site, element in changes.items()
    )


def change_arrays(sets: Sequence[Sequence[Change]], n_sites: int) -> ChangeArrays:
    """Checked arrays; DefectError names the structure and the change that make no sense.

    Parameters
    ----------
    sets
        Changes of each structure.
    n_sites
        Number of sites of the host.
    """
    rows: list[tuple[int, int, bool, Sequence[float]]] = []
    offsets = [0]
    for index, changes in enumerate(sets):
        seen: set[int] = set()
        for change in changes:
            row = _row(change, n_sites, f"structure {index}")
            if row[0] in seen and row[0] >= 0:
                raise DefectError(f"structure {index}: site {row[0]} is changed twice")
            seen.add(row[0])
            rows.append(row)
        offsets.append(len(rows))
    return ChangeArrays(
        offsets=np.array(offsets, dtype=np.int64),
        sites=np.array([row[0] for row in rows], dtype=np.int64),
        species=np.array([row[1] for row in rows], dtype=np.int32),
        moved=np.array([row[2] for row in rows], dtype=np.uint8),
        positions=np.array([row[3] for row in rows], dtype=np.float64).reshape(-1, 3),
    )


def _row(change: Change, n_sites: int, where: str) -> tuple[int, int, bool, Sequence[float]]:
    site, species, moved, position = -1, -1, False, (0.0, 0.0, 0.0)
    if not isinstance(change, Interstitial):
        site = _site(change.site, n_sites, where)
    if isinstance(change, Substitution | Interstitial):
        species = element_number(change.element, where)
    if isinstance(change, Displacement):
        species = 0 if change.element is None else element_number(change.element, where)  # 0: as in the host
    if isinstance(change, Interstitial | Displacement):
        moved, position = True, _position(change.frac_coords, where)
    return site, species, moved, position


def _site(site: Any, n_sites: int, where: str) -> int:
    if isinstance(site, bool) or not isinstance(site, int | np.integer) or not 0 <= site < n_sites:
        raise DefectError(f"{where}: {site!r} is no site of the host, whose sites are 0 to {n_sites - 1}")
    return int(site)


def element_number(element: Any, where: str) -> int:
    if isinstance(element, str):
        try:
            return atomic_number(element)
        except ElementError as error:
            raise ElementError(f"{where}: {error}") from None
    if isinstance(element, bool) or not isinstance(element, int | np.integer) or not 1 <= element <= MAX_Z:
        raise ElementError(
            f"{where}: {element!r} is no element: give a symbol, or a number from 1 to {MAX_Z}"
        )
    return int(element)


def _position(frac_coords: Any, where: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(value) for value in frac_coords)
    except (TypeError, ValueError):
        raise DefectError(
            f"{where}: {frac_coords!r} is no position: give three fractional coordinates"
        ) from None
    if not np.isfinite([x, y, z]).all() or max(abs(x), abs(y), abs(z)) > 1e6:
        raise DefectError(
            f"{where}: the position {x:g}, {y:g}, {z:g} is not finite, or too far from the cell"
        )
    return x, y, z


def changed_cell(host: Cell, changes: Sequence[Change]) -> Cell:
    """The changed structure: what is left of the host in its order, then displaced and added atoms.

    Raises
    ------
    StructureError
        No atom is left.
    """
    arrays = change_arrays([changes], len(host))
    numbers = host.atomic_numbers.copy()
    occupancies = dict(host.occupancies)
    stays = np.ones(len(host), dtype=bool)
    added: list[int] = []
    for k, site in enumerate(arrays.sites.tolist()):
        z, moved = int(arrays.species[k]), bool(arrays.moved[k])
        if site >= 0 and (z < 0 or moved):
            stays[site] = False
        elif site >= 0:
            numbers[site] = z
            occupancies.pop(site, None)
        if moved:
            added.append(k)
    species = [int(arrays.species[k]) or int(host.atomic_numbers[arrays.sites[k]]) for k in added]
    place = np.cumsum(stays) - 1
    kept = {int(place[site]): content for site, content in occupancies.items() if stays[site]}
    for order, k in enumerate(added):  # a displaced mixture stays one
        if arrays.species[k] == 0 and int(arrays.sites[k]) in host.occupancies:
            kept[int(stays.sum()) + order] = host.occupancies[int(arrays.sites[k])]
    return Cell(
        host.lattice,
        np.concatenate([host.frac_coords[stays], arrays.positions[added].reshape(-1, 3)]),
        np.concatenate([numbers[stays], np.array(species, dtype=np.int32)]),
        kept,
    )


def describe(changes: Sequence[Change]) -> str:
    """Short name of a set of changes, as in ``Al@3+vacancy@7``; ``host`` for none."""
    return "+".join(map(_described, changes)) or "host"


def _described(change: Change) -> str:
    if isinstance(change, Vacancy):
        return f"vacancy@{change.site}"
    element = "" if change.element is None else change.element
    symbol = element if isinstance(element, str) else SYMBOLS[element]
    if isinstance(change, Substitution):
        return f"{symbol}@{change.site}"
    place = ",".join(f"{value:.4g}" for value in change.frac_coords)
    if isinstance(change, Interstitial):
        return f"{symbol}@({place})"
    return f"{symbol or 'site'}{change.site}@({place})"
