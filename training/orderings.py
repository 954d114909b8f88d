"""Cells of oxides and fluorides that the model orders worst, with other metals on their sites.

Compounds with oxygen and fluorine on the sites of one lattice, and oxides and fluorides of 3d metals with more sites
than ``teacher.MAX_SITES``: like replaces like, the anions stay where they are.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .sources import is_kept_out

OXYGEN, FLUORINE, YTTERBIUM = 8, 9, 70
METALS_3D = tuple(range(22, 30))
METALS = (*METALS_3D, 40, 41, 42, 44, 73, 74, 75)
MIXED_SITES = 24  # of compounds with both anions
SITES = (10, 20)  # more than, and at most, of the others
PER_MIXED = 3
OTHERS = 400
ALIKE = 12.0  # Mendeleev numbers
TRIES = 40


def orderings(data: Path, mendeleev: dict[int, float]) -> Iterator[dict[str, Any]]:
    """Crystals of the Materials Project and what is to stand for what, those with both anions first."""
    mixed, others = [], []
    with gzip.open(data / "mp_formation_energy" / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            n_sites, elements = len(record["atomic_numbers"]), set(record["atomic_numbers"])
            if YTTERBIUM in elements:
                continue
            if {OXYGEN, FLUORINE} <= elements and n_sites <= MIXED_SITES and elements & set(METALS):
                mixed.append(record)
            elif (
                elements & set(METALS_3D) and elements & {OXYGEN, FLUORINE} and SITES[0] < n_sites <= SITES[1]
            ):
                others.append(record)
    generator = np.random.default_rng(0)
    first = [_of(r, to) for r in mixed for to in _swaps(r, METALS, PER_MIXED, mendeleev, generator)]
    drawn = generator.permutation(len(others))[:OTHERS]
    rest = [_of(others[k], to) for k in drawn for to in _swaps(others[k], METALS_3D, 1, mendeleev, generator)]
    for part in (first, rest):
        shuffled = (part[k] for k in generator.permutation(len(part)))
        yield from (one for one in shuffled if not is_kept_out(one["to"].values()))


def _of(record: dict[str, Any], to: dict[int, int]) -> dict[str, Any]:
    kept = {name: record[name] for name in ("id", "lattice", "frac_coords", "atomic_numbers")}
    return {"record": kept, "to": to}


def _swaps(
    record: dict[str, Any],
    metals: Sequence[int],
    n: int,
    mendeleev: dict[int, float],
    generator: np.random.Generator,
) -> Iterator[dict[int, int]]:
    """At most n ways to put other metals, likely similar ones, on the sites of metals."""
    elements = sorted(set(record["atomic_numbers"]))
    found: set[tuple[tuple[int, int], ...]] = set()
    for _ in range(TRIES):
        if len(found) == n:
            return
        to = {z: z for z in elements}
        for z in sorted(set(elements) & set(metals)):
            taken = set(to.values())
            odds = np.array(
                [
                    np.exp(-abs(mendeleev[m] - mendeleev[z]) / ALIKE) * (m != z) * (m not in taken)
                    for m in metals
                ]
            )
            to[z] = int(generator.choice(metals, p=odds / odds.sum()))
        key = tuple(sorted(to.items()))
        if len(set(to.values())) == len(to) and key not in found:
            found.add(key)
            yield to
