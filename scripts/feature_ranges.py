"""Write src/seitz/data/feature_ranges.csv: smallest and largest value of every feature over the Materials Project set.

Usage: python scripts/feature_ranges.py DATA.jsonl.gz
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path

import numpy as np

from seitz import Cell, featurize

TARGET = Path(__file__).parents[1] / "src" / "seitz" / "data" / "feature_ranges.csv"
_LARGEST_ENERGY, _LARGEST_VOLUME = 1.0, 120.0  # eV and Å³ per atom: beyond, the set holds artefacts


def main(source: str) -> None:
    """Featurize the set, and write the extremes."""
    cells = []
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            cell = Cell(record["lattice"], record["frac_coords"], record["atomic_numbers"])
            energy = record["formation_energy_per_atom_eV"]
            if energy < _LARGEST_ENERGY and cell.volume < _LARGEST_VOLUME * len(cell):
                cells.append(cell)
    table = featurize(cells)
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        file.write(
            f"# KS2022 over {len(cells)} crystals of the Materials Project (CC BY 4.0, Jain et al., APL Mater. 1, "
            "011002, 2013)\n"
        )
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["feature", "minimum", "maximum"])
        lows, highs = np.nanmin(table.values, axis=0), np.nanmax(table.values, axis=0)
        for name, low, high in zip(table.names, lows.tolist(), highs.tolist(), strict=True):
            rows.writerow([name, f"{low:.6g}", f"{high:.6g}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
