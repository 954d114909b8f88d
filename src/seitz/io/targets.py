"""Where a table goes, in which format, and what a failure to write it is called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from seitz.errors import OptionError, WriteError

from .files import write_error
from .records import printable

TableFormat = Literal["parquet", "csv", "npz", "jsonl"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)


def table_target(
    path: str | os.PathLike[str], format: TableFormat | None
) -> tuple[str, TableFormat, str | None]:
    """Path, format and compression of a table to be written."""
    name = os.fspath(path)
    if os.path.isdir(name):  # noqa: PTH112  # unlike Path, it takes any name
        raise WriteError(f"{printable(name)}: is a directory: give the name of a file in it")
    return (name, *table_format(name, format))


def table_format(name: str, format: TableFormat | None) -> tuple[TableFormat, str | None]:
    """Format and compression, from the suffixes unless the format is given."""
    file = Path(name.lower())
    compression = file.suffix[1:] if file.suffix in (".gz", ".zst") else None
    suffix = Path(file.stem).suffix if compression else file.suffix
    kind = format or suffix[1:]
    if kind not in TABLE_FORMATS:
        raise OptionError(f"{printable(name)}: the format {kind!r} is not one of {', '.join(TABLE_FORMATS)}")
    if compression and kind not in ("csv", "jsonl"):
        raise OptionError(f"{printable(name)}: {kind} is compressed in itself: leave out .{compression}")
    return kind, compression


@contextmanager
def write_errors(target: str) -> Iterator[None]:
    """Turn failures of the system into a WriteError."""
    import pyarrow as pa

    try:
        yield
    except WriteError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise write_error(target, error) from error
