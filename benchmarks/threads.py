"""Two threads against one, wall-clock; and what two independent threads reach on this machine at this moment."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import inputs
from measure import Times
from options import Options
from report import Row, ratio

from seitz import Cell, featurize, tessellate

_BAR = 1.8
_NOTE = "wall-clock: meaningful only where the line above is close to 2"


def run(options: Options) -> Iterator[Row]:
    """A batch of σ phases and one large structure."""
    n_sites, repetitions = (10_000, 10) if options.quick else (50_000, 40)
    yield ratio("one thread / two, SHA-256 (upper limit now)", *_one_and_two(_hash, repetitions))
    batch: list[Cell] = [inputs.sigma()] * 2_000
    times = _one_and_two(lambda n: featurize(batch, n_threads=n), repetitions)
    yield ratio("one thread / two, featurize 2,000 σ phases", *times, bar=_BAR, note=_NOTE)
    large = inputs.glass(n_sites)
    times = _one_and_two(lambda n: featurize(large, n_threads=n), repetitions)
    yield ratio(f"one thread / two, featurize {n_sites:,} atoms", *times, bar=_BAR)
    times = _one_and_two(lambda n: tessellate(large, n_threads=n), repetitions)
    yield ratio(f"one thread / two, tessellate {n_sites:,} atoms", *times)


def _one_and_two(function: Callable[[int], object], repetitions: int) -> tuple[Times, Times]:
    """Wall-clock times with one and with two threads, taken in turn."""
    function(2)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repetitions):
        for n_threads, times in seconds.items():
            start = time.perf_counter()
            function(n_threads)
            times.append(time.perf_counter() - start)
    return Times(tuple(seconds[1])), Times(tuple(seconds[2]))


def _hash(n_threads: int) -> None:
    """Two large buffers hashed; the interpreter lock is free meanwhile."""
    data = bytes(1 << 26)
    if n_threads == 1:
        for _ in range(2):
            hashlib.sha256(data)
        return
    workers = [threading.Thread(target=hashlib.sha256, args=(data,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
