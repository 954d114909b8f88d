"""Two threads against one, wall-clock, judged only while two independent threads show that both processors are free."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import inputs
import numpy as np
from options import Options
from report import Row

from seitz import Cell, featurize, tessellate

_BAR = 1.8
_IDLE = 1.9  # what two independent threads must reach for a moment to count
_WANTED = 12  # such moments


def run(options: Options) -> Iterator[Row]:
    """A batch of σ phases and one large structure; every try is paired with hashing at the same moment."""
    seconds = 5.0 if options.quick else 60.0
    batch: list[Cell] = [inputs.sigma()] * 2_000
    n_sites = 10_000 if options.quick else 50_000
    large = inputs.glass(n_sites)
    cases: list[tuple[str, Callable[[int], object], bool]] = [
        ("featurize 2,000 σ phases", lambda n: featurize(batch, n_threads=n), True),
        (f"featurize {n_sites:,} atoms", lambda n: featurize(large, n_threads=n), True),
        (f"tessellate {n_sites:,} atoms", lambda n: tessellate(large, n_threads=n), False),
    ]
    for name, function, judged in cases:
        limits, ratios = _paired(function, seconds)
        idle = ratios[limits >= _IDLE]
        shown = idle if len(idle) else ratios
        note = (
            f"{len(idle)} of {len(ratios)} tries with both processors free; two independent threads reached "
            f"{np.median(limits):.2f} (median), {limits.max():.2f} (best)"
        )
        yield Row(
            f"one thread / two, {name}",
            "×",
            float(shown.max()),
            float(np.median(shown)),
            len(shown),
            "higher",
            _BAR if judged and len(idle) else None,
            note if len(idle) else f"not judged: {note}",
        )


def _paired(function: Callable[[int], object], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of independent hashing, and of the function, at the same moments."""
    function(2)
    limits, ratios = [], []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and sum(limit >= _IDLE for limit in limits) < _WANTED:
        before, ratio, after = _ratio(_hash), _ratio(function), _ratio(_hash)
        limits.append(min(before, after))
        ratios.append(ratio)
    return np.array(limits), np.array(ratios)


def _ratio(function: Callable[[int], object]) -> float:
    times = []
    for n_threads in (1, 2):
        start = time.perf_counter()
        function(n_threads)
        times.append(time.perf_counter() - start)
    return times[0] / times[1]


def _hash(n_threads: int) -> None:
    """Two large buffers hashed; the interpreter lock is free meanwhile."""
    data = bytes(1 << 25)
    if n_threads == 1:
        for _ in range(2):
            hashlib.sha256(data)
        return
    workers = [threading.Thread(target=hashlib.sha256, args=(data,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
