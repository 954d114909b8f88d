"""Crystals that are not in the data, labelled by CHGNet: what teaches to tell polymorphs and volumes apart.

The data holds few polymorphs. Here every composition gets the arrangements of chemically similar ones, at the volume
where CHGNet's pressure vanishes, and CHGNet's energy. ``substituted.csv.gz`` beside this file holds the result: which
crystal was taken, what stands for what, the volume and the energy. It also holds cells with ordered anions
(`orderings.py`) and elements under pressure (`strained.py`); `python -m training.teacher DATA` makes it again
(`pip install chgnet==0.4.2`, about an hour on two cores; an interrupted run goes on where it stopped).

What was tried and ranked no better, by members on systems they had not seen: arrangements for all 14,939 formulas
(42,211; 0.711 of 1,697 pairs instead of 0.718), and labels moved onto DFT by what CHGNet errs by on the known crystals
of the formula (0.725 of 1,154 pairs instead of 0.737).

CHGNet: Deng et al., Nature Machine Intelligence 5, 1031 (2023); weights under the modified BSD licence.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import json
import math
import os
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from .orderings import orderings
from .strained import strained_elements

FILE = Path(__file__).with_name("substituted.csv.gz")
FIELDS = ("parent", "substitution", "volume", "energy")
SETS = ("mp_formation_energy", "wbm_formation_energy")
PER_FORMULA = 3
FORMULAS = 6000
MAX_SITES = 10
YTTERBIUM = 70  # has no elemental energy in the data
ALIKE = 12.0
"""Mendeleev numbers by which substituted elements typically differ, summed over the sites of a formula unit."""
CHUNK = 256
BULK = 0.6  # eV/Å³, a typical bulk modulus (100 GPa), for the first step of the volume
GPA = 160.21766  # in one eV/Å³
STEPS = 6
SETTLED = 0.01  # eV/Å³ of pressure that is left
WRONG = 2.0  # eV/atom above what the parent has: not a crystal any more


def substitutions(data: Path) -> Iterator[dict[str, Any]]:
    """For known compositions, arrangements that similar compositions have and they are not known in."""
    number = _mendeleev(data)
    arrangements: dict[tuple[int, ...], list[dict[str, Any]]] = defaultdict(list)
    own: dict[tuple[tuple[int, ...], tuple[int, ...]], set[str]] = defaultdict(set)
    for record in _parents(data):
        arrangements[record["counts"]].append(record)
        own[record["counts"], record["formula"]].add(record["arrangement"])
    generator = np.random.default_rng(0)
    targets = sorted(own)
    for t in generator.permutation(len(targets))[:FORMULAS]:
        counts, formula = targets[t]
        records, units = arrangements[counts], np.array(counts)
        place = np.array([[number[z] for z in record["formula"]] for record in records])
        apart = (np.abs(place - [number[z] for z in formula]) * units).sum(axis=1) / units.sum() * 2
        found = set(own[counts, formula])
        # A Gumbel variate added to a log probability: the order of drawing without replacement.
        for k in np.argsort(apart / ALIKE - generator.gumbel(size=len(records))):
            if len(found) == len(own[counts, formula]) + PER_FORMULA:
                break
            if records[k]["arrangement"] not in found:
                found.add(records[k]["arrangement"])
                yield {"record": records[k], "to": dict(zip(records[k]["formula"], formula, strict=True))}


def _parents(data: Path) -> Iterator[dict[str, Any]]:
    for name in SETS:
        with gzip.open(data / name / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                count = Counter(record["atomic_numbers"])
                if len(record["atomic_numbers"]) <= MAX_SITES and len(count) > 1 and YTTERBIUM not in count:
                    unit = math.gcd(*count.values())
                    # Elements of one share stand in the order of their electronegativity: like replaces like.
                    record["formula"] = tuple(sorted(count, key=lambda z: (count[z], _negativity(data)[z])))
                    record["counts"] = tuple(count[z] // unit for z in record["formula"])
                    record["arrangement"] = _arrangement(record)
                    yield record


def _arrangement(record: dict[str, Any]) -> str:
    """Space group and occupied Wyckoff positions: what isostructural crystals have in common."""
    import spglib

    cell = (record["lattice"], record["frac_coords"], record["atomic_numbers"])
    found = spglib.get_symmetry_dataset(cell, symprec=0.01)
    return f"{found.number} {''.join(sorted(found.wyckoffs))}" if found else record["id"]


_TABLES: dict[tuple[Path, str], dict[int, float]] = {}


def _column(data: Path, name: str) -> dict[int, float]:
    if (data, name) not in _TABLES:
        with (data / "elements" / "element_properties.csv").open(encoding="utf-8") as lines:
            table = {int(float(row["Number"])): float(row[name] or "nan") for row in csv.DictReader(lines)}
        _TABLES[data, name] = table
    return _TABLES[data, name]


def _mendeleev(data: Path) -> dict[int, float]:
    return _column(data, "MendeleevNumber")


def _negativity(data: Path) -> dict[int, float]:
    return _column(data, "Electronegativity")


def label(job: tuple[Path, list[dict[str, Any]], Path]) -> Path:
    """One chunk: volumes relaxed by CHGNet, energies against the elements."""
    data, chunk, path = job
    reference, size = _references(data), _column(data, "GSvolume_pa")
    with path.with_suffix(".part").open("w", encoding="utf-8", newline="") as out:
        write = csv.writer(out, lineterminator="\n")
        for one, steps in zip(chunk, _relaxed([_crystal(one, size) for one in chunk]), strict=True):
            if not steps:
                continue
            volume, pressure, energy = min(steps, key=lambda step: abs(step[1]))
            numbers = [one["to"][z] for z in one["record"]["atomic_numbers"]]
            above = energy - sum(reference.get(z, math.nan) for z in numbers) / len(numbers)
            if math.isfinite(above) and above < WRONG and abs(pressure) < 5 * SETTLED:
                swap = " ".join(f"{a}>{b}" for a, b in one["to"].items())
                write.writerow([one["record"]["id"], swap, f"{volume / len(numbers):.4f}", f"{above:.4f}"])
    path.with_suffix(".part").replace(path)
    return path


def _crystal(one: dict[str, Any], size: dict[int, float]) -> Any:
    """A pymatgen structure with the new elements, at a first guess of its volume."""
    from pymatgen.core import Lattice, Structure

    record = one["record"]
    numbers = [one["to"][z] for z in record["atomic_numbers"]]
    ratio = sum(size[z] for z in numbers) / sum(size[z] for z in record["atomic_numbers"])
    structure = Structure(Lattice(record["lattice"]), numbers, record["frac_coords"])
    # Elements differ more in volume than their compounds do.
    structure.scale_lattice(structure.volume * float(np.clip(math.sqrt(ratio), 0.6, 1.6)))
    return structure


def _relaxed(structures: list[Any]) -> list[list[tuple[float, float, float]]]:
    """(volume in Å³, pressure in eV/Å³, energy per atom in eV) of every step of every crystal."""
    import torch
    from chgnet.model import CHGNet

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    history: list[list[tuple[float, float, float]]] = [[] for _ in structures]
    active = list(range(len(structures)))
    for step in range(STEPS):
        moving = []
        for k, result in _labelled(model, structures, active):
            pressure = -float(np.trace(result["s"])) / 3 / GPA
            history[k].append((structures[k].volume, pressure, float(result["e"])))
            if abs(pressure) > SETTLED and step + 1 < STEPS:
                structures[k].scale_lattice(_next_volume(history[k]))
                moving.append(k)
        active = moving
    return history


def _labelled(model: Any, structures: list[Any], active: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Energies and stresses, without crystals that have an atom out of everyone's reach."""
    for first in range(0, len(active), 8):
        batch = active[first : first + 8]
        try:
            found = model.predict_structure([structures[k] for k in batch], task="efs", batch_size=len(batch))
            yield from zip(batch, found if isinstance(found, list) else [found], strict=True)
        except ValueError:
            for k in batch:
                with contextlib.suppress(ValueError):
                    yield k, model.predict_structure(structures[k], task="efs")


def _next_volume(history: list[tuple[float, float, float]]) -> float:
    """Newton's step in ln V, with the stiffness of the last two steps where there are two."""
    volume, pressure, _ = history[-1]
    stiffness = BULK
    if len(history) > 1:
        before, earlier, _ = history[-2]
        if abs(math.log(volume / before)) > 1e-4:
            stiffness = np.clip((earlier - pressure) / math.log(volume / before), 0.1, 4.0)
    return float(volume * math.exp(np.clip(pressure / stiffness, -0.25, 0.25)))


def _references(data: Path) -> dict[int, float]:
    """Elemental energies (eV/atom): the lowest of each element in the Materials Project."""
    lowest: dict[int, float] = {}
    with gzip.open(data / "mp_elemental_references" / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            z = record["atomic_numbers"][0]
            lowest[z] = min(record["energy_per_atom_eV"], lowest.get(z, math.inf))
    return lowest


def main() -> None:
    data = Path(sys.argv[1])
    work = Path(sys.argv[2] if len(sys.argv) > 2 else "build/training/teacher")
    work.mkdir(parents=True, exist_ok=True)
    chosen = [*substitutions(data), *orderings(data, _mendeleev(data))]
    jobs = []
    for start in range(0, len(chosen), CHUNK):
        chunk = chosen[start : start + CHUNK]
        stamp = hashlib.sha256(json.dumps(chunk, sort_keys=True).encode()).hexdigest()[:12]
        jobs.append((data, chunk, work / f"{start // CHUNK:04d}-{stamp}.csv"))
    print(f"{len(chosen)} structures, {len(jobs)} parts", flush=True)
    missing = [job for job in jobs if not job[2].exists()]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done, path in enumerate(pool.map(label, missing)):
            print(f"{done + 1} of {len(missing)}: {path.name}", flush=True)
    with gzip.GzipFile(FILE, "wb", mtime=0) as out:
        out.write((",".join(FIELDS) + "\n").encode())
        for *_, path in jobs:
            out.write(path.read_bytes())
        for row in strained_elements(data):
            out.write((",".join(row) + "\n").encode())


if __name__ == "__main__":
    main()
