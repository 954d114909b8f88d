"""From paths, folders and glob patterns to files, in natural order."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import ReadError

_DIGITS = re.compile(r"0*(\d+)")
_WILDCARD = re.compile(r"[*?[]")
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def expand(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Files behind paths, folders (recursively) and glob patterns (``**`` for any depth).

    Each argument's files come in natural order. Names that begin with a dot are skipped inside folders and
    patterns. A folder reached by several symbolic links is listed once, so that loops end.

    Raises
    ------
    ReadError
        A path that does not exist, or a pattern that matches nothing. Arguments given as a sequence are all
        checked before the first file is yielded.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if isinstance(paths, list | tuple):
        for path in paths:
            _check(os.fspath(path))
    for path in paths:
        yield from _expand_one(os.fspath(path))


def natural_key(name: str) -> str:
    """Sort key that orders embedded numbers by value: ``POSCAR2`` before ``POSCAR10``."""
    return _DIGITS.sub(lambda digits: f"{len(digits[1]):03d}{digits[1]}", name)


def _check(path: str) -> None:
    if not os.path.lexists(path):
        if not _WILDCARD.search(path):
            raise ReadError(f"{path}: no such file or directory")
        if next(_matches(path), None) is None:
            raise ReadError(f"{path}: no file matches this pattern")


def _expand_one(path: str) -> Iterator[str]:
    if Path(path).is_dir():
        yield from _walk(path, set())
    elif os.path.lexists(path):
        yield path
    else:
        _check(path)
        yield from _matches(path)


def _matches(pattern: str) -> Iterator[str]:
    """Files that match a pattern; folders that match are listed recursively unless ``**`` reaches their content."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if _WILDCARD.search(part))
    base = os.path.join(*parts[:first]) if first else ""
    return _match_parts(base, parts[first:], set(), "**" in parts)


def _match_parts(folder: str, parts: tuple[str, ...], visited: set[tuple[int, int]], deep: bool) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        for inner in _folders(folder, visited):
            yield from _match_parts(inner, rest or ("*",), visited, deep)
        return
    for name in _names(folder):
        # A pattern that itself begins with a dot asks for hidden names.
        if not fnmatch.fnmatchcase(name, part) or (name.startswith(".") and not part.startswith(".")):
            continue
        path = os.path.join(folder, name)
        is_folder = os.path.isdir(path)
        if rest and is_folder:
            yield from _match_parts(path, rest, visited, deep)
        elif not rest and not is_folder:
            yield path
        elif not rest and not deep:
            yield from _walk(path, visited)


def _folders(folder: str, visited: set[tuple[int, int]]) -> Iterator[str]:
    """A folder and all those below it, each once."""
    if not _first_visit(folder, visited):
        return
    yield folder
    for name in _names(folder):
        path = os.path.join(folder, name)
        if not name.startswith(".") and os.path.isdir(path):
            yield from _folders(path, visited)


def _walk(folder: str, visited: set[tuple[int, int]]) -> Iterator[str]:
    if not _first_visit(folder, visited):
        return
    names = _names(folder)
    if names is _UNREADABLE:
        yield folder  # opening it as a file reports why it cannot be read
    for name in names:
        if name.startswith("."):
            continue
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            yield from _walk(path, visited)
        else:
            yield path


def _first_visit(folder: str, visited: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(folder or ".")
    except OSError:
        return False
    key = (status.st_dev, status.st_ino)
    if key in visited:
        return False
    visited.add(key)
    return True


_UNREADABLE: list[str] = []


def _names(folder: str) -> list[str]:
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return _UNREADABLE
    names.sort()
    names.sort(key=natural_key)
    return names
