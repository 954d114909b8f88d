"""What ``seitz info`` says about one crystal, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import acos, degrees, pi

import numpy as np

from seitz._typing import FloatArray
from seitz.cell import Cell
from seitz.elements import SYMBOLS
from seitz.elements import table as element_table
from seitz.symmetry import site_orbits
from seitz.tessellation import Tessellation, tessellate

SMALL_FACE = 0.01  # share of the surface below which a face is a detail of the geometry, not a neighbour
_SHELL_GAP = 0.1  # Å; neighbours of one kind further apart than this are in different shells
_DALTON_PER_CUBIC_ANGSTROM = 1.66053906892  # in g/cm³
_SYSTEMS = (
    (2, "triclinic"), (15, "monoclinic"), (74, "orthorhombic"), (142, "tetragonal"),
    (167, "trigonal"), (194, "hexagonal"), (230, "cubic"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shell:
    """Faces of one cell towards neighbours of one kind at about one distance."""

    neighbour: str
    n_faces: int
    nearest: float
    farthest: float
    """Smallest and largest distance of these neighbours, Å."""
    share: float
    """Their part of the cell's surface."""


@dataclass(frozen=True, slots=True)
class SiteReport:
    """The Wigner-Seitz cell of one site, or of every site of its orbit."""

    sites: tuple[int, ...]
    wyckoff: str
    occupants: str
    position: tuple[float, float, float]
    """Fractional coordinates of the first site, in [0, 1)."""
    n_faces: int
    """Faces with at least ``SMALL_FACE`` of the surface ..."""
    n_small_faces: int
    """... and those with less."""
    effective_coordination: float
    cell_volume: float
    shells: tuple[Shell, ...]
    """Without the small faces; nearest first."""


@dataclass(frozen=True, slots=True)
class CrystalReport:
    """One structure: what it is made of, its symmetry, and its sites by orbit."""

    formula: str
    n_formula_units: int
    n_sites: int
    lengths: tuple[float, float, float]
    angles: tuple[float, float, float]
    volume: float
    density: float
    """g/cm³."""
    space_group: int
    space_group_symbol: str
    crystal_system: str
    packing_efficiency: float
    """Share of the volume in the inscribed spheres of the cells."""
    orbits: tuple[SiteReport, ...]


def crystal_report(cell: Cell, *, symprec: float, every_site: bool = False) -> CrystalReport:
    """Describe a structure; ``every_site`` lists each site by itself instead of one per orbit."""
    tessellation = tessellate(cell)
    orbits = site_orbits(cell, symprec=symprec)
    occupants = [site_label(cell, site) for site in range(len(cell))]
    groups = [[site] for site in range(len(cell))]
    if not every_site:
        order = np.argsort(orbits.labels, kind="stable")
        groups = [
            group.tolist() for group in np.split(order, np.flatnonzero(np.diff(orbits.labels[order])) + 1)
        ]
    reports = tuple(
        _site_report(tessellation, occupants, orbits.wyckoffs[group[0]], group) for group in groups
    )
    weights = element_table().values[:, element_table().names.index("AtomicWeight")]
    mass = sum(amount * float(weights[z]) for z, amount in cell.amounts.items())
    formula, units = cell.formula_unit
    lengths, angles = _cell_parameters(cell.lattice)
    return CrystalReport(
        formula=formula,
        n_formula_units=units,
        n_sites=len(cell),
        lengths=lengths,
        angles=angles,
        volume=cell.volume,
        density=mass / cell.volume * _DALTON_PER_CUBIC_ANGSTROM,
        space_group=orbits.space_group,
        space_group_symbol=orbits.symbol.replace(" ", ""),
        crystal_system=next(name for last, name in _SYSTEMS if orbits.space_group <= last),
        packing_efficiency=_packing_efficiency(tessellation),
        orbits=reports,
    )


def site_label(cell: Cell, site: int) -> str:
    """Element of a site, or its occupants as in ``Fe0.5Ni0.5``."""
    content = cell.occupancies.get(site)
    if content is None:
        return SYMBOLS[int(cell.atomic_numbers[site])]
    return "".join(f"{SYMBOLS[z]}{amount:.4g}" for z, amount in content.items())


def _site_report(
    tessellation: Tessellation, occupants: Sequence[str], wyckoff: str, sites: Sequence[int]
) -> SiteReport:
    first = sites[0]
    faces = tessellation.faces(first)
    areas = tessellation.areas[faces]
    shares = areas / areas.sum()
    x, y, z = (tessellation.frac_coords[first] % 1.0 % 1.0).tolist()
    return SiteReport(
        sites=tuple(sites),
        wyckoff=wyckoff,
        occupants=occupants[first],
        position=(x, y, z),
        n_faces=int((shares >= SMALL_FACE).sum()),
        n_small_faces=int((shares < SMALL_FACE).sum()),
        effective_coordination=float(areas.sum() ** 2 / (areas**2).sum()),
        cell_volume=float(tessellation.sub_volumes[faces].sum()),
        shells=_shells(
            [occupants[site] for site in tessellation.neighbours[faces].tolist()],
            tessellation.distances[faces],
            shares,
        ),
    )


def _shells(neighbours: Sequence[str], distances: FloatArray, shares: FloatArray) -> tuple[Shell, ...]:
    shells: list[Shell] = []
    for kind in dict.fromkeys(neighbours):
        chosen = np.array(
            [k for k, n in enumerate(neighbours) if n == kind and shares[k] >= SMALL_FACE], dtype=int
        )
        chosen = chosen[np.argsort(distances[chosen], kind="stable")]
        gaps = np.flatnonzero(np.diff(distances[chosen]) > _SHELL_GAP) + 1
        shells += [
            Shell(
                kind,
                len(part),
                float(distances[part[0]]),
                float(distances[part[-1]]),
                float(shares[part].sum()),
            )
            for part in np.split(chosen, gaps)
            if len(part)
        ]
    return tuple(sorted(shells, key=lambda shell: shell.nearest))


def _packing_efficiency(tessellation: Tessellation) -> float:
    nearest = np.minimum.reduceat(tessellation.distances, tessellation.offsets[:-1])
    return float((4 / 3 * pi * (nearest / 2) ** 3).sum() / tessellation.volume)


def _cell_parameters(lattice: FloatArray) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    a, b, c = np.linalg.norm(lattice, axis=1).tolist()
    unit = lattice / np.array([[a], [b], [c]])
    cosines = np.clip([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]], -1.0, 1.0)
    alpha, beta, gamma = (degrees(acos(cosine)) for cosine in cosines.tolist())
    return (a, b, c), (alpha, beta, gamma)
