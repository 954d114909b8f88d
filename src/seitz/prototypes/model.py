"""A prototype as a value: a cell whose sites are named by sublattice, and where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seitz.cell import Cell

#: The source of prototypes that come with the package.
BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Origin:
    """Publication that the lattice parameters and positions are from."""

    authors: str
    journal: str
    volume: str
    page: str
    year: int

    def __str__(self) -> str:
        return f"{self.authors}, {self.journal} {self.volume}, {self.page} ({self.year})"


@dataclass(frozen=True, slots=True)
class Prototype:
    """A named crystal structure, with the lattice parameters of one real material.

    Attributes
    ----------
    name
        The name it is listed under; names are found whatever their case.
    title
        What it is, and of which material.
    cell
        Lattice (Å) and sites: the conventional cell of the built-in ones, and what the file holds of a user's
        structure file. Nothing scales it to other elements.
    space_group
        Number of the space group, 1 to 230.
    pearson
        Pearson symbol; rhombohedral ones count the atoms of the rhombohedral cell.
    sublattices
        (n_sites,) name of each site's sublattice: multiplicity and letter of its Wyckoff position in the conventional
        cell, numbered where several orbits have the same letter, as in ``"8i1"`` and ``"8i2"``.
    strukturbericht
        Its designation in the Strukturbericht, empty if it has none.
    aliases
        Other names it is found by.
    origin
        Where the numbers were published; None if a user's file does not say.
    note
        Temperature, and what else there is to know.
    source
        ``"built in"``, or the path of the user's file.
    """

    name: str
    title: str
    cell: Cell
    space_group: int
    pearson: str
    sublattices: tuple[str, ...]
    strukturbericht: str = ""
    aliases: tuple[str, ...] = ()
    origin: Origin | None = None
    note: str = ""
    source: str = BUILT_IN

    def __repr__(self) -> str:
        return f"Prototype({self.name}, {self.pearson}, {self.cell.formula}, {' '.join(self.multiplicities)})"

    @property
    def multiplicities(self) -> dict[str, int]:
        """Number of sites of the cell on each sublattice, in order of first occurrence."""
        counts: dict[str, int] = {}
        for sublattice in self.sublattices:
            counts[sublattice] = counts.get(sublattice, 0) + 1
        return counts

    @property
    def lattice_parameters(self) -> dict[str, float]:
        """``a``, ``b``, ``c`` in Å and ``alpha``, ``beta``, ``gamma`` in degrees."""
        lengths = np.linalg.norm(self.cell.lattice, axis=1)
        a, b, c = self.cell.lattice / lengths[:, None]
        cosines = np.clip([b @ c, a @ c, a @ b], -1.0, 1.0)
        values = [*lengths.tolist(), *np.degrees(np.arccos(cosines)).tolist()]
        names = ("a", "b", "c", "alpha", "beta", "gamma")
        return {name: round(value, 10) for name, value in zip(names, values, strict=True)}

    def sites(self, sublattice: str) -> tuple[int, ...]:
        """Indices of the sites on one sublattice; empty if there is none of that name."""
        return tuple(site for site, name in enumerate(self.sublattices) if name == sublattice)
