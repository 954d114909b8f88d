from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seitz.errors import WriteError
from seitz.io import files, open_rows, replacing

pytest.importorskip("fcntl", reason="without locks, leftovers stay")

_WRITER = """
import sys
from seitz.io import open_rows
with open_rows(sys.argv[1], ["a"]) as rows:
    for k in range(20_000):
        rows.append(k)
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    """Folders are listed once per process."""
    files._parts.cache_clear()
    yield
    files._parts.cache_clear()


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that is about to write a table."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def killed(path: Path) -> None:
    with writer(path) as process:
        process.kill()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("name", ["t.csv", "é" * 120 + ".csv"])
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(tmp_path, name):
    path = tmp_path / name
    killed(path)
    (left,) = names(tmp_path)
    assert left.endswith(".part")
    with open_rows(path, ["a"]) as rows:
        rows.append(1)
        assert names(tmp_path) != [left]
    assert names(tmp_path) == [name]


def test_what_was_left_beside_other_targets_stays(tmp_path):
    killed(tmp_path / "other.csv")
    before = names(tmp_path)
    for name in ("t.csv", "er.csv", "other.csv.gz", "other"):
        with replacing(tmp_path / name):
            pass
    assert set(before) < set(names(tmp_path))


def test_the_file_of_a_living_process_stays_and_both_end_well(tmp_path):
    path = tmp_path / "t.csv"
    with writer(path) as process:
        (part,) = names(tmp_path)
        with open_rows(path, ["a"]) as rows:
            rows.append("second")
        assert path.read_text() == "a\nsecond\n"
        assert names(tmp_path) == [part, "t.csv"]
        process.communicate("go on\n")
    assert process.returncode == 0
    assert path.read_text().count("\n") == 20_001
    assert names(tmp_path) == ["t.csv"]


def test_another_target_in_the_same_process_does_not_disturb(tmp_path):
    with replacing(tmp_path / "t") as first:
        first.write_text("first")
        files._parts.cache_clear()
        with replacing(tmp_path / "t") as second:
            second.write_text("second")
        assert (tmp_path / "t").read_text() == "second"
    assert (tmp_path / "t").read_text() == "first"
    assert names(tmp_path) == ["t"]


def test_what_another_machine_left_is_removed_after_a_day(tmp_path):
    with replacing(tmp_path / "t") as part:
        name = part.name.replace(files._host(), "0123abcd")
    for age, remains in ((60, True), (2 * 24 * 3600, False)):
        foreign = tmp_path / name
        foreign.touch()
        os.utime(foreign, (time.time() - age,) * 2)
        files._parts.cache_clear()
        with replacing(tmp_path / "t"):
            pass
        assert foreign.exists() == remains


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    made = []
    lock = files._lock

    def lock_late(descriptor: int) -> bool | None:
        if not made:  # somebody else was faster, and has removed the file
            made.append(descriptor)
            for entry in tmp_path.iterdir():
                entry.unlink()
        return lock(descriptor)

    monkeypatch.setattr(files, "_lock", lock_late)
    with replacing(tmp_path / "t") as part:
        part.write_text("content")
    assert (tmp_path / "t").read_text() == "content"


@pytest.mark.parametrize("number", ["ENOLCK", "ENOTSUP", "ENOSYS"])
def test_where_files_cannot_be_locked_leftovers_stay(tmp_path, monkeypatch, number):
    import errno

    killed(tmp_path / "t.csv")

    def no_lock(descriptor: int, operation: int) -> None:
        raise OSError(getattr(errno, number), "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", no_lock)
    with replacing(tmp_path / "t.csv") as part:
        part.write_text("content")
    assert (tmp_path / "t.csv").read_text() == "content"
    assert len(names(tmp_path)) == 2


def test_without_locks_as_on_windows_files_are_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    with replacing(tmp_path / "t") as part:
        part.write_text("content")
    assert names(tmp_path) == ["t"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a special folder")
def test_a_folder_where_nothing_can_be_made_is_a_write_error():
    with pytest.raises(WriteError, match=r"/proc/t\.csv: cannot be written"), replacing("/proc/t.csv"):
        pytest.fail("nothing could be written")


def test_many_tables_list_their_folder_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(files.os, "listdir", lambda folder: calls.append(folder) or [])
    for k in range(5):
        with replacing(tmp_path / f"t{k}"):
            pass
    assert len(calls) == 1
