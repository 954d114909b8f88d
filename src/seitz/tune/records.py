"""Files whose rows are structures with numbers beside them: JSON lines, and Parquet with a column of lattices."""

from __future__ import annotations

import json
from typing import Any

from seitz.errors import ReadError, TuneError

_STRUCTURE = frozenset(("lattice", "lattice_vectors", "structure", "@class", "attributes"))


def structures_with(path: str, column: str) -> tuple[list[Any], list[str], list[float]] | None:
    """Structures, their ids, and a number of each (NaN where there is none); None for a file of features.

    Raises
    ------
    TuneError
        No structure has the column.
    ReadError
        A line that is no JSON object.
    """
    name = path.lower()
    records = (
        _of_parquet(path) if name.endswith(".parquet") else _of_lines(path) if ".jsonl" in name else None
    )
    if records is None:
        return None
    if not any(column in record for record in records):
        others = (
            [key for key, value in records[0].items() if isinstance(value, int | float)] if records else []
        )
        raise TuneError(f"{path} has no column {column!r}; there is {', '.join(others[:20]) or 'no number'}")
    ids = [str(record.get("id", k)) for k, record in enumerate(records)]
    return records, ids, [_number(record.get(column)) for record in records]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _of_parquet(path: str) -> list[dict[str, Any]] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not _STRUCTURE & set(pq.read_schema(path).names):
            return None
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReadError(f"{path}: no readable table: {error}") from None
    return rows


def _of_lines(path: str) -> list[dict[str, Any]] | None:
    from seitz.io.streams import open_stream

    records: list[dict[str, Any]] = []
    number = 0
    try:
        with open_stream(path) as stream:
            for line in stream:
                number += 1  # for the message
                if not line.strip():
                    continue
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("no JSON object")
                if not records and not _STRUCTURE & set(record):
                    return None
                records.append(record)
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{path}, line {number}: {error}") from None
    return records
