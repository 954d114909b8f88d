"""Defects: a host structure and what differs from it."""

from __future__ import annotations

from .changes import Change, Displacement, Interstitial, Substitution, Vacancy
from .dilute import featurize_dilute
from .host import HostPlan, host_plan
from .mapping import map_onto_host

__all__ = [
    "Change",
    "Displacement",
    "HostPlan",
    "Interstitial",
    "Substitution",
    "Vacancy",
    "featurize_dilute",
    "host_plan",
    "map_onto_host",
]
