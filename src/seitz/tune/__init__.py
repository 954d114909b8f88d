"""Learning from your own data: a model adjusted, transferred to another property, or trained from nothing.

``seitz.tune.adjust("default", table, targets)`` returns a model and a report.
"""

from __future__ import annotations

from . import plots
from .examples import Examples, Excluded, examples
from .report import Candidate, Report, Tuned, report
from .scores import Figure, Score, score
from .search import search
from .settings import Settings
from .splits import Split, split
from .verbs import Options, adjust, train, transfer

__all__ = [
    "Candidate",
    "Examples",
    "Excluded",
    "Figure",
    "Options",
    "Report",
    "Score",
    "Settings",
    "Split",
    "Tuned",
    "adjust",
    "examples",
    "plots",
    "report",
    "score",
    "search",
    "split",
    "train",
    "transfer",
]
