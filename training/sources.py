"""The data sets behind the default model: structures, energies on one scale, and how far each label is trusted."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import seitz
from seitz.elements import SYMBOLS

#: Elements whose compounds the Materials Project corrects otherwise since 2020 than WBM did.
CORRECTED = frozenset(["H", "N", "O", "F", "Si", "S", "Cl", "Se", "Br", "Sb", "Te", "I"])
MAX_ENERGY = 1.0  # eV/atom; beyond it are artefacts
MAX_VOLUME = 120.0  # Å³/atom
DESCRIPTOR = "seitz_ionic"
KEPT_OUT = 15  # % of chemical systems
SUBSTITUTED = Path(__file__).with_name("substituted.csv.gz")


@dataclass(frozen=True)
class Rows:
    """Structures as features and energies; all arrays have one entry per row.

    ``source`` says where a row is from; ``system`` is its chemical system (``"Al-O"``), the unit of all splits;
    ``weight`` is 1 for DFT on the scale of the target, less for labels of other models.
    """

    ids: np.ndarray
    source: np.ndarray
    system: np.ndarray
    formula: np.ndarray
    parent: np.ndarray
    features: np.ndarray
    energy: np.ndarray
    weight: np.ndarray
    above_hull: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)

    def select(self, mask: np.ndarray) -> Rows:
        """The rows where a mask is true, or of an array of indices."""
        return Rows(**{name: value[mask] for name, value in vars(self).items()})


class Labelled(dict[str, Any]):
    """One structure of a set with its label."""


def read(folder: Path, cache: Path) -> Rows:
    """All sources, from the cache where it is of the same data and schema."""
    digest = seitz.descriptors()[DESCRIPTOR].digest
    stamp = hashlib.sha256(digest.encode())
    for path in (SUBSTITUTED, *sorted(p for name in _SETS for p in (folder / name).glob("*.gz"))):
        stamp.update(f"{path.name} {path.stat().st_size}".encode())
    file = cache / f"rows-{stamp.hexdigest()[:16]}.npz"
    if file.exists():
        with np.load(file) as stored:
            return Rows(**{name: stored[name] for name in Rows.__dataclass_fields__})
    rows = _featurized([entry for name in _SETS for entry in _SETS[name](folder / name)])
    cache.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part.npz")
    np.savez(temporary, **vars(rows))
    temporary.replace(file)
    return rows


def fold_of(systems: np.ndarray, n_folds: int, salt: str = "") -> np.ndarray:
    """(n,) fold of each row: all rows of a chemical system are in one, the same in every run."""
    by_name = {s: int(hashlib.sha256(f"{salt}{s}".encode()).hexdigest(), 16) % n_folds for s in set(systems)}
    return np.array([by_name[s] for s in systems])


def is_kept_out(atomic_numbers: Iterable[int]) -> bool:
    """Whether a chemical system is one of the 15 % that the data sets leave out, so that it can be judged on."""
    system = "-".join(sorted({SYMBOLS[z] for z in atomic_numbers}))
    return int(hashlib.sha256(system.encode()).hexdigest(), 16) % 100 < KEPT_OUT


def _featurized(entries: list[Labelled]) -> Rows:
    table = seitz.featurize(
        [{k: e[k] for k in ("lattice", "frac_coords", "atomic_numbers")} for e in entries],
        descriptor=DESCRIPTOR,
        on_error="record",
    )
    if table.failures:
        raise SystemExit(f"{len(table.failures)} structures failed, first {table.failures[0]}")
    text = lambda key: np.array([str(e.get(key, "")) for e in entries])  # noqa: E731
    rows = Rows(
        ids=text("id"), source=text("source"), system=text("system"), formula=text("formula"), parent=text("parent"),
        features=table.values.astype(np.float32),
        energy=np.array([e["energy"] for e in entries]),
        weight=np.array([e["weight"] for e in entries]),
        above_hull=np.array([e.get("energy_above_hull_eV") or 0.0 for e in entries], dtype=float),
    )  # fmt: skip
    volume = table.values[:, table.names.index("VolumePerAtom")]
    return rows.select((rows.energy <= MAX_ENERGY) & (volume < MAX_VOLUME))


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _system(record: dict[str, Any]) -> str:
    return "-".join(sorted({SYMBOLS[z] for z in record["atomic_numbers"]}))


def _labelled(record: dict[str, Any], source: str, energy: float, weight: float) -> Labelled:
    return Labelled(record, source=source, system=_system(record), energy=energy, weight=weight)


def _materials_project(folder: Path) -> Iterator[Labelled]:
    for record in _records(folder):
        yield _labelled(record, "mp", record["formation_energy_per_atom_eV"], 1.0)


def _teacher_labels(folder: Path) -> dict[str, float]:
    with gzip.open(folder / "chgnet_labels.csv.gz", "rt", encoding="utf-8") as lines:
        return {
            row["id"]: float(row["chgnet_formation_energy_per_atom_eV"])
            for row in csv.DictReader(lines)
            if row["chgnet_formation_energy_per_atom_eV"]
        }


def _wbm(folder: Path) -> Iterator[Labelled]:
    """DFT where the old and the new corrections agree, another model's label for the others."""
    labels = _teacher_labels(folder)
    for record in _records(folder):
        if not CORRECTED & set(_system(record).split("-")):
            yield _labelled(record, "wbm", record["formation_energy_per_atom_eV"], 1.0)
        elif str(record["id"]) in labels:
            yield _labelled(record, "wbm_teacher", labels[str(record["id"])], 0.3)


def _wbm_random(folder: Path) -> Iterator[Labelled]:
    for record in _records(folder):
        yield _labelled(record, "wbm_random", record["formation_energy_per_atom_eV"], 1.0)


def _substituted(folder: Path) -> Iterator[Labelled]:
    """Arrangements, orderings and volumes that are not in the data, labelled by another model: see `teacher.py`."""
    parents = {
        str(record["id"]): record
        for name in ("mp_formation_energy", "wbm_formation_energy", "mp_elemental_references")
        for record in _records(folder.parent / name)
    }
    with gzip.open(SUBSTITUTED, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield _labelled(replaced(parents[row["parent"]], row), "substituted", float(row["energy"]), 0.3)


def replaced(parent: dict[str, Any], row: dict[str, str]) -> dict[str, Any]:
    """A crystal with other elements on its sites, scaled to a volume per atom."""
    to = {int(a): int(b) for a, _, b in (pair.partition(">") for pair in row["substitution"].split())}
    numbers = [to[z] for z in parent["atomic_numbers"]]
    lattice = np.array(parent["lattice"])
    lattice *= (float(row["volume"]) * len(numbers) / abs(np.linalg.det(lattice))) ** (1 / 3)
    count = Counter(numbers)
    unit = math.gcd(*count.values())
    formula = "".join(f"{SYMBOLS[z]}{n // unit if n > unit else ''}" for z, n in sorted(count.items()))
    return {
        "id": f"{row['parent']} {row['substitution']}", "formula": formula, "lattice": lattice.tolist(),
        "frac_coords": parent["frac_coords"], "atomic_numbers": numbers,
    }  # fmt: skip


def _elements(folder: Path) -> Iterator[Labelled]:
    records = list(_records(folder))
    lowest: dict[str, float] = {}
    for record in records:
        energy = record["energy_per_atom_eV"]
        lowest[record["element"]] = min(energy, lowest.get(record["element"], energy))
    for record in records:
        yield _labelled(record, "element", record["energy_per_atom_eV"] - lowest[record["element"]], 0.5)


def _distorted(folder: Path) -> Iterator[Labelled]:
    for record in _records(folder):
        source = f"distorted_{record['kind']}"
        yield _labelled(record, source, record["chgnet_formation_energy_per_atom_eV"], 0.3)


_SETS = {
    "mp_formation_energy": _materials_project,
    "wbm_formation_energy": _wbm,
    "wbm_random_1000": _wbm_random,
    "mp_elemental_references": _elements,
    "teacher_distorted": _distorted,
    "substituted": _substituted,
}
