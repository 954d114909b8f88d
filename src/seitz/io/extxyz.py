"""Extended XYZ: many frames in one text file, each with its lattice in the comment line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np

from seitz._typing import FloatArray
from seitz.adapters import fractional
from seitz.cell import Cell, OccupancyPolicy
from seitz.elements import atomic_number
from seitz.errors import ElementError, ReadError, StructureError
from seitz.record import Record

from .fields import number, positions
from .records import built_record, failed_record, printable
from .streams import MAX_DOCUMENT_BYTES

_PAIR = re.compile(
    r"""(?<![\w.-])([A-Za-z_][\w.-]*)\s*=\s*
    (?: "((?:[^"\\]|\\.)*)" | '((?:[^'\\]|\\.)*)' | \{([^{}]*)\}
      | (\[(?:[^\[\]]|\[[^\[\]]*\])*\]) | ([^\s"'{}\[\]][^\s]*) )""",
    re.VERBOSE,
)
_SPECIES = ("species", "symbol", "symbols", "element", "elements")
_NUMBERS = ("z", "numbers", "atomic_number", "atomic_numbers")
_POSITIONS = ("pos", "positions")
_DEFAULT_PROPERTIES = "species:S:1:pos:R:3"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a line of a frame holds what."""

    species: int
    position: int
    width: int


def parse(lines: Iterator[bytes], stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """Records of all frames; the source names the first line of the frame.

    A frame is identified by ``id`` or ``material_id`` of its comment line, or else by the file name, with the
    number of the frame (from 1) if there are several. ``Lattice`` holds the three vectors one after another,
    in Å, flat or as nested lists. All directions count as periodic, whatever ``pbc`` says.
    """
    frames = _frames(lines, stem, source)
    first = next(frames, None)
    if first is None:
        return
    try:
        second = next(frames, None)
    except ReadError:
        yield first
        raise
    if second is None:
        yield first._replace(id=stem) if first.id == f"{stem}:1" else first
        return
    yield first
    yield second
    yield from frames


def _frames(lines: Iterator[bytes], stem: str, source: str) -> Iterator[Record]:
    line = 0
    frame = 0
    for start in lines:
        line += 1
        words = start.split()
        if not words:
            continue
        frame += 1
        identifier, place = f"{stem}:{frame}", f"{source}:{line} (frame {frame})"
        if len(words) > 1 or not words[0].isdigit() or len(words[0]) > 18:
            shown = printable(decode_line(start).strip()[:60])
            error = ReadError(
                f"a number of atoms expected, found {shown!r}; nothing after this line was read"
            )
            yield failed_record(identifier, place, error)
            return
        n_sites = int(words[0])
        comment = decode_line(next(lines, b""))
        atoms = _take(lines, n_sites)
        info = _pairs(comment)
        identifier = printable(info.get("id") or info.get("material_id") or identifier)
        if len(atoms) < n_sites:
            error = ReadError(f"cut short: {n_sites} atoms announced, but only {len(atoms)} lines follow")
            yield failed_record(identifier, place, error)
            return
        yield built_record(identifier, place, partial(_cell, info, atoms, line + 2))
        line += 1 + n_sites


def _take(lines: Iterator[bytes], count: int) -> list[bytes]:
    """The next ``count`` lines, or those that are left; never more bytes than a document may have."""
    taken: list[bytes] = []
    size = 0
    while len(taken) < count:
        block = list(islice(lines, min(count - len(taken), 65536)))
        if not block:
            break
        size += sum(map(len, block))
        if size > MAX_DOCUMENT_BYTES:
            raise ReadError(f"a frame is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB")
        taken += block
    return taken


def _cell(info: Mapping[str, str], atoms: list[bytes], first_line: int) -> Cell:
    lattice = _lattice(info)
    columns = _columns(info.get("properties", _DEFAULT_PROPERTIES))
    text = decode_line(b"".join(atoms))
    rows = [line.split() for line in text.split("\n", len(atoms))[: len(atoms)]]

    def describe(index: int) -> str:
        return f"line {first_line + index}"

    width = columns.width
    for index, row in enumerate(rows):
        if len(row) < width:
            raise ReadError(f"{describe(index)}: {width} columns announced, found {' '.join(row)[:60]!r}")
    coords = positions(rows, columns.position, describe, plain="_" not in text)
    numbers = _atomic_numbers([row[columns.species] for row in rows], describe)
    return Cell(lattice, fractional(lattice, coords), np.array(numbers))


def _atomic_numbers(labels: list[str], describe: Callable[[int], str]) -> list[int]:
    known: dict[str, int] = {}
    for index, label in enumerate(labels):
        if label not in known:
            try:
                known[label] = int(label) if label.isdigit() and len(label) < 4 else atomic_number(label)
            except ElementError as error:
                raise ElementError(f"{describe(index)}: {error}") from None
    return [known[label] for label in labels]


def _lattice(info: Mapping[str, str]) -> FloatArray:
    text = info.get("lattice")
    if text is None:
        seen = f" (found: {', '.join(info)[:100]})" if info else ""
        raise StructureError(
            f'no Lattice="..." in the comment line{seen}: a periodic cell needs a box; '
            "for a molecule, put it in one first, e.g. ASE's atoms.center(vacuum=10)"
        )
    words = text.replace("[", " ").replace("]", " ").replace(",", " ").split()
    if len(words) != 9:
        raise ReadError(f"Lattice must hold 9 numbers, found {len(words)}")
    try:
        return np.array([number(word) for word in words]).reshape(3, 3)
    except ReadError as error:
        raise ReadError(f"Lattice: {error}") from None


@lru_cache(maxsize=16)
def _columns(properties: str) -> _Columns:
    """Column indices from ``name:type:count`` triples such as ``species:S:1:pos:R:3``."""
    fields = properties.split(":")
    found: dict[str, tuple[int, int]] = {}
    width = 0
    for name, count in zip(fields[0::3], fields[2::3], strict=False):
        if not (count.isascii() and count.isdigit()) or not 0 < len(count) < 6:
            raise ReadError(f"Properties={properties[:80]!r}: {count[:20]!r} is no number of columns")
        found.setdefault(name.lower(), (width, int(count)))
        width += int(count)
    if len(fields) % 3:
        raise ReadError(f"Properties={properties[:80]!r}: expected triples name:type:columns")
    position = next((found[name] for name in _POSITIONS if name in found), None)
    species = next((found[name] for name in (*_SPECIES, *_NUMBERS) if name in found), None)
    if position is None or position[1] != 3:
        raise ReadError(f"Properties={properties[:80]!r}: no pos:R:3 column")
    if species is None or species[1] != 1:
        raise ReadError(f"Properties={properties[:80]!r}: no species:S:1 or Z:I:1 column")
    return _Columns(species=species[0], position=position[0], width=width)


def _pairs(comment: str) -> dict[str, str]:
    """Keys (lower case) and values of a comment line; the first of equal keys counts."""
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer(comment):
        value = next(group for group in match.groups()[1:] if group is not None)
        pairs.setdefault(match[1].lower(), value)
    return pairs


def decode_line(line: bytes) -> str:
    """Text of one or several lines: UTF-8, else Latin-1."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
