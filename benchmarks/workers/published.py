"""CPU time of the published implementation; runs in its own environment and uses only its public API.

Usage: python published.py INPUT.json OUTPUT.json
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from pathlib import Path
from unittest.mock import MagicMock

from pymatgen.core import Structure

# Only its networks need this module, which fails to load where torch and torchvision are not of the same kind of build.
sys.modules["onnx2torch"] = MagicMock()
from pysipfenn.descriptorDefinitions import KS2022  # noqa: E402


def main(source: Path, target: Path) -> None:
    """Time every structure ``repetitions`` times, after one round of warming up."""
    task = json.loads(source.read_text())
    structures = [Structure(s["lattice"], s["atomic_numbers"], s["frac_coords"]) for s in task["structures"]]
    vectors = [KS2022.generate_descriptor(structure) for structure in structures]
    seconds: list[list[float]] = [[] for _ in structures]
    for _ in range(task["repetitions"]):
        for times, structure in zip(seconds, structures, strict=True):
            start = time.process_time()
            KS2022.generate_descriptor(structure)
            times.append(time.process_time() - start)
    packages = ("pysipfenn", "pymatgen-core", "numpy", "spglib")
    target.write_text(
        json.dumps(
            {
                "versions": {name: metadata.version(name) for name in packages},
                "seconds": seconds,
                "vectors": [[float(x) for x in vector] for vector in vectors],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
