"""All benchmarks: a table here, a JSON file in benchmarks/results/.

Usage: python benchmarks/run.py [--quick] [--only NAME ...] [--oracle PYTHON] [--json OUT]

CPU time (user and system) of one thread unless a line says wall. "best" counts and is compared with the bar; a median
far from it means a busy machine. A missed bar is printed, never an error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import batch
import command
import import_time
import kernel
import memory
import published
import scaling
import threads
import variants
from measure import HERE, ROOT, machine
from options import Options
from report import Row, Skipped, header, line, write_json

import models

CASES: dict[str, Callable[[Options], Iterable[Row | Skipped]]] = {
    "reference": published.run,
    "kernel": kernel.run,
    "batch": batch.run,
    "decorations": batch.run_decorations,
    "command": command.run,
    "variants": variants.run,
    "models": models.run,
    "threads": threads.run,
    "import": import_time.run,
    "scaling": scaling.run,
    "memory": memory.run,
}


def main() -> None:
    """Run the chosen cases; the results so far are saved after each."""
    arguments = _parser().parse_args()
    oracle = arguments.oracle or ROOT / ".venv-oracle" / "bin" / "python"
    options = Options(arguments.quick, oracle if oracle.exists() else None)
    target = arguments.json or HERE / "results" / time.strftime("%Y%m%d-%H%M%S.json")
    facts = machine()
    print(f"{facts['processor']}, {facts['processors']} processors, load {facts['load_average']}")
    print(f"Python {facts['python']}, commit {facts['commit']}, {facts['versions']}\n")
    print(header())
    results: dict[str, list[Row | Skipped]] = {}
    for name in arguments.only or CASES:
        print(name)
        rows = results.setdefault(name, [])
        for row in CASES[name](options):
            print(line(row), flush=True)
            rows.append(row)
        write_json(target, results, quick=options.quick)
    judged = [row for rows in results.values() for row in rows if isinstance(row, Row) and row.bar]
    missed = [row.name for row in judged if not row.passed]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} bars hold; results in {target}")
    for name in missed:
        print(f"  missed: {name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller inputs")
    parser.add_argument("--only", choices=CASES, action="append", help="this case; may be repeated")
    parser.add_argument("--oracle", type=Path, help="Python of the reference implementation's environment")
    parser.add_argument("--json", type=Path, help="where to write the results")
    return parser


if __name__ == "__main__":
    main()
