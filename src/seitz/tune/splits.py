"""Splits by group: no chemical system or composition is on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seitz._typing import IndexArray
from seitz.errors import OptionError, TuneError

_FEWEST = 6  # rows to learn from
_LEFT = 3  # rows outside of the largest validation part


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the parts of a set; no group is in two of them.

    Attributes
    ----------
    train
        Rows to learn from, the validation parts included.
    test
        Rows that nothing but the last word is based on; may be empty.
    folds
        Validation parts within ``train``; each is judged by what was trained on the others.
    """

    train: IndexArray
    test: IndexArray
    folds: tuple[IndexArray, ...]


def split(groups: Sequence[str], *, test: float = 0.2, n_folds: int = 5, random_state: int = 0) -> Split:
    """A test part, and folds of the rest, by group.

    Parameters
    ----------
    groups
        What each row belongs to.
    test
        Share of the rows in the test part, about; 0 for none.
    n_folds
        Number of validation parts; fewer if there are not as many groups.
    random_state
        Seed.

    Raises
    ------
    TuneError
        Fewer than two groups to learn from, or none left to test on.
    OptionError
        A share outside 0 to 1, or fewer than two folds.
    """
    if not 0 <= test < 1:
        raise OptionError(f"test={test!r}: give a share of the rows, at least 0 and less than 1")
    if n_folds < 2:
        raise OptionError(f"n_folds={n_folds!r}: at least 2")
    generator = np.random.default_rng(random_state)
    names, which = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2 + (test > 0):
        raise TuneError(
            f"{len(names)} group{'' if len(names) == 1 else 's'} cannot be split: group by composition or by row, or "
            "give more data"
        )
    order = generator.permutation(len(names))
    sizes = np.bincount(which)
    held = _share(order, sizes, test * len(which))
    rest = np.array([group for group in order if group not in held])
    is_test = np.isin(which, sorted(held))
    fold_of = np.zeros(len(names), dtype=np.int64)
    fold_of[rest] = _balanced(sizes[rest], min(n_folds, len(rest)))
    train = np.flatnonzero(~is_test)
    folds = tuple(train[fold_of[which[train]] == k] for k in range(min(n_folds, len(rest))))
    return Split(train, np.flatnonzero(is_test), folds)


def folds_of(groups: Sequence[str], n_folds: int, random_state: int = 0) -> tuple[IndexArray, ...]:
    """Validation parts of a set that has its test part elsewhere."""
    return split(groups, test=0.0, n_folds=n_folds, random_state=random_state).folds


def check_folds(groups: Sequence[str], folds: Sequence[IndexArray]) -> None:
    """Refuse folds that leave next to nothing to learn from.

    Raises
    ------
    TuneError
        It names the group that holds nearly all rows, or says that there are too few.
    """
    n = len(groups)
    if n < _FEWEST:
        raise TuneError(f"{n} rows to learn from are too few: at least {_FEWEST}, and the test part besides")
    largest = max(folds, key=len)
    if n - len(largest) < _LEFT:
        name = max(sorted(set(groups)), key=groups.count)
        raise TuneError(
            f"the group {name!r} holds {groups.count(name)} of {n} rows: what is left cannot be learned from; group by "
            "composition or by row"
        )


def _share(order: IndexArray, sizes: IndexArray, wanted: float) -> set[int]:
    """Groups, in this order, that hold about so many rows; at least two are left."""
    chosen: set[int] = set()
    filled = 0.0
    for group in order[:-2].tolist():
        if filled >= wanted:
            break
        if chosen and filled + sizes[group] > 1.5 * wanted:
            continue  # a large group would swallow what is to be learned from
        chosen.add(group)
        filled += sizes[group]
    return chosen


def _balanced(sizes: IndexArray, n_folds: int) -> IndexArray:
    """A fold for each group: the largest first, each to the fold with the fewest rows."""
    fold = np.zeros(len(sizes), dtype=np.int64)
    filled = np.zeros(n_folds)
    for group in np.argsort(-sizes, kind="stable").tolist():
        fold[group] = int(filled.argmin())
        filled[fold[group]] += sizes[group]
    return fold
