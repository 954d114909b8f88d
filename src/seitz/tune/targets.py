"""Targets as real numbers beside the rows; what is none is kept with its reason, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import TuneError

_REAL = "fiu"  # kinds of arrays that are numbers
_MIXED = "OUST"  # and of those that may hold some
_SINGLE = 1e30  # what single precision holds, with room for squares of differences in units of the spread
_STEPS = 5000.0  # largest value over spread: beyond it single precision blurs the spread
_FAR = 1e6  # spreads from the median


class Listed(NamedTuple):
    """Values by id, where an id may be listed more than once."""

    ids: Sequence[str]
    values: Sequence[Any]


class Beside(NamedTuple):
    """Targets in the order of the rows."""

    values: FloatArray
    """(n,) or (n, m); not finite where there is none."""
    reasons: Mapping[int, str]
    """Why a row has none."""
    unmatched: tuple[str, ...]
    """Ids that no row has."""


def number(value: Any) -> float:
    """A real number; NaN for what is none, such as text, dates, complex and masked values."""
    if isinstance(value, bool | np.bool_ | complex | np.complexfloating | np.datetime64 | np.timedelta64):
        return float("nan")
    if isinstance(value, str) and ("_" in value or not value.isascii()):  # which Python may read as a number
        return float("nan")
    try:
        return float("nan") if value is np.ma.masked else float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def aligned(targets: Any, ids: tuple[str, ...]) -> Beside:
    """Targets beside rows of these ids.

    Raises
    ------
    TuneError
        Shapes that do not fit, or what cannot be targets at all.
    """
    named = by_name(targets, ids)
    if named is not None:
        return _by_id(named, ids)
    values, reasons = _numbers(targets)
    check_shapes(len(ids), values)
    return Beside(
        values.reshape(len(ids)) if values.ndim == 2 and values.shape[1] == 1 else values, reasons, ()
    )


def by_name(given: Any, ids: Sequence[str]) -> Listed | None:
    """What is given by id: a mapping, or a pandas Series whose index names rows; None for what is in their order."""
    if isinstance(given, Listed):
        return given
    if isinstance(given, Mapping):
        return Listed([str(key) for key in given], list(given.values()))
    index = getattr(given, "index", None)
    if (
        index is None
        or callable(index)
        or type(index).__name__ == "RangeIndex"
        or not hasattr(given, "to_numpy")
    ):
        return None
    names = [str(name) for name in index]
    if not set(names) & set(ids):
        if not getattr(index, "is_monotonic_increasing", True):
            raise TuneError(
                f"the index names no rows ({names[0]!r} against {ids[0]!r}), and is in no order: give values by id"
            )
        return None
    values = given.to_numpy()
    return Listed(names, (values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values).tolist())


def check_shapes(n_rows: int, targets: FloatArray) -> None:
    """Refuse targets that do not stand one to one beside the rows, whatever could be broadcast.

    Raises
    ------
    TuneError
        The message names both shapes.
    """
    if targets.ndim not in (1, 2) or len(targets) != n_rows or targets.size == 0:
        raise TuneError(f"targets of shape {targets.shape} do not fit {n_rows} rows: give ({n_rows},)")


def check_spread(targets: FloatArray) -> None:
    """Refuse (n,) finite targets that cannot be told from one another in single precision, which models give.

    Raises
    ------
    TuneError
        All are the same, too large or too small, or their spread is lost beside their size.
    """
    size, spread = float(np.abs(targets).max()), float(targets.std())
    if (targets == targets[0]).all():
        raise TuneError(f"all {len(targets)} targets are {targets[0]:g}: there is nothing to learn")
    if size > _SINGLE or size < 1.0 / _SINGLE:
        raise TuneError(f"targets of {size:g}: give them in a unit in which they are of ordinary size")
    if size > _STEPS * spread:
        raise TuneError(
            f"targets that vary by {spread:g} around {np.median(targets):g}: single precision blurs that; subtract a "
            "reference, as formation energies do"
        )


def far_off(targets: FloatArray) -> dict[int, str]:
    """Rows of (n,) targets, and why, that are so far from all others that these would look the same.

    What is not finite is left alone.
    """
    known = np.isfinite(targets)
    if not known.any():
        return {}
    with np.errstate(over="ignore"):
        low, middle, high = np.quantile(targets[known], [0.25, 0.5, 0.75])
        away = np.abs(np.where(known, targets, middle) - middle)
    spread = high - low
    if spread == 0 and away.any():  # most are the same: then how far the others are from them
        spread = float(np.median(away[away > 0]))
    if not 0 < spread < np.inf:
        return {}
    rows = np.flatnonzero(away > _FAR * spread).tolist()
    return {
        k: f"the target {targets[k]:g} is not of the size of the others, {middle:g} in the middle"
        for k in rows
    }


def _numbers(targets: Any) -> tuple[FloatArray, dict[int, str]]:
    """Real numbers of an array or of anything in order, and reasons by row."""
    if isinstance(targets, str | bytes | bytearray) or not isinstance(targets, Iterable | np.ndarray):
        raise TuneError(f"targets: {targets!r:.60} are no numbers")
    if isinstance(targets, set | frozenset):
        raise TuneError("targets: a set has no order; give a list, an array, or a mapping from ids to values")
    given = targets if isinstance(targets, np.ndarray) or hasattr(targets, "__array__") else _listed(targets)
    found = np.ma.asarray(given) if isinstance(given, np.ma.MaskedArray) else np.asarray(given)
    if found.dtype.kind in _REAL:
        masked = np.ma.getmaskarray(found)
        values = np.where(masked, np.nan, np.ma.getdata(found).astype(np.float64))
        return values, dict.fromkeys(_rows(masked), "no target")
    if found.dtype.kind not in _MIXED:
        raise TuneError(f"targets of type {found.dtype} are no real numbers")
    values = np.array([number(value) for value in found.ravel()]).reshape(found.shape)
    flat = found.reshape(len(found), -1) if found.ndim else found
    return values, {
        k: _reason(next(v for v in flat[k] if not np.isfinite(number(v))))
        for k in _rows(~np.isfinite(values))
    }


def _listed(values: Iterable[Any]) -> Any:
    """An array of whatever is given, of objects unless all are numbers."""
    rows = list(values)
    if all(isinstance(row, int | float | np.number) and not isinstance(row, bool) for row in rows):
        return np.asarray(rows)
    rows = [list(row) if isinstance(row, list | tuple | np.ndarray) and np.ndim(row) else row for row in rows]
    if len({np.shape(row) if isinstance(row, list) else () for row in rows}) > 1:
        raise TuneError("targets with unlike numbers of values per row: give one each")
    return np.array(rows, dtype=object)


def _rows(mask: Any) -> list[int]:
    found: list[int] = (
        np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1)).tolist() if mask.size and mask.ndim else []
    )
    return found


def _by_id(targets: Listed, ids: tuple[str, ...]) -> Beside:
    together: dict[str, list[Any]] = {}
    for name, value in zip(targets.ids, targets.values, strict=True):
        together.setdefault(name, []).append(value)
    known = set(ids)
    unmatched = tuple(name for name in together if name not in known)
    if len(unmatched) == len(together):
        shown = next(iter(together), "none")
        raise TuneError(f"no id of the targets is among those of the rows: {shown!r} against {ids[0]!r}")
    several = next((name for name, (value, *_) in together.items() if np.size(value) > 1), None)
    if several is not None:
        raise TuneError(
            f"{np.size(together[several][0])} targets of {several}: a model is tuned for one value"
        )
    values, reasons = np.full(len(ids), np.nan), {}
    for k, name in enumerate(ids):
        own = together.get(name, [None])
        if any(str(value) != str(own[0]) and number(value) != number(own[0]) for value in own):
            other = next(value for value in own if number(value) != number(own[0]))
            reasons[k] = f"the same id, with another target: {_shown(own[0])} and {_shown(other)}"
            continue
        values[k] = number(np.ravel(own[0])[0] if np.size(own[0]) == 1 and np.ndim(own[0]) else own[0])
        if not np.isfinite(values[k]):
            reasons[k] = _reason(own[0])
    return Beside(values, reasons, unmatched)


def _reason(value: Any) -> str:
    """Why a value is no target."""
    if value is None or value is np.ma.masked or (isinstance(value, str) and not value.strip()):
        return "no target"
    if isinstance(value, str | float | np.floating):
        known = number(value)
        if not np.isfinite(known) and str(value).strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
            return f"the target is no finite number: {known:g}"
    return f"the target is no number: {_shown(value)}"


def _shown(value: Any) -> str:
    text = isinstance(value, str) and not np.isfinite(number(value))
    return (repr(value) if text else str(value))[:40]
