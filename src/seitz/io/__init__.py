"""Structures in, tables out."""

from __future__ import annotations

from seitz.record import Record

from .files import replacing
from .reading import count_files, read_one, read_structures
from .rows import RowSink, open_rows, write_rows
from .tables import Sink, Table, open_sink, read_table

__all__ = [
    "Record",
    "RowSink",
    "Sink",
    "Table",
    "count_files",
    "open_rows",
    "open_sink",
    "read_one",
    "read_structures",
    "read_table",
    "replacing",
    "write_rows",
]
