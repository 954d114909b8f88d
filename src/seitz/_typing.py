"""Array aliases used in every signature."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

# Spelled out, since numpy.typing takes time to import.
FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int32]]
IndexArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

#: Anything :func:`seitz.as_cell` understands; duck-typed, so no third-party class can be named here.
StructureLike = Any

PathLike = str | os.PathLike[str]
