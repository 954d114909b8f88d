"""Small crystals, and their files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from seitz import Cell
from seitz.elements import SYMBOLS

SEITZ = Path(sys.executable).with_name("seitz")


def random_cell(seed: int, n_sites: int = 6) -> Cell:
    """Low-symmetry cell of three elements, its atoms about 3 Å apart."""
    rng = np.random.default_rng(seed)
    n_along = int(np.ceil(n_sites ** (1 / 3)))
    lattice = 3.0 * n_along * (np.eye(3) + rng.uniform(-0.08, 0.08, (3, 3)))
    places = rng.permutation(list(np.ndindex((n_along,) * 3)))[:n_sites] / n_along
    return Cell(lattice, places + rng.uniform(-0.05, 0.05, places.shape), rng.choice([26, 24, 8], n_sites))


def poscar(cell: Cell) -> str:
    """POSCAR with one line of symbols per site, in the order given."""
    vectors = "\n".join(" ".join(map(repr, v)) for v in cell.lattice.tolist())
    symbols = " ".join(SYMBOLS[z] for z in cell.atomic_numbers.tolist())
    sites = "\n".join(" ".join(map(repr, p)) for p in cell.frac_coords.tolist())
    return f"made for a test\n1.0\n{vectors}\n{symbols}\n{' 1' * len(cell)}\nDirect\n{sites}\n"


def json_line(name: str, cell: Cell) -> str:
    """One line of a JSONL file."""
    content = {
        "id": name,
        "lattice": cell.lattice.tolist(),
        "frac_coords": cell.frac_coords.tolist(),
        "atomic_numbers": cell.atomic_numbers.tolist(),
    }
    return json.dumps(content) + "\n"
