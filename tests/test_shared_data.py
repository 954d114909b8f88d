"""Every structure of the shared data sets: cells fill the volume, features are finite, nothing is skipped silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seitz import Cell, as_cell, featurize, tessellate
from seitz.errors import ElementError, OccupancyError, OverlapError, SeitzError
from shared_data import SHARED

SETS = sorted(p.relative_to(SHARED).as_posix() for p in SHARED.glob("*/*.jsonl.gz"))


def structures(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The structure of a record (none in a header line), and the perfect parent of a defect."""
    if "labels" in record:
        return
    if "composition" in record:  # an alloy on a bare lattice
        record = record | {"atomic_numbers": [1] * len(record["frac_coords"])}
    yield record.get("structure", record)
    if "bulk" in record:
        yield record["bulk"]


def cells(records: Iterator[dict[str, Any]]) -> Iterator[tuple[str, Cell | SeitzError]]:
    for record in records:
        name = str(record.get("id", record.get("name")))
        for structure in structures(record):
            try:
                yield name, as_cell(structure, occupancy="average")
            except SeitzError as error:
                yield name, error


@pytest.mark.slow
@pytest.mark.parametrize("name", [s for s in SETS if "edge" not in s])
def test_cells_fill_the_volume_of_every_structure(shared_records, name):
    count = 0
    for identifier, cell in cells(shared_records(name)):
        assert isinstance(cell, Cell), (identifier, cell)
        tessellation = tessellate(cell)
        error = abs(tessellation.cell_volumes.sum() / cell.volume - 1)
        assert error <= 1e-9, (identifier, error)
        count += 1
    assert count > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [s for s in SETS if "edge" not in s])
def test_every_structure_has_finite_features(shared_records, name):
    table = featurize((cell for _, cell in cells(shared_records(name))), occupancy="average")
    assert not table.failures
    assert np.isfinite(table.values).all()


def test_all_edge_cases_give_numbers_or_a_named_error(shared_records):
    records = list(shared_records("edge_cases/edge_cases.jsonl.gz"))
    assert len(records) == 129
    table = featurize([r["structure"] for r in records], on_error="record")
    failures = {records[f.index]["name"]: f.error for f in table.failures}
    assert failures == {
        "fcc_AuCu_5050": OccupancyError.__name__,
        "bcc_NbMoTaWV": OccupancyError.__name__,
        "fcc_Cantor": OccupancyError.__name__,
        "partial_vacancy_NiO": OccupancyError.__name__,
        "overlap_0.0A": OverlapError.__name__,
        "dummy_species": ElementError.__name__,
    }
    good = [r["name"] not in failures for r in records]
    assert np.isfinite(table.values[good]).all()
    assert np.isnan(table.values[np.logical_not(good)]).all()


def test_disordered_edge_cases_are_averaged_on_request(shared_records):
    records = [r for r in shared_records("edge_cases/edge_cases.jsonl.gz") if r["group"] == "disorder"]
    table = featurize([r["structure"] for r in records], occupancy="average")
    assert np.isfinite(table.values).all()
    assert table["NComp"].tolist() == [2, 5, 5, 2]


@pytest.mark.parametrize(
    "crystal",
    ["fcc_Al", "bcc_W", "diamond_Si", "rocksalt_NaCl", "CsCl", "perovskite_SrTiO3", "fluorite_CaF2"],
)
def test_every_choice_of_cell_has_the_features_of_the_crystal(shared_records, crystal):
    records = {r["name"]: r["structure"] for r in shared_records("edge_cases/edge_cases.jsonl.gz")}
    expected = featurize(records[crystal]).values[0]
    for choice in ("prim", "skewsuper", "shifted", "lefthanded"):
        found = featurize(records[f"{crystal}_{choice}"]).values[0]
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
