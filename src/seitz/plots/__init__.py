"""Figures of random alloys and of Wigner-Seitz cells, as plotly objects; plotly is loaded on first use."""

from __future__ import annotations

from .crystals import cells
from .polyhedra import polyhedron
from .random_alloys import convergence, distribution, evolution
from .saving import save

__all__ = ["cells", "convergence", "distribution", "evolution", "polyhedron", "save"]
