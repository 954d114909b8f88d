"""CPU time of the published implementation on defects, random alloys and Ward2017, in its own environment.

Usage: python variants.py INPUT.json OUTPUT.json
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from pymatgen.core import Composition, Structure

# Only its networks need this module, which fails to load where torch and torchvision are not of the same kind of build.
sys.modules["onnx2torch"] = MagicMock()
from pysipfenn.descriptorDefinitions import KS2022_dilute, KS2022_randomSolutions, Ward2017  # noqa: E402


def main(source: Path, target: Path) -> None:
    """Time each of the three; the random alloy once, since it takes minutes."""
    task = json.loads(source.read_text())
    dilute, glass, lattice = (_structure(task[name]) for name in ("dilute", "glass", "lattice"))
    composition = Composition(task["composition"])
    result = {
        "dilute": _timed(lambda: KS2022_dilute.generate_descriptor(dilute), task["repetitions"]),
        "ward2017": _timed(lambda: Ward2017.generate_descriptor(glass), 1, warm=False),
        "random": _timed(
            lambda: KS2022_randomSolutions.generate_descriptor(lattice, composition, printProgress=False),
            1,
            warm=False,
        ),
    }
    target.write_text(json.dumps(result))


def _structure(cell: dict[str, Any]) -> Structure:
    return Structure(cell["lattice"], cell["atomic_numbers"], cell["frac_coords"])


def _timed(function: Callable[[], Any], repetitions: int, *, warm: bool = True) -> dict[str, Any]:
    if warm:
        function()
    seconds = []
    for _ in range(repetitions):
        start = time.process_time()
        vector = function()
        seconds.append(time.process_time() - start)
    return {"seconds": seconds, "vector": [float(x) for x in vector]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
