"""Structures from files: one stream of records, whatever the formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from seitz.cell import Cell, OccupancyPolicy
from seitz.errors import OptionError, ReadError, SeitzError, UnknownFormatError
from seitz.record import Record

from . import cif, extxyz, jsonfile, parquet, poscar
from .formats import FORMATS, SNIFFED_BYTES, FormatName, format_by_content, format_by_name, stem
from .paths import expand
from .records import failed_record, printable, printable_path
from .streams import decode, open_stream, read_document, text_lines

PathLike = str | os.PathLike[str]

_DOCUMENTS: dict[str, Callable[..., Iterator[Record]]] = {
    "poscar": poscar.parse,
    "cif": cif.parse,
    "json": jsonfile.parse,
}
_LINES: dict[str, Callable[..., Iterator[Record]]] = {"extxyz": extxyz.parse, "jsonl": jsonfile.parse_lines}


def read_structures(
    paths: PathLike | Iterable[PathLike],
    *,
    occupancy: OccupancyPolicy = "raise",
    format: FormatName | None = None,
) -> Iterator[Record]:
    """Read structures from files one after the other, in constant memory.

    Parameters
    ----------
    paths
        Files, folders (searched recursively) or glob patterns (``**`` for any depth), or several of them.
        Each argument's files come in natural order, ``POSCAR2`` before ``POSCAR10``. Inside folders and
        patterns, names that begin with a dot are skipped without a record.
    occupancy
        What to do with partially occupied sites, as for :func:`seitz.as_cell`.
    format
        ``"poscar"``, ``"cif"``, ``"extxyz"``, ``"json"``, ``"jsonl"`` or ``"parquet"``; by default the name
        of each file decides, or else its content. Compression is recognised by itself.

    Yields
    ------
    Record
        One per structure. Content that cannot be read is a record with an error, never an exception: also a
        stray file in a folder (:class:`~seitz.errors.UnknownFormatError`), a damaged or a special file.

    Raises
    ------
    ReadError
        A path that does not exist, or a pattern that matches nothing.
    OptionError
        An unknown ``occupancy`` or ``format``.
    """
    _check_options(occupancy, format)
    return _read_all(paths, occupancy, format)


def read_one(path: PathLike, *, occupancy: OccupancyPolicy = "raise") -> Cell:
    """Read a file that holds exactly one structure.

    Raises
    ------
    ReadError
        No such file, no structure in it, or several.
    SeitzError
        Whatever is wrong with the structure; the message names the file.
    """
    _check_options(occupancy, None)
    name = os.fspath(path)
    if os.path.isdir(name):  # noqa: PTH112  # unlike Path, it takes any name
        raise ReadError(f"{printable(name)}: a folder, not a file: use read_structures()")
    if not os.path.lexists(name):
        raise ReadError(f"{printable(name)}: no such file or directory")
    records = _read_file(name, occupancy, None)
    first = next(records, None)
    if first is None:
        raise ReadError(f"{printable(name)}: holds no structure")
    if first.cell is None:
        raise first.error or ReadError(f"{printable(name)}: holds no structure")
    if next(records, None) is not None:
        raise ReadError(
            f"{printable(name)}: holds several structures, need exactly one: use read_structures()"
        )
    return first.cell


def count_files(paths: PathLike | Iterable[PathLike]) -> int:
    """Number of files that :func:`read_structures` would open; errors as there."""
    return sum(1 for _ in expand(paths))


def _check_options(occupancy: str, format: str | None) -> None:
    if occupancy not in get_args(OccupancyPolicy):
        raise OptionError(f"occupancy={occupancy!r}: choose one of {', '.join(get_args(OccupancyPolicy))}")
    if format is not None and format not in FORMATS:
        raise OptionError(f"format={format!r}: choose one of {', '.join(FORMATS)}")


def _read_all(
    paths: PathLike | Iterable[PathLike], occupancy: OccupancyPolicy, format: FormatName | None
) -> Iterator[Record]:
    for path in expand(paths):
        yield from _read_file(path, occupancy, format)


def _read_file(path: str, occupancy: OccupancyPolicy, format: FormatName | None) -> Iterator[Record]:
    """Records of one file; the last one carries the error that ended the reading, if one did."""
    name, source = printable_path(stem(path)), printable_path(path)
    empty = True
    try:
        known = format or format_by_name(path) or _format_inside(path)
        for record in _records(path, known, name, source, occupancy):
            empty = False
            yield record
        if empty and known != "parquet":  # a table without rows is a valid result of a selection
            raise ReadError("holds no structure")
    except SeitzError as error:
        yield failed_record(name, source, error)
    except OSError as error:
        yield failed_record(name, source, ReadError(error.strerror or str(error)))


def _records(
    path: str, known: FormatName, name: str, source: str, occupancy: OccupancyPolicy
) -> Iterator[Record]:
    if known in _DOCUMENTS:
        yield from _DOCUMENTS[known](decode(read_document(path)), name, source, occupancy)
        return
    with open_stream(path) as stream:
        if known in _LINES:
            yield from _LINES[known](text_lines(stream), name, source, occupancy)
        else:
            yield from parquet.parse(stream, name, source, occupancy)


def _format_inside(path: str) -> FormatName:
    with open_stream(path) as stream:
        head = stream.read(SNIFFED_BYTES)
    found = format_by_content(head)
    if found is None:
        raise UnknownFormatError(
            f"neither name nor content shows a known format ({', '.join(FORMATS)}); "
            "rename the file, or give the format"
        )
    return found
