"""Models: from features to a property, with an honest interval.

``seitz.models.list()``, ``load``, ``card``, ``add``, ``pull`` and ``wrap``.
"""

from __future__ import annotations

from .calculator import Calculator
from .card import Metric, ModelCard
from .download import pull
from .forms import Export, export
from .predictions import Doubt, PredictionTable, predict
from .predictors import Predictor, WrappedModel, wrap
from .registry import Listed, add, card, load, user_folder
from .registry import list_models as list
from .runtime import Answer, OnnxModel

__all__ = [
    "Answer",
    "Calculator",
    "Doubt",
    "Export",
    "Listed",
    "Metric",
    "ModelCard",
    "OnnxModel",
    "PredictionTable",
    "Predictor",
    "WrappedModel",
    "add",
    "card",
    "export",
    "list",
    "load",
    "predict",
    "pull",
    "user_folder",
    "wrap",
]
