"""Anything with features in and numbers out as a model: scikit-learn regressors, torch modules, functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import ModelError, SeitzError

from .card import ModelCard
from .runtime import Answer


@runtime_checkable
class Predictor(Protocol):
    """The whole contract: rows of features in, one value (or row of values) for each out."""

    def predict(self, features: FloatArray) -> Any:
        """(n,) or (n, m) values of (n, n_features) features."""


class WrappedModel:
    """A predictor of another package with a card."""

    def __init__(self, predictor: Predictor | Callable[[FloatArray], Any], card: ModelCard) -> None:
        self.card = card
        self.predictor = predictor
        self._call = _callable(predictor)

    def __repr__(self) -> str:
        return f"WrappedModel({self.card.name}: {type(self.predictor).__name__})"

    def answer(self, features: FloatArray) -> Answer:
        """Values without intervals.

        Raises
        ------
        ModelError
            The predictor failed, or gave no number or row of numbers for each row.
        """
        try:
            value = np.asarray(self._call(features), dtype=np.float64)
        except SeitzError:
            raise
        except Exception as error:  # whatever a function of somebody else raises
            raise ModelError(
                f"{self.card.name} fails on these features: {type(error).__name__}: {error}"
            ) from error
        if value.ndim not in (1, 2) or len(value) != len(features):
            raise ModelError(
                f"{self.card.name} gave an array of shape {value.shape} for {len(features)} rows"
            )
        if value.ndim == 2 and value.shape[1] == 1:
            value = value[:, 0]
        return Answer(value)

    def predict(self, features: FloatArray) -> FloatArray:
        """(n,) or (n, m) values."""
        return self.answer(features).value

    def with_threads(self, n_threads: int) -> WrappedModel:
        """The same: it has threads of its own, if any."""
        return self


def wrap(
    predictor: Predictor | Callable[[FloatArray], Any],
    *,
    descriptor: str,
    property: str,
    unit: str,
    name: str = "",
    **card: Any,
) -> WrappedModel:
    """A regressor, torch module or function as a model for :func:`seitz.predict`.

    Parameters
    ----------
    predictor
        An object with ``predict(features)``, a torch module, or a function of (n, n_features) rows.
    descriptor, property, unit
        What goes in and what comes out.
    name
        What to call it; by default the name of its class or function.
    **card
        Other fields of :class:`ModelCard`, such as ``elements``.

    Raises
    ------
    CardError
        A field that is empty, or a descriptor that is unknown.
    ModelError
        Something that cannot be called with features.
    """
    title = name or getattr(predictor, "__name__", type(predictor).__name__)
    made = ModelCard(name=title, property=property, unit=unit, descriptor=descriptor, **card)
    made.check_schema()
    return WrappedModel(predictor, made)


def _callable(predictor: Any) -> Callable[[FloatArray], Any]:
    if _is_torch(predictor):
        return _torch_function(predictor)
    if hasattr(predictor, "predict"):
        found: Callable[[FloatArray], Any] = predictor.predict
        return found
    if callable(predictor):
        return predictor  # type: ignore[no-any-return]
    raise ModelError(f"{type(predictor).__name__!r} is no model: it has no predict() and cannot be called")


def _is_torch(predictor: Any) -> bool:
    """Whether it is a torch module; asked without importing torch."""
    return any(kind.__module__ == "torch.nn.modules.module" for kind in type(predictor).__mro__)


def _torch_function(module: Any) -> Callable[[FloatArray], Any]:
    def call(features: FloatArray) -> Any:
        import torch

        weight = next(module.parameters(), None)
        before = module.training
        module.eval()
        try:
            with torch.no_grad():
                kind = {} if weight is None else {"dtype": weight.dtype, "device": weight.device}
                out = module(torch.as_tensor(np.ascontiguousarray(features), **kind))
        finally:
            module.train(before)
        return out.detach().cpu().numpy()

    return call
