"""The lattice under a random alloy: its sublattices, and supercells in which no site meets itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seitz._typing import FloatArray, IndexArray, IntArray, StructureLike
from seitz.adapters import as_cell, prototype_cell
from seitz.cell import Cell
from seitz.elements import SYMBOLS
from seitz.errors import CompositionError, OccupancyError
from seitz.symmetry import environment_classes, site_orbits
from seitz.tessellation import Tessellation, tessellate

from .composition import Composition, as_composition

_LONGEST = 8  # doublings of one axis


@dataclass(frozen=True)
class AlloyLattice:
    """Sites to be filled at random; the species of the structure it came from are ignored.

    Attributes
    ----------
    name
        What results are called by.
    cell
        The lattice; elements mean nothing.
    sublattices
        (n_sites,) name of each site's sublattice, to which a composition of its own can be given.
    """

    name: str
    cell: Cell
    sublattices: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Distinct names of the sublattices, in order of first occurrence."""
        return tuple(dict.fromkeys(self.sublattices))

    @cached_property
    def sublattice_of_site(self) -> IndexArray:
        """(n_sites,) index into :attr:`names`."""
        return np.array([self.names.index(name) for name in self.sublattices], dtype=np.int64)

    @cached_property
    def tessellation(self) -> Tessellation:
        """Cells of the lattice itself."""
        return tessellate(self.cell)

    @cached_property
    def kinds(self) -> tuple[FloatArray, IndexArray, IndexArray, IntArray, FloatArray]:
        """Sites that are equal up to their occupants, as the kernel takes them.

        Sites per cell of each kind; the sublattice of each; then the faces of one site of each kind in compressed
        rows: where they begin, the kind behind each, and its share of the surface.
        """
        classes = environment_classes(
            self.cell.replace(occupancies={}), labels=self.sublattice_of_site.tolist()
        )
        faces = self.tessellation
        kind_of_site = classes.class_of_site
        neighbours: list[IntArray] = []
        weights: list[FloatArray] = []
        for site in classes.representatives.tolist():
            k = faces.faces(site)
            kinds = kind_of_site[faces.neighbours[k]].astype(np.int32)
            shares = faces.areas[k] / faces.areas[k].sum()
            order = np.lexsort((-shares, kinds))
            neighbours.append(kinds[order])
            weights.append(shares[order])
        offsets = np.cumsum([0, *map(len, weights)], dtype=np.int64)
        return (
            classes.multiplicities.astype(np.float64),
            self.sublattice_of_site[classes.representatives],
            offsets,
            np.concatenate(neighbours),
            np.concatenate(weights),
        )

    def expanded(self, minimum_sites: int) -> tuple[Tessellation, IndexArray]:
        """Cells of a supercell, and the sublattice of each of its sites.

        The first axis is doubled, then the second, the third, the first ... until there are enough sites and no site
        meets itself or another one twice: occupants of neighbours must be independent.
        """
        multiples = [1, 1, 1]
        for axis in range(3 * _LONGEST):
            faces = (
                self.tessellation if multiples == [1, 1, 1] else tessellate(self.cell.supercell(multiples))
            )
            if len(faces) >= minimum_sites and _is_distinct(faces):
                break
            multiples[axis % 3] *= 2
        return faces, np.tile(self.sublattice_of_site, int(np.prod(multiples)))

    def fractions(self, composition: Any) -> tuple[Composition, FloatArray, IntArray]:
        """Overall composition, and (n_sublattices, n_elements) fractions with the atomic numbers of their columns.

        ``composition`` is one for all sites, or a mapping from every sublattice's name to one of its own, which may
        be written as ``"2a=Cr; 4f=FeCr"``.
        """
        if isinstance(composition, str) and "=" in composition:
            return self._by_sublattice(_assignments(composition))
        if isinstance(composition, Mapping) and composition and not isinstance(composition, Composition):
            given = {str(key): value for key, value in composition.items()}
            if any(name in given for name in self.names) or (
                all(isinstance(value, str | Mapping) for value in given.values())
                and not set(given).issubset(SYMBOLS)  # then they are amounts, though wrong ones
            ):
                return self._by_sublattice(given)
        whole = as_composition(composition)
        numbers = np.array(list(whole.fractions), dtype=np.int32)
        rows = np.tile(list(whole.fractions.values()), (len(self.names), 1))
        return whole, rows, numbers

    def _by_sublattice(self, given: Mapping[str, Any]) -> tuple[Composition, FloatArray, IntArray]:
        unknown, lacking = set(given) - set(self.names), set(self.names) - set(given)
        if unknown or lacking:
            wrong = (
                f"{', '.join(sorted(unknown))} is none of them"
                if unknown
                else f"{', '.join(sorted(lacking))} is left out"
            )
            raise CompositionError(f"{self.name} has the sublattices {', '.join(self.names)}: {wrong}")
        parts = {name: as_composition(given[name]) for name in self.names}
        numbers = list(dict.fromkeys(z for part in parts.values() for z in part.fractions))
        rows = np.array([[part.fractions.get(z, 0.0) for z in numbers] for part in parts.values()])
        counts = np.bincount(self.sublattice_of_site, minlength=len(self.names))
        overall = counts @ rows / counts.sum()
        whole = as_composition(dict(zip(numbers, overall.tolist(), strict=True)))
        return whole, rows, np.array(numbers, dtype=np.int32)


def _assignments(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, composition = (word.strip() for word in part.partition("="))
        if not (name and equals and composition) or name in found:
            raise CompositionError(f"{text[:80]!r}: give every sublattice once, as in '2a=Cr; 4f=Fe50Cr50'")
        found[name] = composition
    return found


def _is_distinct(faces: Tessellation) -> bool:
    """Whether no site has a face towards itself, or two towards one other site."""
    if (faces.sites == faces.neighbours).any():
        return False
    pairs = faces.sites * len(faces) + faces.neighbours
    return len(np.unique(pairs)) == len(pairs)


def as_alloy_lattice(lattice: StructureLike | AlloyLattice) -> AlloyLattice:
    """The lattice behind a prototype's name, a prototype, or any structure whose species are ignored.

    Sublattices of a structure are its crystallographic orbits, named by multiplicity and Wyckoff letter, and numbered
    where a letter occurs twice: ``8i1``, ``8i2``.
    """
    if isinstance(lattice, AlloyLattice):
        return lattice
    from seitz.prototypes import Prototype, prototype
    from seitz.prototypes.crystallography import sublattice_names

    if isinstance(lattice, str) and prototype_cell(lattice) is not None:
        lattice = prototype(lattice)
    if isinstance(lattice, Prototype):
        return AlloyLattice(lattice.name, lattice.cell, lattice.sublattices)
    try:
        cell = as_cell(lattice)
    except OccupancyError as error:
        reason = str(error).partition("; ")[0].partition(". Pass")[0]
        raise OccupancyError(
            f"{reason}: a lattice for random alloys needs whole sites, whatever is on them"
        ) from None
    orbits = site_orbits(cell)
    title = lattice if isinstance(lattice, str) else cell.formula
    return AlloyLattice(title, cell, sublattice_names(orbits.labels.tolist(), orbits.wyckoffs))
