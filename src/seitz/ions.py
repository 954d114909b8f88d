"""What each element may be as an ion: its charges, and how long the bonds are that it makes."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ._typing import FloatArray, IndexArray, IntArray
from .elements import MAX_Z, SYMBOLS, table

#: Charges of the elements that may be anions, beside those that the table lists.
ANION_CHARGES: dict[int, int] = {
    1: -1, 5: -3, 6: -4, 7: -3, 8: -2, 9: -1, 14: -4, 15: -3, 16: -2, 17: -1, 32: -4, 33: -3, 34: -2, 35: -1,
    50: -4, 51: -3, 52: -2, 53: -1, 82: -4, 83: -3,
}  # fmt: skip
RARE = 0.3  # cost of a charge that is not among the common ones

#: Where nothing is known: an electronegativity in the middle, a radius (Å) of a large atom, and for bonds the covalent
#: radius with what most elements add to it, and the usual softness.
UNKNOWN_NEGATIVITY = 2.0
UNKNOWN_RADIUS = 1.5
BOND_EXCESS = 0.1
UNKNOWN_SOFTNESS = 1.5


class Ions(NamedTuple):
    """Tables by atomic number, row 0 unused."""

    values: FloatArray
    """(113, 4) Pauling electronegativity, covalent radius (Å), radius (Å) and softness of bond valences."""
    offsets: IndexArray
    """(114,) first charge of each element ..."""
    charges: IntArray
    """... the charges, ascending ..."""
    costs: FloatArray
    """... and how unusual each is: 0 for a common one."""


@cache
def ions() -> Ions:
    """The tables; parameters of bonds from O'Keeffe and Brese, J. Am. Chem. Soc. 113, 3226 (1991)."""
    elements = table()
    negativity, radius = (
        elements.values[:, elements.names.index(name)] for name in ("Electronegativity", "CovalentRadius")
    )
    negativity = np.where(np.isnan(negativity), UNKNOWN_NEGATIVITY, negativity)
    radius = np.where(np.isnan(radius), UNKNOWN_RADIUS, radius / 100)
    bonds = np.column_stack([radius + BOND_EXCESS, np.full(MAX_Z + 1, UNKNOWN_SOFTNESS)])
    for symbol, r, c in _bond_valences():
        bonds[SYMBOLS.index(symbol)] = r, c
    charges = [_charges(z) for z in range(MAX_Z + 1)]
    return Ions(
        values=np.column_stack([negativity, radius, bonds]),
        offsets=np.cumsum([0, *map(len, charges)], dtype=np.int64),
        charges=np.array([q for known in charges for q in known], dtype=np.int32),
        costs=np.array([cost for known in charges for cost in known.values()]),
    )


def _charges(z: int) -> dict[int, float]:
    """Charges of an element, ascending, and their costs. Only some elements may be anions."""
    elements = table()
    known = dict.fromkeys(elements.oxidation_states[z], RARE) | dict.fromkeys(elements.common_states[z], 0.0)
    if z in ANION_CHARGES:
        known.setdefault(ANION_CHARGES[z], 0.0)
    return {q: known[q] for q in sorted(known) if q > 0 or (q < 0 and z in ANION_CHARGES)}


def _bond_valences() -> list[tuple[str, float, float]]:
    import csv
    from importlib.resources import files  # slow to import, and only needed here

    text = (files("seitz") / "data" / "bond_valence.csv").read_text(encoding="utf-8")
    return [(symbol, float(r), float(c)) for symbol, r, c in list(csv.reader(text.splitlines()))[1:]]
