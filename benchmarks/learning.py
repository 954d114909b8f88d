"""How much a tuned model gains over baselines on unseen chemical systems: ``python benchmarks/learning.py DATA``.

The bundled model is adjusted to energies of sigma phases and perovskites, and transferred to elastic moduli and to
phonons, with 50, 200 and 1000 points. For each draw, three tenths of the chemical systems are the test part; the points
are drawn from the others. Features and finished runs are kept in ``--work``, so an interrupted run goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seitz
from seitz import tune

MAX_TEST = 1000
TEST_SHARE = 0.3


class Set(NamedTuple):
    """A data set and the column that is learned."""

    folder: str
    column: str
    property: str
    unit: str
    """Both empty where the model's own property is learned."""


SETS = {
    "sigma phases": Set("sigma_phase", "formation_energy_per_atom_eV", "", ""),
    "perovskites": Set(
        "perovskites_castelli", "heat_of_formation_per_cell_eV", "heat of formation", "eV/cell"
    ),
    "bulk moduli": Set("mp_binary_elasticity", "bulk_modulus_vrh_GPa", "bulk modulus", "GPa"),
    "shear moduli": Set("mp_binary_elasticity", "shear_modulus_vrh_GPa", "shear modulus", "GPa"),
    "phonons": Set("matbench_phonons", "last_phonon_dos_peak_1_per_cm", "last phonon peak", "1/cm"),
}
ALONE = "kernel on the features"
BASELINES = ("offset and slope", "gradient boosting", "network from scratch")


def examples_of(data: Path, work: Path, chosen: Set) -> tune.Examples:
    """All rows of a set, with features from an earlier run where there are some."""
    source = data / chosen.folder / "data.jsonl.gz"
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    own = seitz.models.card("default").descriptor
    schema = seitz.descriptors()[own].digest
    stored = work / f"{chosen.folder}-{schema}.npz"
    if not stored.exists():
        cells = [seitz.Cell(r["lattice"], r["frac_coords"], r["atomic_numbers"]) for r in records]
        table = seitz.featurize(cells, descriptor=own, ids=[r["id"] for r in records], on_error="record")
        table.write(stored)
    targets = {r["id"]: r[chosen.column] for r in records}
    return tune.examples(str(stored), targets)


def parts(rows: tune.Examples, n: int, draw: int) -> tuple[tune.Examples, tune.Examples]:
    """So many points to learn from, and the test part: other chemical systems."""
    generator = np.random.default_rng(1000 + draw)
    systems = np.unique(rows.groups)
    held = set(generator.permutation(systems)[: int(TEST_SHARE * len(systems))].tolist())
    is_test = np.array([group in held for group in rows.groups])
    pool = generator.permutation(np.flatnonzero(~is_test))
    test = generator.permutation(np.flatnonzero(is_test))
    return rows.rows(pool[:n]), rows.rows(test[:MAX_TEST])


def one(rows: tune.Examples, chosen: Set, n: int, draw: int, networks: bool) -> dict[str, Any]:
    """One tuning, and what it and everything beside it reach on the test part."""
    start = time.perf_counter()
    train, test = parts(rows, n, draw)
    options: dict[str, Any] = {"test": test, "networks": networks, "random_state": draw}
    if chosen.property:
        names = {"new_property": chosen.property, "unit": chosen.unit}
        done = tune.transfer("default", train, **names, **options)
    else:
        done = tune.adjust("default", train, **options)
    found = done.report
    return {
        "n": len(train), "n_systems": len(set(train.groups)), "n_test": len(test), "chosen": found.chosen,
        "pays": found.pays, "coverage": found.coverage, "mae": list(found.after.mae),
        "before": None if found.before is None else found.before.mae.value,
        "candidates": {c.name: list(c.test.mae) for c in found.candidates if c.test is not None},
        "validation": {c.name: c.validation.mae.value for c in found.candidates},
        "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip


def runs(given: argparse.Namespace) -> list[dict[str, Any]]:
    """All of them, those of earlier runs from their files."""
    model = seitz.models.card("default").graph[:8]
    found = []
    for title in given.sets:
        rows = None
        for n in given.sizes:
            for draw in range(given.draws):
                kind = "" if given.networks else "-quick"
                name = f"{title.replace(' ', '-')}-{n}-{draw}-{model}{kind}.json"
                stored = given.work / name
                if not stored.exists():
                    rows = examples_of(given.data, given.work, SETS[title]) if rows is None else rows
                    if n > 0.7 * len(rows):
                        continue
                    result = one(rows, SETS[title], n, draw, given.networks)
                    stored.write_text(json.dumps(result, indent=1))
                    print(f"{title}, {n} points, draw {draw}: {result['seconds']} s", flush=True)
                found.append({"set": title, "size": n, "draw": draw, **json.loads(stored.read_text())})
    return found


def table(found: list[dict[str, Any]]) -> str:
    """One line per set and number of points: mean absolute errors, means of the draws."""
    heads = ["set", "points", *BASELINES, "without the model", "tuned", "chosen", "inside 90 %", "bar"]
    marks = ["---", *["--:"] * (len(BASELINES) + 3), "---", "--:", "---"]
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(marks)}|"]
    for title in SETS:
        for size in sorted({run["size"] for run in found if run["set"] == title}):
            some = [run for run in found if run["set"] == title and run["size"] == size]
            lines.append(f"| {title}, {SETS[title].unit or 'eV/atom'} | {size} | {line(some)} |")
    return "\n".join(lines)


def line(some: list[dict[str, Any]]) -> str:
    """Columns of one set and number of points."""
    digits = 3
    shown, best = [], (np.inf, np.inf)
    for name in BASELINES:
        figures = [run["candidates"][name] for run in some if name in run["candidates"]]
        shown.append(f"{np.mean([f[0] for f in figures]):.{digits}g}" if figures else "")
        if figures:
            best = min(
                best, (float(np.mean([f[0] for f in figures])), float(np.mean([f[2] for f in figures])))
            )
    shown.append(f"{np.mean([run['candidates'][ALONE][0] for run in some]):.{digits}g}")
    errors = [run["mae"][0] for run in some]
    tuned = float(np.mean(errors))
    spread = f"{tuned:.{digits}g} ({min(errors):.{digits}g}–{max(errors):.{digits}g})"
    chosen = ", ".join(sorted({run["chosen"] for run in some}))
    held = [run["coverage"] for run in some if run["coverage"] is not None]
    verdict = "better" if tuned < best[0] else "within the interval" if tuned <= best[1] else "worse"
    held_shown = f"{np.mean(held):.2f}" if held else ""
    return " | ".join(
        [*shown, spread, chosen, held_shown, f"{verdict}, {100 * (tuned / best[0] - 1):+.0f} %"]
    )


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python benchmarks/learning.py", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the data sets")
    parser.add_argument(
        "--work", type=Path, default=Path("build/learning"), help="features and finished runs"
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[50, 200, 1000])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument(
        "--no-networks", dest="networks", action="store_false", help="closed forms and trees only"
    )
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    print(table(runs(given)))


if __name__ == "__main__":
    main()
