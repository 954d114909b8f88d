"""Structures of other packages as cells: duck-typed, so none of them is imported here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._typing import StructureLike
from .cell import Cell, OccupancyPolicy, SiteSpecies, build_cell
from .elements import atomic_number
from .errors import ElementError, OccupancyError, StructureError


def as_cell(structure: StructureLike, *, occupancy: OccupancyPolicy = "raise") -> Cell:
    """Turn any supported structure into a checked :class:`~seitz.Cell`.

    Parameters
    ----------
    structure
        A :class:`~seitz.Cell`, a pymatgen ``Structure``, ASE ``Atoms``, an OPTIMADE structure (resource, adapter or
        dict), a pymatgen dict, a plain dict with ``lattice``, ``frac_coords`` (or ``cart_coords``) and
        ``atomic_numbers`` (or ``symbols``), or the path of a file that holds exactly one structure.
    occupancy
        ``"raise"`` refuses partially occupied sites; ``"average"`` averages the occupants' properties.

    Returns
    -------
    Cell
        All three directions are periodic, whatever the source says about them.

    Raises
    ------
    StructureError
        The structure cannot be used; the message says which site or vector, and why.
    ElementError
        A dummy species or an element without data.
    ReadError
        A path that holds no structure, or several.
    """
    if isinstance(structure, Cell):
        if structure.occupancies and occupancy == "raise":
            return _rebuilt(structure)
        return structure
    if isinstance(structure, str | os.PathLike):
        from .io import read_one

        return read_one(structure, occupancy=occupancy)
    if isinstance(structure, Mapping):
        return _from_mapping(structure, occupancy)
    if hasattr(structure, "get_scaled_positions"):
        return _from_ase(structure, occupancy)
    if hasattr(structure, "frac_coords") and hasattr(structure, "lattice"):
        return _from_pymatgen(structure, occupancy)
    entry: Any = getattr(structure, "entry", structure)  # an OPTIMADE adapter keeps its resource in .entry
    if hasattr(entry, "attributes"):
        return _from_optimade(_as_dict(entry.attributes), occupancy)
    raise StructureError(
        f"{type(structure).__name__!r} is no structure: give a Cell, a pymatgen Structure, ASE Atoms, an OPTIMADE "
        "structure, a dict or a path"
    )


def _rebuilt(cell: Cell) -> Cell:
    """Apply the strict policy to a cell that was made with averaged sites: raises its error."""
    species: list[SiteSpecies] = [
        cell.occupancies.get(i, z) for i, z in enumerate(cell.atomic_numbers.tolist())
    ]
    return build_cell(cell.lattice, cell.frac_coords, species)


# --- objects -----------------------------------------------------------------------------------------------------


def _from_pymatgen(structure: Any, occupancy: OccupancyPolicy) -> Cell:
    species = [_pymatgen_species(index, site.species) for index, site in enumerate(structure)]
    return build_cell(structure.lattice.matrix, structure.frac_coords, species, occupancy=occupancy)


def _pymatgen_species(site: int, composition: Any) -> SiteSpecies:
    content: dict[int, float] = {}
    for specie, amount in composition.items():
        # A DummySpecies reports an atomic number made from its name, so its type decides.
        if type(specie).__name__.startswith("Dummy"):
            raise ElementError(
                f"site {site} holds the dummy species {specie}: replace it by an element, or remove it"
            )
        z = int(specie.Z)
        content[z] = content.get(z, 0.0) + float(amount)
    return _single(content)


def _from_ase(atoms: Any, occupancy: OccupancyPolicy) -> Cell:
    lattice = np.asarray(atoms.cell, dtype=np.float64)
    if not np.abs(lattice).max(initial=0.0) > 0 or not np.linalg.matrix_rank(lattice) == 3:
        raise StructureError(
            "the Atoms object has no three-dimensional cell: put it in a box first, e.g. atoms.center(vacuum=10)"
        )
    species: list[SiteSpecies] = [int(z) for z in atoms.numbers]
    # ASE keeps the occupancies of a CIF file beside the atoms, by "spacegroup kind".
    kinds, table = atoms.arrays.get("spacegroup_kinds"), atoms.info.get("occupancy")
    if kinds is not None and table:
        for site, kind in enumerate(kinds.tolist()):
            content = table.get(str(kind), table.get(kind))
            if content:
                species[site] = _single({atomic_number(symbol): float(o) for symbol, o in content.items()})
    return build_cell(lattice, atoms.get_scaled_positions(wrap=False), species, occupancy=occupancy)


def _as_dict(attributes: Any) -> Mapping[str, Any]:
    if isinstance(attributes, Mapping):
        return attributes
    dump = getattr(attributes, "model_dump", None) or getattr(attributes, "dict", None)
    if dump is None:
        raise StructureError(f"{type(attributes).__name__!r} holds no OPTIMADE attributes")
    result: Mapping[str, Any] = dump()
    return result


# --- dictionaries ------------------------------------------------------------------------------------------------


def _from_mapping(data: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    """Cell from any of the dictionary forms; a malformed one is a StructureError that names the key."""
    try:
        if "lattice" in data and ("frac_coords" in data or "cart_coords" in data):
            return _from_plain(data, occupancy)
        if "structure" in data and isinstance(data["structure"], Mapping):
            return _from_mapping(data["structure"], occupancy)
        if "attributes" in data:
            return _from_optimade(data["attributes"], occupancy)
        if "lattice_vectors" in data:
            return _from_optimade(data, occupancy)
        if "sites" in data:
            return _from_pymatgen_dict(data, occupancy)
        return _from_plain(data, occupancy)
    except KeyError as error:
        raise StructureError(
            f"the structure has no key {error}; it has {', '.join(map(str, data))[:200]}"
        ) from None
    except (TypeError, AttributeError, IndexError, OverflowError) as error:
        raise StructureError(f"the structure is malformed: {error}") from None


def _from_plain(data: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    lattice = data["lattice"]
    if isinstance(lattice, Mapping):
        lattice = lattice["matrix"]
    if "atomic_numbers" in data:
        species = data["atomic_numbers"]
    else:
        species = [atomic_number(symbol) for symbol in data["symbols" if "symbols" in data else "species"]]
    if "frac_coords" in data:
        return build_cell(lattice, data["frac_coords"], species, occupancy=occupancy)
    return build_cell(lattice, fractional(lattice, data["cart_coords"]), species, occupancy=occupancy)


def _from_pymatgen_dict(data: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    species = [_dict_species(index, site["species"]) for index, site in enumerate(data["sites"])]
    coords = [site["abc"] for site in data["sites"]]
    return build_cell(data["lattice"]["matrix"], coords, species, occupancy=occupancy)


def _dict_species(site: int, entries: Sequence[Mapping[str, Any]]) -> SiteSpecies:
    if len(entries) == 1 and entries[0]["occu"] == 1:
        return _named(site, entries[0]["element"])
    content: dict[int, float] = {}
    for entry in entries:
        z = _named(site, entry["element"])
        content[z] = content.get(z, 0.0) + float(entry["occu"])
    return _single(content)


def _from_optimade(attributes: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    by_name: dict[str, SiteSpecies] = {}
    definitions = {entry["name"]: entry for entry in map(_as_dict, attributes.get("species") or ())}
    names = attributes["species_at_sites"]
    for site, name in enumerate(names or ()):
        if name in by_name:
            continue
        definition = definitions.get(name)
        if definition is None:
            by_name[name] = _named(site, name)
            continue
        content: dict[int, float] = {}
        for symbol, amount in zip(definition["chemical_symbols"], definition["concentration"], strict=True):
            if symbol != "vacancy":
                z = _named(site, symbol)
                content[z] = content.get(z, 0.0) + float(amount)
        if not content:
            raise OccupancyError(f"site {site} holds only a vacancy: remove it")
        by_name[name] = _single(content)
    lattice = attributes["lattice_vectors"]
    coords = fractional(lattice, attributes["cartesian_site_positions"])
    return build_cell(lattice, coords, [by_name[name] for name in names], occupancy=occupancy)


# --- shared ------------------------------------------------------------------------------------------------------


def fractional(lattice: Any, positions: Any) -> np.ndarray:
    """(n_sites, 3) fractional coordinates of Cartesian positions (Å); StructureError if there is no lattice."""
    try:
        matrix, points = np.asarray(lattice, dtype=np.float64), np.asarray(positions, dtype=np.float64)
        if not points.size:
            return np.empty((0, 3))
        return np.linalg.solve(matrix.T, points.T).T
    except np.linalg.LinAlgError:  # a ValueError, so it comes first
        raise StructureError("the lattice is singular: its three vectors span no volume") from None
    except (TypeError, ValueError) as error:
        raise StructureError(
            f"lattice or positions are malformed (a direction without period?): {error}"
        ) from None


def _named(site: int, symbol: str) -> int:
    try:
        return atomic_number(symbol)
    except ElementError as error:
        raise ElementError(f"site {site}: {error}") from None


def _single(content: dict[int, float]) -> SiteSpecies:
    """The bare atomic number where one element fills the site."""
    if len(content) == 1:
        (z, amount), *_ = content.items()
        if abs(amount - 1.0) < 1e-9:
            return z
    return content
