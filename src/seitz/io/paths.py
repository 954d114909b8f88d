"""From paths, folders and glob patterns to files, in natural order."""

# A million names: plain strings keep time and memory small.
# ruff: noqa: PTH116, PTH118

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from seitz.errors import ReadError

from .records import printable

_DIGITS = re.compile(r"0*(\d+)")
_WILDCARD = re.compile(r"[*?[]")
_Visited = set[tuple[int, int]]  # device and inode of the folders listed so far


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
            raise ReadError(f"{printable(path)}: no such file or directory")
        if next(_matches(path), None) is None:
            raise ReadError(f"{printable(path)}: no file matches this pattern")


def _expand_one(path: str) -> Iterator[str]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the name
        if os.path.lexists(path):
            yield path  # a broken link, or a folder without permission: opening it says why
            return
        _check(path)
        yield from _matches(path)
        return
    if stat.S_ISDIR(mode):
        yield from _walk(path, set())
    else:
        yield path


def _matches(pattern: str) -> Iterator[str]:
    """Files that match a pattern; folders that match are listed recursively, unless ``**`` does so anyway."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if _WILDCARD.search(part))
    return _match_below(os.path.join(*parts[:first]) if first else "", parts[first:], set())


def _match_below(folder: str, parts: tuple[str, ...], visited: _Visited) -> Iterator[str]:
    if parts[0] == "**":
        prefix = len(os.path.join(folder, ""))
        for path in _walk(folder, visited):
            if _fits(Path(path[prefix:]).parts, parts):
                yield path
        return
    part, rest = parts[0], parts[1:]
    try:
        names, folders = _listing(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield folder  # as in _walk
        return
    for name in names:
        # A pattern that itself begins with a dot asks for hidden names.
        if not fnmatch.fnmatchcase(name, part) or (name.startswith(".") and not part.startswith(".")):
            continue
        path = os.path.join(folder, name)
        if name not in folders:
            if not rest:
                yield path
        elif rest:
            yield from _match_below(path, rest, visited)
        else:
            yield from _walk(path, visited)


def _fits(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return len(parts) == 1 or any(_fits(names[start:], parts[1:]) for start in range(len(names)))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _walk(folder: str, visited: _Visited) -> Iterator[str]:
    """All files below a folder; a folder itself where it cannot be listed, since opening it says why."""
    levels = [iter([(folder, True)])]
    while levels:
        path, is_folder = next(levels[-1], ("", False))
        if not path and not is_folder:
            levels.pop()
        elif not is_folder:
            yield path
        else:
            try:
                if _first_visit(path, visited):
                    levels.append(_entries(path))
            except OSError:
                yield path


def _entries(folder: str) -> Iterator[tuple[str, bool]]:
    """Paths in a folder that are not hidden, and whether they are folders."""
    names, folders = _listing(folder)
    return ((os.path.join(folder, name), name in folders) for name in names if not name.startswith("."))


def _first_visit(folder: str, visited: _Visited) -> bool:
    status = os.stat(folder or ".")
    key = (status.st_dev, status.st_ino)
    if key in visited:
        return False
    visited.add(key)
    return True


def _listing(folder: str) -> tuple[list[str], set[str]]:
    """Names in a folder in natural order, and which of them are folders."""
    names: list[str] = []
    folders: set[str] = set()
    with os.scandir(folder or ".") as entries:
        for entry in entries:
            names.append(entry.name)
            with suppress(OSError):
                if entry.is_dir():
                    folders.add(entry.name)
    names.sort()
    names.sort(key=natural_key)
    return names, folders
