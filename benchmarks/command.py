"""`seitz featurize` on files, start-up included, and the same work in process."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import files
import inputs
from measure import ONE_THREAD, Child, Times, repeat, run_child
from options import Options
from report import Row, Skipped, rate

from seitz import featurize_batches
from seitz.io import read_structures

_FILES, _TABLES = 2_000, 4_000
_SEITZ = Path(sys.executable).with_name("seitz")


def run(options: Options) -> Iterator[Row | Skipped]:
    """10,000 structures of 30 sites from POSCAR, CIF, JSONL and Parquet."""
    n = 1_000 if options.quick else 10_000
    rounds = 2 if options.quick else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = inputs.rattled_sigmas(n)
        sources = {
            "POSCAR": (files.write_poscars(folder / "poscar", cells), _FILES),
            "CIF, P1": (files.write_cifs(folder / "cif", cells), _FILES),
            "CIF, 5 sites × 16 operations": (files.write_symmetric_cifs(folder / "sym", n), None),
            "JSONL": (files.write_jsonl(folder / "cells.jsonl", cells), _TABLES),
            "Parquet": (files.write_parquet(folder / "cells.parquet", cells), _TABLES),
        }
        del cells
        if _is_available():
            paths = {kind: path for kind, (path, _) in sources.items()}
            one, two = (_in_rounds(paths, folder, threads, rounds) for threads in (1, 2))
            for kind, (_, bar) in sources.items():
                cpu = Times(tuple(child.cpu / n for child in one[kind]))
                bar = None if options.quick else bar  # the start of the process would count ten times as much
                yield rate(f"seitz featurize, {kind}, {n:,} structures", cpu, "1/s/core", bar=bar)
                for threads, children in (("one thread", one[kind]), ("two threads", two[kind])):
                    wall = Times(tuple(child.wall / n for child in children))
                    yield rate(f"seitz featurize, {kind}, wall, {threads}", wall, "1/s")
        else:
            yield Skipped("seitz featurize", "the command is not there")
        for kind, (path, _) in sources.items():
            reading = repeat(lambda path=path: _read(path), total=1.0, at_least=2)  # type: ignore[misc]
            yield rate(f"in process, {kind}: read", reading.per(n), "1/s/core")
            whole = repeat(lambda path=path: _read_and_featurize(path), total=1.0, at_least=2)  # type: ignore[misc]
            yield rate(f"in process, {kind}: read and featurize", whole.per(n), "1/s/core")


def _is_available() -> bool:
    try:
        run_child([_SEITZ, "featurize", "--help"])
    except (OSError, RuntimeError):
        return False
    return True


def _in_rounds(paths: dict[str, Path], folder: Path, threads: int, rounds: int) -> dict[str, list[Child]]:
    """Every input in turn, so that a busy moment of the machine does not fall on one of them alone."""
    children: dict[str, list[Child]] = {kind: [] for kind in paths}
    for _ in range(rounds):
        for kind, path in paths.items():
            children[kind].append(_featurize(path, folder, threads))
    return children


def _featurize(path: Path, folder: Path, threads: int) -> Child:
    out = folder / "out.parquet"
    argv: list[str | Path] = [_SEITZ, "featurize", path, "-o", out, "--threads", str(threads)]
    child = run_child(argv, env=ONE_THREAD)
    out.unlink()
    return child


def _read(path: Path) -> None:
    for record in read_structures(path):
        if record.error is not None:
            raise record.error


def _read_and_featurize(path: Any) -> None:
    for table in featurize_batches(path, n_threads=1):
        assert not table.failures
