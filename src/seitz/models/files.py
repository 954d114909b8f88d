"""Prediction tables on disk: complete or absent, with failures in a table beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seitz.io.files import replacing_together
from seitz.io.results import check_siblings
from seitz.io.rows import RowSink, open_rows
from seitz.table import FAILURE_COLUMNS, sibling

if TYPE_CHECKING:
    from .predictions import PredictionTable


class PredictionSink:
    """Where predictions go, batch after batch; made by :func:`open_predictions`."""

    def __init__(self, rows: RowSink, failures: RowSink) -> None:
        self._rows, self._failures = rows, failures
        self._done = 0

    def append(self, table: PredictionTable) -> None:
        """Add the rows of a table, and its failures with the row numbers of the whole."""
        for row in zip(*table.columns().values(), strict=True):
            self._rows.append(*row)
        for failure in table.failures:
            index = failure.index + self._done
            self._failures.append(index, failure.id, failure.source, failure.error, failure.message)
        self._done += len(table)


@contextmanager
def open_predictions(path: str | os.PathLike[str], n_values: int = 1) -> Iterator[PredictionSink]:
    """A table of predictions, open for batches; ``n_values`` is the number of values of each row.

    Raises
    ------
    WriteError
        A file cannot be written; older ones are left as they were.
    OptionError
        The file name belongs to no format.
    """
    check_siblings(path, ("failures",))
    values = ["value"] if n_values == 1 else [f"value_{k}" for k in range(n_values)]
    columns: dict[str, type] = {"id": str, **dict.fromkeys((*values, "lower", "upper"), float)}
    columns |= {"in_domain": bool, "doubt": str}
    with (
        replacing_together() as files,
        open_rows(path, columns, keep_empty=True, together=files) as rows,
        open_rows(sibling(path, "failures"), FAILURE_COLUMNS, together=files) as failures,
    ):
        yield PredictionSink(rows, failures)
