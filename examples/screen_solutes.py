"""Every element as a solute in bcc iron: one tessellation, many decorations.

The Wigner-Seitz cells depend on where the atoms are, not on what they are. So the 128-site supercell is tessellated
once, and each solute costs only the array work of its features.
"""

from __future__ import annotations

import time

import numpy as np

import seitz
from seitz.elements import SYMBOLS

IRON = 26
SOLUTES = [z for z in range(3, 84) if z not in (10, 18, IRON, 36, 54)]  # Li to Bi without the noble gases


def bcc_supercell(a: float, repeats: int) -> seitz.Cell:
    """Cubic supercell of bcc iron with 2 · repeats³ sites."""
    corners = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = np.concatenate([corners, corners + 0.5]) / repeats
    return seitz.Cell(np.eye(3) * a * repeats, sites, [IRON] * len(sites))


def main() -> None:
    host = bcc_supercell(2.8665, repeats=4)
    tessellation = seitz.tessellate(host)

    decorations = np.tile(host.atomic_numbers, (len(SOLUTES), 1))
    decorations[:, 0] = SOLUTES

    start = time.perf_counter()
    table = tessellation.featurize(decorations)
    seconds = time.perf_counter() - start
    print(f"{len(table)} solutes on one of {len(host)} sites: {1000 * seconds:.1f} ms")

    misfit = table["max_NeighDiff_shell1_CovalentRadius"]
    contrast = table["max_NeighDiff_shell1_Electronegativity"]
    gentle = np.argsort(misfit / misfit.max() + contrast / contrast.max())
    print("\nmost like iron         |Δr|/pm   |Δχ|")
    for row in gentle[:8]:
        print(f"  {SYMBOLS[SOLUTES[row]]:<20} {misfit[row]:7.1f} {contrast[row]:7.2f}")

    # The same numbers as from scratch:
    slow = seitz.featurize(host.replace(atomic_numbers=decorations[5]))
    np.testing.assert_allclose(table.values[5], slow.values[0], rtol=1e-9, atol=1e-9)


if __name__ == "__main__":
    main()
