"""Records for the reference server: a few hundred real crystals, and some that are of no use."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from seitz.elements import SYMBOLS
from shared_data import SHARED

ENERGY = "_seitz_formation_energy_per_atom"
NESTED = ("attributes", "_seitz_stability", "gga_gga+u", "formation_energy_per_atom")
DOI = "10.1063/1.4812323"
#: Records that are of no use, and the reason that is given.
USELESS = {
    "null-1": "no target",
    "null-2": "no target",
    "lacks-1": "no target",
    "text-1": "target is no number",
    "mixed-1": "disordered",
    "vacancy-1": "disordered",
    "unknown-1": "disordered",
    "flagged-1": "disordered",
    "flat-1": "bad structure",
}
#: What a few of the records are found by: six pages of eight.
FEW, N_FEW, N_PAGES, PAGE = "_seitz_shelf=1", 48, 6, 8
_N = 320
_WHEN = "2026-01-01T00:00:00Z"


def crystals() -> Iterator[dict[str, Any]]:
    """Real crystals with an energy (eV/atom): of the Materials Project where its data are, or those of the tests."""
    real = SHARED / "mp_formation_energy" / "data.jsonl.gz"
    if real.is_file():
        with gzip.open(real, "rt", encoding="utf-8") as lines:
            records = [record for record in map(json.loads, lines) if len(record["atomic_numbers"]) <= 12]
        for record in records[:: len(records) // _N][:_N]:
            yield record | {"energy": record["formation_energy_per_atom_eV"]}
        return
    with gzip.open(
        Path(__file__).parents[1] / "data" / "reference.jsonl.gz", "rt", encoding="utf-8"
    ) as lines:
        small = [record for record in map(json.loads, lines) if len(record["atomic_numbers"]) <= 12]
    for number, record in enumerate(small):
        yield record | {"id": f"crystal-{number}", "energy": -0.001 * number}


def resource(identifier: str, record: dict[str, Any]) -> dict[str, Any]:
    """A structure as OPTIMADE describes it, with the energy in a field, and again deep inside another one."""
    at = [SYMBOLS[z] for z in record["atomic_numbers"]]
    amounts = Counter(at)
    elements, units = sorted(amounts), reduce(math.gcd, amounts.values())
    counts = sorted((amount // units for amount in amounts.values()), reverse=True)
    attributes = {
        "last_modified": _WHEN,
        "immutable_id": None,
        "elements": elements,
        "nelements": len(elements),
        "elements_ratios": [amounts[e] / len(at) for e in elements],
        "nsites": len(at),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "chemical_formula_descriptive": _formula((e, amounts[e]) for e in elements),
        "chemical_formula_reduced": _formula((e, amounts[e] // units) for e in elements),
        "chemical_formula_anonymous": _formula(zip("ABCDEFGHIJKL", counts, strict=False)),
        "structure_features": [],
        "lattice_vectors": record["lattice"],
        "cartesian_site_positions": (np.array(record["frac_coords"]) @ record["lattice"]).tolist(),
        "species_at_sites": at,
        "species": [{"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in elements],
        "_seitz_shelf": 1,
        ENERGY: record["energy"],
        "_seitz_stability": {"gga_gga+u": {"formation_energy_per_atom": record["energy"]}},
    }
    cited = {"references": {"data": [{"id": "jain2013", "type": "references"}]}}
    return {"id": identifier, "type": "structures", "attributes": attributes, "relationships": cited}


def useless() -> Iterator[dict[str, Any]]:
    """One record for each of the things that can be wrong with the data of a provider."""
    salt = {
        "lattice": [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]],
        "frac_coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
        "atomic_numbers": [11, 17],
        "energy": -2.0,
    }
    changes: dict[str, dict[str, Any]] = {
        "null-1": {"_seitz_stability": None, ENERGY: None},
        "null-2": {"_seitz_stability": {"gga_gga+u": {"formation_energy_per_atom": None}}, ENERGY: None},
        "lacks-1": {"_seitz_stability": {"r2scan": {"formation_energy_per_atom": -2.1}}},
        "text-1": {"_seitz_stability": {"gga_gga+u": {"formation_energy_per_atom": "-2.0"}}},
        "mixed-1": _species(["Na", "K"], [0.5, 0.5]),
        "vacancy-1": _species(["Na", "vacancy"], [0.9, 0.1]),
        "unknown-1": _species(["X"], [1.0]),
        "flagged-1": {"structure_features": ["disorder"]},
        "flat-1": {"lattice_vectors": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]},
    }
    for identifier, change in changes.items():
        record = resource(identifier, salt)
        record["attributes"] |= change
        yield record


def write_jsonl(path: Path) -> list[dict[str, Any]]:
    """Write what the reference server loads; returns the structures."""
    structures = [resource(record["id"], record) for record in crystals()]
    for number, structure in enumerate(structures):
        structure["attributes"]["_seitz_shelf"] = 1 if number < N_FEW - len(USELESS) else 2
    return _write(path, structures + list(useless()))


def write_second_jsonl(path: Path) -> list[dict[str, Any]]:
    """Write a few of the same crystals with energies of another functional, which are higher by 0.25 eV/atom."""
    few = list(crystals())[:12]
    return _write(
        path, [resource(record["id"], record | {"energy": record["energy"] + 0.25}) for record in few]
    )


def _write(path: Path, structures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    header = {"x-optimade": {"meta": {"api_version": "1.2.0"}}}
    publication = {
        "last_modified": _WHEN,
        "title": "The Materials Project",
        "doi": DOI,
        "authors": [{"name": "Jain"}],
    }
    reference = {"id": "jain2013", "type": "references", "attributes": publication}
    lines = (header, reference, *structures)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return structures


def _species(symbols: list[str], amounts: list[float]) -> dict[str, Any]:
    own = {"name": "Na", "chemical_symbols": symbols, "concentration": amounts}
    return {"species": [own, {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]}]}


def _formula(parts: Any) -> str:
    return "".join(f"{element}{amount if amount > 1 else ''}" for element, amount in parts)
