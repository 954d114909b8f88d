"""Defects, random alloys and Ward2017, against the published implementation in the same run."""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inputs
import numpy as np
from measure import HERE, ONE_THREAD, ROOT, Times, repeat, run_child
from options import Options
from report import Row, Skipped, duration, rate, ratio

from seitz import Cell, featurize, featurize_dilute, featurize_random, host_plan
from seitz.errors import SeitzError

_NINE = "Hf2.5Zr1Ti25Ta12.5Nb26.75V10Mo20Cr2C0.25"
_ALLOYS = ROOT.parent / "shared" / "data" / "hea_compositions" / "mpea_dataset.csv"


def run(options: Options) -> Iterator[Row | Skipped]:
    """One row per promise; the reference takes minutes for its random alloy, so that part is left out of quick runs."""
    iron = Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26])
    host = iron.supercell((3, 3, 3))
    dilute = [_with_solute(host, z % 54, z) for z in range(3, 83) if z != 26]
    glass = inputs.glass(500)
    ours = {
        "dilute": repeat(lambda: featurize_dilute(dilute, n_threads=1)).per(len(dilute)),
        "ward2017": repeat(lambda: featurize(glass, descriptor="ward2017", walk="no_reversal", n_threads=1)),
        "random": repeat(lambda: featurize_random(iron, _NINE, seed=1, n_threads=1), total=3.0),
    }
    yield duration("bcc-54 with one solute, host found and shared", ours["dilute"], "µs/structure")
    one = repeat(lambda: featurize_dilute(dilute[0], n_threads=1))
    yield duration("bcc-54 with one solute, alone", one, "µs")
    yield from _plans(host)
    yield duration("Ward2017 of a 500-atom glass", ours["ward2017"], "ms", bar=50)
    exact = repeat(lambda: featurize_random(iron, _NINE, mode="exact", n_threads=1))
    yield duration("nine-component bcc alloy, exact", exact, "ms", bar=20)
    yield duration("nine-component bcc alloy, sampled to 0.5 %", ours["random"], "s", bar=0.5)
    yield from _all_alloys(options)
    if options.oracle is None or options.quick:
        yield Skipped("reference: dilute, Ward2017, random", "a quick run, or no environment for it")
        return
    theirs = _reference(options.oracle, dilute[10], glass, iron)
    seconds = {name: Times(tuple(result["seconds"])) for name, result in theirs.items()}
    yield duration("reference, bcc-54 with one solute", seconds["dilute"], "ms")
    yield ratio("reference / seitz, bcc-54 with one solute", seconds["dilute"], ours["dilute"], bar=3000)
    yield ratio("reference / seitz, bcc-54 with one solute, alone", seconds["dilute"], one)
    yield duration("reference, Ward2017 of a 500-atom glass", seconds["ward2017"], "s")
    yield ratio("reference / seitz, Ward2017 of a 500-atom glass", seconds["ward2017"], ours["ward2017"])
    yield duration("reference, nine-component bcc alloy", seconds["random"], "s")
    yield ratio("reference / seitz, nine-component bcc alloy, sampled", seconds["random"], ours["random"])
    yield ratio("reference / seitz, nine-component bcc alloy, exact", seconds["random"], exact)


def _with_solute(host: Cell, site: int, z: int) -> Cell:
    numbers = host.atomic_numbers.copy()
    numbers[site] = z
    return host.replace(atomic_numbers=numbers)


def _plans(host: Cell) -> Iterator[Row]:
    sigma = host_plan(inputs.sigma())
    sigma.all_substitutions([13])  # its orbits are part of the plan
    solutes = [z for z in range(3, 84) if z != 26]
    times = repeat(lambda: sigma.all_substitutions(solutes, n_threads=1))
    yield duration("σ phase, 80 solutes on all 5 orbits, after the plan", times, "ms", bar=20)
    plan, many = host_plan(host), list(range(1, 113)) * 50
    plan.all_substitutions([13])
    vectors = repeat(lambda: plan.all_substitutions(many, n_threads=1), total=2.0).per(len(many))
    yield rate("single-solute vectors of a bcc-54 host", vectors, "1/s/core", bar=100_000)
    vacancies = [{site: None} for site in range(54)] * 20
    times = repeat(lambda: plan.featurize(vacancies, n_threads=1)).per(len(vacancies))
    yield rate("vacancy vectors of a bcc-54 host", times, "1/s/core")


def _all_alloys(options: Options) -> Iterator[Row | Skipped]:
    """All experimental alloys on their reported lattice, on two threads."""
    if not _ALLOYS.exists():
        yield Skipped("1,545 experimental alloys", "the data set is not beside the project")
        return
    by_lattice: dict[str, list[str]] = {}
    with _ALLOYS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_lattice.setdefault(_lattice(row), []).append(row["FORMULA"].replace(" ", ""))
    for mode in ("exact", "sampled"):
        start, n, lost = time.perf_counter(), 0, 0
        for lattice, formulas in by_lattice.items():
            try:
                found = featurize_random(lattice, formulas, mode=mode, seed=0, on_error="record", n_threads=2)
            except SeitzError:
                lost += len(formulas)
                continue
            n += len(found)
            lost += len(found.failures)
        seconds = time.perf_counter() - start
        note = f"{n} alloys, {lost} lost"
        yield Row(f"all experimental alloys, {mode}, two threads", "s", seconds, seconds, bar=30.0, note=note)


def _lattice(row: dict[str, str]) -> str:
    """Prototype nearest to what is reported; where nothing is, the valence rule of thumb is not tried: bcc."""
    text = f"{row['PROPERTY: BCC/FCC/other']} {row['PROPERTY: Microstructure']}".upper()
    return next((name for name in ("FCC", "HCP", "BCC") if name in text), "BCC")


def _reference(python: Path, dilute: Cell, glass: Cell, lattice: Cell) -> dict[str, Any]:
    cells = {"dilute": dilute, "glass": glass, "lattice": lattice}
    task: dict[str, Any] = {
        name: {field: getattr(cell, field).tolist() for field in ("lattice", "frac_coords", "atomic_numbers")}
        for name, cell in cells.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.json"), Path(folder, "out.json")
        source.write_text(json.dumps(task | {"composition": _NINE, "repetitions": 5}))
        run_child([str(python), HERE / "workers" / "variants.py", source, target], env=ONE_THREAD)
        result: dict[str, Any] = json.loads(target.read_text())
        return result
