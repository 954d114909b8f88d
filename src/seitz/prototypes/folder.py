"""Prototypes of the user: files in the folder where the system keeps settings, never in the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from seitz.cell import Cell
from seitz.errors import OccupancyError, PrototypeError, ReadError, SeitzError, WriteError

from .model import Prototype
from .schema import checked_name, names_in, prototype_from, symmetry_of_cell
from .yamlfile import parse_yaml, read_yaml, renamed

#: Largest structure file, bytes.
MAX_STRUCTURE_BYTES = 4 * 2**20

_YAML = (".yaml", ".yml")
_STRUCTURES = ("cif", "poscar")
_COMPRESSED = (".gz", ".zst", ".zstd", ".bz2", ".xz")


def user_folder() -> Path:
    """Where the user's own prototypes are; it need not exist.

    ``$SEITZ_CONFIG/prototypes`` if that variable is set, or else ``seitz/prototypes`` in the folder where the system
    keeps settings: ``$XDG_CONFIG_HOME`` or ``~/.config``, ``~/Library/Application Support`` on macOS, ``%APPDATA%`` on
    Windows.

    Raises
    ------
    PrototypeError
        The system knows no home folder.
    """
    if chosen := os.environ.get("SEITZ_CONFIG"):
        return Path(chosen) / "prototypes"
    try:
        if sys.platform == "darwin":
            base = Path.home() / "Library" / "Application Support"
        elif sys.platform == "win32":
            base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        else:
            base = Path(os.environ.get("XDG_CONFIG_HOME") or "")
            if not base.is_absolute():  # a relative one has no meaning, by the rules of that variable
                base = Path.home() / ".config"
    except RuntimeError:
        raise PrototypeError("there is no home folder: set SEITZ_CONFIG to a folder for settings") from None
    return base / "seitz" / "prototypes"


def user_files() -> list[Path]:
    """The files in that folder which are meant to be prototypes, by name; no folders, nothing hidden.

    Raises
    ------
    PrototypeError
        The folder is there and cannot be read.
    """
    folder = user_folder()
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # unlike Path, it takes any name
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PrototypeError(f"{folder}: cannot be read: {error.strerror or error}") from None
    return [folder / name for name in names if not name.startswith(".") and kind_of(name)]


def kind_of(name: str) -> str | None:
    """``"yaml"``, ``"cif"`` or ``"poscar"`` by the name of a file; None for any other."""
    if name.lower().endswith(_YAML):
        return "yaml"
    from seitz.io.formats import format_by_name

    known = format_by_name(name)
    return known if known in _STRUCTURES else None


def claimed_names(path: Path) -> tuple[str, ...]:
    """Name and aliases of a file, without building its structure.

    Raises
    ------
    PrototypeError
        The file cannot be asked for them.
    """
    if kind_of(path.name) == "yaml":
        name, aliases = names_in(read_yaml(path, _shown(path)), _shown(path))
        return name, *aliases
    return (checked_name(stem_of(path), f"{_shown(path)}: name of the file"),)


def read_prototype(path: Path, name: str | None = None) -> Prototype:
    """The prototype in a file; a structure file has the name of the file, or the one that is given.

    Raises
    ------
    PrototypeError
        The file holds none; the message begins with its path.
    """
    source = _shown(path)
    if kind_of(path.name) == "yaml":
        return prototype_from(read_yaml(path, source), source)
    name = checked_name(name or stem_of(path), f"{source}: name of the file")
    cell = _structure(path, source)
    found = symmetry_of_cell(cell, source)
    return Prototype(
        name=name,
        title=cell.formula_unit[0],
        cell=cell,
        space_group=found.space_group,
        pearson=found.pearson,
        sublattices=found.sublattices,
        source=source,
    )


def added_file(path: Path, name: str | None) -> tuple[Prototype, str, bytes]:
    """A checked file from anywhere, as it is to be added: the prototype, the name of its file, and its content.

    Raises
    ------
    PrototypeError
        The file holds no prototype.
    ReadError
        There is no such file.
    """
    source = _shown(path)
    if not path.exists():
        raise ReadError(f"{source}: no such file or directory")
    kind = kind_of(path.name)
    if kind is None or not path.is_file():
        raise PrototypeError(f"{source}: must be a .yaml, .cif or POSCAR file")
    if kind != "yaml":
        added = read_prototype(path, name)
        return added, added.name + _suffixes(path, kind), path.read_bytes()
    content = read_yaml(path, source)
    data = path.read_bytes()
    if name is not None:
        content |= {"name": checked_name(name, "name")}
        data = renamed(data, str(content["name"]), source)
    if parse_yaml(data, source) != content:
        raise PrototypeError(f"{source}: changed while it was read")
    added = prototype_from(content, source)
    return added, f"{added.name}.yaml", data


def write_added(target: Path, data: bytes) -> None:
    """Put a file into the user's folder, complete or not at all; WriteError if that fails."""
    from seitz.io import replacing

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{_shown(target.parent)}: cannot be made: {error.strerror or error}") from error
    with replacing(target) as temporary:
        try:
            temporary.write_bytes(data)
        except OSError as error:
            raise WriteError(f"{_shown(target)}: cannot be written: {error.strerror or error}") from error


def stem_of(path: Path) -> str:
    """The name of a file without the suffixes of format and compression."""
    name = path.name
    if name.lower().endswith(_YAML):
        return name.rpartition(".")[0]
    from seitz.io.formats import stem

    return stem(name)


def _structure(path: Path, source: str) -> Cell:
    from seitz.adapters import as_cell

    try:
        size = path.stat().st_size
    except OSError as error:
        raise PrototypeError(f"{source}: cannot be read: {error.strerror or error}") from None
    if size > MAX_STRUCTURE_BYTES:
        raise PrototypeError(f"{source}: larger than {MAX_STRUCTURE_BYTES // 2**20} MiB: no prototype is")
    try:
        return as_cell(path)
    except SeitzError as error:
        message = str(error)
        if isinstance(error, OccupancyError):
            reason = message.partition(". Order the structure")[0]
            message = f"{reason}: a prototype must be ordered, with one whole atom on every site"
        raise PrototypeError(message if message.startswith(source) else f"{source}: {message}") from None


def _suffixes(path: Path, kind: str) -> str:
    compression = path.suffix.lower() if path.suffix.lower() in _COMPRESSED else ""
    return f".{kind}{compression}"


def _shown(path: Path) -> str:
    from seitz.io.records import printable

    return printable(os.fspath(path))
