"""Options of the symmetry search, known to everything that offers one; the search itself loads on first use."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .errors import OptionError

#: moyopy finds all equivalences of the crystal; spglib as the published implementation calls it.
Finder = Literal["moyopy", "spglib"]

#: Tolerance on positions, Å, as in the published implementation.
SYMPREC = 1e-3


def check_symprec(symprec: float) -> float:
    """The tolerance of the symmetry search, Å, as a float; OptionError if it is no positive, finite number."""
    length = math.nan
    if isinstance(symprec, int | float | np.integer | np.floating) and not isinstance(symprec, bool):
        try:
            length = float(symprec)
        except OverflowError:
            length = math.inf
    if not 0 < length < math.inf:
        raise OptionError(f"symprec={symprec!r}: give a positive length in Å, e.g. {SYMPREC:g}")
    return length
