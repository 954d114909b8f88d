"""What stands in a prototype's YAML file, checked key by key, and the prototype made from it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from seitz._typing import FloatArray
from seitz.cell import Cell
from seitz.elements import atomic_number
from seitz.errors import PrototypeError, SeitzError

from .crystallography import (
    SpaceGroup,
    Symmetry,
    lattice_vectors,
    near_any,
    symmetry_of,
    wrapped,
)
from .model import Origin, Prototype

#: Most sites of a prototype's cell.
MAX_SITES = 1000

_KEYS = (
    "name", "title", "aliases", "strukturbericht", "pearson", "space_group", "lattice", "sites", "origin", "note",
)  # fmt: skip
_LENGTHS, _ANGLES = ("a", "b", "c"), ("alpha", "beta", "gamma")
_NAME = re.compile(r"[^\W_][\w.+'’()-]{0,63}")
_RESERVED = frozenset(("add",))  # a word of the command line
_FRACTION = re.compile(r"([+-]?\d{1,4})/(\d{1,4})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SUBLATTICE = re.compile(r"(\d{1,3})([a-zA-Z])(\d{0,2})", re.ASCII)
_LARGEST_COORDINATE = 1000.0


def checked_name(name: object, where: str) -> str:
    """A name that can be typed and can name a file; PrototypeError that begins with ``where`` otherwise."""
    text = _text(name, where)
    if not _NAME.fullmatch(text) or text.endswith("."):
        raise PrototypeError(
            f"{where}: {text[:80]!r} is no name: letters, digits and _ - + . ( ) ' only, at most 64, a letter or "
            "digit first"
        )
    if text.casefold() in _RESERVED:
        raise PrototypeError(f"{where}: {text!r} is a word of the command line: choose another name")
    return text


def names_in(content: Mapping[str, Any], source: str) -> tuple[str, tuple[str, ...]]:
    """Name and aliases that a file claims; PrototypeError if they make no sense."""
    if "name" not in content:
        raise PrototypeError(f"{source}: name: missing")
    name = checked_name(content["name"], f"{source}: name")
    aliases = content.get("aliases", [])
    if not isinstance(aliases, list):
        raise PrototypeError(f"{source}: aliases: must be a list of names")
    return name, tuple(
        checked_name(alias, f"{source}: aliases[{index}]") for index, alias in enumerate(aliases)
    )


def prototype_from(content: Mapping[str, Any], source: str) -> Prototype:
    """The prototype that the mapping of a YAML file describes.

    Raises
    ------
    PrototypeError
        The message names the file and the key at fault.
    """
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise PrototypeError(f"{source}: {unknown[0][:80]}: no such key; there is {', '.join(_KEYS)}")
    name, aliases = names_in(content, source)
    lattice = _lattice(content, source)
    number = content.get("space_group")
    sites = _sites(content, source)
    if number is None:
        cell, given = _listed(lattice, sites, source), None
    else:
        cell, given = _expanded(lattice, sites, _group(number, lattice, source), source)
    found = symmetry_of_cell(cell, source)
    if number is not None and number != found.space_group:
        raise PrototypeError(
            f"{source}: space_group: {number}, but the sites have the space group {found.space_group}: correct one"
        )
    pearson = _optional_text(content, "pearson", source)
    if pearson and pearson.replace("S", "C") != found.pearson:
        raise PrototypeError(f"{source}: pearson: {pearson!r}, but the sites make {found.pearson}")
    return Prototype(
        name=name,
        title=_optional_text(content, "title", source) or cell.formula_unit[0],
        cell=cell,
        space_group=found.space_group,
        pearson=found.pearson,
        sublattices=given or found.sublattices,
        strukturbericht=_optional_text(content, "strukturbericht", source),
        aliases=aliases,
        origin=_origin(content.get("origin"), source),
        note=_optional_text(content, "note", source),
        source=source,
    )


def symmetry_of_cell(cell: Cell, source: str) -> Symmetry:
    """As :func:`symmetry_of`, for cells of at most ``MAX_SITES`` sites; a PrototypeError names the source."""
    if len(cell) > MAX_SITES:
        raise PrototypeError(f"{source}: {len(cell)} sites: a prototype has at most {MAX_SITES}")
    try:
        return symmetry_of(cell)
    except SeitzError as error:
        raise PrototypeError(f"{source}: sites: {error}: check for sites that are too close") from None


# --- sites -------------------------------------------------------------------------------------------------------


def _sites(content: Mapping[str, Any], source: str) -> list[tuple[int, FloatArray, str | None]]:
    """Atomic number, position and sublattice of each entry under ``sites``."""
    entries = content.get("sites")
    if not isinstance(entries, list) or not entries:
        raise PrototypeError(f"{source}: sites: must be a list of element, position and wyckoff")
    if len(entries) > MAX_SITES:
        raise PrototypeError(f"{source}: sites: {len(entries)} entries: a prototype has at most {MAX_SITES}")
    return [_site(entry, f"{source}: sites[{index}]") for index, entry in enumerate(entries)]


def _site(entry: object, where: str) -> tuple[int, FloatArray, str | None]:
    if not isinstance(entry, dict) or not {"element", "position"} <= entry.keys():
        raise PrototypeError(f"{where}: must have element and position")
    unknown = [key for key in entry if key not in ("element", "position", "wyckoff")]
    if unknown:
        raise PrototypeError(f"{where}.{unknown[0][:80]}: no such key; there is element, position, wyckoff")
    try:
        z = atomic_number(_text(entry["element"], f"{where}.element"))
    except SeitzError as error:
        if isinstance(error, PrototypeError):
            raise
        raise PrototypeError(f"{where}.element: {error}") from None
    position = entry["position"]
    if not isinstance(position, list) or len(position) != 3:
        raise PrototypeError(f"{where}.position: must be three fractional coordinates")
    coords = [_coordinate(value, f"{where}.position[{axis}]") for axis, value in enumerate(position)]
    sublattice = entry.get("wyckoff")
    if sublattice is not None:
        sublattice = _text(sublattice, f"{where}.wyckoff")
        if not _SUBLATTICE.fullmatch(sublattice):
            raise PrototypeError(f"{where}.wyckoff: {sublattice[:80]!r} is not of the form 4f or 8i1")
    return z, np.array(coords), sublattice


def _coordinate(value: object, where: str) -> float:
    if isinstance(value, str) and (match := _FRACTION.fullmatch(value.strip())) and int(match[2]):
        value = int(match[1]) / int(match[2])
    return _number(value, where, -_LARGEST_COORDINATE, _LARGEST_COORDINATE)


def _listed(lattice: FloatArray, sites: list[tuple[int, FloatArray, str | None]], source: str) -> Cell:
    """Without a space group, the entries are all sites of the cell."""
    for index, (_, _, sublattice) in enumerate(sites):
        if sublattice is not None:
            raise PrototypeError(
                f"{source}: sites[{index}].wyckoff: needs the key space_group; without it all sites are listed, and "
                "their sublattices are found"
            )
    positions = wrapped(np.array([position for _, position, _ in sites]))
    _refuse_overlaps(positions, list(range(len(sites))), lattice, source)
    return _cell(lattice, positions, [z for z, _, _ in sites], source)


def _expanded(
    lattice: FloatArray, sites: list[tuple[int, FloatArray, str | None]], group: SpaceGroup, source: str
) -> tuple[Cell, tuple[str, ...] | None]:
    """All images of the entries, and their sublattices if the entries name them."""
    positions: list[FloatArray] = []
    numbers: list[int] = []
    names: list[str | None] = []
    entries: list[int] = []
    for index, (z, position, sublattice) in enumerate(sites):
        orbit = group.orbit(position, lattice)
        match = _SUBLATTICE.fullmatch(sublattice or "")
        if match and int(match[1]) != len(orbit):
            raise PrototypeError(
                f"{source}: sites[{index}].wyckoff: {sublattice}, but this position has {len(orbit)} images in space "
                f"group {group.number}"
            )
        if sublattice is not None and sublattice in names:
            raise PrototypeError(
                f"{source}: sites[{index}].wyckoff: {sublattice} is taken: number them, as in 8i1"
            )
        positions.append(orbit)
        numbers += [z] * len(orbit)
        names += [sublattice] * len(orbit)
        entries += [index] * len(orbit)
        if len(numbers) > MAX_SITES:
            raise PrototypeError(f"{source}: sites: more than {MAX_SITES} in the cell")
    unnamed = [index for index, (_, _, sublattice) in enumerate(sites) if sublattice is None]
    if unnamed and len(unnamed) < len(sites):
        raise PrototypeError(f"{source}: sites[{unnamed[0]}].wyckoff: missing: name all sublattices, or none")
    everything = np.concatenate(positions)
    _refuse_overlaps(everything, entries, lattice, source)
    cell = _cell(lattice, everything, numbers, source)
    return cell, None if unnamed else tuple(str(name) for name in names)


def _refuse_overlaps(positions: FloatArray, entries: list[int], lattice: FloatArray, source: str) -> None:
    for site in range(1, len(positions)):
        near = np.flatnonzero(near_any(positions[site], positions[:site], lattice))
        if len(near):
            raise PrototypeError(
                f"{source}: sites[{entries[site]}].position: coincides with a site of sites[{entries[int(near[0])]}]"
            )


def _cell(lattice: FloatArray, positions: FloatArray, numbers: list[int], source: str) -> Cell:
    try:
        return Cell(lattice, positions, numbers)  # type: ignore[arg-type]  # checked there
    except SeitzError as error:
        raise PrototypeError(f"{source}: lattice: {error}") from None


# --- lattice -----------------------------------------------------------------------------------------------------


def _lattice(content: Mapping[str, Any], source: str) -> FloatArray:
    where = f"{source}: lattice"
    given = content.get("lattice")
    if not isinstance(given, dict) or set(given) != {*_LENGTHS, *_ANGLES}:
        raise PrototypeError(
            f"{where}: must have a, b, c (Å) and alpha, beta, gamma (degrees), and nothing else"
        )
    a, b, c = (_number(given[key], f"{where}.{key}", 0.1, 1000.0) for key in _LENGTHS)
    alpha, beta, gamma = (_number(given[key], f"{where}.{key}", 1.0, 179.0) for key in _ANGLES)
    try:
        return lattice_vectors((a, b, c), (alpha, beta, gamma))
    except ValueError as error:
        raise PrototypeError(f"{where}: {error}") from None


def _group(number: object, lattice: FloatArray, source: str) -> SpaceGroup:
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 230:
        raise PrototypeError(
            f"{source}: space_group: must be a number from 1 to 230, not {str(number)[:80]!r}"
        )
    group = SpaceGroup(number)
    if not group.fits(lattice):
        raise PrototypeError(
            f"{source}: lattice: does not have the symmetry of space group {number} in its standard setting "
            "(unique axis b, hexagonal axes of rhombohedral groups)"
        )
    return group


# --- values ------------------------------------------------------------------------------------------------------


def _origin(given: object, source: str) -> Origin | None:
    where = f"{source}: origin"
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != set(Origin.__slots__):
        raise PrototypeError(f"{where}: must have {', '.join(Origin.__slots__)}, and nothing else")
    words = {
        key: str(given[key])
        if isinstance(given[key], int) and not isinstance(given[key], bool)
        else _text(given[key], f"{where}.{key}")
        for key in ("authors", "journal", "volume", "page")
    }
    year = _number(given["year"], f"{where}.year", 1600, 3000)
    if year != int(year):
        raise PrototypeError(f"{where}.year: must be a year, not {year:g}")
    return Origin(**words, year=int(year))


def _number(value: object, where: str, low: float, high: float) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):  # YAML takes 1e-3 for text
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PrototypeError(f"{where}: must be a number, not {str(value)[:80]!r}")
    if not (math.isfinite(value) and low <= value <= high):
        raise PrototypeError(f"{where}: must be between {low:g} and {high:g}, not {str(value)[:80]}")
    return float(value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise PrototypeError(f"{where}: must be text, not {str(value)[:80]!r}: put it into quotes")
    if not value.strip() or len(value) > 1000 or not value.isprintable():
        raise PrototypeError(f"{where}: must be one line of at most 1000 printable characters")
    return value.strip()


def _optional_text(content: Mapping[str, Any], key: str, source: str) -> str:
    return _text(content[key], f"{source}: {key}") if content.get(key) is not None else ""
