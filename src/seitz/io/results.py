"""Tables of features and what stands beside them: files of one run, which appear together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from seitz.errors import WriteError
from seitz.table import FAILURE_COLUMNS, WARNING_COLUMNS, FeatureTable, sibling

from .earlier import holds_results
from .files import Replacements, replacing_together
from .records import printable
from .rows import RowSink, open_rows
from .tables import Sink, open_sink
from .targets import table_target

#: What every table may have beside it.
SIBLINGS = ("failures", "warnings")


class ResultSinks(NamedTuple):
    """Where the rows of one run go."""

    table: Sink
    failures: RowSink
    warnings: RowSink


@contextmanager
def open_results(
    path: str | os.PathLike[str],
    *,
    names: Sequence[str],
    metadata: Mapping[str, str],
    together: Replacements | None = None,
) -> Iterator[ResultSinks]:
    """A table of features and its lists of failures and warnings, open for rows.

    They appear together when the block succeeds, the table last; lists without a row are removed if an earlier run
    has left them.

    Raises
    ------
    WriteError
        A file cannot be written, or one beside the table is of no earlier run; nothing was changed.
    OptionError
        The file name belongs to no format.
    """
    table_target(path, None)
    check_siblings(path, SIBLINGS)
    with (
        replacing_together(together) as files,
        open_sink(
            path, names=names, metadata=metadata, together=files
        ) as table,  # staged first, to appear last
        open_rows(sibling(path, "failures"), FAILURE_COLUMNS, together=files) as failures,
        open_rows(sibling(path, "warnings"), WARNING_COLUMNS, together=files) as warnings,
    ):
        yield ResultSinks(table, failures, warnings)


def write_results(
    path: str | os.PathLike[str],
    table: FeatureTable,
    *,
    beside: Mapping[str, FeatureTable | None] | None = None,
) -> None:
    """Write a table with its lists, and further tables beside it by their kind; errors as :func:`open_results`.

    None instead of a table removes that of an earlier run.
    """
    others = dict(beside or {})
    table_target(path, None)
    check_siblings(path, (*SIBLINGS, *others))
    with replacing_together() as files:
        with open_results(path, names=table.names, metadata=table.metadata, together=files) as rows:
            rows.table.append(table.ids, table.values)
            for failure in table.failures:
                rows.failures.append(*(getattr(failure, name) for name in FAILURE_COLUMNS))
            for warning in table.warnings:
                rows.warnings.append(*(getattr(warning, name) for name in WARNING_COLUMNS))
        for kind, other in others.items():
            target = sibling(path, kind)
            if other is None:
                files.remove(target)
                continue
            with open_sink(target, names=other.names, metadata=other.metadata, together=files) as sink:
                sink.append(other.ids, other.values)


def check_siblings(path: str | os.PathLike[str], kinds: Sequence[str]) -> None:
    """WriteError if a file beside a table, which would be replaced or removed with it, is of no earlier run."""
    for kind in kinds:
        beside = sibling(path, kind)
        shown = printable(str(beside))
        if os.path.isdir(beside):  # noqa: PTH112  # unlike Path, it never raises
            raise WriteError(
                f"{shown}: is a directory where the {kind} go: choose another name for the table"
            )
        if os.path.lexists(beside) and not holds_results(str(beside)):
            raise WriteError(
                f"{shown} would be replaced and is of no earlier run: choose another name for the table"
            )
