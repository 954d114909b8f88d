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

from .coincidence import coincident
from .records import built_record
from .special import roundings, snapped

_COORDINATES = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_SAME_POSITION = 0.01  # Å: atoms closer than this share a site
_MERGED = 0.4  # Å: images closer than this are one atom to gemmi
_EXACT = 1e-8  # Å
_CELL_MISFIT = 0.005  # relative, of the metric against the space group
_MAX_SITES = 2_000_000
_OVERFULL = 1.01  # sum of occupancies; files round to two decimals
_FULL = 1e-6
_MAX_REMEMBERED = 256
_VERDICTS: dict[tuple[Any, ...], tuple[str, ...]] = {}
_OPERATIONS: dict[tuple[Any, ...], tuple[FloatArray, FloatArray]] = {}
_FRACTION = re.compile(r"[+-]?\d{1,9}/[1-9]\d{0,8}", re.ASCII)
_MAGNETIC = ("_space_group_symop_magn_operation.xyz", "_space_group_symop.magn_operation_xyz")
_CELL_TAGS = (
    "_cell_length_a", "_cell_length_b", "_cell_length_c",
    "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma",
)  # fmt: skip


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """One record for each block with coordinates; its name is part of the identifier if there are several.

    Listed operations decide over symbols. Where only a symbol is given and the group has two origins or two
    settings, its suffix (``:1``, ``:2``, ``:H``, ``:R``) decides, or else origin 2 and the fit of the angles.
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
        _check_symmetry(structure)
        _snap(block, structure)
        sites = list(structure.get_all_unit_cell_sites())
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


def _check_symmetry(structure: Any) -> None:
    """Refuse what gemmi would expand by guesswork: contradictions and symbols that leave the setting open."""
    if structure.spacegroup is None and structure.spacegroup_number > 1 and not structure.symops:
        structure.determine_and_set_spacegroup("N")  # else it would expand a bare number as P 1
        group = structure.spacegroup
        if group is None:
            raise ReadError(f"there is no space group {structure.spacegroup_number}")
        if group.xhm().endswith(":1"):
            raise ReadError(
                f"space group {structure.spacegroup_number} has two origins and the file names none: "
                "add the symmetry operations, or a symbol with :1 or :2"
            )
    wrong = _contradictions(structure)
    if wrong:
        raise ReadError(f"the symmetry is contradictory: {'; '.join(wrong)[:300]}")
    cell, group = structure.cell, structure.spacegroup
    if not (cell.volume > 0 and min(cell.parameters) > 0 and max(cell.parameters[3:]) < 180):
        raise StructureError(f"the cell lengths and angles span no volume: {cell.parameters}")
    if group is not None and not cell.is_compatible_with_spacegroup(group, _CELL_MISFIT):
        raise ReadError(f"the cell {cell.parameters} does not fit the space group {group.xhm()}")
    expanded = len(structure.sites) * (len(cell.images) + 1)
    if expanded > _MAX_SITES:
        raise ReadError(f"up to {expanded:,} sites after expansion, more than {_MAX_SITES:,}")


def _symmetry_key(structure: Any) -> tuple[Any, ...]:
    """What a file says about its symmetry; thousands of files may say the same."""
    cell = structure.cell
    return (
        structure.spacegroup_hm,
        structure.spacegroup_hall,
        structure.spacegroup_number,
        tuple(structure.symops),
        cell.alpha,  # with gamma, it tells the two settings of rhombohedral groups apart
        cell.gamma,
    )


def _contradictions(structure: Any) -> tuple[str, ...]:
    """What gemmi finds wrong between symbols, number and operations; remembered for later files."""
    key = _symmetry_key(structure)
    verdict = _VERDICTS.get(key)
    if verdict is None:
        # A symbol that gemmi does not know (P2_1/c) is harmless where the operations are listed.
        verdict = tuple(
            message
            for message in structure.check_spacegroup().splitlines()
            if message and not (structure.symops and "not found in the table" in message)
        )
        if len(_VERDICTS) >= _MAX_REMEMBERED:
            _VERDICTS.clear()
        _VERDICTS[key] = verdict
    return verdict


# --- positions ----------------------------------------------------------------------------------------------


def _snap(block: Any, structure: Any) -> None:
    """Move the sites that were rounded off a special position back to it."""
    if not structure.cell.images:
        return
    sites, columns = structure.sites, _written_coordinates(block)
    rounding = roundings(columns)
    if rounding is None or len(rounding) != len(sites):
        return
    beside = [index for index, site in enumerate(sites) if _is_beside(structure.cell, site.fract)]
    if not beside:
        return
    import gemmi

    coords = np.array([sites[index].fract.tolist() for index in beside])
    for index, better in zip(
        beside, snapped(coords, rounding[beside], *_operations(structure)).tolist(), strict=True
    ):
        sites[index].fract = gemmi.Fractional(*better)


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


def _operations(structure: Any) -> tuple[FloatArray, FloatArray]:
    """Rotations and translations of all operations but the identity; remembered for later files."""
    key = _symmetry_key(structure)
    operations = _OPERATIONS.get(key)
    if operations is None:
        images = structure.cell.images
        rotations = np.array([image.mat.tolist() for image in images])
        operations = rotations, np.array([image.vec.tolist() for image in images])
        if len(_OPERATIONS) >= _MAX_REMEMBERED:
            _OPERATIONS.clear()
        _OPERATIONS[key] = operations
    return operations


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
                'Pass occupancy="average" to average the properties of the occupants, or order the structure'
            )
        species.append({z: min(amount, 1.0) for z, amount in content.items()})
    return build_cell(lattice, coords[list(members)], species, occupancy=occupancy)


def _is_full(content: dict[int, float]) -> bool:
    return len(content) == 1 and min(content.values()) > 1.0 - _FULL
