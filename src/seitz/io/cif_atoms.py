"""What a CIF block says about its atoms, where gemmi would read something else into it."""

from __future__ import annotations

import re
from typing import Any

from seitz.elements import SYMBOLS
from seitz.errors import ElementError, OccupancyError

_ELEMENTS = frozenset(SYMBOLS[1:]) | {"D", "T"}
_TYPE = re.compile(r"([A-Za-z]{1,2})(?:\d*[+-]?|[+-]\d*)", re.ASCII)
_LETTERS = re.compile(r"[A-Za-z]*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\(\d*\))?|[?.]", re.ASCII)


def check_atoms(block: Any, structure: Any) -> None:
    """Refuse occupancies that are no numbers, dummy sites, and names of which an element is only the beginning.

    Raises
    ------
    OccupancyError, ElementError
        The message names the atom by its label.
    """
    labels = [site.label for site in structure.sites]
    for label, text in zip(labels, block.find_values("_atom_site_occupancy"), strict=False):
        if text != "1" and not _NUMBER.fullmatch(text.strip("'\"")):
            raise OccupancyError(f"atom {label}: occupancy {text[:40]!r} is no number")
    for label, text in zip(labels, block.find_values("_atom_site_calc_flag"), strict=False):
        if text.lower() == "dum":
            raise ElementError(f"atom {label}: a dummy site (calc_flag dum) is no atom: remove it")
    is_typed = len(block.find_values("_atom_site_type_symbol")) > 0  # else gemmi takes the labels for types
    for site in structure.sites:
        if site.element.atomic_number == 0:
            continue  # refused with the rest of what cannot be
        if is_typed and not _is_type(site.type_symbol):
            raise ElementError(f"atom {site.label}: {site.type_symbol[:40]!r} is no element with data")
        if not is_typed:
            _check_label(site.label, site.element.name)


def _is_type(written: str) -> bool:
    match = _TYPE.fullmatch(written)
    return match is not None and match[1].capitalize() in _ELEMENTS


def _check_label(label: str, element: str) -> None:
    """Accept ``Fe1``, ``SiT2``, ``OH`` and ``AL1``, where there is one reading; not ``CO1`` or ``Wat``."""
    letters = _LETTERS.match(label)[0]  # type: ignore[index]  # it matches nothing at least
    rest = letters[len(element) :]
    two_readings = (
        len(letters) > 1 and letters[:2].capitalize() in _ELEMENTS and letters[0].upper() in _ELEMENTS
    )
    if letters.startswith(element) and (not rest or rest[0].isupper()):
        if len(element) == 2 or not rest or not two_readings:
            return
    elif letters.capitalize() == element and not two_readings:
        return
    if two_readings:
        raise ElementError(
            f"atom {label}: {letters[0].upper()} or {letters[:2].capitalize()}? The file has no "
            "_atom_site_type_symbol: add it"
        )
    raise ElementError(
        f"atom {label}: {label[:40]!r} does not begin with an element: add _atom_site_type_symbol"
    )
