"""One structure on its way in: its cell, or why there is none."""

from __future__ import annotations

from typing import NamedTuple

from .cell import Cell
from .errors import SeitzError


class Record(NamedTuple):
    """One structure of a file or a list; exactly one of ``cell`` and ``error`` is set.

    Attributes
    ----------
    id
        Identifier from the data, or made from the file name or the position.
    cell
        The structure, or None if it could not be read.
    error
        Why there is no structure; its message starts with ``source``.
    source
        The file, with the line, block, item or row where it holds several structures; empty for objects in memory.
    """

    id: str
    cell: Cell | None
    error: SeitzError | None = None
    source: str = ""
