from __future__ import annotations

import json

import pytest
from command_samples import poscar, random_cell

from seitz.prototypes import prototypes

YAML = """\
name: mine
title: "[bold]rock salt[/]"
space_group: 225
lattice: {a: 5.64, b: 5.64, c: 5.64, alpha: 90, beta: 90, gamma: 90}
sites:
  - {element: Na, wyckoff: 4a, position: [0, 0, 0]}
  - {element: Cl, wyckoff: 4b, position: [1/2, 1/2, 1/2]}
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The folder of the user's prototypes, which is not there yet."""
    monkeypatch.setenv("SEITZ_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config" / "prototypes"


@pytest.fixture
def yaml_file(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text(YAML)
    return path


def test_all_are_listed_in_100_columns(seitz):
    done = seitz("prototypes")
    assert done.code == 0 and done.err == ""
    assert max(map(len, done.out.splitlines())) <= 100
    for name, known in prototypes().items():
        assert f"\n{name} " in done.out and known.title in done.out
    assert "8i1 Cr" in done.out


def test_verbose_adds_origins_and_other_names(seitz):
    done = seitz("prototypes", "--verbose")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "Yakel" in done.out and "D8_b" in done.out and "Yakel" not in seitz("prototypes").out


def test_one_is_shown_site_by_site(seitz):
    done = seitz("prototypes", "mgcu2")
    assert done.code == 0
    for text in (
        "C15",
        "cF24, space group 227",
        "a 7.034",
        "Acta Cryst. C 40, 1 (1984)",
        "0.12500",
        "built in",
    ):
        assert text in done.out
    assert sum("16d" in line for line in done.out.splitlines()) == 16


def test_json_holds_everything(seitz, own):
    listed = json.loads(seitz("prototypes", "--json").out)
    assert [p["name"] for p in listed["prototypes"]] == list(prototypes())
    assert listed["broken"] == [] and listed["folder"] == str(own)
    shown = json.loads(seitz("prototypes", "sigma", "--json").out)
    assert shown["lattice"]["c"] == 4.5582 and len(shown["sites"]) == shown["n_sites"] == 30
    assert shown["sites"][6] == {"element": "Cr", "sublattice": "8i1", "position": [0.4635, 0.1312, 0.0]}
    assert shown["origin"]["year"] == 1983
    assert shown["sublattices"] == {"2a": 2, "4f": 4, "8i1": 8, "8i2": 8, "8j": 8}


def test_an_unknown_name_is_wrong_usage(seitz):
    done = seitz("prototypes", "fc")
    assert done.code == 2 and done.out == ""
    assert "close to it: FCC" in done.err and "'seitz prototypes' lists all" in done.err


def test_a_file_is_added_and_found(seitz, own, yaml_file):
    done = seitz("prototypes", "add", yaml_file)
    assert done.code == 0 and done.err == ""
    assert done.out.startswith("mine added: ")
    assert str(own / "mine.yaml") in done.out and "[bold]rock salt[/]" in done.out
    shown = seitz("prototypes", "MINE")
    assert shown.code == 0 and "[bold]rock salt[/]" in shown.out
    assert "[bold]rock salt[/]" in seitz("prototypes").out
    again = seitz("prototypes", "add", yaml_file)
    assert again.code == 1 and "--force" in again.err
    replaced = seitz("prototypes", "add", yaml_file, "--force")
    assert replaced.code == 0 and replaced.out.startswith("mine replaced: ")
    added = json.loads(seitz("prototypes", "add", yaml_file, "--name", "other", "--json").out)
    assert added["name"] == "other" and (own / "other.yaml").exists()


def test_a_structure_file_is_added_under_a_name(seitz, own, tmp_path):
    path = tmp_path / "POSCAR"
    path.write_text(poscar(random_cell(3)))
    assert seitz("prototypes", "add", path, "--name", "random").code == 0
    assert json.loads(seitz("prototypes", "random", "--json").out)["space_group"] == 1
    assert [p.name for p in own.iterdir()] == ["random.poscar"]


def test_force_without_a_file_to_replace_adds(seitz, yaml_file):
    done = seitz("prototypes", "add", yaml_file, "--force")
    assert done.code == 0 and done.out.startswith("mine added: ")


def test_a_partially_occupied_file_is_told_what_a_prototype_is(seitz, own, tmp_path):
    seitz("demo", "--write", tmp_path / "d")
    brass = tmp_path / "d" / "CuZn_brass.cif"
    done = seitz("prototypes", "add", brass, "--name", "brass")
    assert done.code == 1 and done.err.startswith(f"error: {brass}: ") and "occupancy" not in done.err
    assert "(Cu0.7 Zn0.3): a prototype must be ordered, with one whole atom on every site" in done.err
    assert not own.exists()


def test_info_takes_a_prototype_where_there_is_no_such_file(seitz, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = seitz("info", "hcp")
    assert done.code == 0 and "Mg × 2  HCP" in done.out and "P6_3/mmc (194)" in done.out
    assert seitz("info", "hcp", "--id", "x").code == 2
    for missing in ("hcpp", "hcp.cif", "./hcp", "h*p"):
        done = seitz("info", missing)
        assert done.code == 2 and f"{missing}: no " in done.err and done.err.count("\n") == 1
    own.mkdir(parents=True)
    (own / "bad.yaml").write_text("name: [bold]\n")
    done = seitz("info", "bad")
    assert done.code == 1 and "bad.yaml: name: must be text" in done.err
    done = seitz("random", "Fe", "-l", "bcc", "-l", "bad", "--exact")
    assert done.code == 1 and "Fe@BCC" in done.out and "bad.yaml: name: must be text" in done.out
    (tmp_path / "hcp").write_text(poscar(random_cell(3)))
    assert "HCP" not in seitz("info", "hcp").out


def test_a_built_in_name_cannot_be_taken(seitz, own, yaml_file):
    done = seitz("prototypes", "add", yaml_file, "--name", "fcc", "--force")
    assert done.code == 1 and "built in" in done.err and done.err.count("\n") == 1
    assert not own.exists()


def test_broken_files_are_listed_below(seitz, own):
    own.mkdir(parents=True)
    (own / "bad.yaml").write_text("name: [bold]\n")
    (own / "diamond.vasp").write_text(poscar(random_cell(1)))
    done = seitz("prototypes")
    assert done.code == 0 and "3 not usable" in done.out and "bad.yaml: name: must be text" in done.out
    assert len(json.loads(seitz("prototypes", "--json").out)["broken"]) == 3
    for name, message in (("bad", "bad.yaml"), ("Diamond", "diamond.vasp")):
        shown = seitz("prototypes", name)
        assert shown.code == 1 and message in shown.err and shown.err.count("\n") == 1
    assert seitz("prototypes", "FCC").code == 0


@pytest.mark.parametrize(
    "arguments",
    [["add"], ["FCC", "file"], ["--force"], ["FCC", "--name", "x"], ["a", "b", "c"]],
    ids=" ".join,
)
def test_arguments_that_do_not_fit_are_wrong_usage(seitz, arguments):
    done = seitz("prototypes", *arguments)
    assert done.code == 2 and done.out == "" and done.err.startswith("error: ")


def test_a_missing_or_bad_file_is_one_line(seitz, own, tmp_path):
    (tmp_path / "bad.cif").write_text("no")
    for path, code in ((tmp_path / "missing.yaml", 2), (tmp_path / "bad.cif", 1), (tmp_path, 1)):
        done = seitz("prototypes", "add", path)
        assert done.code == code and done.err.count("\n") == 1 and str(path) in done.err
    assert not own.exists()


def test_plain_terminals_get_plain_letters(seitz_process, own):
    import os

    environment = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    for arguments in (["prototypes"], ["prototypes", "sigma"]):
        done = seitz_process(*arguments, env=environment)
        assert done.code == 0, done.err
        assert done.out.isascii() and "phase, CrFe" in done.out
