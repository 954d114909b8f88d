"""Peak memory of long streams: bounded, however many structures there are."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import files
import inputs
from measure import HERE, run_child
from options import Options
from report import Row

_BAR = 500


def run(options: Options) -> Iterator[Row]:
    """Structures of 4 to 8 sites made on the fly, and the same from a JSONL file, into Parquet."""
    n = 50_000 if options.quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _rows("stream", str(n), folder, n, "made on the fly")
        source = files.write_jsonl(folder / "cells.jsonl", inputs.small_cells(n))
        yield from _rows(
            "jsonl", str(source), folder, n, f"from JSONL ({source.stat().st_size / 1e6:,.0f} MB)"
        )


def _rows(kind: str, source: str, folder: Path, n: int, label: str) -> Iterator[Row]:
    target = folder / "features.parquet"
    child = run_child([sys.executable, HERE / "workers" / "memory.py", kind, source, target])
    found = json.loads(child.stdout)
    assert found["rows"] == n
    size = target.stat().st_size / 1e6
    target.unlink()
    peak, each = found["peak"] / 1e6, found["seconds"] / n * 1e6
    yield Row(
        f"peak memory, {n:,} structures {label}", "MB", peak, peak, bar=_BAR, note=f"table: {size:,.0f} MB"
    )
    yield Row(f"time with writing, structures {label}", "µs/structure", each, each)
