from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from command_samples import json_line, poscar, random_cell

import seitz as package
from seitz.cli.featurize import _Summary
from seitz.cli.outputs import Outputs
from seitz.cli.wording import as_command_line
from seitz.parallel_files import FileBatch
from seitz.table import Failure, FeatureTable


@pytest.mark.parametrize(
    ("library", "command"),
    [
        ('Pass occupancy="average" to average', "Pass --occupancy average to average"),
        ("missing='x': choose one of zero, nan", "--missing x: choose one of zero, nan"),
        ("on_error='x': choose", "--on-error x: choose"),
        ('use symmetry="none", or finder="spglib"', "use --symmetry none, or --finder spglib"),
        ("no symmetry at symprec=0.001 Å (..)", "no symmetry at --symprec 0.001 Å (..)"),
        ("symprec=-1.0: give a positive length", "--symprec -1.0: give a positive length"),
        ("with n_threads=1 it is seen", "with --threads 1 it is seen"),
        ("rename the file, or give the format", "rename the file"),
        ("x: a folder, not a file: use read_structures()", "x: a folder, not a file"),
        ("site 3 is empty", "site 3 is empty (sites count from 0)"),
        ("sites 0 and 5 are", "sites 0 and 5 are (sites count from 0)"),
        ("runs/symprec=0.01/n_threads=4/POSCAR: cut", "runs/symprec=0.01/n_threads=4/POSCAR: cut"),
        ("up to 3,000 sites after expansion", "up to 3,000 sites after expansion"),
    ],
)
def test_messages_speak_of_options(library, command):
    assert as_command_line(library) == command
    assert as_command_line(command) == command


def test_no_message_of_a_run_shows_python_spelling(seitz, tmp_path):
    seitz("demo", "--write", tmp_path / "d")
    brass, out = tmp_path / "d" / "CuZn_brass.cif", tmp_path / "f.csv"
    assert seitz("featurize", brass, "-o", out).code == 1
    assert "pass --occupancy average to" in (tmp_path / "f.failures.csv").read_text()
    done = seitz("featurize", brass, "-o", out, "--on-error", "raise")
    assert "pass --occupancy average to" in done.err and "occupancy=" not in done.err
    done = seitz("featurize", brass, "-o", out, "--threads", 5000)
    assert done.err.startswith("error: --threads 5000: give") and "None" not in done.err
    done = seitz("info", brass, "--symprec", "1e-300")
    assert done.code == 1 and "no symmetry at --symprec 1e-300 Å" in done.err
    (tmp_path / "stray.txt").write_text("stray")
    assert "give the format" not in seitz("info", tmp_path / "stray.txt").err


def test_an_overlap_names_the_file_and_how_sites_count(seitz, tmp_path):
    twice = random_cell(1).replace(frac_coords=[[0.5, 0, 0]] * 6)
    (tmp_path / "twice.POSCAR").write_text(poscar(twice))
    (tmp_path / "many.jsonl").write_text(json_line("good", random_cell(1)) + json_line("bad", twice))
    done = seitz("info", tmp_path / "twice.POSCAR")
    assert done.code == 1 and done.err.startswith(f"error: {tmp_path / 'twice.POSCAR'}: sites 0 and ")
    assert done.err.endswith("(sites count from 0)\n")
    done = seitz("info", tmp_path / "many.jsonl", "--id", "bad")
    assert "many.jsonl:2: sites 0 and " in done.err


def test_the_tolerance_of_orbits_is_an_option(seitz, tmp_path):
    (tmp_path / "a.POSCAR").write_text(poscar(random_cell(1)))
    arguments = ("featurize", tmp_path / "a.POSCAR", "-o", tmp_path / "f.csv", "--symmetry", "orbits")
    assert seitz(*arguments, "--symprec", "0.01").code == 0
    for wrong in ("-1", "0", "nan", "inf"):
        done = seitz(*arguments, "--symprec", wrong)
        assert done.code == 2 and "'--symprec'" in done.err and "no positive length" in done.err


def test_failures_do_not_pile_up_in_memory(tmp_path):
    n_rows, known = 1000, package.descriptors()["ks2022"]
    failures = tuple(Failure(k, f"id{k}", "ReadError", f"{k} " * 50, f"file:{k}") for k in range(n_rows))
    table = FeatureTable(
        np.full((n_rows, len(known)), np.nan), known, tuple(map(str, range(n_rows))), failures
    )
    summary = _Summary()
    tracemalloc.start()
    try:
        with Outputs(tmp_path / "f.parquet", [], known).opened() as rows:
            sizes = []
            for _ in range(60):
                summary.write(FileBatch(table, 0, 1), rows)
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert summary.n_failures == 60_000
    assert max(sizes[30:]) - max(sizes[:30]) < 2**21  # 30,000 failures are 10 MB and more
