"""Which sites are equivalent, and how to compute anything per site only once for all of them."""

from __future__ import annotations

from seitz.finders import SYMPREC, Finder, check_symprec

from .classes import SiteClasses
from .environments import environment_classes
from .labels import SiteLabels
from .orbits import Orbits, primitive_cell, site_orbits
from .service import over_orbits

__all__ = [
    "SYMPREC",
    "Finder",
    "Orbits",
    "SiteClasses",
    "SiteLabels",
    "check_symprec",
    "environment_classes",
    "over_orbits",
    "primitive_cell",
    "site_orbits",
]
