"""Structures as objects of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._optional import load_optional
from ._typing import StructureLike
from .adapters import as_cell
from .elements import SYMBOLS
from .errors import OccupancyError

if TYPE_CHECKING:
    import ase
    from pymatgen.core import Structure


def to_ase(structure: StructureLike) -> ase.Atoms:
    """Any structure, or a prototype by name, as periodic ASE ``Atoms``.

    Raises
    ------
    MissingExtraError
        ASE is not installed.
    OccupancyError
        A site is partially occupied, which ``Atoms`` cannot say.
    SeitzError
        The structure cannot be read; see :func:`seitz.as_cell`.
    """
    atoms = load_optional("ase", "ase").Atoms
    cell = as_cell(structure, occupancy="average")
    if not cell.is_ordered:
        site = min(cell.occupancies)
        raise OccupancyError(
            f"site {site} is partially occupied: ASE has whole atoms only; use to_pymatgen()"
        )
    return atoms(numbers=cell.atomic_numbers, cell=cell.lattice, scaled_positions=cell.frac_coords, pbc=True)


def to_pymatgen(structure: StructureLike) -> Structure:
    """Any structure, or a prototype by name, as a pymatgen ``Structure``; partial occupancies are kept.

    Raises
    ------
    MissingExtraError
        pymatgen is not installed.
    SeitzError
        The structure cannot be read; see :func:`seitz.as_cell`.
    """
    pymatgen = load_optional("pymatgen.core", "pymatgen-core")
    cell = as_cell(structure, occupancy="average")
    species = [
        {SYMBOLS[element]: amount for element, amount in cell.occupancies.get(site, {z: 1.0}).items()}
        for site, z in enumerate(cell.atomic_numbers.tolist())
    ]
    found: Structure = pymatgen.Structure(cell.lattice, species, cell.frac_coords)
    return found
