"""What happens where an element lacks a property that a feature needs."""

from __future__ import annotations

from collections.abc import Sequence
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
    ids: Sequence[str],
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
    on_error
        With ``policy="raise"``: whether a touched row raises or becomes NaN and a failure.
    """
    if policy not in get_args(MissingPolicy):
        raise OptionError(f"missing={policy!r}: choose one of {', '.join(get_args(MissingPolicy))}")
    missing = _missing_by_element(descriptor)
    flag = np.zeros(MAX_Z + 1, dtype=bool)
    flag[list(missing)] = True
    touched_sites = np.flatnonzero(flag[atomic_numbers])
    warnings: list[RowWarning] = []
    failures: list[Failure] = []
    for row in np.unique(np.searchsorted(offsets, touched_sites, side="right") - 1).tolist():
        present = np.unique(atomic_numbers[offsets[row] : offsets[row + 1]]).tolist()
        lacking = {z: missing[z] for z in present if z in missing}
        message = "; ".join(f"{SYMBOLS[z]} has no {', '.join(names)}" for z, names in lacking.items())
        if policy == "raise":
            error = MissingPropertyError(f"{ids[row]}: {message}")
            if on_error == "raise":
                raise error
            values[row] = np.nan
            failures.append(Failure(row, ids[row], type(error).__name__, message))
            continue
        if policy == "nan":
            for name in {name for names in lacking.values() for name in names}:
                values[row, descriptor.columns_of(name)] = np.nan
        treatment = "read as 0" if policy == "zero" else "features left NaN"
        warnings.append(RowWarning(row, ids[row], f"{message} ({treatment})"))
    return tuple(warnings), tuple(failures)
