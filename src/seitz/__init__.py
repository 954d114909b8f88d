"""Structure-informed feature vectors from exact Wigner-Seitz cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import errors
from .adapters import as_cell
from .cell import Cell
from .descriptors import descriptors
from .featurize import featurize, featurize_batches
from .subsets import only_structural, ward_to_ks
from .table import FeatureTable
from .tessellation import Tessellation, tessellate

if TYPE_CHECKING:
    from . import symmetry
    from .alloys import RandomAlloy, RandomAlloys, featurize_random, read_compositions
    from .conversions import to_ase, to_pymatgen
    from .defects import (
        Displacement,
        HostPlan,
        Interstitial,
        Substitution,
        Vacancy,
        featurize_dilute,
        host_plan,
    )
    from .estimator import StructureFeatures
    from .models import Calculator, PredictionTable, export, predict
    from .parallel_files import FileBatch, featurize_files

__version__ = "0.1.0"

__all__ = [
    "Calculator",
    "Cell",
    "Displacement",
    "FeatureTable",
    "FileBatch",
    "HostPlan",
    "Interstitial",
    "PredictionTable",
    "RandomAlloy",
    "RandomAlloys",
    "StructureFeatures",
    "Substitution",
    "Tessellation",
    "Vacancy",
    "as_cell",
    "descriptors",
    "errors",
    "export",
    "featurize",
    "featurize_batches",
    "featurize_dilute",
    "featurize_files",
    "featurize_random",
    "host_plan",
    "only_structural",
    "predict",
    "read_compositions",
    "symmetry",
    "tessellate",
    "to_ase",
    "to_pymatgen",
    "ward_to_ks",
]

# These need more than NumPy, so that importing the package stays cheap.
_ON_FIRST_USE = {
    **dict.fromkeys(
        (
            "Displacement",
            "HostPlan",
            "Interstitial",
            "Substitution",
            "Vacancy",
            "featurize_dilute",
            "host_plan",
        ),
        ".defects",
    ),
    **dict.fromkeys(("RandomAlloy", "RandomAlloys", "featurize_random", "read_compositions"), ".alloys"),
    "FileBatch": ".parallel_files",
    "StructureFeatures": ".estimator",
    "featurize_files": ".parallel_files",
    "Calculator": ".models",
    "PredictionTable": ".models",
    "export": ".models",
    "predict": ".models",
    "to_ase": ".conversions",
    "to_pymatgen": ".conversions",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("tune", "io", "models", "optimade", "plots", "prototypes", "symmetry"):
        return import_module(f".{name}", __name__)
    if name in _ON_FIRST_USE:
        return getattr(import_module(_ON_FIRST_USE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
