"""Examples to learn from: features with targets, checked, and everything that was set aside with its reason."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from seitz._typing import FloatArray, IndexArray
from seitz.descriptors import Descriptor
from seitz.elements import SYMBOLS
from seitz.errors import TuneError
from seitz.table import FeatureTable

from .grouping import GroupBy, group_names

#: Values by row, values by id, or the name of a column of the file.
Targets = Any


class Excluded(NamedTuple):
    """A row that is not learned from."""

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Examples:
    """Features with targets; made by :func:`examples`.

    Attributes
    ----------
    features
        (n, n_features) float64, all finite.
    targets
        (n,) or (n, m) float64, all finite.
    ids
        One per row.
    groups
        What each row belongs to; rows of a group are never on two sides of a split.
    grouped_by
        What the groups are, in words.
    descriptor
        The schema of the columns.
    elements
        Symbols of all elements that occur; empty if the rows do not say.
    property, unit
        What the targets are; empty if that is the model's.
    excluded
        Rows that were set aside, by their numbers in what was given.
    unmatched
        Ids that have a target and no row.
    """

    features: FloatArray
    targets: FloatArray
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    grouped_by: str
    descriptor: Descriptor
    elements: tuple[str, ...] = ()
    property: str = ""
    unit: str = ""
    excluded: tuple[Excluded, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        aside = f", {len(self.excluded)} set aside" if self.excluded else ""
        return f"Examples({len(self)} × {self.descriptor.name}, {self.n_groups} groups by {self.grouped_by}{aside})"

    @builtins.property  # "property" is a field here
    def n_given(self) -> int:
        """Rows there were: those kept and those set aside."""
        return len(self) + len(self.excluded)

    @builtins.property  # "property" is a field here
    def n_groups(self) -> int:
        """Number of groups."""
        return len(set(self.groups))

    @builtins.property  # "property" is a field here
    def digest(self) -> str:
        """SHA-256 of ids, features and targets."""
        hashed = hashlib.sha256("\0".join(self.ids).encode())
        hashed.update(np.ascontiguousarray(self.features).tobytes())
        hashed.update(np.ascontiguousarray(self.targets).tobytes())
        return hashed.hexdigest()

    def rows(self, chosen: IndexArray | Sequence[int]) -> Examples:
        """Some of the rows, in the order of their numbers given; what was set aside is not among them."""
        rows = np.asarray(chosen, dtype=np.int64)
        return replace(
            self, features=self.features[rows], targets=self.targets[rows], excluded=(), unmatched=(),
            ids=tuple(self.ids[k] for k in rows), groups=tuple(self.groups[k] for k in rows),
        )  # fmt: skip


def examples(
    table: Any,
    targets: Targets = None,
    *,
    ids: Iterable[object] | None = None,
    groups: Sequence[object] | None = None,
    group_by: GroupBy = "system",
    descriptor: str | Descriptor = "",
    walk: Literal["self_avoiding", "no_reversal"] | None = None,
    property: str = "",
    unit: str = "",
) -> Examples:
    """Features and targets, checked: rows that cannot be learned from are set aside with their reasons.

    Parameters
    ----------
    table
        A :class:`seitz.FeatureTable`; a Parquet, CSV, NPZ, JSON lines or NPY file of features; an array
        (n, n_features); or structures, which are featurized.
    targets
        (n,) or (n, m) values; a mapping from ids to values; the name of a column of the file; or a CSV, NPY or text
        file of values.
    ids
        One name per row, instead of those of the table.
    groups
        What each row belongs to, instead of ``group_by``.
    group_by
        ``"system"``: rows with the same elements belong together; ``"composition"``: those of one composition;
        ``"row"``: none.
    descriptor, walk
        For files without metadata, arrays and structures: which features these are, or are to be.
    property, unit
        What the targets are.

    Raises
    ------
    TuneError
        Shapes that do not fit one another, features of another schema, or no row that can be used.

    Examples
    --------
    >>> import seitz
    >>> table = seitz.featurize(["fcc", "bcc", "hcp"])
    >>> examples(table, [1.0, 2.0, float("nan")]).excluded
    (Excluded(index=2, id='hcp', reason='the target is no finite number: nan'),)
    """
    if isinstance(table, Examples):
        return table
    from .reading import as_table

    found = as_table(table, targets, descriptor, walk)
    own = found.table if ids is None else _renamed(found.table, ids)
    _check_any(own)
    values, unmatched = _aligned(found.targets, own.ids)
    fractions = found.fractions
    names, grouped_by = group_names(own, fractions, group_by) if groups is None else _given(groups, len(own))
    reasons = _reasons(own, values)
    good = np.array([not reason for reason in reasons], dtype=bool)
    if not good.any():
        raise TuneError(f"none of {len(own)} rows can be learned from ({own.ids[0]}: {reasons[0]})")
    excluded = tuple(Excluded(k, own.ids[k], reason) for k, reason in enumerate(reasons) if reason)
    kept = np.flatnonzero(good)
    return Examples(
        own.values[kept], values[kept], tuple(own.ids[k] for k in kept), tuple(names[k] for k in kept),
        grouped_by, own.descriptor, _elements(fractions, good), property, unit, excluded, unmatched,
    )  # fmt: skip


def column(targets: FloatArray) -> FloatArray:
    """(n,) targets of a model with one value.

    Raises
    ------
    TuneError
        Several values per row.
    """
    if targets.ndim == 2 and targets.shape[1] != 1:
        raise TuneError(f"targets of shape {targets.shape}: a model is tuned for one value; choose a column")
    return targets.reshape(len(targets))


def check_shapes(n_rows: int, targets: FloatArray) -> None:
    """Refuse targets that do not stand one to one beside the rows, whatever could be broadcast.

    Raises
    ------
    TuneError
        The message names both shapes.
    """
    if targets.ndim not in (1, 2) or len(targets) != n_rows or targets.size == 0:
        raise TuneError(f"targets of shape {targets.shape} do not fit {n_rows} rows: give ({n_rows},)")


def _check_any(table: FeatureTable) -> None:
    """Refuse a table without features, before its targets are looked for."""
    if not len(table):
        raise TuneError("no rows: nothing to learn from")
    if len(table.failures) == len(table):
        first = table.failures[0]
        raise TuneError(
            f"none of {len(table)} rows has features ({first.id}: {first.error}: {first.message})"
        )


def _aligned(targets: Any, ids: tuple[str, ...]) -> tuple[FloatArray, tuple[str, ...]]:
    """(n,) or (n, m) values in the order of the rows, and ids that no row has."""
    if isinstance(targets, Mapping):
        by_id = {str(key): value for key, value in targets.items()}
        known = set(ids)
        unmatched = tuple(key for key in by_id if key not in known)
        if len(unmatched) == len(by_id):
            shown = next(iter(by_id), "none")
            raise TuneError(f"no id of the targets is among those of the rows: {shown!r} against {ids[0]!r}")
        return np.array([_number(by_id.get(name)) for name in ids]), unmatched
    try:
        values = np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError):
        try:
            values = np.array([_number(value) for value in targets])
        except TypeError:
            raise TuneError(f"targets: {targets!r:.60} are no numbers") from None
    check_shapes(len(ids), values)
    return values.reshape(len(ids)) if values.ndim == 2 and values.shape[1] == 1 else values, ()


def _number(value: Any) -> float:
    """A number; NaN for what is none, so that the row is set aside and counted."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _renamed(table: FeatureTable, ids: Iterable[object]) -> FeatureTable:
    names = tuple(str(name) for name in ids)
    if len(names) != len(table):
        raise TuneError(f"{len(names)} ids do not fit {len(table)} rows")
    return replace(table, ids=names)


def _given(groups: Sequence[object], n_rows: int) -> tuple[list[str], str]:
    names = [str(group) for group in groups]
    if len(names) != n_rows:
        raise TuneError(f"{len(names)} groups do not fit {n_rows} rows")
    return names, "given groups"


def _reasons(table: FeatureTable, targets: FloatArray) -> list[str]:
    """Why each row cannot be learned from; empty for those that can."""
    failed = {failure.index: f"{failure.error}: {failure.message}" for failure in table.failures}
    flat = targets.reshape(len(targets), -1)
    bad_target = np.asarray((~np.isfinite(flat)).any(axis=1))
    bad_feature = ~np.isfinite(table.values)
    reasons = []
    for k in range(len(table)):
        if k in failed:
            reasons.append(failed[k])
        elif bad_feature[k].any():
            reasons.append(f"the feature {table.names[int(bad_feature[k].argmax())]} is no finite number")
        elif bad_target[k]:
            reasons.append(f"the target is no finite number: {flat[k][~np.isfinite(flat[k])][0]}")
        else:
            reasons.append("")
    for keys, what in ((list(table.ids), "id"), ([row.tobytes() for row in table.values], "features")):
        _mark_contradictions(reasons, keys, flat, what, table.ids)
    return reasons


def _mark_contradictions(
    reasons: list[str], keys: Sequence[Any], targets: FloatArray, what: str, ids: tuple[str, ...]
) -> None:
    """Set aside all rows that agree in ``what`` and not in the target, and all but one that are the same."""
    together: dict[Any, list[int]] = {}
    for k, key in enumerate(keys):
        if not reasons[k]:
            together.setdefault(key, []).append(k)
    for rows in together.values():
        if len(rows) < 2:
            continue
        first = rows[0]
        if not all(np.array_equal(targets[first], targets[k]) for k in rows):
            for k in rows:
                other = next(j for j in rows if not np.array_equal(targets[j], targets[k]))
                told = "id" if what == "id" else f"features as {ids[other]}"
                reasons[k] = (
                    f"the same {told}, with another target: {targets[k][0]:g} and {targets[other][0]:g}"
                )
        elif what == "id":
            for k in rows[1:]:
                reasons[k] = "the same id a second time"


def _elements(fractions: FloatArray | None, good: Any) -> tuple[str, ...]:
    if fractions is None:
        return ()
    present = (fractions[good] > 0).any(axis=0)
    return tuple(SYMBOLS[z + 1] for z in np.flatnonzero(present).tolist())
