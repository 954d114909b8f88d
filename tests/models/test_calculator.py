"""The container of models: one run, results by name, and files of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from numpy.testing import assert_allclose, assert_array_equal

import seitz
from seitz import Calculator, models
from seitz.errors import ModelError, OptionError
from structures import bcc, fcc, rocksalt, sigma_phase

COORDINATION = models.wrap(
    lambda f: f[:, 0], descriptor="ks2022", property="coordination", unit="1", name="cn"
)
WARD = models.wrap(
    lambda f: f[:, 1] + 1, descriptor="ward2017", walk="no_reversal", property="x", unit="1", name="ward"
)


def test_all_models_run_and_results_have_their_names(tmp_path):
    calculator = Calculator([COORDINATION, WARD])
    found = calculator.run_models(cell for cell in (bcc(), fcc()))
    assert [r["id"] for r in found] == ["0", "1"] and list(found[0]) == [
        "id", "cn", "cn_doubt", "ward", "ward_doubt", "error",
    ]  # fmt: skip
    assert_allclose([r["cn"] for r in found], seitz.featurize([bcc(), fcc()])["mean_EffectiveCoordination"])
    assert calculator.results == found and repr(calculator) == "Calculator(cn, ward; 2 structures)"
    calculator.write_csv(tmp_path / "r.csv")
    assert_allclose(pd.read_csv(tmp_path / "r.csv")["cn"], [r["cn"] for r in found])
    calculator.write_npy(tmp_path / "f.npy")
    assert_array_equal(np.load(tmp_path / "f.npy"), seitz.featurize([bcc(), fcc()]).values)
    assert calculator.features("ward").shape == (2, 271)


def test_one_object_of_another_package_is_one_structure():
    cell = fcc()
    atoms = Atoms(numbers=cell.atomic_numbers, cell=cell.lattice, scaled_positions=cell.frac_coords, pbc=True)
    assert len(Calculator(COORDINATION).run_models(atoms)) == 1


def test_a_folder_keeps_its_failures(tmp_path):
    (tmp_path / "bad.POSCAR").write_text("no")
    (tmp_path / "good.POSCAR").write_text("Po\n3.35\n1 0 0\n0 1 0\n0 0 1\nPo\n1\nDirect\n0 0 0\n")
    found = Calculator(COORDINATION).run_from_directory(tmp_path)
    assert [r["id"] for r in found] == ["bad", "good"]
    assert np.isnan(found[0]["cn"]) and found[1]["cn"] == pytest.approx(6.0)
    assert "bad.POSCAR" not in found[0]["error"] and found[0]["error"] and found[1]["error"] == ""


def test_results_say_how_sure_the_model_is(tmp_path):
    calculator = Calculator()
    known, unlike = calculator.run_models([rocksalt(), fcc(79, 9.0)])
    table = calculator.tables["default"]
    assert (known["default_lower"], known["default_upper"]) == (table.lower[0], table.upper[0])
    assert known["default_in_domain"] is True and known["default_doubt"] == ""
    assert unlike["default_in_domain"] is False and unlike["default_doubt"]
    calculator.write_csv(tmp_path / "r.csv")
    written = pd.read_csv(tmp_path / "r.csv")
    assert list(written.columns) == list(known)
    assert_allclose(written["default_upper"], table.upper)


def test_dilute_and_random_variants():
    host = sigma_phase()
    changed = seitz.host_plan(host).changed({0: "Al"})
    calculator = Calculator([COORDINATION])
    [found] = calculator.run_dilute([changed], host=host)
    assert found["cn"] == pytest.approx(seitz.featurize(changed)["mean_EffectiveCoordination"][0])
    found = calculator.run_random(["fcc", "bcc"], ["FeNi"], mode="exact")
    assert [r["id"] for r in found] == ["Fe50Ni50@FCC", "Fe50Ni50@BCC"]
    assert found[0]["cn"] == pytest.approx(12.0)
    assert len(calculator.run_random("fcc", "FeNi", mode="exact")) == 1


def test_what_makes_no_sense_is_told():
    with pytest.raises(OptionError, match="two are called cn"):
        Calculator([COORDINATION, COORDINATION])
    with pytest.raises(ModelError, match="nothing has been run"):
        Calculator([COORDINATION]).features()
    calculator = Calculator([COORDINATION])
    calculator.run_models([bcc()])
    with pytest.raises(ModelError, match="no model is called 'spam' here"):
        calculator.features("spam")


def test_elements_that_a_model_has_not_seen_are_flagged_in_alloys_and_around_defects():
    calculator = Calculator(["default", "ks2022"])
    host = seitz.as_cell("fcc").supercell((2, 2, 2))
    numbers = np.full(len(host), 13)
    numbers[0] = 95
    calculator.run_dilute([host.replace(atomic_numbers=numbers)])
    for table in calculator.tables.values():
        assert not table.in_domain[0] and np.isnan(table.lower[0])
        assert "no Am in the training data" in table.doubts[0].message
    calculator = Calculator("ks2022")
    calculator.run_random("bcc", ["Fe50Al50", "Fe20Rn30Al50"], mode="exact")
    (table,) = calculator.tables.values()
    assert [doubt.index for doubt in table.doubts] == [1]
    assert "no Rn" in table.doubts[0].message and np.isnan(table.lower[1]) and np.isfinite(table.lower[0])


def test_a_table_of_features_tells_its_lightest_and_heaviest_element():
    bcc = seitz.as_cell("bcc")
    cells = [bcc.replace(atomic_numbers=[z] * len(bcc)) for z in (26, 95, 103)]
    for descriptor, model in (("ks2022", "ks2022"), ("seitz_ionic", "default")):
        table = seitz.predict(seitz.featurize(cells, descriptor=descriptor), model=model)
        assert np.isfinite(table.lower).tolist() == [True, False, False]
        assert "no Lr in the training data" in table.doubts[-1].message


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_doubted(answer):
    model = seitz.models.wrap(
        lambda rows: np.full(len(rows), answer), descriptor="ks2022", property="p", unit="u"
    )
    table = seitz.predict(["bcc"], model=model)
    assert [doubt.message for doubt in table.doubts] == ["the model's answer is no number"]
