"""Structure-informed feature vectors from exact Wigner-Seitz cells."""

from .adapters import as_cell
from .cell import Cell

__all__ = ["Cell", "as_cell"]
