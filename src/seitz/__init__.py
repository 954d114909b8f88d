"""Structure-informed feature vectors from exact Wigner-Seitz cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import errors, symmetry
from .adapters import as_cell
from .cell import Cell
from .descriptors import descriptors
from .featurize import featurize, featurize_batches
from .table import FeatureTable
from .tessellation import Tessellation, tessellate

if TYPE_CHECKING:
    from .estimator import StructureFeatures

__version__ = "0.1.0"

__all__ = [
    "Cell",
    "FeatureTable",
    "StructureFeatures",
    "Tessellation",
    "as_cell",
    "descriptors",
    "errors",
    "featurize",
    "featurize_batches",
    "symmetry",
    "tessellate",
]


def __getattr__(name: str) -> object:
    # The estimator needs scikit-learn, so it is loaded on first use.
    if name == "io":
        import seitz.io

        return seitz.io
    if name == "StructureFeatures":
        from .estimator import StructureFeatures

        return StructureFeatures
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
