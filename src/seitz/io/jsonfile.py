"""JSON and JSON lines: pymatgen and OPTIMADE dictionaries, or plain lattice, positions and atomic numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from seitz.adapters import as_cell
from seitz.cell import OccupancyPolicy
from seitz.errors import ReadError, StructureError
from seitz.record import Record

from .extxyz import decode_line
from .records import built_record, failed_record, printable

_IDENTIFIERS = ("id", "material_id")
_STRUCTURE_KEYS = frozenset(("lattice", "lattice_vectors", "structure", "sites", "attributes"))
_OTHER_RESOURCES = frozenset(("references", "info", "links", "calculations", "files", "trajectories"))


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """Records of one JSON document: a structure, a list of them, or an OPTIMADE response."""
    yield from _records(loads(text), stem, source, occupancy)


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
        yield from _records(content, identifier, place, occupancy)


def _records(content: Any, identifier: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    if isinstance(content, Mapping) and "data" in content and not _STRUCTURE_KEYS.intersection(content):
        content = content["data"]
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
    return built_record(identifier, source, partial(as_cell, content, occupancy=occupancy))


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
