"""``seitz random`` and ``seitz dilute``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_samples import poscar
from numpy.testing import assert_allclose

import seitz as package
from seitz.io import read_table
from structures import bcc, sigma_phase


def test_random_alloys_are_written_with_their_errors(seitz, tmp_path):
    target = tmp_path / "alloys.parquet"
    done = seitz("random", "Fe50Ni50", "NiAl", "-l", "bcc", "-l", "fcc", "--seed", "3", "-o", target)
    assert done.code == 0, done.err
    assert "4 vectors" in done.out and "converged after" in done.out
    table = read_table(target)
    expected = package.featurize_random(["bcc", "fcc"], ["Fe50Ni50", "NiAl"], seed=3)
    assert_allclose(table.values, expected.table.values)
    assert list(table.ids) == ["Fe50Ni50@BCC", "NiAl@BCC", "Fe50Ni50@FCC", "NiAl@FCC"]
    errors = read_table(tmp_path / "alloys.standard_error.parquet")
    assert_allclose(errors.values, [a.standard_error for a in expected])


def test_exact_alloys_of_a_table(seitz, tmp_path):
    (tmp_path / "alloys.csv").write_text("id,composition\none,Fe50Ni50\ntwo,FeAl\n")
    target = tmp_path / "out.csv"
    done = seitz("random", tmp_path / "alloys.csv", "--lattice", "fcc", "--exact", "-o", target, "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert [a["id"] for a in shown["alloys"]] == ["one@FCC", "two@FCC"]
    assert list(read_table(target).ids) == ["one@FCC", "two@FCC"]
    assert not (tmp_path / "out.standard_error.csv").exists()


def test_an_alloy_that_fails_costs_one_row(seitz, tmp_path):
    target = tmp_path / "out.csv"
    done = seitz("random", "Fe", "Xx50Fe50", "--lattice", "fcc", "--exact", "-o", target)
    assert done.code == 1
    assert "'Xx' is no chemical element" in done.out
    assert np.isnan(read_table(target).values[1]).all()
    assert "Xx" in (tmp_path / "out.failures.csv").read_text()
    unsettled = seitz("random", "Fe99.9C0.1", "--lattice", "bcc", "--max-expansions", "5", "--seed", "0")
    assert unsettled.code == 1 and "stopped at the limit of 5 expansions" in unsettled.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Fe", "-l", "bcc", "-o", "out.txt"], "the name must end in .parquet"),
        (["Fe", "-l", "bcc", "--feature-criterion", "0"], "give a positive number"),
        (
            ["Fe", "-l", "bcc", "--exact", "--plot", "a.png"],
            "--plot shows the convergence of one sampled alloy",
        ),
        (["Fe", "-l", "bcc", "--plot", "a.pdf"], "the name must end in .html"),
        (["Fe", "-l", "bcc", "--plot", "no/a.png"], "no such folder"),
        (["Fe"], "lattice"),
    ],
)
def test_wrong_command_lines_of_random_are_refused(seitz, arguments, message):
    done = seitz("random", *arguments)
    assert done.code == 2
    assert message in done.err


def test_every_solute_on_every_orbit(seitz, tmp_path):
    (tmp_path / "POSCAR").write_text(poscar(sigma_phase()))
    target = tmp_path / "out.parquet"
    done = seitz("dilute", tmp_path / "POSCAR", "--solutes", "Al,Mo", "--vacancies", "-o", target)
    assert done.code == 0, done.err
    assert "15 variants of Cr12Fe18 (30 sites, one is 3.33 at.%), none failed" in done.out
    table = read_table(target)
    plan = package.host_plan(sigma_phase())
    assert_allclose(table.values[:10], plan.all_substitutions(["Al", "Mo"]).values, rtol=1e-9, atol=1e-9)
    vacancies = [{int(site): None} for site in plan.orbits.representatives]
    assert_allclose(table.values[10:], plan.featurize(vacancies).values, rtol=1e-9, atol=1e-9)


def test_variants_of_a_prototype_are_mapped(seitz, tmp_path):
    folder = tmp_path / "variants"
    folder.mkdir()
    plan = package.host_plan(bcc(74, 3.16522).supercell((3, 3, 3)))
    good = plan.changed({0: "Re", 5: None})
    (folder / "POSCAR1").write_text(poscar(good))
    (folder / "POSCAR2").write_text(poscar(sigma_phase()))
    target = tmp_path / "out.csv"
    done = seitz("dilute", "bcc", "--supercell", "3x3x3", "--structures", folder, "-o", target)
    assert done.code == 1
    assert "2 variants of W54" in done.out and "POSCAR2: the lattice is no superlattice" in done.out
    assert_allclose(read_table(target).values[0], package.featurize(good).values[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bcc"], "give --solutes, --vacancies or --structures"),
        (["bcc", "--solutes", "Al,Xx"], "Xx is no element"),
        (["bcc", "--solutes", ","], "nothing is no element"),
        (["bcc", "--solutes", "Al", "--supercell", "3x3"], "give three positive numbers"),
        (["bcc", "--solutes", "Al", "--supercell", "0x1x1"], "give three positive numbers"),
        (["bcc", "--solutes", "Al", "--supercell", "999x999x999"], "more than 1,000,000 sites"),
        (["bcc", "--solutes", "Al", "-o", "x.xlsx"], "the name must end in"),
    ],
)
def test_wrong_command_lines_of_dilute_are_refused(seitz, arguments, message):
    done = seitz("dilute", *arguments)
    assert done.code == 2
    assert message in done.err
