"""Records of a provider: structures with their targets, or the reason why one is of no use."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from seitz.adapters import as_cell
from seitz.cell import Cell
from seitz.io.records import built_record, printable

from .pages import Page
from .provider import Target

Reason = Literal[
    "no target",
    "target is no number",
    "disordered",
    "bad structure",
    "duplicate",
    "contradictory",
    "malformed",
]
_INCOMPLETE = ("disorder", "implicit_atoms", "site_attachments", "assemblies", "unknown_positions")
_FULL = 1e-6  # concentrations closer to one than this are full


class Skipped(NamedTuple):
    """A record that is not in the table."""

    index: int  # type: ignore[assignment]  # a position, not tuple.index
    """Position among all that came, from 0."""
    id: str
    database: str
    reason: Reason
    message: str


class Kept(NamedTuple):
    """A record that is in the table."""

    id: str
    database: str
    cell: Cell
    target: float
    """In the unit of the table; NaN where no target was wanted."""
    references: tuple[str, ...]


@dataclass(slots=True)
class Sorter:
    """Records on their way to a table: each is kept or skipped, none is lost."""

    target: Target
    database: str
    fields: tuple[str, ...]
    start: int = 0
    """Position of the first record among those of several databases."""
    kept: dict[int, Kept] = field(default_factory=dict)
    skipped: dict[int, Skipped] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)
    _contradictory: set[str] = field(default_factory=set)
    n_open: int = 0
    """Kept structures that are not periodic in all directions."""
    _content: Any = field(default_factory=hashlib.sha256)
    _n: int = 0

    @property
    def n_received(self) -> int:
        """Number of records that came."""
        return self._n

    @property
    def n_distinct(self) -> int:
        """Number of different ids among them."""
        return len(self._digests)

    @property
    def digest(self) -> str:
        """SHA-256 of all records as they came, in the order in which they came."""
        return str(self._content.hexdigest())

    def take(self, page: Page, room: int | None) -> None:
        """Sort the records of a page, of which at most ``room`` are wanted."""
        for entry in page.entries[:room]:
            index = self.start + self._n
            self._n += 1
            self._content.update(_canonical(entry).encode("utf-8", "surrogatepass") + b"\n")
            identifier = _identifier(entry)
            if identifier is None:
                self._skip(index, f"record {index}", "malformed", "it has no id, or is no structure")
            elif not self._is_repeated(index, identifier, entry):
                self._sort(index, identifier, entry, page.references)

    def finish(self) -> None:
        """Take out records that contradict another of the same id."""
        for identifier in self._contradictory:
            index = self._first[identifier]
            kept = self.kept.pop(index, None)
            if kept is not None:
                self._skip(index, identifier, "contradictory", _CONTRADICTION)

    def _is_repeated(self, index: int, identifier: str, entry: Mapping[str, Any]) -> bool:
        attributes = _attributes(entry)
        asked = {name: attributes.get(name) for name in self.fields}
        digest = hashlib.sha256(_canonical(asked).encode("utf-8", "surrogatepass")).hexdigest()
        known = self._digests.setdefault(identifier, digest)
        first = self._first.setdefault(identifier, index)
        if first == index:
            return False
        if known == digest:
            self._skip(index, identifier, "duplicate", f"the same as record {first}")
        else:
            self._contradictory.add(identifier)
            self._skip(index, identifier, "contradictory", _CONTRADICTION)
        return True

    def _sort(
        self, index: int, identifier: str, entry: Mapping[str, Any], references: Mapping[str, str]
    ) -> None:
        number: float = math.nan
        if self.target.path:
            found, value = _value_at(entry, self.target.path)
            if not found or value is None or value in self.target.absent:
                shown = (
                    "is missing"
                    if not found
                    else "is null"
                    if value is None
                    else f"is {value}: there is none"
                )
                self._skip(index, identifier, "no target", f"{self.target} {shown}")
                return
            number = _number(value)
            if not math.isfinite(number):
                shown = printable(_canonical(value))[:60]
                self._skip(index, identifier, "target is no number", f"{self.target} is {shown}")
                return
        attributes = _attributes(entry)
        if disorder := _disorder(attributes):
            self._skip(index, identifier, "disordered", disorder)
            return
        if contradiction := _contradiction(attributes):
            self._skip(index, identifier, "bad structure", contradiction)
            return
        record = built_record(identifier, identifier, partial(as_cell, {"attributes": attributes}))
        if record.cell is None:
            message = str(record.error).removeprefix(f"{identifier}: ")
            self._skip(index, identifier, "bad structure", message)
            return
        types = attributes.get("dimension_types")
        self.n_open += isinstance(types, list) and 0 in types
        cited = tuple(dict.fromkeys(_cited(entry, references)))
        self.kept[index] = Kept(identifier, self.database, record.cell, number, cited)

    def _skip(self, index: int, identifier: str, reason: Reason, message: str) -> None:
        self.skipped[index] = Skipped(index, identifier, self.database, reason, message)


_CONTRADICTION = (
    "several records have this id and differ in structure or target: which is right cannot be known"
)


def counted(skipped: tuple[Skipped, ...]) -> dict[str, int]:
    """How many records were skipped for each reason, most first."""
    return dict(Counter(entry.reason for entry in skipped).most_common())


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _identifier(entry: Any) -> str | None:
    """The id of a structure; None of anything else."""
    if not isinstance(entry, Mapping) or entry.get("type", "structures") != "structures":
        return None
    own = entry.get("id")
    if not isinstance(own, str | int) or isinstance(own, bool) or own == "":
        return None
    return printable(str(own))


def _attributes(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = entry.get("attributes")
    return attributes if isinstance(attributes, Mapping) else {}


def _value_at(entry: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    """Whether there is anything at a path, and what; null on the way is null."""
    for part in path:
        if entry is None:
            return True, None
        if isinstance(entry, Mapping) and part in entry:
            entry = entry[part]
        elif isinstance(entry, list) and part.isdecimal() and int(part) < len(entry):
            entry = entry[int(part)]
        else:
            return False, None
    return True, entry


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    """A number of JSON; NaN for anything else."""
    if not _is_number(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _disorder(attributes: Mapping[str, Any]) -> str:
    """Why a structure is no arrangement of whole atoms; empty if it is one, or if that cannot be told."""
    features = attributes.get("structure_features")
    named = [name for name in _INCOMPLETE if isinstance(features, list) and name in features]
    if named:
        return f"it has {', '.join(named).replace('_', ' ')}"
    names, species = attributes.get("species_at_sites"), attributes.get("species")
    if not isinstance(names, list) or not isinstance(species, list):
        return ""
    used = {name for name in names if isinstance(name, str)}
    for definition in species:
        name = definition.get("name") if isinstance(definition, Mapping) else None
        if isinstance(name, str) and name in used and (trouble := _mixture(definition)):
            return f"species {printable(name)} {trouble}"
    return ""


def _contradiction(attributes: Mapping[str, Any]) -> str:
    """Where a structure contradicts itself; empty if it does not."""
    positions, n_sites = attributes.get("cartesian_site_positions"), attributes.get("nsites")
    if isinstance(positions, list) and isinstance(n_sites, int) and n_sites != len(positions):
        return f"nsites is {n_sites}, and there are {len(positions)} positions"
    known: dict[str, str] = {}
    for definition in _listed(attributes.get("species")):
        name = printable(str(definition.get("name")))
        if known.setdefault(name, _canonical(definition)) != _canonical(definition):
            return f"species {name} is defined twice, and not alike"
    return ""


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _mixture(species: Mapping[str, Any]) -> str:
    symbols, amounts = species.get("chemical_symbols"), species.get("concentration")
    if not isinstance(symbols, list) or not isinstance(amounts, list):
        return ""
    if "X" in symbols:
        return "is of an unknown element"
    if species.get("attached"):
        return "has atoms attached, which have no positions"
    if len(amounts) != len(symbols) or not all(map(_is_number, amounts)):
        return f"has concentrations that are not one number for each element: {printable(_canonical(amounts))[:60]}"
    numbers = list(map(_number, amounts))
    if len(symbols) > 1 or "vacancy" in symbols or not all(abs(number - 1) <= _FULL for number in numbers):
        content = " ".join(f"{symbol}{number:g}" for symbol, number in zip(symbols, numbers, strict=False))
        return f"is a partially occupied site ({printable(content)})"
    return ""


def _cited(entry: Mapping[str, Any], references: Mapping[str, str]) -> Iterator[str]:
    """DOIs of the publications that a record refers to, or their ids where the answer does not explain them."""
    related: Any = entry
    for name in ("relationships", "references", "data"):
        related = related.get(name) if isinstance(related, Mapping) else None
    for reference in related if isinstance(related, list) else ():
        if isinstance(reference, Mapping) and reference.get("id") is not None:
            yield references.get(str(reference["id"])) or printable(str(reference["id"]))
