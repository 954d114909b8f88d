from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest
from command_samples import SEITZ, poscar, random_cell

import seitz as package
from seitz import Cell


def test_version_and_help(seitz):
    assert seitz("--version").out == f"seitz {package.__version__}\n"
    for arguments in (
        ["--help"],
        ["featurize", "--help"],
        ["info", "-h"],
        ["descriptors", "-h"],
        ["demo", "-h"],
    ):
        done = seitz(*arguments)
        assert done.code == 0 and "Usage" in done.out and done.err == ""


@pytest.mark.parametrize("arguments", [["fly"], ["--fast"], []])
def test_wrong_commands_are_code_2(seitz, arguments):
    done = seitz(*arguments)
    assert done.code == 2


def test_heavy_packages_load_only_when_needed():
    code = "import sys, seitz.cli.app; print([m for m in ('pyarrow','gemmi','moyopy','sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_imports_the_command():
    code = "import sys, seitz, seitz.io, seitz.parallel_files; print('seitz.cli' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_descriptors_are_listed_from_the_schema(seitz):
    assert "ks2022" in seitz("descriptors").out
    listed = json.loads(seitz("descriptors", "--json").out)["descriptors"]
    assert [d["name"] for d in listed] == list(package.descriptors())
    shown = json.loads(seitz("descriptors", "ks2022", "--json").out)
    assert [f["name"] for f in shown["features"]] == list(package.descriptors()["ks2022"].names)
    text = seitz("descriptors", "ks2022").out
    assert "MaxPackingEfficiency" in text and max(map(len, text.splitlines())) <= 100


def test_an_unknown_descriptor_is_wrong_usage(seitz):
    done = seitz("descriptors", "ks1999")
    assert done.code == 2 and "there is ks2022" in done.err


def test_the_demo_shows_every_bundled_crystal_in_100_columns(seitz):
    start = time.perf_counter()
    done = seitz("demo")
    assert time.perf_counter() - start < 3
    assert done.code == 0 and done.err == ""
    assert max(map(len, done.out.splitlines())) <= 100
    for text in ("Cr8Fe22_sigma.POSCAR", "SrTiO3", "Y3Al5O12", "Next:"):
        assert text in done.out
    crystals = json.loads(seitz("demo", "--json").out)["structures"]
    assert len(crystals) == 12
    assert all(len(crystal["features"]) == 256 for crystal in crystals)


def test_the_demo_files_can_be_copied_and_featurized(seitz, tmp_path):
    folder = tmp_path / "a" / "crystals"
    for _ in range(2):  # the same files again are no conflict
        assert seitz("demo", "--write", folder).code == 0
    assert len(list(folder.iterdir())) == 12
    done = seitz("featurize", folder, "-o", tmp_path / "f.csv", "--occupancy", "average")
    assert done.code == 0 and done.out.startswith("12 structures, 304 sites, none failed")


def test_the_demo_does_not_overwrite_other_files(seitz, tmp_path):
    (tmp_path / "NaCl.cif").write_text("mine")
    done = seitz("demo", "--write", tmp_path)
    assert done.code == 1 and "NaCl.cif" in done.err
    assert (tmp_path / "NaCl.cif").read_text() == "mine"


def test_a_terminal_gets_a_progress_bar_and_a_pipe_does_not(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.POSCAR").write_text(poscar(random_cell(number % 9)))
    arguments = [SEITZ, "featurize", f"{tmp_path}/*.POSCAR", "-o", tmp_path / "f.npz", "-j", "1"]
    piped = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
    assert piped.stderr == "" and "\x1b" not in piped.stdout
    shown = on_terminal(arguments)
    assert "Featurizing" in shown and "/300 files" in shown
    assert "300 structures" in shown


def on_terminal(arguments):
    """Standard error of a command that believes to write to a terminal."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(arguments, stdout=slave, stderr=slave, stdin=slave, env=environment)
    os.close(slave)
    pieces = []
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux reports the end of a terminal so
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(master)
    assert process.wait(timeout=30) == 0
    text = b"".join(pieces).decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_names_that_are_no_text_do_not_stop_a_run(seitz, tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    name = os.fsdecode(b"\xff[bold].POSCAR")
    try:
        (folder / name).write_text(poscar(random_cell(1)))
    except OSError:
        pytest.skip("this file system takes only text")
    out = tmp_path / "[red]x[red].csv"
    done = seitz("featurize", folder, "-o", out)
    assert done.code == 0 and "[red]x[red].csv" in done.out
    assert seitz("info", folder / name).code == 0


def test_an_ascii_terminal_gets_replacements(seitz_process, tmp_path):
    (tmp_path / "a.POSCAR").write_text(poscar(random_cell(1)))
    done = seitz_process("info", tmp_path / "a.POSCAR", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.code == 0 and "density" in done.out


def test_warnings_of_the_symmetry_finder_are_not_printed(seitz_process, tmp_path):
    # A supercell that breaks the cubic symmetry of its lattice: moyopy logs that it left operations out.
    sites = [[x / 2, 0, 0] for x in range(2)]
    (tmp_path / "a.POSCAR").write_text(poscar(Cell([[8, 0, 0], [0, 4, 0], [0, 0, 4]], sites, [26, 26])))
    done = seitz_process("info", tmp_path / "a.POSCAR")
    assert done.code == 0 and done.err == ""
