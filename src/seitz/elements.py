"""Elemental properties: the table behind every chemical feature, read once from the package's CSV file."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ._typing import FloatArray
from .errors import ElementError

#: Highest atomic number in the table.
MAX_Z = 112

# fmt: off
#: Chemical symbols by atomic number; index 0 is no element.
SYMBOLS: tuple[str, ...] = (
    "", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
    "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
    "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
    "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu",
    "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn",
    "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr",
    "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn",
)
# fmt: on

_NUMBERS: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS) if symbol} | {"D": 1, "T": 1}


class ElementTable(NamedTuple):
    """Properties by atomic number; row 0 is empty, NaN means "no value"."""

    names: tuple[str, ...]
    """The 22 property names, in the order the descriptors use."""
    values: FloatArray
    """(113, 22) elemental properties."""
    ionic_electronegativity: FloatArray
    """(113,) Pauling electronegativity of the ionic-character features."""
    oxidation_states: tuple[tuple[int, ...], ...]
    """States an element takes in the ICSD, or its common ones where none are listed there; ascending."""
    common_states: tuple[tuple[int, ...], ...]
    """States that are common."""


@cache
def table() -> ElementTable:
    """The elemental property table (Magpie; Ward et al., npj Comput. Mater. 2, 16028, 2016).

    Returns
    -------
    ElementTable
        Read-only arrays; units as in the schema of the descriptors.
    """
    import csv
    from importlib.resources import files  # slow to import, and only needed here

    text = (files("seitz") / "data" / "elements.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    header, body = rows[0], rows[1:]
    first, last = header.index("Number"), header.index("SpaceGroupNumber")
    ionic = header.index("electronegativity_pauling_ionic")
    values = np.full((MAX_Z + 1, last - first + 1), np.nan)
    electronegativity = np.full(MAX_Z + 1, np.nan)
    icsd, common = header.index("oxidation_states_icsd"), header.index("oxidation_states_common")
    states: list[tuple[int, ...]] = [()] * (MAX_Z + 1)
    usual: list[tuple[int, ...]] = [()] * (MAX_Z + 1)
    for row in body:
        z = int(row[0])
        values[z] = [float(cell) if cell else np.nan for cell in row[first : last + 1]]
        electronegativity[z] = float(row[ionic]) if row[ionic] else np.nan
        states[z] = tuple(sorted(map(int, (row[icsd] or row[common]).split())))
        usual[z] = tuple(sorted(map(int, row[common].split())))
    values.setflags(write=False)
    electronegativity.setflags(write=False)
    return ElementTable(
        tuple(header[first : last + 1]), values, electronegativity, tuple(states), tuple(usual)
    )


def electronegativity(z: int) -> float:
    """Pauling electronegativity of an element, infinite where it has none."""
    elements = table()
    value = float(elements.values[z, elements.names.index("Electronegativity")])
    return math.inf if math.isnan(value) else value


def atomic_number(label: str, where: str = "") -> int:
    """Atomic number of a chemical symbol; charges and deuterium or tritium are understood.

    Parameters
    ----------
    label
        A symbol such as ``"Fe"``, with or without a charge (``"Fe3+"``, ``"O2-"``, ``"D"``).
    where
        Put in front of the message of an error, e.g. the site.

    Raises
    ------
    ElementError
        If the label names no element with data (a dummy species, or beyond Z = 112).

    Examples
    --------
    >>> atomic_number("Fe"), atomic_number("O2-"), atomic_number("D")
    (26, 8, 1)
    """
    if not isinstance(label, str):
        raise ElementError(f"{where}{label!r} is no chemical symbol")
    z = _NUMBERS.get(label)
    if z is not None:
        return z
    z = _NUMBERS.get(label.strip().rstrip("+-0123456789.,="))
    if z is None:
        raise ElementError(
            f"{where}{label!r} is no chemical element with data (H to {SYMBOLS[MAX_Z]}, Z = 1 to {MAX_Z})"
        )
    return z
