"""Structures and their properties from the providers of OPTIMADE.

``seitz.optimade.fetch``, ``adjust``, ``providers`` and ``read``.
"""

from __future__ import annotations

from .adjusting import adjust, adjust_to
from .fetching import fetch
from .files import read
from .provider import Database, Provider, Target, providers
from .records import Skipped
from .store import cache_folder
from .table import OptimadeTable, Provenance, Source

__all__ = [
    "Database",
    "OptimadeTable",
    "Provenance",
    "Provider",
    "Skipped",
    "Source",
    "Target",
    "adjust",
    "adjust_to",
    "cache_folder",
    "fetch",
    "providers",
    "read",
]
