"""What tells sites apart besides their place: occupants, and labels that a user gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from seitz.cell import Cell
from seitz.errors import OptionError

#: One label per site: numbers, texts or other hashable values, or a row of an array, such as a vector.
SiteLabels = Sequence[Any] | np.ndarray


def site_kinds(cell: Cell, labels: SiteLabels | None = None) -> list[int]:
    """An integer per site that is equal where the occupants, and the labels if there are any, are."""
    kinds: list[int] = cell.atomic_numbers.tolist()
    index: dict[Any, int] = {}
    for site, content in cell.occupancies.items():
        kinds[site] = index.setdefault(tuple(sorted(content.items())), 1000 + len(index))
    if labels is None:
        return kinds
    index = {}
    pairs = zip(kinds, _label_keys(labels, len(cell)), strict=True)
    return [index.setdefault(pair, 1 + len(index)) for pair in pairs]


def _label_keys(labels: SiteLabels, n_sites: int) -> list[Any]:
    """Checked labels, each as something that can be looked up."""
    if isinstance(labels, str | bytes | Mapping | Set) or not hasattr(labels, "__len__"):
        raise OptionError(f"labels={labels!r}: give a sequence with one label per site")
    if len(labels) != n_sites:
        raise OptionError(f"{len(labels)} labels for {n_sites} sites: give one per site")
    keys = [_label_key(label) for label in labels]
    for site, key in enumerate(keys):
        try:
            hash(key)
        except TypeError:
            raise OptionError(
                f"labels: that of site {site} is a {type(key).__name__!r}: give a number, a text or a tuple"
            ) from None
        parts = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, float | np.floating) and math.isnan(part) for part in parts):
            raise OptionError(f"labels: that of site {site} is NaN, which equals nothing: give a value")
    return keys


def _label_key(label: Any) -> Any:
    if isinstance(label, np.ndarray):
        return tuple(label.ravel().tolist())
    return tuple(label) if isinstance(label, list) else label
