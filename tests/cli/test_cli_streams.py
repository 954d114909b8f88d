from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_samples import SEITZ

from seitz.io import read_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shell")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
FULL = "error: could not write to standard output: No space left on device\n"
CLOSED = "error: could not write to standard output: it is closed\n"


def shell(command: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a shell, where ``seitz`` stands for the command with the arguments."""
    script = command.replace("seitz", '"$0" "$@"')
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}", SEITZ, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        **({"env": {name: value for name, value in os.environ.items() if name != "COLUMNS"}} | options),
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("seitz >&-", 1, CLOSED),
        pytest.param("seitz > /dev/full", 1, FULL, marks=needs_full),
        pytest.param("seitz > /dev/full 2> /dev/full", 1, "", marks=needs_full),
        pytest.param("seitz 2> /dev/full", 0, "", marks=needs_full),
        ("seitz 2>&-", 0, ""),
        ("seitz >&- 2>&-", 1, ""),
        ("seitz <&- >&- 2>&-", 1, ""),
        ("seitz | true", 141, ""),
    ],
)
def test_the_table_is_complete_and_the_code_true_whatever_the_streams_are(
    good_folder, tmp_path, command, code, message, options
):
    out = tmp_path / "f.parquet"
    done = shell(command, "featurize", good_folder, "-o", out, *options)
    assert (done.returncode, done.stderr) == (code, message)
    table = read_table(out)
    assert len(table.ids) == 12 and not np.isnan(table.values).any()
    assert len(done.stdout.splitlines()) == (1 if code == 0 else 0)


def test_workers_and_closed_streams_leave_the_table_alone(many_files, tmp_path):
    closed, usual = tmp_path / "closed.csv", tmp_path / "usual.csv"
    files = many_files / "*.POSCAR"
    assert shell("seitz <&- >&- 2>&-", "featurize", files, "-o", closed, "-j", 2).returncode == 1
    shell("seitz", "featurize", files, "-o", usual, "-j", 1)
    assert closed.read_bytes() == usual.read_bytes()


@needs_full
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["info", "-h"], ["demo"], ["descriptors"]])
def test_every_command_says_that_its_output_is_lost(arguments):
    done = shell("seitz > /dev/full", *arguments)
    assert (done.returncode, done.stderr) == (1, FULL)
    done = shell("seitz >&-", *arguments)
    assert (done.returncode, done.stderr) == (1, CLOSED)
    done = shell("seitz | true", *arguments)
    assert (done.returncode, done.stderr) == (141, "")


@needs_full
@pytest.mark.parametrize("stderr", ["2>&-", "2> /dev/full"])
def test_an_error_that_nobody_can_be_told_keeps_its_code(tmp_path, stderr):
    assert shell(f"seitz {stderr}", "info", tmp_path).returncode == 1
    assert shell(f"seitz {stderr}", "fly").returncode == 2


def ascii_only(*arguments: object) -> str:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = shell("seitz", *arguments, env=environment)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def test_ascii_output_spells_units_and_symbols_out(tmp_path):
    assert ascii_only("demo", "--write", tmp_path).startswith("12 structures copied")
    mg = ascii_only("info", tmp_path / "Mg_hcp.POSCAR").splitlines()
    assert mg[0] == "Mg x 2  Mg_hcp"
    assert mg[2] == "cell         a 3.2094  b 3.2094  c 5.2108 A,  alpha 90  beta 90  gamma 120 deg"
    assert mg[3] == "volume       46.48 A^3, 2 sites, 23.24 A^3 per site"
    assert mg[4].endswith("g/cm^3")
    head, rule, row = mg[7:]
    assert set(rule) == {"-"} and len(head) == len(rule) == len(row)
    assert "12xMg" in row and "3.197 - 3.209" in row
    summary = ascii_only("featurize", tmp_path / "NaCl.cif", "-o", tmp_path / "f.csv")
    assert f"-> {tmp_path / 'f.csv'}" in summary
    texts = [*mg, ascii_only("demo"), ascii_only("descriptors", "ks2022"), ascii_only("featurize", "--help")]
    assert not any("?" in text or "\\x" in text or "\\u" in text for text in texts)


def test_names_survive_an_ascii_output(tmp_path):
    ascii_only("demo", "--write", tmp_path)
    out = tmp_path / "\N{GREEK SMALL LETTER ALPHA}\N{LATIN SMALL LETTER E WITH ACUTE}.csv"
    listed = ascii_only("featurize", tmp_path / "NaCl.cif", "-o", out, "--json")
    assert json.loads(listed)["output"] == str(out)


def test_a_piped_table_is_never_cut(tmp_path):
    shell("seitz", "demo", "--write", tmp_path)
    done = shell("seitz", "info", tmp_path / "CuZn_brass.cif", "--sites")
    assert "0.0000 0.5000 0.5000" in done.stdout and "12×Cu0.7Zn0.3" in done.stdout
    assert "…" not in done.stdout
