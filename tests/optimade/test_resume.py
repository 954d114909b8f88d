"""Runs that end early, and go on as if nothing had happened: the table is the same to the last byte."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from optimade_samples import FEW, N_PAGES, NESTED, PAGE

from seitz.errors import OptimadeError, WriteError
from seitz.optimade import cache_folder, fetch, lock, store

SCRIPT = """
import sys
from seitz.optimade import fetch
url, filter, target, cache = sys.argv[1:]
fetch(url, filter, target, cache=cache, page_limit=8)
"""


def file_bytes(table, path: Path) -> bytes:
    """What a table is as a file."""
    table.write(path)
    return path.read_bytes()


def dated(table, day: str):
    """The table as if it had been fetched on another day."""
    sources = tuple(source._replace(date=day) for source in table.provenance.sources)
    return dataclasses.replace(table, provenance=table.provenance._replace(sources=sources))


@pytest.fixture
def expected(clean, server, tmp_path):
    """The file of an uninterrupted run."""
    return file_bytes(clean, tmp_path / "uninterrupted.parquet")


@pytest.mark.parametrize("page", range(N_PAGES))
def test_a_run_that_is_interrupted_after_any_page_goes_on_there(fetched, server, expected, tmp_path, page):
    def interrupt(done, total):
        if done == PAGE * (page + 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(progress=interrupt)
    assert len(server.seen) == page + 1
    assert file_bytes(fetched(), tmp_path / "resumed.parquet") == expected
    assert len(server.seen) == N_PAGES


@pytest.mark.parametrize("page", range(N_PAGES))
def test_a_page_that_was_not_yet_kept_is_asked_for_again(
    fetched, server, expected, tmp_path, monkeypatch, page
):
    keep = store.PageStore.write

    def interrupt(self, number, address, body):
        if number == page:
            raise KeyboardInterrupt
        keep(self, number, address, body)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store.PageStore, "write", interrupt)
        fetched()
    assert file_bytes(fetched(), tmp_path / "resumed.parquet") == expected
    assert len(server.seen) == N_PAGES + 1


@pytest.mark.parametrize("page", [1, 4])
def test_a_process_that_is_killed_goes_on_in_the_next_one(fetched, server, clean, tmp_path, page):
    server.reset({page: "hang"})
    arguments = [server.url, FEW, "/".join(NESTED), str(tmp_path / "pages")]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], env=os.environ | {"NO_PROXY": "*"})
    try:
        assert server.reached.wait(60)
    finally:
        process.kill()
        process.wait()
    server.reset()
    resumed = fetched(cache=tmp_path / "pages")
    assert len(server.seen) == N_PAGES - page
    day = resumed.provenance.sources[0].date
    uninterrupted = file_bytes(dated(clean, day), tmp_path / "uninterrupted.parquet")
    assert file_bytes(resumed, tmp_path / "resumed.parquet") == uninterrupted


def test_a_run_that_is_interrupted_at_every_page_ends_with_the_same_table(
    fetched, server, expected, tmp_path
):
    for _ in range(N_PAGES):
        asked = len(server.seen)

        def interrupt(done, total, asked=asked):
            if len(server.seen) > asked:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetched(progress=interrupt)
    assert file_bytes(fetched(), tmp_path / "resumed.parquet") == expected
    assert len(server.seen) == N_PAGES


@pytest.mark.parametrize(
    "damage",
    [
        lambda page: page.write_bytes(page.read_bytes()[:100]),
        lambda page: page.write_bytes(b""),
        lambda page: page.write_bytes(gzip.compress(b'{"data": 1}')),
        lambda page: page.write_bytes(gzip.compress(b"<html>")),
        lambda page: page.unlink(),
        lambda page: page.write_bytes(page.with_name("page-000001.json.gz").read_bytes()),
        lambda page: page.write_bytes(page.with_name("page-000004.json.gz").read_bytes()),
        lambda page: page.write_bytes(
            gzip.compress(gzip.decompress(page.read_bytes()).replace(b"-1", b"-2"))
        ),
        lambda page: page.write_bytes(gzip.compress(gzip.decompress(page.read_bytes()).partition(b"\n")[2])),
    ],
)
def test_a_damaged_page_and_those_after_it_are_asked_for_again(fetched, server, expected, tmp_path, damage):
    fetched()
    (page,) = (tmp_path / "cache").rglob("page-000003.json.gz")
    damage(page)
    server.reset()
    assert file_bytes(fetched(), tmp_path / "again.parquet") == expected
    assert len(server.seen) == N_PAGES - 3


def test_pages_of_another_question_are_not_taken_for_answers(fetched, server, expected, tmp_path):
    fetched()
    (folder,) = (tmp_path / "cache" / "optimade").iterdir()
    fetch(server.url, "nsites<3", NESTED, page_limit=PAGE)
    (other,) = set((tmp_path / "cache" / "optimade").iterdir()) - {folder}
    shutil.copytree(other, folder, dirs_exist_ok=True)
    server.reset()
    assert file_bytes(fetched(), tmp_path / "again.parquet") == expected
    assert len(server.seen) == N_PAGES


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"date": '])
def test_pages_whose_question_is_forgotten_are_asked_for_again(fetched, server, expected, tmp_path, content):
    fetched()
    (state,) = (tmp_path / "cache").rglob("query.json")
    state.unlink() if content is None else state.write_text(content)
    server.reset()
    assert file_bytes(fetched(), tmp_path / "again.parquet") == expected
    assert len(server.seen) == N_PAGES


def test_the_day_is_that_of_the_first_page(fetched, server, expected, tmp_path, monkeypatch):
    server.reset({3: "404"})
    with pytest.raises(OSError, match="page 4"):
        fetched()
    monkeypatch.setattr(store, "today", lambda: "2027-12-31")
    assert file_bytes(fetched(), tmp_path / "resumed.parquet") == expected
    assert fetched(refresh=True).provenance.sources[0].date == "2027-12-31"


def test_pages_are_kept_apart_by_what_was_asked(server, tmp_path):
    questions = [
        {"filter": "nsites<3"},
        {"filter": "nsites<4"},
        {"target": "_seitz_formation_energy_per_atom"},
        {"page_limit": 50},
    ]
    for number, question in enumerate(questions, start=1):
        fetch(
            **{"provider": server.url, "filter": "nsites<3", "target": NESTED, "cache": tmp_path} | question
        )
        assert len(list(tmp_path.iterdir())) == number
    asked = len(server.seen)
    for url in (
        f"{server.url}/",
        f"{server.url}/v1",
        f"{server.url}/v1/structures",
        f"{server.url}/v1/structures/",
    ):
        fetch(url, "nsites<3", NESTED, cache=tmp_path)
    assert len(server.seen) == asked


def test_what_is_kept_is_compressed_and_complete(fetched, server, tmp_path):
    fetched()
    pages = sorted((tmp_path / "cache").rglob("page-*"))
    assert [page.name for page in pages] == [f"page-{number:06}.json.gz" for number in range(N_PAGES)]
    others = {path.name for path in pages[0].parent.iterdir()} - {page.name for page in pages}
    assert others == {"lock", "query.json"}
    for page in pages:
        assert page.stat().st_size < len(gzip.decompress(page.read_bytes()))


def test_the_folder_is_the_users_unless_another_is_given(fetched, tmp_path, monkeypatch):
    fetched()
    assert cache_folder() == tmp_path / "cache" / "optimade" and len(list(cache_folder().iterdir())) == 1
    monkeypatch.delenv("SEITZ_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "seitz" / "optimade"


def test_a_folder_that_cannot_be_written_is_named(fetched, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="file"):
        fetched(cache=tmp_path / "file")


# --- several processes -------------------------------------------------------------------------------------------


@pytest.fixture
def busy(server, tmp_path):
    """A process that waits for the third page."""
    server.reset({2: "hang"})
    arguments = [server.url, FEW, "/".join(NESTED), str(tmp_path / "pages")]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], env=os.environ | {"NO_PROXY": "*"})
    assert server.reached.wait(60)
    yield process
    process.kill()
    process.wait()


def test_one_process_at_a_time_asks_and_the_next_one_needs_no_clearing_up(fetched, server, busy, tmp_path):
    for refresh in (False, True):
        with pytest.raises(OptimadeError, match=r"another process is fetching the same into .*pages.*: wait"):
            fetched(cache=tmp_path / "pages", refresh=refresh)
    assert len(server.seen) == 3
    assert len(fetched(cache=tmp_path / "other pages")) == 39
    busy.kill()
    busy.wait()
    server.reset()
    fetched(cache=tmp_path / "pages")
    assert len(server.seen) == N_PAGES - 2


def test_any_number_of_processes_read_what_is_there_and_none_changes_it_meanwhile(fetched, server):
    def read_too(done, total):
        if done == PAGE:
            assert fetched().ids == whole.ids
            with pytest.raises(OptimadeError, match="another process"):
                fetched(refresh=True)

    whole = fetched()
    server.reset()
    assert fetched(progress=read_too).ids == whole.ids
    assert not server.seen and fetched().ids == whole.ids


def test_write_protected_pages_are_read_and_not_changed(fetched, server, monkeypatch):
    whole, opened = fetched(), os.open

    def protected(path, *options, **more):
        if Path(path).name == "lock":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *options, **more)

    monkeypatch.setattr(os, "open", protected)
    server.reset()
    assert fetched().ids == whole.ids
    with pytest.raises(WriteError, match="Permission denied"):
        fetched(refresh=True)
    assert not server.seen


def test_files_that_cannot_be_locked_are_told_of_and_used(fetched, expected, tmp_path, monkeypatch, caplog):
    def no_locks(file, *, shared):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", no_locks)
    assert file_bytes(fetched(), tmp_path / "unlocked.parquet") == expected
    assert "cannot be locked" in caplog.text


def test_where_files_are_locked_by_bytes_one_process_changes_them_too(tmp_path, monkeypatch):
    """The branch of Windows, against a stand-in for its module: no shared locks, and EACCES from a busy one."""
    held: set[int] = set()

    def locking(file, mode, n):
        name = os.fstat(file).st_ino
        if mode == "try" and n == 1 and name in held:
            raise PermissionError(errno.EACCES, "Permission denied")
        held.add(name)

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK="try"))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("seitz.optimade.lock", lock.__file__)
    there = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(there)
    one, other = (there.PageLock(tmp_path / "pages") for _ in range(2))
    one.own()
    one.own()
    with pytest.raises(OptimadeError, match="another process is fetching the same"):
        other.own()
    assert one.is_owned and not other.is_owned
