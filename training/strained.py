"""Elements under pressure and tension: what teaches that their energy rises on both sides of their volume."""

from __future__ import annotations

import gzip
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .sources import is_kept_out

SCALES = (0.88, 0.91, 0.94, 0.97, 1.03, 1.06, 1.10)  # of lengths
PER_ELEMENT = 3
MAX_SITES = 12


def strained_elements(data: Path) -> Iterator[list[str]]:
    """Rows of the file: the energy of DFT at the known volume, and what CHGNet adds for another one."""
    import torch
    from chgnet.model import CHGNet
    from pymatgen.core import Lattice, Structure

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    for records in _by_element(data):
        lowest = records[0]["energy_per_atom_eV"]
        for record in records[:PER_ELEMENT]:
            numbers, lattice = record["atomic_numbers"], np.array(record["lattice"])
            cells = [Structure(Lattice(lattice * s), numbers, record["frac_coords"]) for s in (1.0, *SCALES)]
            relaxed, *energies = (
                float(found["e"]) for found in model.predict_structure(cells, task="e", batch_size=len(cells))
            )
            for cell, energy in zip(cells[1:], energies, strict=True):
                above = record["energy_per_atom_eV"] - lowest + energy - relaxed
                swap = f"{numbers[0]}>{numbers[0]}"
                yield [record["id"], swap, f"{cell.volume / len(numbers):.4f}", f"{above:.4f}"]


def _by_element(data: Path) -> Iterator[list[dict[str, Any]]]:
    """Small cells of each element that is not kept out, by energy."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(data / "mp_elemental_references" / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if len(record["atomic_numbers"]) <= MAX_SITES:
                found[record["element"]].append(record)
    for element in sorted(found):
        if not is_kept_out(found[element][0]["atomic_numbers"]):
            yield sorted(found[element], key=lambda record: record["energy_per_atom_eV"])
