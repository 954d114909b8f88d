"""How far each feature spreads over known materials: the unit in which a change counts as large or small."""

from __future__ import annotations

from functools import cache

import numpy as np

from seitz._typing import FloatArray
from seitz.descriptors import Descriptor


@cache
def _by_name() -> dict[str, float]:
    import csv
    from importlib.resources import files

    text = (files("seitz") / "data" / "feature_ranges.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {row["feature"]: float(row["maximum"]) - float(row["minimum"]) for row in csv.DictReader(lines)}


def feature_ranges(descriptor: Descriptor) -> FloatArray:
    """(n_features,) maximum minus minimum of every feature over the data set named in the file."""
    ranges = _by_name()
    return np.array([ranges[name] for name in descriptor.names])
