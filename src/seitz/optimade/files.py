"""Fetched tables on disk."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seitz._typing import PathLike
from seitz.cell import Cell
from seitz.errors import OptionError, ReadError
from seitz.io.files import replacing
from seitz.io.records import printable
from seitz.io.rows import open_rows
from seitz.io.targets import table_target, write_errors

from .provider import Target
from .records import Skipped
from .table import OptimadeTable, Provenance, Source

_KEY = b"seitz.optimade"
_VERSION = 1
_COLUMNS: dict[str, type] = {
    "id": str, "name": str, "database": str, "n_sites": int, "target": float, "references": str, "skipped": str,
}  # fmt: skip


def write(path: PathLike, table: OptimadeTable) -> None:
    """Write a table; see :meth:`OptimadeTable.write`."""
    name, kind, _ = table_target(path, None)
    if kind == "parquet":
        import pyarrow.parquet as pq

        with replacing(name) as temporary, write_errors(name):
            pq.write_table(to_arrow(table), temporary, compression="zstd")
    elif kind == "csv":
        _write_csv(name, table)
    else:
        raise OptionError(f"{printable(name)}: a fetched table is written to .parquet or .csv")


def to_arrow(table: OptimadeTable) -> Any:
    """A pyarrow ``Table`` with everything: structures as flat lists of numbers, what is not a row as metadata."""
    import pyarrow as pa

    numbers, integers = pa.list_(pa.float64()), pa.list_(pa.int32())
    columns = {
        "id": pa.array(table.ids, pa.string()),
        "name": pa.array(table.names, pa.string()),
        "database": pa.array(table.databases, pa.string()),
        "target": pa.array(table.targets, pa.float64()),
        "references": pa.array([list(entry) for entry in table.references], pa.list_(pa.string())),
        "lattice": pa.array([cell.lattice.ravel() for cell in table.structures], numbers),
        "frac_coords": pa.array([cell.frac_coords.ravel() for cell in table.structures], numbers),
        "atomic_numbers": pa.array([cell.atomic_numbers for cell in table.structures], integers),
    }
    rest = {
        "version": _VERSION,
        "target": asdict(table.target),
        "skipped": [list(entry) for entry in table.skipped],
        "warnings": list(table.warnings),
        "provenance": table.provenance._asdict()
        | {"sources": [source._asdict() for source in table.provenance.sources]},
    }
    return pa.table(columns).replace_schema_metadata({_KEY: json.dumps(rest).encode()})


def read(path: PathLike) -> OptimadeTable:
    """A table that was written to Parquet.

    Raises
    ------
    ReadError
        No such file, or not one of these.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    shown = printable(os.fspath(path))
    try:
        with Path(path).open("rb") as stream:
            content = pq.ParquetFile(stream).read()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ReadError(f"{shown}: no readable Parquet: {error}") from None
    metadata = (content.schema.metadata or {}).get(_KEY)
    if metadata is None:
        raise ReadError(
            f"{shown}: no table of 'seitz optimade fetch': its structures are read by read_structures()"
        )
    try:
        return _from_arrow(content.to_pydict(), json.loads(metadata))
    except (ValueError, TypeError, LookupError) as error:
        raise ReadError(f"{shown}: a table of another version of seitz, or damaged: {error}") from None


def _from_arrow(columns: dict[str, list[Any]], rest: dict[str, Any]) -> OptimadeTable:
    if rest["version"] != _VERSION:
        raise ValueError(f"version {rest['version']}")
    structures = zip(columns["lattice"], columns["frac_coords"], columns["atomic_numbers"], strict=True)
    origin = rest["provenance"]
    return OptimadeTable(
        structures=tuple(
            Cell(np.reshape(lattice, (3, 3)), np.reshape(coords, (-1, 3)), numbers)
            for lattice, coords, numbers in structures
        ),
        targets=np.array(columns["target"], dtype=np.float64),
        target=_target(rest["target"]),
        ids=tuple(columns["id"]),
        databases=tuple(columns["database"]),
        references=tuple(map(tuple, columns["references"])),
        skipped=tuple(Skipped(*entry) for entry in rest["skipped"]),
        warnings=tuple(rest["warnings"]),
        provenance=Provenance(
            **{**origin, "sources": tuple(Source(**source) for source in origin["sources"])}
        ),
    )


def _target(stored: dict[str, Any]) -> Target:
    return Target(**(stored | {name: tuple(stored[name]) for name in ("path", "absent")}))


def _write_csv(path: str, table: OptimadeTable) -> None:
    """Every record that came, in order of arrival within the kept and the skipped ones."""
    with open_rows(path, _COLUMNS, keep_empty=True) as rows:
        for k, cell in enumerate(table.structures):
            target = float(table.targets[k])
            cited = " ".join(table.references[k])
            rows.append(
                table.ids[k], table.names[k], table.databases[k], len(cell),
                None if math.isnan(target) else target, cited, None,
            )  # fmt: skip
        for entry in table.skipped:
            rows.append(entry.id, None, entry.database, None, None, None, f"{entry.reason}: {entry.message}")
