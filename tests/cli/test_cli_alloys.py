"""``seitz random`` and ``seitz dilute``."""

from __future__ import annotations

import gzip
import json
import os
import sys

import numpy as np
import pytest
from command_samples import json_line, poscar
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


def test_a_bad_row_of_a_table_costs_one_row(seitz, tmp_path):
    (tmp_path / "alloys.csv").write_text("id,composition\none,Fe50Ni50\nbad,Xx\nsites,2a=Fe\n")
    (tmp_path / "columns.csv").write_text("id,Fe,Ni\ntwo,1,2\nworse,many,1\n")
    target = tmp_path / "out.csv"
    tables = tmp_path / "alloys.csv", tmp_path / "columns.csv"
    done = seitz("random", *tables, "-l", "bcc", "--exact", "-o", target, "--json")
    assert done.code == 1 and done.err == ""
    reasons = {alloy["id"]: alloy.get("error") for alloy in json.loads(done.out)["alloys"]}
    good, bad = ["one@BCC", "sites@BCC", "two@BCC"], ["bad@BCC", "worse@BCC"]
    assert [name for name, reason in reasons.items() if reason is None] == good
    assert "alloys.csv, line 3: 'Xx'" in reasons[bad[0]]
    assert "columns.csv, line 3: Fe: 'many' is no amount" in reasons[bad[1]]
    blank = np.isnan(read_table(target).values).all(axis=1)
    assert blank.tolist() == [False, True, False, False, True]
    assert "line 3" in (tmp_path / "out.failures.csv").read_text()


@pytest.mark.parametrize(
    "line",
    ["random Fe50Ni50 -l bcc --seed 1", "dilute bcc --solutes Al", "dilute bcc --vacancies --solutes Al"],
)
def test_the_picture_is_named(seitz, tmp_path, line):
    picture, target = tmp_path / "p.html", tmp_path / "o.csv"
    for options in ((), ("-o", target)):
        done = seitz(*line.split(), *options, "--plot", picture)
        assert done.code == 0, done.err
        assert f"  picture: {picture}\n" in done.out and picture.exists()
        assert ("not kept" in done.out) == (not options)
        shown = json.loads(seitz(*line.split(), *options, "--plot", picture, "--json").out)
        assert shown["picture"] == str(picture) and (shown["output"] is None) == (not options)
    assert json.loads(seitz(*line.split(), "--json").out)["picture"] is None


def test_a_picture_of_the_host_alone_is_named(seitz, tmp_path):
    picture = tmp_path / "p.html"
    done = seitz("dilute", "bcc", "--plot", picture)
    assert done.code == 0 and done.out == f"  picture: {picture}\n"
    shown = json.loads(seitz("dilute", "bcc", "--plot", picture, "--json").out)
    assert shown["picture"] == str(picture) and shown["vectors"] == 0 and shown["output"] is None


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
        (["nosuch.csv", "-l", "bcc"], "nosuch.csv: no such file or directory"),
        (["Fe", "-l", "bcc", "-l", "nosuch"], "nosuch: no such file, and no prototype is called 'nosuch'"),
        (["Fe", "-l", "./nosuch"], "./nosuch: no such file or directory"),
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


def test_a_solute_that_is_named_twice_is_one(seitz, tmp_path):
    target = tmp_path / "out.csv"
    assert seitz("dilute", "bcc", "--solutes", "Mo,Al,Mo", "-o", target).code == 0
    assert list(read_table(target).ids) == ["Mo@0", "Al@0"]


@pytest.mark.parametrize("occupancy", ["raise", "average"])
def test_a_partially_occupied_variant_is_told_no_averaging(seitz, tmp_path, occupancy):
    seitz("demo", "--write", tmp_path / "d")
    brass, target = tmp_path / "d" / "CuZn_brass.cif", tmp_path / "out.csv"
    done = seitz("dilute", "fcc", "--structures", brass, "--occupancy", occupancy, "-o", target)
    message = "(Cu0.7 Zn0.3): variants must be fully occupied by one element per site"
    assert done.code == 1 and message in done.out and "Pass" not in done.out
    assert message in (tmp_path / "out.failures.csv").read_text()


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
        (["bcc", "--solutes", "Mo,al"], "al is no element: did you mean Al?"),
        (["nosuch", "--solutes", "Al"], "nosuch: no such file, and no prototype is called 'nosuch'"),
        (["nosuch.cif", "--solutes", "Al"], "nosuch.cif: no such file or directory"),
        (["bcc", "--structures", "nosuch.cif"], "nosuch.cif: no such file or directory"),
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


# --- files of the user's own --------------------------------------------------------------------------------------


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A table of compositions, and a host and its variants as JSON lines; each also under another name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.csv").write_text("id,composition\none,Fe50Ni50\n")
    for name in ("h.jsonl", "v.jsonl"):
        (tmp_path / name).write_text(json_line(name, bcc()))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "w.jsonl").write_text(json_line("w", bcc()))
    (tmp_path / "soft.csv").symlink_to("c.csv")
    (tmp_path / "hard.csv").hardlink_to("c.csv")
    (tmp_path / "p.html").symlink_to("h.jsonl")
    (tmp_path / "o.failures.csv").symlink_to("c.csv")
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "random c.csv -l bcc --exact -o c.csv",
        "random c.csv -l bcc --exact -o soft.csv",
        "random c.csv -l bcc --exact -o hard.csv",
        "random c.csv -l bcc --exact -o o.csv",
        "random Fe -l h.jsonl --exact -o h.jsonl",
        "random Fe50Ni50 -l h.jsonl --plot p.html",
        "dilute h.jsonl --solutes Al -o h.jsonl",
        "dilute h.jsonl --solutes Al --plot p.html",
        "dilute h.jsonl --structures v.jsonl -o v.jsonl",
        "dilute h.jsonl --structures folder -o folder/w.jsonl",
    ],
)
def test_an_input_is_never_replaced(seitz, inputs, line):
    before = contents(inputs)
    done = seitz(*line.split())
    assert done.code == 2 and "choose another" in done.err and "input" in done.err
    assert contents(inputs) == before


@pytest.mark.parametrize("kind", ["failures", "warnings", "standard_error"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_files_beside_the_table_that_are_of_no_earlier_run_stay(
    seitz, tmp_path, monkeypatch, kind, is_folder
):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / f"o.{kind}.csv"
    own.mkdir() if is_folder else own.write_text("mine\n")
    lines = ["random Fe -l bcc --exact -o o.csv"]
    lines += ["dilute bcc --solutes Al -o o.csv"] if kind != "standard_error" else []
    for line in lines:
        done = seitz(*line.split())
        assert done.code == 2 and own.name in done.err and "choose another -o" in done.err
        assert [path.name for path in tmp_path.iterdir()] == [own.name]
        assert is_folder or own.read_text() == "mine\n"


def test_standard_errors_of_an_earlier_run_are_replaced_and_removed_in_any_folder(seitz, tmp_path):
    folder = tmp_path / "a.failures.b"
    folder.mkdir()
    target, errors = folder / "o.csv", folder / "o.standard_error.csv"
    for _ in range(2):
        assert seitz("random", "Fe50Ni50", "-l", "bcc", "--seed", "3", "-o", target).code == 0
        assert errors.exists()
    assert seitz("random", "Fe50Ni50", "-l", "bcc", "--exact", "-o", target).code == 0
    assert [path.name for path in tmp_path.rglob("*.csv")] == ["o.csv"]


def test_names_do_not_steer_the_terminal(seitz, tmp_path):
    (tmp_path / "bad\x1b[2J\nname.POSCAR").write_text("cut short\n")
    done = seitz("dilute", "bcc", "--structures", tmp_path)
    assert done.code == 1 and "bad\\x1b[2J\\nname.POSCAR: " in done.out and "\x1b" not in done.out
    (tmp_path / "c.csv").write_text('id,composition\n"a\x1b[2J\nb",Fe\n')
    done = seitz("random", tmp_path / "c.csv", "-l", "bcc", "--exact")
    assert "a\\x1b[2J" in done.out and "\x1b" not in done.out


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- tables of compositions ---------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_tables_of_compositions_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("seitz.io.streams.MAX_DOCUMENT_BYTES", 2**20)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "binary.csv").write_bytes(b"composition\n\0\1\2")
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(bytes(2**22)))
    (tmp_path / "long.csv").write_text("composition\n" + "F" * 200_000)
    for name in ("folder.csv", "pipe.csv", "binary.csv", "bomb.csv.gz", "long.csv", "gone.csv"):
        with pytest.raises(package.errors.ReadError, match=f"{name}: "):
            package.read_compositions(tmp_path / name)
    with pytest.raises(package.errors.ReadError, match=r"a\\x00b\.csv: "):
        package.read_compositions("a\0b.csv")
