"""`import seitz` against `import numpy`, each in a fresh interpreter, in turn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from measure import ONE_THREAD, Child, Times, python_environment, run_child
from options import Options
from report import Row, duration, ratio

_INSIDE = """
import time
wall, cpu = time.perf_counter(), time.process_time()
import {module}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def run(options: Options) -> Iterator[Row]:
    """The statement itself, and the whole process with the start of the interpreter."""
    modules = ("numpy", "seitz")
    run_child([sys.executable, "-c", "import seitz"])  # compiles
    children: dict[str, list[Child]] = {module: [] for module in modules}
    for _ in range(10 if options.quick else 60):
        for module in modules:
            code = _INSIDE.format(module=module)
            children[module].append(run_child([sys.executable, "-c", code], env=ONE_THREAD))
    cpu, wall = (
        {m: Times(tuple(float(c.stdout.split()[k]) for c in children[m])) for m in modules} for k in (0, 1)
    )
    process = {m: Times(tuple(c.cpu for c in children[m])) for m in modules}
    yield duration("import numpy, CPU", cpu["numpy"], "ms")
    yield duration("import seitz, CPU", cpu["seitz"], "ms")
    verdict = ratio("import seitz / import numpy, CPU", cpu["seitz"], cpu["numpy"], better="lower", bar=1.2)
    yield verdict
    yield ratio("import seitz / import numpy, wall", wall["seitz"], wall["numpy"], better="lower", bar=1.2)
    yield ratio("whole process with interpreter, CPU", process["seitz"], process["numpy"], better="lower")
    if not verdict.passed:
        print(_expensive())


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
