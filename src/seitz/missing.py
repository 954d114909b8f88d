"""What happens where an element lacks a property that a feature needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal, get_args

import numpy as np

from ._typing import FloatArray, IndexArray, IntArray
from .descriptors.schema import IONIC_ELECTRONEGATIVITY, Descriptor
from .elements import MAX_Z, SYMBOLS, table
from .errors import MissingPropertyError, OptionError
from .table import Failure, RowWarning

#: ``"zero"`` reads missing values as zero (the published behaviour), ``"nan"`` blanks every feature they touch,
#: ``"raise"`` refuses the structure.
MissingPolicy = Literal["zero", "nan", "raise"]


@cache
def _missing_by_element(descriptor: Descriptor) -> dict[int, tuple[str, ...]]:
    """Properties that the descriptor needs and an element lacks, by atomic number."""
    needed = {name for feature in descriptor.features for name in feature.properties}
    elements = table()
    missing: dict[int, tuple[str, ...]] = {}
    for z in range(1, MAX_Z + 1):
        names = [
            n for n, v in zip(elements.names, elements.values[z], strict=True) if np.isnan(v) and n in needed
        ]
        if IONIC_ELECTRONEGATIVITY in needed and np.isnan(elements.ionic_electronegativity[z]):
            names.append(IONIC_ELECTRONEGATIVITY)
        if names:
            missing[z] = tuple(names)
    return missing


def apply_policy(
    values: FloatArray,
    descriptor: Descriptor,
    atomic_numbers: IntArray,
    offsets: IndexArray,
    name: Callable[[int], str],
    policy: MissingPolicy,
    *,
    on_error: Literal["raise", "record"],
) -> tuple[tuple[RowWarning, ...], tuple[Failure, ...]]:
    """Blank or refuse, in place, the rows whose elements lack a needed property; say which rows were touched.

    Parameters
    ----------
    values
        (n, n_features) features computed with zeros for missing values; changed in place.
    atomic_numbers, offsets
        Elements of all rows one after the other, and where each row's begin ((n + 1,)).
    name
        What to call a row in messages.
    on_error
        With ``policy="raise"``: whether a touched row raises or becomes NaN and a failure.
    """
    if policy not in get_args(MissingPolicy):
        raise OptionError(f"missing={policy!r}: choose one of {', '.join(get_args(MissingPolicy))}")
    missing = _missing_by_element(descriptor)
    treatment = "read as 0" if policy == "zero" else "features left NaN"
    warnings: list[RowWarning] = []
    failures: list[Failure] = []
    for lacking, rows in _rows_by_lacking_elements(missing, atomic_numbers, offsets):
        message = "; ".join(f"{SYMBOLS[z]} has no {', '.join(missing[z])}" for z in lacking)
        if policy == "raise":
            if on_error == "raise":
                raise MissingPropertyError(f"{name(rows[0])}: {message}")
            values[rows] = np.nan
            failures += [Failure(row, name(row), MissingPropertyError.__name__, message) for row in rows]
            continue
        if policy == "nan":
            touched = [descriptor.columns_of(name) for name in {name for z in lacking for name in missing[z]}]
            values[np.ix_(np.array(rows), np.concatenate(touched))] = np.nan
        warnings += [RowWarning(row, name(row), f"{message} ({treatment})", kind="missing") for row in rows]
    return tuple(sorted(warnings, key=_row)), tuple(sorted(failures, key=_row))


def _row(entry: RowWarning | Failure) -> int:
    return entry.index


def _rows_by_lacking_elements(
    missing: Mapping[int, tuple[str, ...]], atomic_numbers: IntArray, offsets: IndexArray
) -> list[tuple[tuple[int, ...], list[int]]]:
    """Rows that hold the same elements with missing properties, by those elements; first rows first."""
    flag = np.zeros(MAX_Z + 1, dtype=bool)
    flag[list(missing)] = True
    sites = np.flatnonzero(flag[atomic_numbers])
    rows = np.searchsorted(offsets, sites, side="right") - 1
    pairs = np.unique(rows * (MAX_Z + 1) + atomic_numbers[sites])  # row and element in one number
    lacking: dict[int, list[int]] = {}
    for row, z in zip(*(part.tolist() for part in np.divmod(pairs, MAX_Z + 1)), strict=True):
        lacking.setdefault(row, []).append(z)
    grouped: dict[tuple[int, ...], list[int]] = {}
    for row, elements in lacking.items():
        grouped.setdefault(tuple(elements), []).append(row)
    return list(grouped.items())
