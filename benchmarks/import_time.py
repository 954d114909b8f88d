"""`import seitz` against `import numpy`, in fresh interpreters.

Both are timed in the same interpreter, NumPy first: what seitz adds to it then falls under the same noise.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from measure import ONE_THREAD, Times, python_environment, run_child
from options import Options
from report import Row, duration, ratio

_INSIDE = """
from time import perf_counter, process_time
wall, cpu = perf_counter(), process_time()
import numpy
print(process_time() - cpu, perf_counter() - wall)
import seitz
print(process_time() - cpu, perf_counter() - wall)
"""


def run(options: Options) -> Iterator[Row]:
    """CPU and wall time of the statements, and of whole processes with the start of the interpreter."""
    n = 10 if options.quick else 60
    argv = [sys.executable, "-c", _INSIDE]
    run_child(argv)  # compiles
    texts = [run_child(argv, env=ONE_THREAD).stdout.split() for _ in range(n)]
    numpy_cpu, numpy_wall, seitz_cpu, seitz_wall = (
        Times(tuple(float(text[k]) for text in texts)) for k in range(4)
    )
    yield duration("import numpy, CPU", numpy_cpu, "ms")
    yield duration("import seitz, CPU", seitz_cpu, "ms")
    verdict = _paired("import seitz / import numpy, CPU", seitz_cpu, numpy_cpu)
    yield verdict
    yield _paired("import seitz / import numpy, wall", seitz_wall, numpy_wall)
    process: dict[str, list[float]] = {"numpy": [], "seitz": []}
    for _ in range(n):
        for module, seconds in process.items():
            seconds.append(run_child([sys.executable, "-c", f"import {module}"], env=ONE_THREAD).cpu)
    times = (Times(tuple(process[module])) for module in ("seitz", "numpy"))
    yield ratio("whole process with interpreter, CPU", *times, better="lower")
    if not verdict.passed:
        print(_expensive())


def _paired(name: str, over: Times, under: Times) -> Row:
    """Ratio of what was measured in the same process; the median of all, as either of the two may be the noisy one."""
    middle = statistics.median(a / b for a, b in zip(over.seconds, under.seconds, strict=True))
    return Row(name, "×", middle, middle, len(over.seconds), "lower", 1.2)


def _expensive(top: int = 12) -> str:
    """The modules outside NumPy that take longest by themselves."""
    numpy, seitz = (_import_times(module) for module in ("numpy", "seitz"))
    own = sorted(((us, name) for name, us in seitz.items() if name not in numpy), reverse=True)
    lines = [f"      {us / 1000:8.2f} ms  {name}" for us, name in own[:top]]
    total = sum(us for us, _ in own) / 1000
    return "\n".join([f"      -X importtime: {total:.1f} ms in {len(own)} modules beyond NumPy's:", *lines])


def _import_times(module: str) -> dict[str, int]:
    """Own time of every module that an import loads, µs."""
    argv = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=python_environment())
    fields = (line.removeprefix("import time:").split("|") for line in done.stderr.splitlines())
    return {name.strip(): int(own) for own, _, name in fields if own.strip().isdigit()}
