"""Models: from features to a property, with an honest interval.

``seitz.models.list()``, ``load``, ``card``, ``add``, ``remove``, ``pull``, ``verify`` and ``wrap``.
"""

from __future__ import annotations

from .calculator import Calculator
from .card import Metric, ModelCard
from .doubts import Doubt
from .download import pull
from .forms import Export, export
from .predictions import PredictionTable, predict
from .predictors import Predictor, WrappedModel, wrap
from .registry import Listed, add, card, load, remove, user_folder
from .registry import list_models as list
from .runtime import Answer, OnnxModel
from .verifying import Verified, verify

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
    "Verified",
    "WrappedModel",
    "add",
    "card",
    "export",
    "list",
    "load",
    "predict",
    "pull",
    "remove",
    "user_folder",
    "verify",
    "wrap",
]
