"""Compositions of a CSV table, where nothing in a row may be lost without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from seitz.elements import SYMBOLS
from seitz.errors import CompositionError, ElementError, ReadError

from .composition import Composition, as_composition

_FORMULA = ("composition", "formula")
_NAME = ("id", "name")
_ELEMENTS = frozenset(SYMBOLS[1:])


class TableRow(NamedTuple):
    """A composition as a table has it; whether it is one shows when it is used."""

    where: str
    """File and line, for messages."""
    given: str | dict[str, Any]
    wrong: str = ""
    """What is wrong with the row as such."""


class _Columns(NamedTuple):
    """What stands in which column."""

    titles: tuple[str, ...]
    formula: int | None
    name: int | None
    elements: tuple[int, ...]


def read_compositions(path: str | os.PathLike[str]) -> dict[str, Composition]:
    """Compositions of a CSV table by row name.

    The table has one column ``composition`` (or ``formula``), or one column per element; an ``id`` or ``name`` column
    names the rows, else they are numbered. Empty cells are zero.

    Raises
    ------
    CompositionError
        No such column, two of them, no row, or a row that is no composition; the message names file and line.
    ReadError
        The file cannot be read.
    """
    found: dict[str, Composition] = {}
    for name, row in read_rows(path).items():
        with naming(row):
            found[name] = as_composition(row.given)
    return found


@contextmanager
def naming(row: TableRow) -> Iterator[None]:
    """Put file and line of a row in front of what is wrong with it."""
    try:
        if row.wrong:
            raise CompositionError(row.wrong)
        yield
    except (CompositionError, ElementError) as error:
        raise type(error)(f"{row.where}: {error}") from None


def read_rows(path: str | os.PathLike[str]) -> dict[str, TableRow]:
    """The same rows unchecked, so that a bad one costs no other.

    Raises
    ------
    CompositionError
        No column for compositions, two of them, or no row.
    ReadError
        The file cannot be read.
    """
    import csv
    import io

    from seitz.io.records import printable
    from seitz.io.streams import decode, read_document

    source = printable(os.fspath(path))
    try:
        reader = csv.reader(io.StringIO(decode(read_document(os.fspath(path))), newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except OSError as error:
        raise ReadError(f"{source}: {error.strerror or error}") from None
    except (ValueError, csv.Error) as error:  # ReadError is one, and so is a NUL in the name
        raise ReadError(f"{source}: {error}") from None
    lines = [(number, cells) for number, cells in lines if any(cells)]
    columns = _columns(lines[0][1] if lines else [], source)
    if len(lines) < 2:
        raise CompositionError(f"{source}: the table has a head and no row")
    found: dict[str, TableRow] = {}
    for index, (number, cells) in enumerate(lines[1:]):
        key = cells[columns.name] if columns.name is not None and columns.name < len(cells) else ""
        key = key or str(index)
        while key in found:
            key = f"{key} (line {number})"
        found[key] = _row(cells, columns, f"{source}, line {number}")
    return found


def _columns(titles: Sequence[str], source: str) -> _Columns:
    roles = [title.lower() for title in titles]
    for title in titles:
        if title and titles.count(title) > 1:
            raise CompositionError(f"{source}: {titles.count(title)} columns are called {title}")
    formulas = [k for k, role in enumerate(roles) if role in _FORMULA]
    names = [k for k, role in enumerate(roles) if role in _NAME]
    elements = [k for k, title in enumerate(titles) if title in _ELEMENTS]
    if len(formulas) > 1:
        raise CompositionError(
            f"{source}: two columns for formulas, {titles[formulas[0]]} and {titles[formulas[1]]}"
        )
    if not formulas and not elements:
        raise CompositionError(
            f"{source}: no column is called composition or formula, or like an element; "
            f"there are {', '.join(titles)[:200]}"
        )
    if not formulas:
        for title in titles:
            if title not in _ELEMENTS and title.lower() not in _NAME and title.capitalize() in _ELEMENTS:
                raise CompositionError(
                    f"{source}: the column {title} is no element: is {title.capitalize()} meant?"
                )
    return _Columns(
        tuple(titles), formulas[0] if formulas else None, names[0] if names else None, tuple(elements)
    )


def _row(cells: Sequence[str], columns: _Columns, where: str) -> TableRow:
    if len(cells) != len(columns.titles):
        filled = len(cells) - next((k for k, cell in enumerate(reversed(cells)) if cell), len(cells))
        if len(cells) < len(columns.titles) or filled > len(columns.titles):
            wrong = f"{len(cells)} cells under {len(columns.titles)} columns: quote what holds a comma"
            return TableRow(where, "", wrong)
    if columns.formula is not None:
        return TableRow(where, cells[columns.formula])
    return TableRow(where, {columns.titles[k]: _amount(cells[k]) for k in columns.elements})


def _amount(text: str) -> float | str:
    """The number in a cell of a table, zero in an empty one; text that is no number as it is."""
    try:
        return float(text or 0)
    except ValueError:
        return text
