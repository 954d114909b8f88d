"""The bundled models: what their cards say, what they predict, and what they do not judge."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import seitz
from seitz import models, predict
from seitz.descriptors import descriptors
from structures import bcc, fcc, perovskite, rocksalt, sigma_phase

#: Formation energies of the Materials Project, eV/atom.
KNOWN = {
    "NaCl": -2.1,
    "SrTiO3_perovskite": -3.5,
    "SiO2_quartz": -3.3,
    "MgAl2O4_spinel": -3.2,
    "Y3Al5O12_garnet": -3.7,
}
ELEMENTS = ("Fe_bcc", "Mg_hcp", "Si_diamond")


@pytest.fixture(scope="module")
def demo() -> models.PredictionTable:
    with as_file(files("seitz") / "data" / "demo") as folder:
        return predict(folder, occupancy="average", on_error="record")


def test_the_bundled_models_are_small_and_say_what_they_are():
    bundled = {entry.name: entry for entry in models.list() if entry.where == "bundled"}
    assert set(bundled) == {"default", "ks2022"}
    assert sum(entry.path.stat().st_size for entry in bundled.values()) <= 10_000_000
    for name, descriptor in (("default", "seitz_ionic"), ("ks2022", "ks2022")):
        card = bundled[name].card
        assert card.schema == descriptors()[descriptor].digest and card.descriptor == descriptor
        assert (
            card.level == 0.9 and len(card.elements) > 75 and card.licence and card.citation and card.limits
        )
        named = {metric.name for metric in card.metrics}
        assert {"mean absolute error", "share inside the interval"} <= named
        assert all(metric.n > 0 for metric in card.metrics)


def test_known_crystals_have_their_energies(demo):
    value = dict(zip(demo.ids, demo.value.tolist(), strict=True))
    for name, energy in KNOWN.items():
        assert value[name] == pytest.approx(energy, abs=0.2), name
    for name in ELEMENTS:
        assert value[name] == pytest.approx(0.0, abs=0.15), name


def test_intervals_are_around_their_values(demo):
    good = np.isfinite(demo.lower)
    failed = [failure.id for failure in demo.failures]
    averaged = "CuZn_brass"
    assert {demo.ids[row] for row in np.flatnonzero(~good)} == {averaged, *failed}
    assert (demo.lower[good] < demo.value[good]).all() and (demo.value[good] < demo.upper[good]).all()
    width = (demo.upper - demo.lower)[good]
    assert width.min() > 0.005 and width.max() < 2.0


def test_a_row_does_not_depend_on_its_batch():
    cells = [bcc(), fcc(), rocksalt(), perovskite(), sigma_phase()]
    together = predict(cells)
    for k, cell in enumerate(cells):
        assert_allclose(predict(cell).value[0], together.value[k], rtol=0, atol=1e-5)
    assert_array_equal(predict(cells, n_threads=1).value, predict(cells, n_threads=2).value)


@pytest.mark.parametrize("name", ["default", "ks2022"])
def test_supercells_have_the_energy_of_the_cell(name):
    cells = [sigma_phase(), sigma_phase().supercell((1, 2, 1)), sigma_phase().supercell((2, 1, 3))]
    assert np.ptp(predict(cells, model=name).value) < 1e-4


def test_stretching_costs_energy_only_for_the_model_with_a_length():
    cell = rocksalt()
    stretched = [cell.replace(lattice=cell.lattice * s) for s in (1.0, 1.15)]
    near, far = predict(stretched).value
    assert far > near + 0.02
    assert np.ptp(predict(stretched, model="ks2022").value) < 1e-6


def test_what_it_never_saw_is_flagged():
    strange = [bcc(z=103), bcc(z=26)]
    table = predict(strange)
    assert table.in_domain.tolist()[0] is False
    assert "no Lr in the training data" in table.doubts[0].message
    assert np.isnan(table.lower[0]) and np.isfinite(table.lower[1])


def test_nonsense_is_outside_the_domain():
    squeezed = rocksalt().replace(lattice=rocksalt().lattice * 0.6)
    table = predict([rocksalt(), squeezed])
    assert table.in_domain.tolist() == [True, False]
    assert "far from the training data" in "; ".join(doubt.message for doubt in table.doubts)


def test_random_alloys_go_through_the_model_without_a_length():
    calculator = seitz.Calculator("ks2022")
    [found] = calculator.run_random("bcc", "Ti50Nb50", mode="exact")
    assert abs(found["ks2022"]) < 0.3


@pytest.mark.parametrize("form", ["onnx", "fp16", "torch"])
def test_the_default_model_has_other_forms(tmp_path, form):
    if form == "torch":
        pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    done = models.export("default", tmp_path / "out", to=form)
    assert done.drift < 0.05 * 0.04 and done.n_rows == 1000


def test_bytes_cost_little_on_real_crystals(tmp_path, shared_records):
    records = [
        r for _, r in zip(range(2000), shared_records("mp_formation_energy/data.jsonl.gz"), strict=False)
    ]
    rows = seitz.featurize(records, descriptor="seitz_ionic").values
    done = models.export("default", tmp_path / "m.onnx", to="int8", rows=rows)
    assert done.n_rows == 1000 and done.drift < 0.05 * 0.038


@pytest.mark.parametrize("to", ["fp16", "int8"])
def test_ends_of_intervals_are_compared_like_values(tmp_path, to):
    done = seitz.export("default", tmp_path, to=to)
    assert 0 < done.interval_drift < 0.05 * done.error
    rows = seitz.featurize(
        [bcc(), fcc(), rocksalt(), perovskite(), sigma_phase()], descriptor="seitz_ionic"
    ).values
    ours, theirs = (models.load(name).answer(rows) for name in ("default", done.path))
    apart = np.abs(np.stack([ours.lower - theirs.lower, ours.upper - theirs.upper]))
    assert np.median(apart) < 0.05 * done.error
