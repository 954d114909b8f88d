"""CPU time and peak memory of one call on one large structure, in a process of its own.

Usage: python scaling.py CELL.npz {tessellate,featurize} REPETITIONS
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

import seitz


def peak_rss() -> int:
    """Largest resident memory of this process so far, bytes; on Linux not counting what its parent held."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(path: str, operation: str, repetitions: int) -> None:
    """Print seconds of every repetition, and the peak memory in bytes."""
    with np.load(path) as arrays:
        cell = seitz.Cell(arrays["lattice"], arrays["frac_coords"], arrays["atomic_numbers"])
    function = getattr(seitz, operation)
    seitz.featurize(
        seitz.Cell(np.eye(3) * 3.0, np.zeros((1, 3)), np.array([26])), n_threads=1
    )  # property tables
    seconds = []
    for _ in range(repetitions):
        start = time.process_time()
        function(cell, n_threads=1)
        seconds.append(time.process_time() - start)
    print(json.dumps({"seconds": seconds, "peak": peak_rss()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
