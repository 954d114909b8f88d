"""VASP structure files: POSCAR and CONTCAR of versions 4, 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from seitz._typing import FloatArray
from seitz.adapters import fractional
from seitz.cell import Cell, OccupancyPolicy
from seitz.elements import SYMBOLS, atomic_number
from seitz.errors import ElementError, ReadError
from seitz.record import Record

from .fields import number, positions
from .records import built_record

_HEADER_LINES = 9  # title, scale, three vectors, symbols, counts, selective dynamics, mode
_FEWEST_LINES = 8  # of VASP 4, without symbols: title, scale, three vectors, counts, mode, one site
_FLAGS = frozenset(("T", "F", ".TRUE.", ".FALSE."))


def parse(text: str, stem: str, source: str, occupancy: OccupancyPolicy) -> Iterator[Record]:
    """The one record of a POSCAR file; lattice in Å, trailing velocities ignored."""
    yield built_record(stem, source, partial(_cell, text))


def _cell(text: str) -> Cell:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = text.split("\n", _HEADER_LINES)
    n_lines = max((n for n, line in enumerate(head, 1) if line.strip()), default=0)
    if n_lines < _FEWEST_LINES:
        noun = "line" if n_lines == 1 else "lines"
        raise ReadError(f"cut short: only {n_lines} {noun}, a POSCAR file has at least {_FEWEST_LINES}")
    lattice, factors = _lattice(head)
    symbols, counts, at = _composition(head)
    n_sites = sum(counts)
    selective = _first_letter(head, at) == "s"
    if selective:
        at += 1
    cartesian = _cartesian(head, at)
    at += 1
    lines = "\n".join(head[at:]).split("\n", n_sites + 1 if n_sites <= len(text) else -1)
    rows = [line.split() for line in lines[:n_sites]]
    if len(rows) < n_sites:
        raise _too_few(rows, n_sites, at)
    try:
        coords = positions(rows, 0, lambda index: f"line {at + index + 1}", plain="_" not in text)
    except ReadError:
        row = next(row for row in rows if not _is_site(row))
        if not row or (row[0].isalpha() and (len(row) == 1 or row[0].lower() == "lattice")):
            raise _too_few(rows, n_sites, at) from None  # the line in front of the velocities, not a site
        raise
    if n_sites and len(lines) > n_sites and _is_site(lines[n_sites].split()):
        raise ReadError(
            f"line {at + n_sites + 1}: one more coordinate line, {lines[n_sites].strip()[:60]!r}, after the "
            f"{n_sites} atoms that the counts announce: correct the counts, or remove the line "
            "(velocities follow after an empty line)"
        )
    numbers = _numbers(head[0], symbols, counts, rows, selective, at)
    frac = fractional(lattice, coords * factors) if cartesian else coords
    return Cell(lattice, frac, np.array(numbers))


def _too_few(rows: Sequence[Sequence[str]], n_sites: int, at: int) -> ReadError:
    found = next((index for index, row in enumerate(rows) if not _is_site(row)), len(rows))
    return ReadError(
        f"cut short at line {at + found + 1}: the counts announce {n_sites} atoms, but only {found} coordinate "
        "lines follow: correct the counts, or add the missing lines"
    )


def _is_site(row: Sequence[str]) -> bool:
    """Whether a line begins with three numbers."""
    try:
        return len([number(text) for text in row[:3]]) == 3
    except ReadError:
        return False


def _lattice(head: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Scaled lattice (rows, Å) and the factors of Cartesian x, y and z."""
    fields = [_uncommented(line) for line in head[1:5]]
    vectors = positions(
        fields[1:],
        0,
        lambda index: f"line {index + 3} (lattice vector {index + 1})",
        plain="_" not in "".join(head[2:5]),
    )
    leading = []
    for text in fields[0]:
        try:
            leading.append(number(text))
        except ReadError:
            break
    if not leading:
        raise ReadError(f"line 2: a scaling factor expected, found {head[1].strip()[:60]!r}")
    if len(leading) == 3:
        factors = np.array(leading)
        if not (factors > 0).all():
            raise ReadError("line 2: three scaling factors must all be positive")
        return vectors * factors, factors
    scale = leading[0]
    if scale < 0:
        volume = abs(float(np.linalg.det(vectors)))
        scale = (-scale / volume) ** (1 / 3) if volume > 0 else 1.0
    if not scale:
        raise ReadError("line 2: the scaling factor is zero")
    return vectors * scale, np.full(3, scale)


def _composition(head: Sequence[str]) -> tuple[list[str] | None, list[int], int]:
    """Symbols (None in VASP 4 files), counts, and the index of the line after them."""
    first = _uncommented(head[5])
    if first and not _is_count(first[0]):
        symbols = first
        words = _uncommented(head[6])
        counts = _counts(words, 7)
        if len(symbols) != len(counts):
            raise ReadError(
                f"lines 6 and 7: {len(symbols)} symbols ({' '.join(symbols)[:60]}) but {len(counts)} counts"
            )
        return symbols, counts, 7
    return None, _counts(first, 6), 6


def _counts(words: Sequence[str], line: int) -> list[int]:
    counts = []
    for word in words:
        if not _is_count(word):
            break
        counts.append(int(word))
    if not counts:
        raise ReadError(f"line {line}: numbers of atoms expected, found {' '.join(words)[:60]!r}")
    return counts


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 19  # fits 64 bits


def _cartesian(head: Sequence[str], at: int) -> bool:
    letter = _first_letter(head, at)
    if letter and (letter.isdigit() or letter in "+-."):
        raise ReadError(f"line {at + 1}: 'Direct' or 'Cartesian' expected, found {head[at].strip()[:60]!r}")
    return letter in ("c", "k")


def _first_letter(head: Sequence[str], at: int) -> str:
    return head[at].lstrip()[:1].lower() if at < len(head) else ""


def _uncommented(line: str) -> list[str]:
    return line.split("!", 1)[0].split("#", 1)[0].split()


def _numbers(
    title: str,
    symbols: list[str] | None,
    counts: list[int],
    rows: Sequence[Sequence[str]],
    selective: bool,
    at: int,
) -> list[int]:
    """Atomic number of every site."""
    where, words = ("line 6", symbols) if symbols is not None else ("title", title.split())
    if symbols is not None or _names_elements(words, counts):
        kinds = [_element(word, where) for word in words]
        numbers = [z for z, count in zip(kinds, counts, strict=True) for _ in range(count)]
        _check_labels(numbers, where, _labels(rows, selective), at)
        return numbers
    labels = _labels(rows, selective)
    if labels and all(label[:1].isalpha() for label in labels):
        known = {label: _element(label, "label of an atom") for label in set(labels)}
        return [known[label] for label in labels]
    raise ReadError(
        f"no symbols (VASP 4 format): add a line with {len(counts)} symbol(s) above the counts {counts[:8]}, "
        "or put the symbols in the title"
    )


def _names_elements(words: Sequence[str], counts: Sequence[int]) -> bool:
    return len(words) == len(counts) and all(_symbol(word) in SYMBOLS[1:] for word in words)


def _labels(rows: Sequence[Sequence[str]], selective: bool) -> list[str]:
    """What stands behind the coordinates and flags of each site; empty if one of them has nothing there."""
    if not rows or len(rows[0]) < 4:
        return []
    column = 6 if selective or all(_FLAGS.issuperset(row[3:6]) and len(row) > 5 for row in rows) else 3
    return [row[column] for row in rows] if all(len(row) > column for row in rows) else []


def _check_labels(numbers: Sequence[int], where: str, labels: Sequence[str], at: int) -> None:
    """Refuse labels that name other elements than the header; labels that are no elements are comments."""
    try:
        elements = {label: _element(label, "") for label in set(labels)}
    except ElementError:
        return
    for index, (label, z) in enumerate(zip(labels, numbers, strict=False)):
        if elements[label] != z:
            raise ReadError(
                f"line {at + index + 1}: the label {label!r} contradicts the header, by which this atom is "
                f"{SYMBOLS[z]} ({where} and the counts): correct one of the two, or remove the labels"
            )


def _symbol(label: str) -> str:
    """Element part of a label with the suffixes of VASP's potentials: ``Fe_pv``, ``Fe/0123abcd``, ``H.5``."""
    return label.split("_", 1)[0].split("/", 1)[0]


def _element(label: str, where: str) -> int:
    try:
        return atomic_number(_symbol(label))
    except ElementError as error:
        raise ElementError(f"{where}: {error}") from None
