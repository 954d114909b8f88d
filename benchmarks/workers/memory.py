"""A long stream of small structures into a Parquet file, in a process of its own.

Usage: python memory.py {stream,jsonl} SOURCE TARGET.parquet; SOURCE is a number of structures or a JSONL file
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from scaling import peak_rss

sys.path.insert(0, str(Path(__file__).parent.parent))
import inputs

from seitz import Cell, featurize_batches
from seitz.descriptors import descriptor
from seitz.io import open_sink


def main(kind: str, source: str, target: str) -> None:
    """Print the number of rows, seconds and peak memory."""
    stream: Iterable[Cell] | str = inputs.small_cells(int(source)) if kind == "stream" else source
    start = time.process_time()
    with open_sink(target, names=descriptor("ks2022").names) as sink:
        for table in featurize_batches(stream):
            sink.append(table.ids, table.values)
    seconds = time.process_time() - start
    print(json.dumps({"rows": sink.n_rows, "seconds": seconds, "peak": peak_rss()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
