"""Array aliases used in every signature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
IndexArray = NDArray[np.int64]

#: Anything :func:`seitz.as_cell` understands; duck-typed, so no third-party class can be named here.
StructureLike = Any
