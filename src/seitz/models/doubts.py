"""Where a model cannot judge, and why."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from seitz._typing import BoolArray, FloatArray
from seitz.elements import SYMBOLS
from seitz.table import FeatureTable

from .card import ModelCard
from .contents import Contents
from .runtime import Answer

#: What is said of a row whose sites are averages; no model has learned from any.
_AVERAGED = "averaged sites, unlike any crystal learned from: give a supercell, or a random alloy"

_LEEWAY = 1.02  # of the range of volumes per atom: other functionals give somewhat others


class Doubt(NamedTuple):
    """Why a prediction is not to be trusted, or less."""

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    message: str


class Judgement:
    """Reasons for doubt, row by row, and which rows are so far from anything learned that no interval holds.

    Attributes
    ----------
    beyond
        (n,) rows with elements that the model has never seen, or with averaged sites.
    """

    def __init__(self, table: FeatureTable, card: ModelCard, contents: Contents | None) -> None:
        self._table = table
        self._reasons: dict[int, list[str]] = defaultdict(list)
        self.beyond = np.zeros(len(table), dtype=bool)
        if contents is not None:
            self._judge_elements(card, contents.elements)
            self._judge_volume(card, contents.volume)
        for warning in table.warnings:
            averaged = warning.kind == "averaged"
            self._reasons[warning.index].append(_AVERAGED if averaged else warning.message)
            self.beyond[warning.index] |= averaged

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """One per row that has any, by row."""
        return tuple(
            Doubt(row, self._table.ids[row], "; ".join(self._reasons[row])) for row in sorted(self._reasons)
        )

    def judge_answer(self, answer: Answer, good: BoolArray) -> None:
        """Note what the model said about the rows it was asked for, and the rows it could not be asked for."""
        rows = np.flatnonzero(good)
        if answer.in_domain is not None:
            self._note(
                rows[~answer.in_domain], "far from the training data, more than 95 % of unseen crystals are"
            )
        failed = [failure.index for failure in self._table.failures]
        self._note(np.setdiff1d(np.flatnonzero(~good), failed), "a feature is no number")
        self._note(rows[~_finite_rows(answer.value)], "the model's answer is no number")
        if answer.lower is not None and answer.upper is not None:
            self._note(rows[answer.lower > answer.upper], "the ends of the model's interval are exchanged")

    def _judge_elements(self, card: ModelCard, elements: BoolArray) -> None:
        if not card.elements:
            return
        unseen = elements & ~np.array([symbol in card.elements for symbol in SYMBOLS[1:]])
        self.beyond |= unseen.any(axis=1)
        for row in np.flatnonzero(self.beyond).tolist():
            names = ", ".join(SYMBOLS[z + 1] for z in np.flatnonzero(unseen[row]).tolist())
            self._reasons[row].append(f"no {names} in the training data")

    def _judge_volume(self, card: ModelCard, volume: FloatArray) -> None:
        """What a descriptor without a length scale cannot tell: atoms in a box, or pressed together."""
        if card.volumes is None:
            return
        low, high = card.volumes
        for row in np.flatnonzero((volume < low / _LEEWAY) | (volume > high * _LEEWAY)).tolist():
            self._reasons[row].append(
                f"{volume[row]:.4g} Å³ per atom, the training data have {low:.4g} to {high:.4g}"
            )

    def _note(self, rows: np.ndarray, reason: str) -> None:
        for row in rows.tolist():
            self._reasons[row].append(reason)


def _finite_rows(values: FloatArray) -> BoolArray:
    """(n,) where all numbers of a row are finite."""
    return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
