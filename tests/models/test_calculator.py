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
from structures import bcc, fcc, sigma_phase

COORDINATION = models.wrap(
    lambda f: f[:, 0], descriptor="ks2022", property="coordination", unit="1", name="cn"
)
WARD = models.wrap(
    lambda f: f[:, 1] + 1, descriptor="ward2017", walk="no_reversal", property="x", unit="1", name="ward"
)


def test_all_models_run_and_results_have_their_names(tmp_path):
    calculator = Calculator([COORDINATION, WARD])
    found = calculator.run_models(cell for cell in (bcc(), fcc()))
    assert [r["id"] for r in found] == ["0", "1"] and list(found[0]) == ["id", "cn", "ward"]
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
