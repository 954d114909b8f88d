"""Examples to learn from: features with targets, checked, and everything that was set aside with its reason."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seitz._typing import FloatArray, IndexArray
from seitz.descriptors import Descriptor
from seitz.elements import SYMBOLS
from seitz.errors import OptionError, TuneError
from seitz.table import FeatureTable

from .grouping import GroupBy, group_names, same_rows
from .targets import Beside, aligned, by_name, far_off

#: Values by row, values by id, or the name of a column of the file.
Targets = Any

_LARGEST = 1e18  # of a feature; the square of more is beyond single precision


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
    present
        (n, 112) which elements each row holds, hydrogen first; None if the rows do not say.
    property, unit
        What the targets are; empty if that is the model's.
    excluded
        Rows that were set aside, by their numbers in what was given.
    unmatched
        Ids that have a target and no row.
    remarks
        What to be careful with.
    """

    features: FloatArray
    targets: FloatArray
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    grouped_by: str
    descriptor: Descriptor
    present: NDArray[np.bool_] | None = None
    property: str = ""
    unit: str = ""
    excluded: tuple[Excluded, ...] = ()
    unmatched: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

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
    def elements(self) -> tuple[str, ...]:
        """Symbols of all elements that occur; empty if the rows do not say."""
        found = () if self.present is None else np.flatnonzero(self.present.any(axis=0)).tolist()
        return tuple(SYMBOLS[k + 1] for k in found)

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
            present=None if self.present is None else self.present[rows],
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
        if targets is not None or ids is not None or groups is not None or group_by != "system":
            raise OptionError(
                "examples have their targets, ids and groups already: give those to tune.examples"
            )
        return table
    from .reading import as_table

    found = as_table(table, targets, descriptor, walk)
    own = _named(found.table, ids)
    _check_any(own)
    beside = aligned(found.targets, own.ids)
    fractions = found.fractions
    names, grouped_by = group_names(own, fractions, group_by) if groups is None else _given(groups, own.ids)
    reasons = _reasons(own, beside)
    good = np.array([not reason for reason in reasons], dtype=bool)
    if not good.any():
        raise TuneError(f"none of {len(own)} rows can be learned from ({own.ids[0]}: {reasons[0]})")
    excluded = tuple(Excluded(k, own.ids[k], reason) for k, reason in enumerate(reasons) if reason)
    kept = np.flatnonzero(good)
    return Examples(
        own.values[kept], beside.values[kept], tuple(own.ids[k] for k in kept), tuple(names[k] for k in kept),
        grouped_by, own.descriptor, None if fractions is None else fractions[kept] > 0, property,
        unit or found.unit, excluded, beside.unmatched, found.remarks,
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


def with_test(train: Examples, test: Examples) -> Examples:
    """All rows of a training part and of a test part from elsewhere, if nothing is in both.

    Raises
    ------
    TuneError
        Other features, several values per row, other kinds of groups, or groups or rows that are in both.
    """
    if test.descriptor.digest != train.descriptor.digest:
        raise TuneError(f"the test part holds {test.descriptor.name} of another schema than the examples")
    column(test.targets)
    for what in ("property", "unit"):
        told = getattr(test, what), getattr(train, what)
        if all(told) and told[0] != told[1]:
            raise TuneError(f"the {what} of the test part is {told[0]}, that of the examples {told[1]}")
    if test.grouped_by != train.grouped_by:
        raise TuneError(
            f"the test part is grouped by {test.grouped_by}, the examples by {train.grouped_by}: whether the test has "
            "been seen cannot be told; give both the same group_by"
        )
    shared = set() if train.grouped_by == "row" else set(train.groups) & set(test.groups)
    if shared:
        raise TuneError(
            f"{len(shared)} groups are in the test part and in the training part, such as {min(shared)!r}: "
            "the test would say nothing"
        )
    for k, row in _in_both(train, test)[:1]:
        raise TuneError(
            f"{test.ids[k]} of the test part has been learned from, as {train.ids[row]}: leave it out"
        )
    present = (
        None
        if train.present is None or test.present is None
        else np.concatenate([train.present, test.present])
    )
    aside = tuple(row._replace(reason=f"test part: {row.reason}") for row in test.excluded)
    return replace(
        train, features=np.concatenate([train.features, test.features]),
        targets=np.concatenate([column(train.targets), column(test.targets)]), ids=train.ids + test.ids,
        groups=train.groups + test.groups, present=present,
        excluded=train.excluded + aside, unmatched=train.unmatched + test.unmatched,
        remarks=train.remarks + test.remarks,
    )  # fmt: skip


def _in_both(train: Examples, test: Examples) -> list[tuple[int, int]]:
    """Rows of the test part, and those of the training part that they are."""
    alike = same_rows(np.concatenate([train.features, test.features]))
    by_features = {label: k for k, label in enumerate(alike[: len(train)].tolist())}
    by_id = {} if numbered(train) or numbered(test) else {name: k for k, name in enumerate(train.ids)}
    rows = zip(alike[len(train) :].tolist(), test.ids, strict=True)
    found = [by_features.get(label, by_id.get(name)) for label, name in rows]
    return [(k, row) for k, row in enumerate(found) if row is not None]


def numbered(part: Examples) -> bool:
    """Whether ids are row numbers, which say nothing about what a row is."""
    return all(name.isdecimal() and int(name) < part.n_given for name in part.ids)


def _check_any(table: FeatureTable) -> None:
    """Refuse a table without features, before its targets are looked for."""
    if not len(table):
        raise TuneError("no rows: nothing to learn from")
    if len(table.failures) == len(table):
        first = table.failures[0]
        raise TuneError(
            f"none of {len(table)} rows has features ({first.id}: {first.error}: {first.message})"
        )


def _named(table: FeatureTable, ids: Iterable[object] | None) -> FeatureTable:
    """The table with these ids, or its own, such that they can be written as text."""
    given = table.ids if ids is None else [str(name) for name in ids]
    if len(given) != len(table):
        raise TuneError(f"{len(given)} ids do not fit {len(table)} rows")
    # Names of files may hold bytes that are no text, and come with half a surrogate for each.
    names = tuple(name.encode("utf-8", "backslashreplace").decode() for name in given)
    return replace(table, ids=names)


def _given(groups: Any, ids: tuple[str, ...]) -> tuple[list[str], str]:
    """Groups in the order of the rows, from a sequence, or by id."""
    named = by_name(groups, ids)
    if named is not None:
        known = dict(zip(named.ids, named.values, strict=True))
        missing = [name for name in ids if name not in known]
        if missing:
            raise TuneError(f"{len(missing)} rows have no group, such as {missing[0]!r}")
        return [str(known[name]) for name in ids], "given groups"
    groups = list(groups)
    lost = [k for k, group in enumerate(groups) if group is None or group != group or group == ""]
    if lost:
        raise TuneError(f"{len(lost)} rows have no group, such as row {lost[0]}")
    names = [str(group) for group in groups]
    if len(names) != len(ids):
        raise TuneError(f"{len(names)} groups do not fit {len(ids)} rows")
    return names, "given groups"


def _reasons(table: FeatureTable, beside: Beside) -> list[str]:
    """Why each row cannot be learned from; empty for those that can."""
    failed = {failure.index: f"{failure.error}: {failure.message}" for failure in table.failures}
    flat = beside.values.reshape(len(table), -1)
    far = far_off(flat[:, 0]) if flat.shape[1] == 1 else {}
    bad_target = np.asarray((~np.isfinite(flat)).any(axis=1))
    with np.errstate(invalid="ignore"):
        bad_feature = ~(np.abs(table.values) <= _LARGEST)
    reasons = []
    for k in range(len(table)):
        if k in failed:
            reasons.append(failed[k])
        elif bad_feature[k].any():
            reasons.append(_about_feature(table, k, int(bad_feature[k].argmax())))
        elif k in beside.reasons:
            reasons.append(beside.reasons[k])
        elif bad_target[k]:
            reasons.append(f"the target is no finite number: {flat[k][~np.isfinite(flat[k])][0]}")
        else:
            reasons.append(far.get(k, ""))
    sound = [k for k, reason in enumerate(reasons) if not reason]
    alike = dict(zip(sound, same_rows(table.values[sound]).tolist(), strict=True))
    _mark_ambiguous(reasons, sound, table.ids, alike)
    for keys, what in ((table.ids, "id"), (alike, "features")):
        _mark_contradictions(reasons, sound, keys, flat, what, table.ids)
    return reasons


def _about_feature(table: FeatureTable, row: int, column: int) -> str:
    value = table.values[row, column]
    told = f"too large for single precision: {value:g}" if np.isfinite(value) else "no finite number"
    return f"the feature {table.names[column]} is {told}"


def _mark_ambiguous(
    reasons: list[str], sound: Sequence[int], ids: Sequence[str], alike: Mapping[int, int]
) -> None:
    """Set aside all rows of an id that stands for several crystals: whose target it is cannot be known."""
    crystals: dict[str, set[int]] = {}
    for k in sound:
        crystals.setdefault(ids[k], set()).add(alike[k])
    for k in sound:
        if len(crystals[ids[k]]) > 1:
            reasons[k] = f"{len(crystals[ids[k]])} different crystals have this id"


def _mark_contradictions(
    reasons: list[str],
    sound: Sequence[int],
    keys: Sequence[Any] | Mapping[int, Any],
    targets: FloatArray,
    what: str,
    ids: tuple[str, ...],
) -> None:
    """Set aside all rows that agree in ``what`` and not in the target, and all but one that are the same."""
    together: dict[Any, list[int]] = {}
    for k in sound:
        together.setdefault(keys[k], []).append(k)
    for rows in together.values():
        if len(rows) < 2:
            continue
        first = rows[0]
        if not all(np.array_equal(targets[first], targets[k]) for k in rows):
            for k in rows:
                other = next(j for j in rows if not np.array_equal(targets[j], targets[k]))
                told = "id" if what == "id" else f"features as {ids[other]}"
                reasons[k] = reasons[k] or (
                    f"the same {told}, with another target: {targets[k][0]:g} and {targets[other][0]:g}"
                )
        elif what == "id":
            for k in rows[1:]:
                reasons[k] = reasons[k] or "the same id a second time"
