"""JSON and JSON lines: pymatgen and OPTIMADE dictionaries, or plain lattice, positions and atomic numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from seitz.adapters import as_cell
from seitz.cell import Cell, OccupancyPolicy
from seitz.errors import ReadError, StructureError
from seitz.record import Record

from .extxyz import decode_line
from .records import built_record, failed_record, printable

_IDENTIFIERS = ("id", "material_id")
_STRUCTURE_KEYS = frozenset(("lattice", "lattice_vectors", "structure", "sites", "attributes"))
_OTHER_RESOURCES = frozenset(("references", "info", "links", "calculations", "files", "trajectories"))


#: The plain form: what a structure needs, by the first of the names that mean the same.
_NEEDED = (("lattice",), ("frac_coords", "cart_coords"), ("atomic_numbers", "symbols", "species"))
_EXAMPLE = '{"lattice": [[3, 0, 0], [0, 3, 0], [0, 0, 3]], "frac_coords": [[0, 0, 0]], "symbols": ["Fe"]}'


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """Records of one JSON document: a structure, a list or dictionary of them, or an OPTIMADE response."""
    content = _unwrapped(loads(text))
    if not _holds_named_structures(content):
        yield from _records(content, stem, source, occupancy)
        return
    for index, (key, item) in enumerate(content.items(), start=1):
        name = printable(key)
        place = f"{source} key {name}"
        yield built_record(name or f"{stem}:{index}", place, partial(_cell, item, occupancy))


def parse_lines(
    lines: Iterator[bytes], stem: str, source: str, occupancy: OccupancyPolicy
) -> Iterator[Record]:
    """Records of a file with one JSON document per line; a bad line is one record with an error."""
    for index, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        identifier, place = f"{stem}:{index}", f"{source}:{index}"
        try:
            content = loads(decode_line(line))
        except ReadError as error:
            yield failed_record(identifier, place, error)
            continue
        yield from _records(_unwrapped(content), identifier, place, occupancy)


def _unwrapped(content: Any) -> Any:
    """What is in a response, or the content itself."""
    if isinstance(content, Mapping) and "data" in content and not _STRUCTURE_KEYS.intersection(content):
        return content["data"]
    return content


def _holds_named_structures(content: Any) -> bool:
    """Whether this is a dictionary of nothing but structures."""
    if not isinstance(content, Mapping) or not content or _STRUCTURE_KEYS.intersection(content):
        return False
    return all(isinstance(item, Mapping) and _STRUCTURE_KEYS.intersection(item) for item in content.values())


def _records(content: Any, identifier: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    if not isinstance(content, list):
        if not _is_other_resource(content):
            yield record_of(content, identifier, source, occupancy)
        return
    for index, item in enumerate(content, start=1):
        if not _is_other_resource(item):
            yield record_of(item, f"{identifier}:{index}", f"{source} item {index}", occupancy)


def record_of(content: Any, identifier: str, source: str, occupancy: OccupancyPolicy) -> Record:
    """Record of one structure in a dictionary, under its own identifier if it has one."""
    if not isinstance(content, Mapping):
        shown = repr(content)[:60]
        return failed_record(
            identifier, source, StructureError(f"an object with a structure expected, found {shown}")
        )
    for key in _IDENTIFIERS:
        own = content.get(key)
        if isinstance(own, str | int) and not isinstance(own, bool) and own != "":
            identifier = printable(str(own))
            break
    return built_record(identifier, source, partial(_cell, content, occupancy))


def _cell(content: Mapping[str, Any], occupancy: OccupancyPolicy) -> Cell:
    try:
        return as_cell(content, occupancy=occupancy)
    except StructureError:
        lacking = _lacking(content)
        if not lacking:
            raise
        raise StructureError(
            f"the structure lacks {', '.join(lacking)}; it has {', '.join(map(str, content))[:200] or 'no keys'}. "
            f"A complete one: {_EXAMPLE}"
        ) from None


def _lacking(content: Any) -> list[str]:
    """The keys that a structure in the plain form, or in pymatgen's, does not have."""
    if not isinstance(content, Mapping) or any(
        key in content for key in ("sites", "attributes", "lattice_vectors")
    ):
        return []
    if isinstance(content.get("structure"), Mapping):
        return _lacking(content["structure"])
    if content.get("@class") == "Structure":
        return ["'sites'"]
    return [
        repr(names[0]) + "".join(f" (or {name!r})" for name in names[1:2])
        for names in _NEEDED
        if not any(name in content for name in names)
    ]


def _is_other_resource(content: Any) -> bool:
    """Whether this is a header line or another kind of resource of an OPTIMADE provider."""
    if not isinstance(content, Mapping) or "lattice" in content:
        return False
    kind = content.get("type")
    return "x-optimade" in content or (isinstance(kind, str) and kind in _OTHER_RESOURCES)


def loads(text: str) -> Any:
    """Content of a JSON text; ReadError if it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ReadError(f"no valid JSON: {error}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or endless nesting
        raise ReadError(f"no usable JSON: {error}") from None
