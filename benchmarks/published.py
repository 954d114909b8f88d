"""Against the published implementation, in its own environment and in the same run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import inputs
import numpy as np
from measure import HERE, ONE_THREAD, Times, repeat, run_child
from options import Options
from report import Row, Skipped, duration, ratio

from seitz import Cell, featurize

_COPIES = 200  # of the σ phase, for one batch


def run(options: Options) -> Iterator[Row | Skipped]:
    """30 sites without symmetry, and the σ phase with all of its symmetry."""
    if options.oracle is None:
        yield Skipped(
            "reference implementation", "no environment for it; run `make oracle`, or give --oracle"
        )
        return
    low, sigma = inputs.rattled_sigmas(500), inputs.sigma()
    chosen = low[: 1 if options.quick else 3]
    theirs = _reference(options.oracle, [*chosen, sigma], repetitions=1 if options.quick else 4)
    seconds = [Times(tuple(s)) for s in theirs["seconds"]]
    reference_low = sum(seconds[1:-1], seconds[0])
    ours_low = repeat(lambda: featurize(low, n_threads=1)).per(len(low))
    copies = [sigma] * _COPIES
    ours_sigma = repeat(lambda: featurize(copies, n_threads=1)).per(_COPIES)
    ours_orbits = repeat(lambda: featurize(copies, symmetry="orbits", n_threads=1)).per(_COPIES)

    versions = ", ".join(f"{name} {version}" for name, version in theirs["versions"].items())
    yield duration("reference, 30 sites without symmetry", reference_low, "ms", note=versions)
    yield duration("seitz, 30 sites without symmetry", ours_low)
    yield ratio("reference / seitz, 30 sites without symmetry", reference_low, ours_low, bar=3000)
    yield _agreement("largest difference, without symmetry", theirs["vectors"][:-1], featurize(chosen).values)
    yield duration("reference, σ phase", seconds[-1], "ms")
    yield duration("seitz, σ phase, every site", ours_sigma)
    yield duration('seitz, σ phase, symmetry="orbits"', ours_orbits)
    yield ratio("reference / seitz, σ phase, every site", seconds[-1], ours_sigma, bar=700)
    yield ratio("reference / seitz, σ phase, orbits", seconds[-1], ours_orbits)
    yield _agreement("largest difference, σ phase", theirs["vectors"][-1:], featurize(sigma).values)


def _reference(python: Path, cells: Sequence[Cell], *, repetitions: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.json"), Path(folder, "out.json")
        as_lists = [
            {name: getattr(cell, name).tolist() for name in ("lattice", "frac_coords", "atomic_numbers")}
            for cell in cells
        ]
        source.write_text(json.dumps({"repetitions": repetitions, "structures": as_lists}))
        run_child([str(python), HERE / "workers" / "published.py", source, target], env=ONE_THREAD)
        result: dict[str, Any] = json.loads(target.read_text())
        return result


def _agreement(name: str, theirs: object, ours: np.ndarray) -> Row:
    """Proof that both computed the same thing."""
    reference = np.asarray(theirs)
    error = float(np.max(np.abs(ours - reference) / np.maximum(1.0, np.abs(reference))))
    return Row(name, "of max(1, |ref|)", error, error)
