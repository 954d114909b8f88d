"""The space group of a CIF block: which it is, in which setting, and whether symbols and operations agree."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import ReadError, StructureError

_CELL_MISFIT = 0.005  # relative, of the metric against the space group
_MAX_SITES = 2_000_000
_MAX_REMEMBERED = 256
_SAME_AMOUNT = 0.01  # relative
_VERDICTS: dict[tuple[Any, ...], tuple[str, ...]] = {}
_OPERATIONS: dict[tuple[Any, ...], tuple[FloatArray, FloatArray]] = {}
# Settings as the ICSD writes them, behind the symbol: origin at the highest site symmetry, or at the centre.
_SUFFIX = re.compile(r"(.*[^\s:])\s*:?\s*([SZ])")
_ORIGIN = {"S": "1", "Z": "2"}
_MULTIPLICITIES = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
_AMOUNT = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?")


def check_symmetry(block: Any, structure: Any) -> None:
    """Refuse what gemmi would expand by guesswork: contradictions and symbols that leave the setting open."""
    if not structure.symops:
        _settle_setting(block, structure)
    wrong = _contradictions(structure)
    if wrong:
        unknown = len(wrong) == 1 and "not found in the table" in wrong[0]
        raise ReadError(
            f"the symmetry is {'unknown' if unknown else 'contradictory'}: {'; '.join(wrong)[:300]}"
            + (": list the symmetry operations" if unknown else "")
        )
    cell, group = structure.cell, structure.spacegroup
    if not (cell.volume > 0 and min(cell.parameters) > 0 and max(cell.parameters[3:]) < 180):
        raise StructureError(f"the cell lengths and angles span no volume: {cell.parameters}")
    if group is not None and not cell.is_compatible_with_spacegroup(group, _CELL_MISFIT):
        raise ReadError(f"the cell {cell.parameters} does not fit the space group {group.xhm()}")
    if group is None and not _are_isometries(structure):
        raise ReadError(f"the listed operations change lengths or angles of the cell {cell.parameters}")
    expanded = len(structure.sites) * (len(cell.images) + 1)
    if expanded > _MAX_SITES:
        raise ReadError(f"up to {expanded:,} sites after expansion, more than {_MAX_SITES:,}")


def operations(structure: Any) -> tuple[FloatArray, FloatArray]:
    """Rotations and translations of all operations but the identity; remembered for later files."""
    key = _symmetry_key(structure)
    found = _OPERATIONS.get(key)
    if found is None:
        images = structure.cell.images
        rotations = np.array([image.mat.tolist() for image in images]).reshape(-1, 3, 3)
        found = rotations, np.array([image.vec.tolist() for image in images]).reshape(-1, 3)
        if len(_OPERATIONS) >= _MAX_REMEMBERED:
            _OPERATIONS.clear()
        _OPERATIONS[key] = found
    return found


def _are_isometries(structure: Any) -> bool:
    rotations, _ = operations(structure)
    lattice = np.array(structure.cell.orth.mat.tolist())  # vectors as columns
    metric = lattice.T @ lattice
    turned = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    return bool((np.abs(turned - metric) <= 2.0 * _CELL_MISFIT * np.abs(metric).max()).all())


def _settle_setting(block: Any, structure: Any) -> None:
    """Which of the two origins is meant, where no operations are listed."""
    written = structure.spacegroup_hm.strip()
    suffix = _SUFFIX.fullmatch(written)
    if structure.spacegroup is None and suffix:
        _set_symbol(structure, f"{suffix[1].strip()}:{_ORIGIN[suffix[2]]}")
    elif structure.spacegroup is None and structure.spacegroup_number > 1:
        structure.determine_and_set_spacegroup("N")  # else gemmi would expand a bare number as P 1
        if structure.spacegroup is None:
            raise ReadError(f"there is no space group {structure.spacegroup_number}")
    group = structure.spacegroup
    if group is None or ":" in structure.spacegroup_hm or structure.spacegroup_hall:
        return
    if group.xhm().endswith((":1", ":2")):
        _choose_origin(block, structure, group.hm)


def _choose_origin(block: Any, structure: Any, symbol: str) -> None:
    """Take the origin for which numbers of atoms come out as the file states them."""
    written = structure.spacegroup_hm
    fitting: list[str] = []
    for origin in ("1", "2"):
        _set_symbol(structure, f"{symbol}:{origin}")
        if structure.spacegroup is not None and _has_stated_numbers(block, structure):
            fitting.append(origin)
    if len(fitting) != 1:
        shown = written or f"number {structure.spacegroup_number}"
        raise ReadError(
            f"space group {shown} has two origins and the file names none: "
            "add the symmetry operations, or a symbol with :1 or :2"
        )
    _set_symbol(structure, f"{symbol}:{fitting[0]}")


def _set_symbol(structure: Any, symbol: str) -> None:
    structure.spacegroup_hm = symbol
    structure.determine_and_set_spacegroup("1")


def _has_stated_numbers(block: Any, structure: Any) -> bool:
    """Whether multiplicities, else formula and formula units, are given and those of the expanded cell."""
    labels = Counter(site.label for site in structure.get_all_unit_cell_sites())
    for tag in _MULTIPLICITIES:
        stated = block.find_values(tag)
        if len(stated) == len(structure.sites) and all(text.isdigit() for text in stated):
            own = Counter(site.label for site in structure.sites)
            return all(
                labels[site.label] == int(text)
                for site, text in zip(structure.sites, stated, strict=True)
                if own[site.label] == 1
            )
    formula, units = block.find_value("_chemical_formula_sum"), block.find_value("_cell_formula_units_Z")
    if formula is None or units is None or not units.isdigit():
        return False
    amounts: Counter[str] = Counter()
    for site in structure.get_all_unit_cell_sites():
        amounts[site.element.name] += site.occ
    parts = {symbol: float(number or 1) for symbol, number in _AMOUNT.findall(formula)}
    return parts.keys() == amounts.keys() and all(
        abs(amounts[symbol] - number * int(units)) <= _SAME_AMOUNT * number * int(units)
        for symbol, number in parts.items()
    )


def _symmetry_key(structure: Any) -> tuple[Any, ...]:
    """What a file says about its symmetry; thousands of files may say the same."""
    cell = structure.cell
    return (
        structure.spacegroup_hm,
        structure.spacegroup_hall,
        structure.spacegroup_number,
        tuple(structure.symops),
        cell.alpha,  # with gamma, it tells the two settings of rhombohedral groups apart
        cell.gamma,
    )


def _contradictions(structure: Any) -> tuple[str, ...]:
    """What gemmi finds wrong between symbols, number and operations; remembered for later files."""
    key = _symmetry_key(structure)
    verdict = _VERDICTS.get(key)
    if verdict is None:
        # A symbol that gemmi does not know (P2_1/c) is harmless where the operations are listed.
        verdict = tuple(
            message
            for message in structure.check_spacegroup().splitlines()
            if message and not (structure.symops and "not found in the table" in message)
        )
        if len(_VERDICTS) >= _MAX_REMEMBERED:
            _VERDICTS.clear()
        _VERDICTS[key] = verdict
    return verdict
