"""Figures of random alloys, Wigner-Seitz cells and predictions, as plotly objects; plotly is loaded on first use."""

from __future__ import annotations

from .crystals import cells
from .judging import calibration, parity, periodic_table
from .polyhedra import polyhedron
from .random_alloys import convergence, distribution, evolution
from .saving import save

__all__ = [
    "calibration",
    "cells",
    "convergence",
    "distribution",
    "evolution",
    "parity",
    "periodic_table",
    "polyhedron",
    "save",
]
