from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from command_samples import SEITZ, json_line, poscar, random_cell
from numpy.testing import assert_array_equal

import seitz as package
from seitz.io import read_table


def leftovers(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


# --- results -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz", ".jsonl", ".csv.gz", ".jsonl.zst"])
def test_the_table_holds_what_the_library_computes(seitz, good_folder, tmp_path, suffix):
    out = tmp_path / f"features{suffix}"
    done = seitz("featurize", good_folder, "-o", out)
    assert (done.code, done.err) == (0, "")
    table = read_table(out)
    expected = package.featurize([random_cell(seed) for seed in range(12)])
    assert table.ids == [str(seed) for seed in range(12)]
    assert table.names == expected.names
    assert_array_equal(table.values, expected.values)
    assert leftovers(tmp_path) == ["crystals", out.name]


def test_the_summary_is_one_line_with_counts_and_place(seitz, good_folder, tmp_path):
    out = tmp_path / "features.parquet"
    done = seitz("featurize", good_folder, "-o", out)
    assert done.out.startswith("12 structures, 72 sites, none failed, ")
    assert "structures/s" in done.out and str(out) in done.out
    assert done.out.count("\n") == 1


def test_options_reach_the_library(seitz, tmp_path):
    (tmp_path / "a.jsonl").write_text(json_line("argon", random_cell(1).replace(atomic_numbers=[18] * 6)))
    out = tmp_path / "f.npz"
    done = seitz("featurize", tmp_path / "a.jsonl", "-o", out, "--missing", "nan", "--symmetry", "orbits")
    assert done.code == 0
    assert np.isnan(read_table(out).values).any()
    done = seitz("featurize", tmp_path / "a.jsonl", "-o", out, "--missing", "raise")
    assert done.code == 1
    assert np.isnan(read_table(out).values).all()


def test_metadata_name_the_descriptor(seitz, good_folder, tmp_path):
    out = tmp_path / "features.parquet"
    seitz("featurize", good_folder, "-o", out)
    assert pq.read_schema(out).metadata[b"seitz.descriptor"] == b"ks2022"


# --- failures ------------------------------------------------------------------------------------------------------


def test_a_failure_keeps_its_row_and_is_listed_beside_the_table(seitz, folder, tmp_path):
    out = tmp_path / "features.csv"
    done = seitz("featurize", folder, "-o", out)
    assert done.code == 1
    assert "1 failed" in done.out and "features.failures.csv" in done.out
    assert "5b.POSCAR: cut short: only 3 lines" in done.out
    table = read_table(out)
    assert table.ids[6] == "5b" and len(table.ids) == 13
    assert np.isnan(table.values[6]).all()
    assert not np.isnan(np.delete(table.values, 6, axis=0)).any()
    header, row = (tmp_path / "features.failures.csv").read_text().splitlines()
    assert header == "index,id,source,error,message"
    assert row.startswith(f'6,5b,{folder / "5b.POSCAR"},ReadError,"cut short: only 3 lines')


def test_rows_of_the_failure_table_count_over_batches(seitz, tmp_path):
    lines = [json_line(f"s{k}", random_cell(k % 7)) for k in range(2500)]
    lines[2100] = '{"id": "bad", "lattice": 3}\n'
    (tmp_path / "many.jsonl").write_text("".join(lines))
    seitz("featurize", tmp_path / "many.jsonl", "-o", tmp_path / "f.parquet", "-j", 2)
    failures = pq.read_table(tmp_path / "f.failures.parquet").to_pylist()
    assert [(f["index"], f["id"]) for f in failures] == [(2100, "bad")]
    assert failures[0]["source"].endswith("many.jsonl:2101")


def test_warnings_are_listed_beside_the_table(seitz, tmp_path):
    (tmp_path / "a.jsonl").write_text(json_line("argon", random_cell(1).replace(atomic_numbers=[18] * 6)))
    done = seitz("featurize", tmp_path / "a.jsonl", "-o", tmp_path / "f.jsonl")
    assert done.code == 0
    (warning,) = map(json.loads, (tmp_path / "f.warnings.jsonl").read_text().splitlines())
    assert warning["id"] == "argon" and "Ar has no Electronegativity" in warning["message"]


def test_sibling_tables_of_an_earlier_run_are_removed(seitz, folder, tmp_path):
    out = tmp_path / "features.parquet"
    assert seitz("featurize", folder, "-o", out).code == 1
    assert (tmp_path / "features.failures.parquet").exists()
    (folder / "5b.POSCAR").unlink()
    assert seitz("featurize", folder, "-o", out).code == 0
    assert not (tmp_path / "features.failures.parquet").exists()


def test_on_error_raise_stops_and_leaves_everything_as_it_was(seitz, folder, tmp_path):
    out = tmp_path / "features.parquet"
    done = seitz("featurize", folder, "-o", out, "--on-error", "raise")
    assert done.code == 1
    assert done.err.startswith(f"error: {folder / '5b.POSCAR'}: cut short") and done.err.count("\n") == 1
    assert leftovers(tmp_path) == ["crystals"]
    out.write_bytes(b"old")
    seitz("featurize", folder, "-o", out, "--on-error", "raise")
    assert out.read_bytes() == b"old"


def test_a_kernel_error_names_the_file(seitz, tmp_path):
    cell = random_cell(3).replace(frac_coords=[[0, 0, 0]] * 6)
    (tmp_path / "twice.POSCAR").write_text(poscar(cell))
    done = seitz("featurize", tmp_path / "twice.POSCAR", "-o", tmp_path / "f.csv", "--on-error", "raise")
    assert done.code == 1 and "twice.POSCAR: sites 0 and" in done.err


def test_partial_occupancy_is_refused_or_averaged(seitz, tmp_path):
    assert seitz("demo", "--write", tmp_path / "d").code == 0
    brass, out = tmp_path / "d" / "CuZn_brass.cif", tmp_path / "f.jsonl"
    assert seitz("featurize", brass, "-o", out).code == 1
    assert "OccupancyError" in (tmp_path / "f.failures.jsonl").read_text()
    assert seitz("featurize", brass, "-o", out, "--occupancy", "average").code == 0


def test_nothing_to_read_is_an_error(seitz, tmp_path):
    (tmp_path / "empty").mkdir()
    done = seitz("featurize", tmp_path / "empty", "-o", tmp_path / "f.csv")
    assert done.code == 1 and done.err.startswith("error: no structure found")
    assert leftovers(tmp_path) == ["empty"]


# --- usage ---------------------------------------------------------------------------------------------------------


def usage_errors(folder: Path, out: Path) -> dict[str, list[object]]:
    return {
        "no -o": [folder],
        "no path": ["-o", out],
        "unknown option": [folder, "-o", out, "--nonsense"],
        "unknown format": [folder, "-o", out.with_suffix(".xlsx")],
        "compressed parquet": [folder, "-o", f"{out}.gz"],
        "no such path": [folder / "nowhere", "-o", out],
        "no match": [f"{folder}/*.cif", "-o", out],
        "bad choice": [folder, "-o", out, "--symmetry", "some"],
        "bad threads": [folder, "-o", out, "--threads", "0"],
        "bad descriptor": [folder, "-o", out, "--descriptor", "ks1999"],
        "missing folder": [folder, "-o", out.parent / "nowhere" / "f.csv"],
        "folder as output": [folder, "-o", folder],
        "input as output": [folder / "1.POSCAR", "-o", folder / "1.POSCAR"],
    }


@pytest.mark.parametrize("case", usage_errors(Path(), Path("o.parquet")))
def test_wrong_usage_is_code_2_and_one_line(seitz, good_folder, tmp_path, case):
    arguments = usage_errors(good_folder, tmp_path / "out.parquet")[case]
    done = seitz("featurize", *arguments)
    assert done.code == 2
    assert done.err.startswith("error: ") and done.err.count("\n") == 1
    assert done.out == ""
    assert leftovers(tmp_path) == ["crystals"]


def test_debug_shows_the_traceback(seitz, tmp_path):
    with pytest.raises(package.errors.SeitzError):
        seitz("featurize", tmp_path / "nowhere", "-o", tmp_path / "f.csv", "--debug")


# --- the output among the inputs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".npz"])
def test_a_second_run_does_not_read_its_own_results(seitz, folder, monkeypatch, suffix):
    monkeypatch.chdir(folder)
    first = seitz("featurize", ".", "-o", f"out{suffix}")
    content = (folder / f"out{suffix}").read_bytes()
    second = seitz("featurize", ".", "-o", f"./out{suffix}")
    assert (first.code, second.code) == (1, 1)
    assert second.out.startswith("13 structures, 72 sites, 1 failed")
    assert (folder / f"out{suffix}").read_bytes() == content


def test_a_data_set_among_the_inputs_is_never_replaced(seitz, good_folder):
    data = good_folder / "data.jsonl"
    data.write_text(json_line("precious", random_cell(0)))
    content = data.read_bytes()
    for arguments in ([data], [good_folder], [f"{good_folder}/*"]):
        done = seitz("featurize", *arguments, "-o", data)
        assert done.code == 2 and "choose another -o" in done.err
    assert data.read_bytes() == content


# --- JSON ----------------------------------------------------------------------------------------------------------


def test_json_is_one_object_and_nothing_else(seitz_process, folder, tmp_path):
    out = tmp_path / "features.parquet"
    done = seitz_process("featurize", folder, "-o", out, "--json")
    assert done.code == 1 and done.err == ""
    summary = json.loads(done.out)
    assert summary["structures"] == 13 and summary["sites"] == 72 and summary["failures"] == 1
    assert summary["output"] == str(out)
    assert summary["failures_path"] == str(tmp_path / "features.failures.parquet")
    assert summary["warnings"] == 0 and summary["warnings_path"] is None


# --- processes -----------------------------------------------------------------------------------------------------


def test_any_number_of_threads_gives_the_same_bytes(seitz, many_files, tmp_path):
    for threads in (1, 2, 3):
        done = seitz("featurize", many_files, "-o", tmp_path / f"{threads}.parquet", "-j", threads)
        assert done.out.startswith("2,404 structures, 9,604 sites, 3 failed")
    for name in ("", ".failures"):
        contents = {(tmp_path / f"{threads}{name}.parquet").read_bytes() for threads in (1, 2, 3)}
        assert len(contents) == 1


def test_the_first_failure_stops_every_process(seitz_process, many_files, tmp_path):
    done = seitz_process("featurize", many_files, "-o", tmp_path / "f.csv", "-j", 2, "--on-error", "raise")
    assert done.code == 1
    assert done.err.startswith("error: ") and "0100a.jsonl:1501" in done.err and done.err.count("\n") == 1
    assert leftovers(tmp_path) == []


def started(many_files: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A long run that has begun to write."""
    inputs = [str(many_files / "*.POSCAR")] * 100
    process = subprocess.Popen(
        [SEITZ, "featurize", *inputs, "-o", tmp_path / "out.parquet", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_worker(process)
    time.sleep(0.7)
    assert process.poll() is None and leftovers(tmp_path)
    return process


def wait_for_worker(process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while sys.platform.startswith("linux") and not workers(process.pid) and time.monotonic() < end:
        time.sleep(0.02)


def workers(pid: int) -> list[int]:
    """Worker processes of a run, once they have begun as such."""
    return [c for c in child_processes(pid) if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_behind(many_files, tmp_path, number, code):
    process = started(many_files, tmp_path)
    children = child_processes(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == "" and err in ("", "error: interrupted\n")
    assert leftovers(tmp_path) == []
    assert all_gone(children)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_killed_worker_is_an_error_not_a_hang(many_files, tmp_path):
    process = started(many_files, tmp_path)
    killed = workers(process.pid)
    assert killed
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.startswith("error: a worker process was killed") and err.count("\n") == 1
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_worker_killed_in_the_middle_of_an_answer_is_an_error(tmp_path):
    lines = [json_line(str(k), random_cell(k % 20, n_sites=4)).strip() for k in range(1500)]
    folder, results = tmp_path / "documents", tmp_path / "results"
    folder.mkdir()
    results.mkdir()
    for number in range(60):  # answers of megabytes, more than any pipe holds
        (folder / f"{number}.json").write_text(f"[{','.join(lines)}]")
    process = subprocess.Popen(
        [SEITZ, "featurize", *[folder] * 20, "-o", results / "out.npz", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_worker(process)
    time.sleep(1.0)
    process.send_signal(signal.SIGSTOP)  # now nobody reads the answer
    (worker,) = workers(process.pid)
    end = time.monotonic() + 20
    while "send" not in Path(f"/proc/{worker}/wchan").read_text() and time.monotonic() < end:
        time.sleep(0.05)
    blocked = Path(f"/proc/{worker}/wchan").read_text()
    os.kill(worker, signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    try:
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    if "send" not in blocked:
        pytest.skip(f"this kernel does not show that the worker waits to write ({blocked!r})")
    assert process.returncode == 1
    assert err.startswith("error: a worker process was killed")
    assert leftovers(results) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_warnings_of_libraries_in_workers_are_not_printed(seitz_process, tmp_path):
    folder = tmp_path / "supercells"
    folder.mkdir()
    # moyopy logs that it left symmetry operations out of this supercell.
    text = poscar(package.Cell([[8, 0, 0], [0, 4, 0], [0, 0, 4]], [[0, 0, 0], [0.5, 0, 0]], [26, 26]))
    for number in range(900):
        (folder / f"{number}.POSCAR").write_text(text)
    done = seitz_process("featurize", folder, "-o", tmp_path / "f.npz", "-j", 2, "--symmetry", "orbits")
    assert done.code == 0 and done.err == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_end_with_a_killed_parent(many_files, tmp_path):
    process = started(many_files, tmp_path)
    children = child_processes(process.pid)
    assert children
    process.kill()
    process.communicate()
    assert all_gone(children)


def child_processes(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def all_gone(pids: list[int]) -> bool:
    def running(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    end = time.monotonic() + 10
    while any(map(running, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(running, pids))


def test_a_large_file_can_be_cut_off_by_its_reader(many_files, tmp_path):
    """The reader of standard output has gone: no traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [SEITZ, "featurize", many_files / "0001.POSCAR", "-o", tmp_path / "f.csv"],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )
    os.close(write_end)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "f.csv").exists()
