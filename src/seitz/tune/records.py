"""Files whose rows are structures with numbers beside them: JSON lines, and Parquet with a column of lattices."""

from __future__ import annotations

import json
from typing import Any

from seitz.errors import ReadError, TuneError

_VECTORS = frozenset(("lattice", "frac_coords"))
_STRUCTURE = frozenset(("lattice", "lattice_vectors", "structure", "@class", "attributes"))


def structures_in(path: str) -> list[dict[str, Any]] | None:
    """Structures with whatever stands beside them; None for a file of features.

    Raises
    ------
    ReadError
        A line that is no JSON object.
    """
    name = path.lower()
    return _of_parquet(path) if name.endswith(".parquet") else _of_lines(path) if ".jsonl" in name else None


def values_of(path: str, records: list[dict[str, Any]], column: str) -> list[Any]:
    """What stands in a column of each structure; None where nothing does.

    Raises
    ------
    TuneError
        No structure has the column.
    """
    if not any(column in record for record in records):
        others = (
            [key for key, value in records[0].items() if isinstance(value, int | float)] if records else []
        )
        raise TuneError(f"{path} has no column {column!r}; there is {', '.join(others[:20]) or 'no number'}")
    return [record.get(column) for record in records]


def unit_in(path: str, column: str) -> str:
    """Unit of the targets that ``seitz.optimade`` has fetched into a file; empty where a file does not say."""
    if not path.lower().endswith(".parquet") or column != "target":
        return ""
    import pyarrow.parquet as pq

    try:
        told = json.loads((pq.read_schema(path).metadata or {})[b"seitz.optimade"])["target"]["unit"]
    except (KeyError, TypeError, ValueError):
        return ""
    return told if isinstance(told, str) else ""


def _of_parquet(path: str) -> list[dict[str, Any]] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not _STRUCTURE & set(pq.read_schema(path).names):
            return None
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReadError(f"{path}: no readable table: {error}") from None
    return [row | {key: _by_three(row[key]) for key in _VECTORS & set(row)} for row in rows]


def _by_three(values: Any) -> Any:
    """Vectors, of flat numbers: Parquet files hold either."""
    flat = isinstance(values, list) and values and not isinstance(values[0], list)
    return [values[k : k + 3] for k in range(0, len(values), 3)] if flat else values


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
                    raise ValueError(f"it is a {type(record).__name__}")
                if not records and not _STRUCTURE & set(record):
                    return None
                records.append(record)
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}, line {number}: no JSON object: {error}") from None
    return records
