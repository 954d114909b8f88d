"""CIF through gemmi: symmetry expansion, special positions, shared and partially occupied sites."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from .._typing import FloatArray, IndexArray
from ..cell import Cell, OccupancyPolicy, SiteSpecies, build_cell
from ..elements import MAX_Z
from ..errors import ElementError, OccupancyError, ReadError, StructureError
from .coincidence import coincident
from .records import Record, built_record

_COORDINATE = "_atom_site_fract_x"
_SAME_POSITION = 0.01  # Å: atoms closer than this share a site
_CELL_MISFIT = 0.005  # relative, of the metric against the space group
_MAX_SITES = 2_000_000
_MAGNETIC = ("_space_group_symop_magn_operation.xyz", "_space_group_symop.magn_operation_xyz")
_CELL_TAGS = (
    "_cell_length_a", "_cell_length_b", "_cell_length_c",
    "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma",
)  # fmt: skip


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """One record for each block with coordinates; its name is part of the identifier if there are several."""
    import gemmi

    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise ReadError(f"no valid CIF: {error}") from None
    blocks = [block for block in document if len(block.find_values(_COORDINATE))]
    if not blocks:
        raise ReadError(f"no block has fractional coordinates ({_COORDINATE})")
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
        sites = list(structure.get_all_unit_cell_sites())
    except (RuntimeError, IndexError) as error:
        raise ReadError(f"gemmi cannot use this block: {error}") from None
    lattice = np.array(structure.cell.orth.mat.tolist()).T
    coords = np.array([site.fract.tolist() for site in sites]).reshape(-1, 3)
    numbers = [site.element.atomic_number for site in sites]
    occupancies = [site.occ for site in sites]
    _check_sites(sites, coords, numbers, occupancies)
    coords %= 1.0
    leaders = coincident(coords, lattice, _SAME_POSITION)
    if leaders is None and min(occupancies) == 1.0:
        return build_cell(lattice, coords, numbers, occupancy=occupancy)
    if leaders is None:
        leaders = np.arange(len(sites))
    return _shared_cell(lattice, coords, leaders, sites, occupancy)
