"""Species tables for the kernels, and the local chemical environments of one decoration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from ._typing import FloatArray, IndexArray, IntArray
from .cell import Cell
from .descriptors.schema import PROPERTIES, SCALE_COLUMNS, VALENCE_COLUMNS
from .elements import MAX_Z, table
from .errors import DescriptorError
from .ions import ions

#: Columns of an environment row: five of the cell's geometry, then one neighbour difference per property.
ROW_NAMES: tuple[str, ...] = (
    "EffectiveCoordination",
    "MeanBondLength",
    "BondLengthVariation",
    "CellVolume",
    "InscribedSphereVolume",
    *(f"NeighDiff_shell1_{p.label}" for p in PROPERTIES),
)


class SpeciesTable(NamedTuple):
    """What may sit on a site: the elements (index = atomic number), then mixtures of elements.

    The compiled kernels take it as it is.
    """

    properties: FloatArray
    """(n_species, n_properties), missing values as zero."""
    offsets: IndexArray
    """(n_species + 1,) first constituent of each species."""
    elements: IntArray
    """Constituents: atomic numbers ..."""
    amounts: FloatArray
    """... and their occupancies."""
    ionic_electronegativity: FloatArray
    """(113,), NaN where unknown."""
    valence_columns: IntArray
    """(4,) properties that count s, p, d and f valence electrons."""
    state_offsets: IndexArray
    """(114,) first oxidation state of each element ..."""
    states: IntArray
    """... and the states, ascending."""
    scale_columns: IntArray
    """(4,) properties with a scale: covalent radius, electronegativity, ground-state volume, valence electrons."""
    ionic: FloatArray
    """(n_species, 4) electronegativity, covalent radius, radius and softness of bonds; see :mod:`seitz.ions`."""
    charge_offsets: IndexArray
    """(114,) first charge that each element may take ..."""
    charges: IntArray
    """... the charges ..."""
    charge_costs: FloatArray
    """... and how unusual each is."""


@cache
def element_species() -> SpeciesTable:
    """The table of pure elements."""
    elements = table()
    columns = [elements.names.index(p.name) for p in PROPERTIES]
    return SpeciesTable(
        properties=np.ascontiguousarray(np.nan_to_num(elements.values[:, columns])),
        offsets=np.arange(MAX_Z + 2, dtype=np.int64),
        elements=np.arange(MAX_Z + 1, dtype=np.int32),
        amounts=np.ones(MAX_Z + 1),
        ionic_electronegativity=elements.ionic_electronegativity,
        valence_columns=np.array(VALENCE_COLUMNS, dtype=np.int32),
        state_offsets=np.cumsum([0, *map(len, elements.oxidation_states)], dtype=np.int64),
        states=np.array([s for states in elements.oxidation_states for s in states], dtype=np.int32),
        scale_columns=np.array(SCALE_COLUMNS, dtype=np.int32),
        ionic=ions().values,
        charge_offsets=ions().offsets,
        charges=ions().charges,
        charge_costs=ions().costs,
    )


def species_of(cells: Sequence[Cell]) -> tuple[SpeciesTable, list[IntArray]]:
    """Species table for some cells, and the species index of every site.

    A shared or partially occupied site gets a species of its own: the occupancy-weighted sum of its elements'
    properties, p_i = Σ_e o_ie P_e.
    """
    pure = element_species()
    if all(cell.is_ordered for cell in cells):
        return pure, [cell.atomic_numbers for cell in cells]
    index: dict[tuple[tuple[int, float], ...], int] = {}
    species: list[IntArray] = []
    for cell in cells:
        numbers = cell.atomic_numbers.copy()
        for site, content in cell.occupancies.items():
            key = tuple(sorted(content.items()))
            numbers[site] = index.setdefault(key, MAX_Z + 1 + len(index))
        species.append(numbers)
    return _with_mixtures(pure, [dict(key) for key in index]), species


def _with_mixtures(pure: SpeciesTable, mixtures: Iterable[Mapping[int, float]]) -> SpeciesTable:
    rows, ionic = [pure.properties], [pure.ionic]
    elements, amounts = [*pure.elements.tolist()], [*pure.amounts.tolist()]
    offsets = [*pure.offsets.tolist()]
    for content in mixtures:
        rows.append(sum(amount * pure.properties[z] for z, amount in content.items())[None, :])
        share = np.array(list(content.values())) / sum(content.values())
        ionic.append((share @ pure.ionic[list(content)])[None, :])
        elements.extend(content)
        amounts.extend(content.values())
        offsets.append(len(elements))
    return pure._replace(
        properties=np.concatenate(rows),
        offsets=np.array(offsets, dtype=np.int64),
        elements=np.array(elements, dtype=np.int32),
        amounts=np.array(amounts),
        ionic=np.concatenate(ionic),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Environments:
    """Local chemical environments: one row per site, before any statistics.

    Attributes
    ----------
    values
        (n_sites, 27) effective coordination, mean bond length (Å), bond-length variation, cell volume (Å³),
        inscribed-sphere volume (Å³), then the neighbour difference of each elemental property.
    names
        Column names.
    """

    values: FloatArray
    names: tuple[str, ...] = ROW_NAMES

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> FloatArray:
        """(n_sites,) one column of all sites."""
        if name not in self.names:
            raise DescriptorError(f"environments have no column {name!r}; there is {', '.join(self.names)}")
        return self.values[:, self.names.index(name)]
