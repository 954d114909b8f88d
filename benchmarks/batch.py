"""The whole path from arrays to a table, and many decorations of one geometry."""

from __future__ import annotations

from collections.abc import Iterator

import inputs
from measure import repeat
from options import Options
from report import Row, duration, rate

from seitz import Cell, featurize, tessellate


def run(options: Options) -> Iterator[Row]:
    """Batches of 30-site structures without symmetry."""
    cells = inputs.rattled_sigmas(500)
    arrays = [(c.lattice.copy(), c.frac_coords.copy(), c.atomic_numbers.copy()) for c in cells]
    n = len(cells)
    total = 0.5 if options.quick else 2.0
    yield duration(
        "arrays → Cell → featurize, 30 sites",
        repeat(lambda: featurize([Cell(*a) for a in arrays], n_threads=1), total=total).per(n),
        "µs/structure",
        bar=150,
    )
    yield duration(
        "of which arrays → Cell",
        repeat(lambda: [Cell(*a) for a in arrays], total=total / 4).per(n),
        "µs/structure",
    )
    yield duration(
        "featurize a list of Cells, 30 sites",
        repeat(lambda: featurize(cells, n_threads=1), total=total).per(n),
        "µs/structure",
    )
    yield duration(
        "featurize one Cell, 30 sites",
        repeat(lambda: featurize(cells[0], n_threads=1), total=total / 4),
        "µs/structure",
    )


def run_decorations(options: Options) -> Iterator[Row]:
    """Random decorations of one σ tessellation."""
    tessellation = tessellate(inputs.sigma())
    n = 5_000
    for n_elements, kind in ((2, "binary"), (3, "ternary"), (5, "of five elements")):
        numbers = inputs.decorations(n, len(tessellation), n_elements)
        times = repeat(
            lambda numbers=numbers: tessellation.featurize(numbers, n_threads=1),  # type: ignore[misc]
            total=0.5 if options.quick else 2.0,
        )
        yield rate(f"decorations of one σ phase, {kind}", times.per(n), "1/s/core", bar=50_000)
