"""Measuring: CPU time of a function, CPU time and memory of a child process, and the machine it happened on.

The machine is taken to be noisy. So everything is repeated in short pieces, and the smallest value counts: noise only
ever adds. The median is kept beside it as the measure of how noisy it was.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_PACKAGES = ("seitz", "numpy", "pyarrow", "gemmi", "moyopy")


@dataclass(frozen=True, slots=True)
class Times:
    """Repeated measurements of one duration, in seconds."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The smallest."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.seconds)

    def per(self, count: float) -> Times:
        """The same for one of ``count`` equal pieces."""
        return Times(tuple(s / count for s in self.seconds))

    def __add__(self, other: Times) -> Times:
        return Times(self.seconds + other.seconds)


def repeat(
    function: Callable[[], object],
    *,
    clock: Callable[[], float] = time.process_time,
    total: float = 1.0,
    at_least: int = 5,
) -> Times:
    """Durations of a function, called once to warm up, then for ``total`` seconds and ``at_least`` so many times."""
    function()
    seconds: list[float] = []
    while len(seconds) < at_least or sum(seconds) < total:
        start = clock()
        function()
        seconds.append(clock() - start)
    return Times(tuple(seconds))


@dataclass(frozen=True, slots=True)
class Child:
    """A finished child process."""

    stdout: str
    cpu: float
    """User and system time with start-up, s."""
    wall: float
    peak_rss: int
    """Bytes; never below what this process held when it started the child."""


@cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    """Where children keep compiled modules: a fresh checkout has none, or the environment may forbid to write them."""
    return tempfile.TemporaryDirectory(prefix="bytecode-")


def python_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of a child: with a bytecode cache, as every installed package has one."""
    cached = {"PYTHONPYCACHEPREFIX": _bytecode().name, "PYTHONDONTWRITEBYTECODE": ""}
    return {**os.environ, **cached, **(env or {})}


def run_child(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, accept: Sequence[int] = (0,)
) -> Child:
    """Run a command and account for it; RuntimeError with its last words if it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(argv, stdout=out, stderr=err, env=python_environment(env))
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in accept:
            words = err.read().decode(errors="replace").strip().splitlines()[-3:]
            raise RuntimeError(f"exit code {process.returncode}: {' | '.join(words)}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Child(out.read().decode(errors="replace"), usage.ru_utime + usage.ru_stime, wall, peak)


def machine() -> dict[str, object]:
    """What a result depends on: processor, load, versions, commit."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Abbreviated commit, with a ``+`` if files were changed since."""
    git = ["git", "--no-optional-locks", "-C", str(ROOT)]
    answers = []
    for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            answers.append(
                subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            )
        except (OSError, subprocess.CalledProcessError):
            return None
    return answers[0] + ("+" if answers[1] else "")
