"""Prediction tables on disk: complete or absent, with failures in a table beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from seitz.io.files import replacing_together
from seitz.io.results import check_siblings
from seitz.io.rows import RowSink, open_rows
from seitz.table import FAILURE_COLUMNS, sibling

if TYPE_CHECKING:
    from .predictions import PredictionTable


class PredictionSink:
    """Where predictions go, batch after batch; made by :func:`open_predictions`."""

    def __init__(self, open_tables: Callable[[int], tuple[RowSink, RowSink]], n_values: int | None) -> None:
        self._open_tables, self._n_values = open_tables, n_values
        self._sinks = None if n_values is None else open_tables(n_values)
        self._waiting: list[PredictionTable] = []
        self._done = 0

    def append(self, table: PredictionTable) -> None:
        """Add the rows of a table, and its failures with the row numbers of the whole."""
        if self._sinks is None:
            self._waiting.append(table)
            if np.isnan(table.value).all():
                return  # how many values a row has is told by the first that has any
            self._open(1 if table.value.ndim == 1 else table.value.shape[1])
        else:
            self._write(table)

    def finish(self) -> None:
        """Write what waits for a value that never came."""
        if self._sinks is None:
            widths = [table.value.shape[1] for table in self._waiting if table.value.ndim == 2]
            self._open(max(widths, default=1))

    def _open(self, n_values: int) -> None:
        self._n_values, self._sinks = n_values, self._open_tables(n_values)
        for table in self._waiting:
            self._write(table)
        self._waiting = []

    def _write(self, table: PredictionTable) -> None:
        assert self._sinks is not None and self._n_values is not None
        rows, failures = self._sinks
        if self._n_values > 1 and table.value.ndim == 1 and np.isnan(table.value).all():
            # Where all structures failed, the model was not asked.
            table = replace(table, value=np.full((len(table), self._n_values), np.nan))
        for row in zip(*table.columns().values(), strict=True):
            rows.append(*row)
        for failure in table.failures:
            failures.append(
                failure.index + self._done, failure.id, failure.source, failure.error, failure.message
            )
        self._done += len(table)


@contextmanager
def open_predictions(
    path: str | os.PathLike[str], n_values: int | None = 1, *, metadata: Mapping[str, str]
) -> Iterator[PredictionSink]:
    """A table of predictions, open for batches.

    Parameters
    ----------
    path
        Target; its suffix names the format.
    n_values
        How many values each row has; None if that is unknown.
    metadata
        What holds for all rows, for the formats that have a place for it.

    Raises
    ------
    WriteError
        A file cannot be written; older ones are left as they were.
    OptionError
        The file name belongs to no format.
    """
    check_siblings(path, ("failures",))
    with replacing_together() as files, ExitStack() as stack:

        def open_tables(n: int) -> tuple[RowSink, RowSink]:
            values = ["value"] if n == 1 else [f"value_{k}" for k in range(n)]
            columns: dict[str, type] = {"id": str, **dict.fromkeys((*values, "lower", "upper"), float)}
            columns |= {"in_domain": bool, "doubt": str}
            rows = stack.enter_context(
                open_rows(path, columns, keep_empty=True, together=files, metadata=metadata)
            )
            beside = open_rows(sibling(path, "failures"), FAILURE_COLUMNS, together=files)
            return rows, stack.enter_context(beside)

        sink = PredictionSink(open_tables, n_values)
        yield sink
        sink.finish()
