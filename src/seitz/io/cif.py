"""CIF through gemmi: symmetry expansion, special positions, shared and partially occupied sites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from seitz._typing import FloatArray, IndexArray
from seitz.cell import Cell, OccupancyPolicy, SiteSpecies, build_cell, format_occupants
from seitz.elements import MAX_Z
from seitz.errors import ElementError, OccupancyError, ReadError, StructureError
from seitz.record import Record

from .cif_atoms import check_atoms
from .cif_symmetry import check_symmetry, operations
from .coincidence import coincident
from .records import built_record
from .special import roundings, snapped

_COORDINATES = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_SAME_POSITION = 0.01  # Å: atoms closer than this share a site
_MERGED = 0.4  # Å: images closer than this are one atom to gemmi
_EXACT = 1e-8  # Å
_OFF_PLACE = 0.05  # Å: a whole atom this close to a special position is one atom all the same
_OVERFULL = 1.01  # sum of occupancies; files round to two decimals
_FULL = 1e-6
_FRACTION = re.compile(r"[+-]?\d{1,9}/[1-9]\d{0,8}", re.ASCII)
_MAGNETIC = ("_space_group_symop_magn_operation.xyz", "_space_group_symop.magn_operation_xyz")
_CELL_TAGS = (
    "_cell_length_a", "_cell_length_b", "_cell_length_c",
    "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma",
)  # fmt: skip


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """One record for each block with coordinates; its name is part of the identifier if there are several.

    Listed operations decide over symbols. Where only a symbol is given and the group has two origins or two
    settings, its suffix (``:1``, ``:2``, ``:H``, ``:R``) decides, or else the stated numbers of atoms and the fit of
    the angles; if they do not, the block is refused.
    """
    import gemmi

    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        reason = re.sub(r"^string:", "line ", str(error))
        raise ReadError(f"no valid CIF: {reason}") from None
    blocks = [block for block in document if len(block.find_values(_COORDINATES[0]))]
    if not blocks:
        raise ReadError(f"no block has fractional coordinates ({_COORDINATES[0]})")
    for block in blocks:
        several = len(blocks) > 1
        identifier = f"{stem}:{block.name}" if several else stem
        place = f"{source} block {block.name}" if several else source
        yield built_record(identifier, place, partial(_cell, block, occupancy))


def _cell(block: Any, occupancy: OccupancyPolicy) -> Cell:
    import gemmi

    _check_block(block)
    try:
        structure = gemmi.make_small_structure_from_block(block)
        check_symmetry(block, structure)
        check_atoms(block, structure)
        beside = _snap(block, structure)
        sites = _expanded(structure) if beside else list(structure.get_all_unit_cell_sites())
    except (RuntimeError, IndexError) as error:
        raise ReadError(f"gemmi cannot use this block: {error}") from None
    lattice = np.array(structure.cell.orth.mat.tolist()).T
    coords = np.array([x for site in sites for x in site.fract.tolist()]).reshape(-1, 3)
    is_finite = bool(np.isfinite(coords).all())
    if not is_finite and _write_out_fractions(block):
        return _cell(block, occupancy)
    numbers = [site.element.atomic_number for site in sites]
    occupancies = [site.occ for site in sites]
    _check_sites(sites, coords, is_finite, numbers, occupancies)
    coords %= 1.0
    leaders = coincident(coords, lattice, _SAME_POSITION)
    if leaders is None and min(occupancies) == 1.0:
        return Cell(lattice, coords, np.array(numbers))
    if leaders is None:
        leaders = np.arange(len(sites))
    return _shared_cell(lattice, coords, leaders, sites, occupancy)


def _check_block(block: Any) -> None:
    missing = [tag for tag in _CELL_TAGS if block.find_value(tag) in (None, "?", ".")]
    if missing:
        raise ReadError(f"the cell is incomplete: no value for {', '.join(missing)}")
    if any(len(block.find_values(tag)) for tag in _MAGNETIC):
        raise ReadError(
            "a magnetic CIF: its operations are not those of a space group; convert it to a plain CIF"
        )


# --- positions ----------------------------------------------------------------------------------------------


def _snap(block: Any, structure: Any) -> bool:
    """Move the sites that were rounded off a special position back to it; whether others lie beside one."""
    if not structure.cell.images:
        return False
    sites, columns = structure.sites, _written_coordinates(block)
    beside = [index for index, site in enumerate(sites) if _is_beside(structure.cell, site.fract)]
    if not beside:
        return False
    import gemmi

    rounding = roundings(columns)
    if rounding is not None and len(rounding) == len(sites):
        coords = np.array([sites[index].fract.tolist() for index in beside])
        better = snapped(coords, rounding[beside], *operations(structure))
        for index, position in zip(beside, better.tolist(), strict=True):
            sites[index].fract = gemmi.Fractional(*position)
    return any(_is_beside(structure.cell, sites[index].fract) for index in beside)


def _expanded(structure: Any) -> list[Any]:
    """All sites of the cell, where some lie so close to a special position that gemmi would merge their images."""
    import gemmi

    rotations, translations = operations(structure)
    lattice = np.array(structure.cell.orth.mat.tolist()).T
    expanded: list[Any] = []
    for site in structure.sites:
        position = np.array(site.fract.tolist())
        images = np.concatenate([position[None], rotations @ position + translations]) % 1.0
        kept: list[FloatArray] = []
        for image in images:
            apart = np.array(kept).reshape(-1, 3) - image
            distances = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=1)
            if (distances >= _SAME_POSITION).all():
                kept.append(image)
        for image in _told_apart(site, np.array(kept), lattice):
            copy = site.clone()
            copy.fract = gemmi.Fractional(*image.tolist())
            expanded.append(copy)
    return expanded


def _told_apart(site: Any, images: FloatArray, lattice: FloatArray) -> FloatArray:
    """Images of one atom: all of a split position; one of each group where more atoms than one would share a place."""
    apart = images[:, None] - images
    distances = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=2)
    near = distances < _MERGED
    crowd = int(near.sum(axis=1).max())
    if crowd * site.occ <= _OVERFULL:
        return images
    widest = float(distances[near].max())
    if widest > 2.0 * _OFF_PLACE:
        raise StructureError(
            f"atom {site.label} lies beside a special position: {crowd} images of it are within {widest:.2g} Å of one "
            f"another; write the special position, or an occupancy of at most {1 / crowd:.4g}"
        )
    kept: FloatArray = images[np.unique(near.argmax(axis=1))]
    return kept


def _is_beside(cell: Any, fract: Any) -> bool:
    """Whether a position would be taken for a special one, but is not exactly there."""
    near: int = cell.is_special_position(fract, _MERGED)
    return near > 0 and near != int(cell.is_special_position(fract, _EXACT))


def _written_coordinates(block: Any) -> list[list[str]]:
    """Texts of x, y and z."""
    loop = block.find_values(_COORDINATES[0]).get_loop()
    try:
        tags, values = loop.tags, loop.values
        return [values[tags.index(tag) :: len(tags)] for tag in _COORDINATES]
    except (AttributeError, ValueError):  # no loop, or tags with capitals: several times slower
        return [list(block.find_values(tag)) for tag in _COORDINATES]


def _write_out_fractions(block: Any) -> bool:
    """Replace coordinates such as ``1/3``, which CIF does not know but people write; False if there are none."""
    found = False
    for tag in _COORDINATES:
        column = block.find_values(tag)
        for index, text in enumerate(column):
            if _FRACTION.fullmatch(text.strip("'\"")):
                over, under = text.strip("'\"").split("/")
                column[index] = repr(int(over) / int(under))
                found = True
    return found


def _check_sites(
    sites: list[Any], coords: FloatArray, is_finite: bool, numbers: list[int], occupancies: list[float]
) -> None:
    """Errors that name the atom by its label, where the cell could only count it."""
    if not sites:
        raise StructureError("the block lists no atom")
    if not (min(numbers) > 0 and max(numbers) <= MAX_Z):
        site = next(site for site, z in zip(sites, numbers, strict=True) if not 0 < z <= MAX_Z)
        raise ElementError(f"atom {site.label}: {site.type_symbol or site.label!r} is no element with data")
    if not is_finite:
        site = sites[int(np.argmin(np.isfinite(coords).all(axis=1)))]
        raise StructureError(f"atom {site.label}: a coordinate is missing or not finite")
    if not (min(occupancies) > 0 and max(occupancies) <= _OVERFULL):
        site = next(site for site in sites if not 0 < site.occ <= _OVERFULL)
        raise OccupancyError(f"atom {site.label}: occupancy {site.occ:g} is not in (0, 1]")


def _shared_cell(
    lattice: FloatArray, coords: FloatArray, leaders: IndexArray, sites: list[Any], occupancy: OccupancyPolicy
) -> Cell:
    """Cell of partially occupied sites and of atoms that share a position."""
    members: dict[int, list[Any]] = {}
    for leader, site in zip(leaders.tolist(), sites, strict=True):
        members.setdefault(leader, []).append(site)
    species: list[SiteSpecies] = []
    for atoms in members.values():
        content: dict[int, float] = {}
        for atom in atoms:
            content[atom.element.atomic_number] = content.get(atom.element.atomic_number, 0.0) + atom.occ
        labels = " and ".join(dict.fromkeys(atom.label for atom in atoms))
        if sum(content.values()) > _OVERFULL:
            raise OccupancyError(
                f"{len(atoms)} atoms ({labels}) share one position and their occupancies sum to "
                f"{sum(content.values()):g}: remove the surplus atoms"
            )
        if occupancy == "raise" and not _is_full(content):
            raise OccupancyError(
                f"atom {labels}: the site is partially occupied ({format_occupants(content)}). "
                'Order the structure, or pass occupancy="average" to average the properties of the occupants'
            )
        species.append({z: min(amount, 1.0) for z, amount in content.items()})
    return build_cell(lattice, coords[list(members)], species, occupancy=occupancy)


def _is_full(content: dict[int, float]) -> bool:
    return len(content) == 1 and min(content.values()) > 1.0 - _FULL
