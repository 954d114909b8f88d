"""Crystallographic orbits: which sites are equivalent by a symmetry operation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from seitz._optional import load_optional
from seitz._typing import IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.cell import Cell
from seitz.errors import OptionError, SymmetryError
from seitz.finders import SYMPREC, Finder, check_symprec

from .classes import SiteClasses
from .labels import SiteLabels, site_kinds

_SHORTEST = 0.2  # Å


@dataclass(frozen=True, slots=True, eq=False)
class Orbits(SiteClasses):
    """Sites of a structure grouped by symmetry equivalence.

    Attributes
    ----------
    labels
        (n_sites,) lowest site index of each site's orbit.
    space_group
        Number of the space group, 1 to 230.
    symbol
        Its Hermann-Mauguin symbol.
    wyckoffs
        (n_sites,) Wyckoff letters.
    """

    space_group: int
    symbol: str
    wyckoffs: tuple[str, ...]

    @property
    def orbit_of_site(self) -> IndexArray:
        """(n_sites,) index into :attr:`representatives`."""
        return self.class_of_site


def site_orbits(
    structure: StructureLike,
    *,
    finder: Finder = "moyopy",
    symprec: float = SYMPREC,
    angle_tolerance: float = 0.1,
    labels: SiteLabels | None = None,
) -> Orbits:
    """Crystallographic orbits of the sites of a structure.

    Parameters
    ----------
    structure
        Anything :func:`seitz.as_cell` takes; shared sites are equivalent if their occupants are.
    finder
        ``"moyopy"`` (default), or ``"spglib"`` to reproduce published vectors bit for bit; the latter needs spglib.
    symprec
        Tolerance on positions, Å.
    angle_tolerance
        Tolerance on angles, degrees; used by spglib only.
    labels
        (n_sites,) what else tells sites apart: magnetic moments, charges, tags. Sites with different labels are
        never equivalent, and no operation maps one onto the other. Labels are compared exactly: round numbers first.

    Raises
    ------
    OptionError
        A finder or tolerance outside its documented values, or labels that do not fit the sites.
    SymmetryError
        The finder found no symmetry at this tolerance.
    MissingExtraError
        ``finder="spglib"`` without spglib.

    Examples
    --------
    >>> from seitz import Cell
    >>> rocksalt = Cell(np.eye(3) * 5.64, [[0, 0, 0], [0, .5, .5], [.5, 0, .5], [.5, .5, 0],
    ...                 [.5, .5, .5], [.5, 0, 0], [0, .5, 0], [0, 0, .5]], [11] * 4 + [17] * 4)
    >>> orbits = site_orbits(rocksalt)
    >>> orbits.space_group, orbits.representatives.tolist(), orbits.multiplicities.tolist()
    (225, [0, 4], [4, 4])
    """
    if finder not in get_args(Finder):
        raise OptionError(f"finder={finder!r}: choose one of {', '.join(get_args(Finder))}")
    symprec = check_symprec(symprec)
    cell = as_cell(structure, occupancy="average")
    kinds = site_kinds(cell, labels)
    if finder == "moyopy":
        return _moyopy_orbits(cell, kinds, symprec)
    return _spglib_orbits(cell, kinds, symprec, angle_tolerance)


@contextmanager
def _without_stray_warnings(name: str) -> Iterator[None]:
    """Keep Python from printing what a library logs where nobody has set up logging; handlers of others still see it.

    Every call adds a handler of its own, so that threads do not take away one another's.
    """
    import logging  # slow to import, and only needed here

    logger, handler = logging.getLogger(name), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def primitive_cell(structure: StructureLike, *, symprec: float = SYMPREC) -> Cell:
    """Smallest cell of the same crystal, in the standard setting; sites are moved onto their exact places.

    Raises
    ------
    SymmetryError
        No symmetry was found at this tolerance.
    """
    cell = as_cell(structure)
    found = moyopy_dataset(cell, cell.atomic_numbers.tolist(), check_symprec(symprec)).prim_std_cell
    return Cell(np.array(found.basis), np.array(found.positions), np.array(found.numbers))


def moyopy_dataset(cell: Cell, kinds: list[int], symprec: float) -> Any:
    """All that the search finds; SymmetryError where it finds nothing."""
    import moyopy

    _check_size(cell)
    try:
        with _without_stray_warnings("moyo"):
            return moyopy.MoyoDataset(
                moyopy.Cell(cell.lattice.tolist(), cell.frac_coords.tolist(), kinds), symprec=symprec
            )
    except ValueError as error:
        raise SymmetryError(
            f"moyopy found no symmetry at symprec={symprec:g} Å ({error}): check for sites closer than that, "
            "or choose another tolerance"
        ) from None


def _check_size(cell: Cell) -> None:
    shortest = float(np.linalg.norm(cell.lattice, axis=1).min())
    if shortest < _SHORTEST:  # the search would take for ever
        raise SymmetryError(
            f"a lattice vector of {shortest:g} Å is too short for a search of symmetry: check the unit, give Å"
        )


def _moyopy_orbits(cell: Cell, kinds: list[int], symprec: float) -> Orbits:
    import moyopy

    found = moyopy_dataset(cell, kinds, symprec)
    return Orbits(
        labels=np.asarray(found.orbits, dtype=np.int64),
        space_group=found.number,
        symbol=moyopy.SpaceGroupType(found.number).hm_short.replace(" ", ""),
        wyckoffs=tuple(found.wyckoffs),
    )


def _spglib_orbits(cell: Cell, kinds: list[int], symprec: float, angle_tolerance: float) -> Orbits:
    spglib = load_optional("spglib", "spglib")
    _check_size(cell)
    description = (cell.lattice, cell.frac_coords, kinds)
    try:
        with warnings.catch_warnings():  # newer versions warn about a change in how they report errors
            warnings.simplefilter("ignore", DeprecationWarning)
            found = spglib.get_symmetry_dataset(description, symprec=symprec, angle_tolerance=angle_tolerance)
    except spglib.SpglibError as error:
        raise SymmetryError(f"spglib found no symmetry at symprec={symprec:g} Å: {error}") from None
    if found is None:
        raise SymmetryError(f"spglib found no symmetry at symprec={symprec:g} Å: choose another tolerance")
    return Orbits(
        labels=np.asarray(found.equivalent_atoms, dtype=np.int64),
        space_group=int(found.number),
        symbol=str(found.international),
        wyckoffs=tuple(found.wyckoffs),
    )
