"""Prototypes by name, wherever they are from."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from seitz.errors import PrototypeError

from . import builtin, folder
from .model import BUILT_IN, Prototype


@dataclass(frozen=True, slots=True)
class BrokenPrototype:
    """Something that should be a prototype and cannot be used, and why."""

    name: str
    source: str
    error: PrototypeError


class _Entry(NamedTuple):
    """A prototype that claims names, and is read as a whole only when it is asked for."""

    names: tuple[str, ...]
    source: str
    path: Path | None = None
    error: PrototypeError | None = None

    def load(self) -> Prototype:
        if self.error is not None:
            raise self.error
        return builtin.built_in(self.names[0]) if self.path is None else folder.read_prototype(self.path)


def prototype(name: str) -> Prototype:
    """The prototype of that name, or of that alias, whatever its case.

    Parameters
    ----------
    name
        As in :func:`prototypes`, such as ``"FCC"``, ``"sigma"``, ``"A15"`` or ``"MgZn2"``, or that of a file in
        :func:`user_folder`.

    Returns
    -------
    Prototype
        With the lattice parameters (Å) of the material it is published for.

    Raises
    ------
    PrototypeError
        No prototype has this name; its file is broken; or several have it, for instance a user's file and a built-in
        one: neither is taken in place of the other.

    Examples
    --------
    >>> bcc = prototype("bcc")
    >>> bcc.title, bcc.pearson, round(bcc.cell.volume, 3)
    ('body-centred cubic, W', 'cI2', 31.711)
    >>> prototype("sigma").multiplicities
    {'2a': 2, '4f': 4, '8i1': 8, '8i2': 8, '8j': 8}
    """
    entries = _entries()
    claims = _claims(entries).get(_key(name), [])
    if not claims:
        raise _unknown(name, entries)
    if len(claims) > 1:
        raise _contested(name, claims)
    return claims[0].load()


def prototypes() -> dict[str, Prototype]:
    """All usable prototypes by name: the built-in ones, then those of the user.

    What is broken, or has a name that something else has, is left out here, raises when it is asked for by that
    name, and is listed by :func:`broken_prototypes`.

    Examples
    --------
    >>> list(prototypes())[:5]
    ['FCC', 'BCC', 'HCP', 'Diamond', 'DHCP']
    """
    return {found.name: found for found in _all() if isinstance(found, Prototype)}


def broken_prototypes() -> list[BrokenPrototype]:
    """Files in the user's folder that give no prototype, and prototypes whose name something else has, too."""
    return [found for found in _all() if isinstance(found, BrokenPrototype)]


def is_prototype(name: str) -> bool:
    """Whether anything has that name or alias, be it broken or not."""
    return bool(_claims(_entries()).get(_key(name)))


def add_prototype(
    file: str | os.PathLike[str], *, name: str | None = None, overwrite: bool = False
) -> Prototype:
    """Copy a checked file into the user's folder, where it is found by its name from then on.

    Parameters
    ----------
    file
        A YAML file of the documented form, or a CIF or POSCAR file with one ordered structure.
    name
        The name to give it; by default the one in the YAML file, or the name of the structure file.
    overwrite
        Replace the file that has this name in the folder.

    Returns
    -------
    Prototype
        As it will be found.

    Raises
    ------
    PrototypeError
        The file is no prototype; its name or an alias is taken; or it is there already, without ``overwrite``.
    ReadError
        No such file.
    WriteError
        The folder cannot be written; nothing was changed.
    """
    added, file_name, data = folder.added_file(Path(file), name)
    target = folder.user_folder() / file_name
    claims = _claims(_entries())
    for claimed in (added.name, *added.aliases):
        others = [entry for entry in claims.get(_key(claimed), ()) if not _same_file(entry.path, target)]
        if others:
            raise PrototypeError(
                f"{added.source}: the name {claimed!r} is taken ({others[0].source}): choose another"
            )
    if os.path.lexists(target) and not overwrite:
        raise PrototypeError(f"{target}: is there already: use --force to replace it, or another name")
    folder.write_added(target, data)
    return folder.read_prototype(target)


# --- names and who has them --------------------------------------------------------------------------------------


def _all() -> Iterator[Prototype | BrokenPrototype]:
    entries = _entries()
    claims = _claims(entries)
    for entry in entries:
        try:
            for name in entry.names:
                rivals = claims[_key(name)]
                if len(rivals) > 1 and entry in rivals:
                    raise _contested(name, rivals)
            yield entry.load()
        except PrototypeError as error:
            yield BrokenPrototype(entry.names[0], entry.source, error)


def _entries() -> list[_Entry]:
    entries = [_Entry(names, BUILT_IN) for names in builtin.all_names()]
    try:
        files = folder.user_files()
    except PrototypeError as error:  # the built-in ones need no folder
        source = str(error).partition(": ")[0]
        return [*entries, _Entry((source,), source, None, error)]
    return entries + [_user_entry(path) for path in files]


def _user_entry(path: Path) -> _Entry:
    try:
        return _Entry(folder.claimed_names(path), os.fspath(path), path)
    except PrototypeError as error:
        return _Entry((folder.stem_of(path),), os.fspath(path), path, error)


def _claims(entries: list[_Entry]) -> dict[str, list[_Entry]]:
    """Who has each name. A file that does not say its name has that of the file, if nothing else has it."""
    claims: dict[str, list[_Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.error is not None):
        for key in dict.fromkeys(map(_key, entry.names)):
            if entry.error is None or key not in claims:
                claims.setdefault(key, []).append(entry)
    return claims


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise PrototypeError(f"the name of a prototype must be text, not {type(name).__name__!r}")
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _unknown(name: str, entries: list[_Entry]) -> PrototypeError:
    names = {_key(known): known for entry in entries for known in entry.names}
    close = get_close_matches(_key(name)[:100], names, n=4, cutoff=0.5)
    hint = f"; close to it: {', '.join(dict.fromkeys(names[key] for key in close))}" if close else ""
    return PrototypeError(f"no prototype is called {name[:100]!r}{hint}. 'seitz prototypes' lists all")


def _contested(name: str, claims: list[_Entry]) -> PrototypeError:
    places = " and ".join(f"{entry.names[0]} ({entry.source})" for entry in claims)
    return PrototypeError(f"the name {name!r} belongs to {places}: give the file another name, or remove it")


def _same_file(path: Path | None, target: Path) -> bool:
    return path is not None and os.path.realpath(path) == os.path.realpath(target)
