"""The script that makes the bundled models, on a few rows."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
sys.path.insert(0, str(Path(__file__).parents[1]))

from training.ensemble import Ensemble  # noqa: E402
from training.evaluate import polymorphs, report, resampled  # noqa: E402
from training.fit import Recipe, fit, predict  # noqa: E402
from training.graph import build  # noqa: E402
from training.orderings import METALS, PER_MIXED, orderings  # noqa: E402
from training.report import by_element, pairs  # noqa: E402
from training.sources import SUBSTITUTED, Rows, fold_of, is_kept_out, replaced  # noqa: E402
from training.uncertainty import calibrate, nearest, promised  # noqa: E402

from seitz.elements import SYMBOLS  # noqa: E402
from seitz.models.audit import audit_bytes  # noqa: E402
from seitz.models.card import ModelCard  # noqa: E402
from seitz.models.runtime import OnnxModel  # noqa: E402

SMALL = Recipe(hidden=16, blocks=1, epochs=6, batch=64)


def rows(n: int = 600, seed: int = 0) -> Rows:
    """Energies that are a function of the features and noise, in sixty chemical systems."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, 40)).astype(np.float32)
    features[:, 3] = 0.0  # a dead column
    system = np.array([f"S{k}" for k in generator.integers(60, size=n)])
    energy = features[:, 0] - 0.5 * features[:, 1] + 0.1 * generator.normal(size=n)
    text = np.array([str(k) for k in range(n)])
    return Rows(
        ids=text, source=np.full(n, "mp"), system=system, formula=np.char.add(system, "x"), parent=np.full(n, ""),
        features=features, energy=energy, weight=np.ones(n), above_hull=np.zeros(n),
    )  # fmt: skip


def fitted(data: Rows, recipe: Recipe, checkpoint: Path | None = None):
    return fit(data.features, data.energy, data.weight, data.formula, recipe, checkpoint)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    data = rows()
    fold = fold_of(data.system, 2)
    return Ensemble([fitted(data.select(fold != k), SMALL) for k in (0, 1)], fold)


def test_it_learns():
    data = rows()
    net = fitted(data, Recipe(hidden=32, blocks=1, epochs=60, batch=64))
    error = np.abs(predict(net, data.features)[0] - data.energy).mean()
    assert error < 0.5 * np.abs(data.energy - np.median(data.energy)).mean()


def test_the_same_seed_gives_the_same_member_and_another_seed_does_not():
    data = rows(200)
    one, same = (predict(fitted(data, SMALL), data.features)[0] for _ in range(2))
    other = predict(fitted(data, Recipe(**vars(SMALL) | {"seed": 1})), data.features)[0]
    assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, monkeypatch):
    data = rows(200)
    whole = fitted(data, SMALL)
    saved = tmp_path / "member.checkpoint"

    class StopError(Exception):
        pass

    calls = []

    def stopping(*arguments):
        calls.append(arguments)
        if len(calls) > 5 * 3 + 1:  # into the sixth epoch, after the first checkpoint
            raise StopError
        return loss(*arguments)

    import training.fit as module

    loss = module.loss_of
    monkeypatch.setattr(module, "loss_of", stopping)
    with pytest.raises(StopError):
        fitted(data, SMALL, saved)
    monkeypatch.setattr(module, "loss_of", loss)
    assert saved.exists()
    resumed = fitted(data, SMALL, saved)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_graph_says_what_the_network_says(ensemble):
    data = rows()
    calibration = calibrate(ensemble, data)
    exact = build(ensemble, calibration, bits=32)
    model = OnnxModel(
        audit_bytes(exact.SerializeToString()),
        ModelCard(name="m", property="e", unit="eV", descriptor="ks2022"),
    )
    answer = model.answer(data.features)
    energy, half, distance = calibration.half_width(ensemble, data.features)
    assert_allclose(answer.value, energy, atol=1e-5)
    assert_allclose(answer.distance, distance, atol=2e-3)
    clear = (
        np.abs(distance[:, None] - calibration.edges).min(axis=1) > 2e-3
    )  # of the bounds between two factors
    assert clear.mean() > 0.8
    assert_allclose((answer.upper - answer.value)[clear], half[clear], rtol=1e-3, atol=1e-5)
    assert (answer.in_domain == (distance <= 1.0)).mean() > 0.99
    bytes_ = build(ensemble, calibration, bits=8)
    assert len(bytes_.SerializeToString()) < len(exact.SerializeToString())


def test_intervals_hold_what_they_promise_on_unseen_systems(ensemble):
    unseen = rows(seed=1)
    energy, half, _ = calibrate(ensemble, rows()).half_width(ensemble, unseen.features)
    inside = (np.abs(energy - unseen.energy) <= half).mean()
    assert 0.85 < inside < 0.97


def test_folds_keep_systems_together():
    data = rows()
    fold = fold_of(data.system, 5)
    assert all(len(set(fold[data.system == s])) == 1 for s in set(data.system))
    assert len(set(fold)) == 5


def test_figures_of_merit():
    data = rows()
    assert polymorphs(data, data.energy)[0] == 1.0 and polymorphs(data, -data.energy)[0] == 0.0
    value, low, high = resampled(np.ones(len(data)), data.system)
    assert (value, low, high) == (1.0, 1.0, 1.0)
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        assert report(data, data.energy)["mae_mp"][0] == 0.0
    assert promised(np.arange(100.0)) == 90.0 and promised(np.array([3.0])) == 3.0
    assert_allclose(nearest(np.zeros((1, 2)), np.ones((9, 2))), np.sqrt(2))


@pytest.fixture(scope="module")
def substituted() -> list[dict[str, str]]:
    with gzip.open(SUBSTITUTED, "rt", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_substituted_crystals_are_in_systems_that_may_be_trained_on(substituted):
    assert len(substituted) > 10_000
    for row in substituted:
        numbers = [int(pair.split(">")[1]) for pair in row["substitution"].split()]
        symbols = {SYMBOLS[z] for z in numbers}
        digest = hashlib.sha256("-".join(sorted(symbols)).encode()).hexdigest()
        assert int(digest, 16) % 100 >= 15  # the others are held out of all data
        assert not is_kept_out(numbers)


def test_orderings_put_other_metals_on_the_sites_of_metals(tmp_path):
    folder = tmp_path / "mp_formation_energy"
    folder.mkdir()
    cells = {f"a{z}": [z, z, 8, 9] for z in (22, 23, 24, 25, 26)} | {"b": [11, 8, 9], "c": [25] + [8, 9] * 15}
    with gzip.open(folder / "data.jsonl.gz", "wt", encoding="utf-8") as lines:
        for name, numbers in cells.items():
            record = {"id": name, "lattice": np.eye(3).tolist(), "frac_coords": [], "atomic_numbers": numbers}
            lines.write(json.dumps(record) + "\n")
    found = list(orderings(tmp_path, {z: float(z) for z in range(113)}))
    assert 5 <= len(found) <= 5 * PER_MIXED and {one["record"]["id"][0] for one in found} == {"a"}
    for one in found:
        metal = one["record"]["atomic_numbers"][0]
        assert one["to"][8] == 8 and one["to"][metal] in METALS and one["to"][metal] != metal
        assert not is_kept_out(one["to"].values())


def test_a_substituted_crystal_has_its_elements_and_its_volume():
    parent = {"lattice": np.diag([3.0, 4.0, 5.0]).tolist(), "frac_coords": [[0, 0, 0], [0.5, 0.5, 0.5]]}
    parent["atomic_numbers"] = [11, 17]
    found = replaced(parent, {"parent": "p", "substitution": "11>12 17>8", "volume": "9.5"})
    assert found["atomic_numbers"] == [12, 8] and found["formula"] == "OMg"
    assert_allclose(np.linalg.det(found["lattice"]) / 2, 9.5)
    assert found["lattice"][0][0] / found["lattice"][1][1] == pytest.approx(0.75)


def test_the_error_of_an_element_is_that_of_the_crystals_that_contain_it():
    data = rows(100)
    assert set(by_element(data, data.energy + 0.5).values()) == {0.5}
    gaps, right = pairs(data, data.energy)
    assert right.all() and (gaps >= 0).all()
