"""Structures of other packages as cells: duck-typed, so none of them is imported here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._typing import PathLike, StructureLike
from .cell import Cell, OccupancyPolicy, SiteSpecies, build_cell, matrix
from .elements import atomic_number
from .errors import ElementError, OccupancyError, OptionError, PrototypeError, ReadError, StructureError

_NO_LATTICE = (
    "the Molecule has no lattice: put it in a box first, e.g. molecule.get_boxed_structure(20, 20, 20)"
)


_PATH_SIGNS = frozenset("./\\*?[:\0")


def as_cell(structure: StructureLike, *, occupancy: OccupancyPolicy = "raise") -> Cell:
    """Turn any supported structure into a checked :class:`~seitz.Cell`.

    Parameters
    ----------
    structure
        A :class:`~seitz.Cell`, a pymatgen ``Structure``, ASE ``Atoms``, an OPTIMADE structure (resource, adapter or
        dict), a pymatgen dict, a plain dict with ``lattice``, ``frac_coords`` (or ``cart_coords``) and
        ``atomic_numbers`` (or ``symbols``), the path of a file that holds exactly one structure, or the name of a
        prototype where there is no such file.
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
        named = prototype_cell(structure)
        if named is not None:
            return named
        from .io import read_one

        return read_one(structure, occupancy=occupancy)
    if isinstance(structure, Mapping):
        return _from_mapping(structure, occupancy)
    if hasattr(structure, "iloc"):  # before attributes are asked for, since columns may have those names
        raise StructureError(
            f"a pandas {type(structure).__name__} is no structure: give the structures in its cells, or a row as "
            "row.to_dict()"
        )
    if isinstance(getattr(structure, "cell", None), Cell):  # a prototype, or a plan
        return as_cell(structure.cell, occupancy=occupancy)
    if hasattr(structure, "get_scaled_positions"):
        return _from_ase(structure, occupancy)
    if hasattr(structure, "frac_coords") and hasattr(structure, "lattice"):
        return _from_pymatgen(structure, occupancy)
    entry: Any = getattr(structure, "entry", structure)  # an OPTIMADE adapter keeps its resource in .entry
    if hasattr(entry, "attributes"):
        return _from_mapping({"attributes": entry.attributes}, occupancy)
    if hasattr(structure, "get_boxed_structure"):
        raise StructureError(_NO_LATTICE)
    raise StructureError(
        f"{type(structure).__name__!r} is no structure: give a Cell, a pymatgen Structure, ASE Atoms, an OPTIMADE "
        "structure, a dict or a path"
    )


def prototype_cell(name: PathLike) -> Cell | None:
    """The prototype of a bare name; None for anything that is or may be a path.

    Raises
    ------
    ReadError
        A bare name that is neither a file nor a prototype; the message lists similar ones.
    """
    if not isinstance(name, str) or not name or _PATH_SIGNS.intersection(name) or os.path.lexists(name):
        return None
    from .prototypes import prototype

    try:
        return prototype(name).cell
    except PrototypeError as error:
        raise ReadError(f"{name}: no such file, and {error}") from None


def one_column(structures: Any) -> Any:
    """A list of structures out of a table with one column; anything that is no table comes back as it is.

    Parameters
    ----------
    structures
        A pandas DataFrame or a two-dimensional array with one column, or any other collection.

    Raises
    ------
    OptionError
        A table with several columns: iterating over it would give names of columns, or rows, for structures.
    """
    shape = getattr(structures, "shape", ())
    if not isinstance(shape, tuple) or len(shape) != 2:
        return structures
    if shape[1] != 1:
        kind = type(structures).__name__
        raise OptionError(
            f"a {kind} of {shape[1]} columns is no list of structures: give the one column that holds them, e.g. "
            + ('frame["structure"]' if hasattr(structures, "iloc") else "array[:, 0]")
        )
    return structures.iloc[:, 0] if hasattr(structures, "iloc") else structures[:, 0]


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
            return _from_optimade(_as_dict(data["attributes"]), occupancy)
        if "lattice_vectors" in data:
            return _from_optimade(data, occupancy)
        if "sites" in data:
            return _from_pymatgen_dict(data, occupancy)
        return _from_plain(data, occupancy)
    except KeyError as error:
        raise StructureError(
            f"the structure has no key {error}; it has {', '.join(map(str, data))[:200]}"
        ) from None
    except (TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise StructureError(f"the structure is malformed: {error}") from None


def _from_plain(data: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    lattice = data["lattice"]
    if isinstance(lattice, Mapping):
        lattice = lattice["matrix"]
    if "atomic_numbers" in data:
        species = data["atomic_numbers"]
    else:
        symbols = data["symbols" if "symbols" in data else "species"]
        if isinstance(symbols, str):
            raise StructureError(f"symbols {symbols[:40]!r} are one text: give a list with one per site")
        species = [_named(site, symbol) for site, symbol in enumerate(symbols)]
    if "frac_coords" in data:
        return build_cell(lattice, data["frac_coords"], species, occupancy=occupancy)
    return build_cell(lattice, fractional(lattice, data["cart_coords"]), species, occupancy=occupancy)


def _from_pymatgen_dict(data: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    if "lattice" not in data and isinstance(data["sites"], Sequence):
        raise StructureError(_NO_LATTICE)
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
    for key in ("lattice_vectors", "cartesian_site_positions", "species_at_sites"):
        if attributes.get(key) is None:
            raise StructureError(
                f"the OPTIMADE structure has no {key}: name it in response_fields of the query"
            )
    by_name: dict[str, SiteSpecies] = {}
    definitions = {entry.get("name"): entry for entry in map(_as_dict, attributes.get("species") or ())}
    if None in definitions:
        raise StructureError("one of the OPTIMADE structure's species has no name")
    names = attributes["species_at_sites"]
    for site, name in enumerate(names):
        if name not in by_name:
            by_name[name] = _optimade_species(site, name, definitions.get(name))
    lattice = attributes["lattice_vectors"]
    coords = fractional(lattice, attributes["cartesian_site_positions"])
    return build_cell(lattice, coords, [by_name[name] for name in names], occupancy=occupancy)


def _optimade_species(site: int, name: str, definition: Mapping[str, Any] | None) -> SiteSpecies:
    """Content of a site; a name that the structure does not define is read as a chemical symbol."""
    if definition is None:
        try:
            return atomic_number(name)
        except ElementError:
            raise ElementError(
                f"site {site}: {name!r} is neither one of the structure's species nor a chemical element with data"
            ) from None
    symbols, amounts = definition.get("chemical_symbols"), definition.get("concentration")
    if symbols is None or amounts is None or len(symbols) != len(amounts):
        raise StructureError(
            f"site {site}: the species {name!r} must list chemical_symbols, and a concentration for each of them"
        )
    content: dict[int, float] = {}
    for symbol, amount in zip(symbols, amounts, strict=True):
        if symbol != "vacancy":
            z = _named(site, symbol)
            content[z] = content.get(z, 0.0) + float(amount)
    if not content:
        raise OccupancyError(f"site {site} holds only a vacancy: remove it")
    return _single(content)


# --- shared ------------------------------------------------------------------------------------------------------


def fractional(lattice: Any, positions: Any) -> np.ndarray:
    """(n_sites, 3) fractional coordinates of Cartesian positions (Å); StructureError if there is no lattice."""
    try:
        return np.linalg.solve(matrix(lattice, "lattice").T, matrix(positions, "cart_coords").T).T
    except np.linalg.LinAlgError:
        raise StructureError("the lattice is singular: its three vectors span no volume") from None


def _named(site: int, symbol: str) -> int:
    return atomic_number(symbol, f"site {site}: ")


def _single(content: dict[int, float]) -> SiteSpecies:
    """The bare atomic number where one element fills the site."""
    if len(content) == 1:
        (z, amount), *_ = content.items()
        if abs(amount - 1.0) < 1e-9:
            return z
    return content
