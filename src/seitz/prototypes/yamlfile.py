"""Small YAML files from anyone: read as plain values, with a bound on everything that could be made to explode."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seitz.errors import PrototypeError

if TYPE_CHECKING:
    import yaml

#: Largest file, bytes: some thousand sites.
MAX_BYTES = 256 * 1024

_MAX_DEPTH = 8
_SHOWN = 80


def read_yaml(path: Path, source: str) -> dict[str, Any]:
    """The mapping in a YAML file, as :func:`parse_yaml` reads it; errors as there, with ``source`` in front."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PrototypeError(f"{source}: cannot be read: {error.strerror or error}") from None
    return parse_yaml(data, source)


def parse_yaml(data: bytes, source: str) -> dict[str, Any]:
    """The mapping in a YAML document: text, numbers, lists and mappings, nothing else.

    Raises
    ------
    PrototypeError
        More than ``MAX_BYTES``, no UTF-8, broken YAML, several documents, a key given twice, an alias, a tag, deep
        nesting, or something other than a mapping; the message begins with ``source``.
    """
    import yaml

    if len(data) > MAX_BYTES:
        raise PrototypeError(f"{source}: larger than {MAX_BYTES // 1024} KiB, which no prototype needs")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PrototypeError(f"{source}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), source)
        content = _constructed(loader(text), source)
    except yaml.YAMLError as error:
        raise PrototypeError(f"{source}: {_yaml_problem(error)}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, PrototypeError):
            raise
        raise PrototypeError(f"{source}: a value that cannot be read: {str(error)[:_SHOWN]}") from None
    if not isinstance(content, dict):
        raise PrototypeError(f"{source}: must be a mapping with keys such as name, lattice and sites")
    return content


def renamed(data: bytes, name: str, source: str) -> bytes:
    """The same YAML document with another value of its top-level key ``name``, its comments kept.

    Raises
    ------
    PrototypeError
        The key is not on one line of its own: it must be changed by hand.
    """
    content = parse_yaml(data, source)
    changed = re.sub(rb"(?m)^name[ \t]*:[^\r\n]*", b'name: "' + name.encode() + b'"', data, count=1)
    try:
        same = parse_yaml(changed, source) == content | {"name": name}
    except PrototypeError:
        same = False
    if not same:
        raise PrototypeError(f"{source}: its name cannot be changed here: write 'name: {name}' into the file")
    return changed


def _check_events(events: Any, source: str) -> None:
    """Refuse what could grow or construct, before anything is built."""
    import yaml

    depth = documents = 0
    for event in events:
        where = f"{source}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PrototypeError(f"{where}: anchors and aliases (& and *) are not read: write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise PrototypeError(f"{where}: tags are not read: remove {str(event.tag)[:_SHOWN]!r}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > _MAX_DEPTH:
            raise PrototypeError(f"{where}: nested deeper than {_MAX_DEPTH} levels")
        if documents > 1:
            raise PrototypeError(f"{where}: a second document: one prototype per file")


def _constructed(loader: Any, source: str) -> Any:
    try:
        node = loader.get_single_node()
        if node is None:
            raise PrototypeError(f"{source}: is empty")
        _check_keys(node, source)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_keys(node: yaml.Node, source: str) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            where = f"{source}, line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise PrototypeError(f"{where}: every key must be text")
            if key.value in seen:
                raise PrototypeError(f"{where}: {key.value[:_SHOWN]}: given twice")
            seen.add(key.value)
            _check_keys(value, source)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, source)


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"{where}no valid YAML: {' '.join(str(reason).split())[:_SHOWN]}"
