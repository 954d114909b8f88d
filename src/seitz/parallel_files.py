"""Files to feature tables in one ordered stream, with as many processes as wanted.

Reading text is Python's work and holds its lock, so threads cannot share it: small files are dealt out in groups to
processes that read and featurize them. Large files stay here, where reading one batch overlaps with the compiled
kernel on the one before. The rows and their order depend on neither.
"""

from __future__ import annotations

import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from . import errors
from .descriptors import descriptor as find_descriptor
from .errors import ReadError, SeitzError
from .featurize import featurize_batches
from .io import read_structures
from .io.formats import format_by_name
from .io.paths import expand
from .record import Record
from .table import FeatureTable
from .tessellation import thread_count

PathLike = str | os.PathLike[str]

_GROUP_FILES = 64  # about 20 ms of work
_GROUP_BYTES = 4 * 2**20
_SMALL_DOCUMENT = 2**20
_SMALL_STREAM = 2**16
_BATCH_STRUCTURES = 1024
_BATCH_SITES = 100_000
_WORTH_A_PROCESS = 8  # groups; below, starting a process takes longer than it saves
_AHEAD = 4  # groups per process that are handed out in advance
_HELD = 64  # results per process that may wait for an earlier, slower one


class FileBatch(NamedTuple):
    """Features of consecutive structures from files."""

    table: FeatureTable
    n_sites: int
    n_files: int
    """Number of files that ended in this batch."""


class _Task(NamedTuple):
    """What to do with records; small and picklable, as it goes to other processes."""

    occupancy: Any
    options: Mapping[str, Any]


def featurize_files(
    paths: PathLike | Iterable[PathLike],
    *,
    n_threads: int | None = None,
    skip: Callable[[str], bool] | None = None,
    **options: Any,
) -> Generator[FileBatch, None, None]:
    """Featurize the structures of files, one batch after the other, in bounded memory.

    With more than one thread and more than a few hundred small files, other processes read and featurize groups of
    files. They are started afresh, so a script that calls this must protect its main part with
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    paths
        Files, folders or patterns, as for :func:`seitz.io.read_structures`.
    n_threads
        Processors to use; all by default. The rows do not depend on it.
    skip
        Files for which this returns True are left out.
    **options
        The other options of :func:`seitz.featurize`.

    Yields
    ------
    FileBatch
        Rows in the order of the files; their failures and warnings count from the start of each batch.

    Raises
    ------
    SeitzError
        With ``on_error="raise"``, the first structure that failed; the message names its file.
    ReadError
        A path that does not exist.
    """
    processors = thread_count(n_threads)
    featurize_batches((), **options)  # refuses wrong options before any work
    stop = options.get("on_error", "raise") == "raise"
    task = _Task(options.get("occupancy", "raise"), {**options, "on_error": "record"})
    files = (path for path in expand(paths) if skip is None or not skip(path))
    batches = _in_order(_groups(files), task, processors)
    try:
        for batch in batches:
            if stop and batch.table.failures:
                raise _first_error(batch)
            yield batch
    finally:
        batches.close()


def _first_error(batch: FileBatch) -> SeitzError:
    failure = batch.table.failures[0]
    error: SeitzError = getattr(errors, failure.error, SeitzError)(f"{failure.source}: {failure.message}")
    return error


# --- groups of files ---------------------------------------------------------------------------------------------


def _groups(files: Iterable[str]) -> Iterator[list[str] | str]:
    """Consecutive small files together, large ones by themselves as a bare path."""
    group: list[str] = []
    size = 0
    for path in files:
        bytes_here = _small_size(path)
        if group and (bytes_here is None or len(group) == _GROUP_FILES or size + bytes_here > _GROUP_BYTES):
            yield group
            group, size = [], 0
        if bytes_here is None:
            yield path
        else:
            group.append(path)
            size += bytes_here
    if group:
        yield group


def _small_size(path: str) -> int | None:
    """Size of a file whose structures may be held in memory all at once; None for others."""
    try:
        size = os.stat(path).st_size  # noqa: PTH116  # a million files: plain strings
    except (OSError, ValueError):
        return 0  # reading it says why
    limit = _SMALL_DOCUMENT if format_by_name(path) in ("poscar", "cif", "json") else _SMALL_STREAM
    return size if size <= limit else None


def _records(files: Iterable[str], occupancy: Any) -> Iterator[Record]:
    for path in files:
        try:
            yield from read_structures([path], occupancy=occupancy)
        except ReadError as error:  # it was there when its folder was listed
            yield Record(path, None, error, path)


def _featurized(records: Iterable[Record], task: _Task, n_threads: int, n_files: int) -> FileBatch:
    rows = list(records)
    if rows:
        (table,) = featurize_batches(rows, n_threads=n_threads, batch_size=len(rows), **task.options)
    else:
        chosen = find_descriptor(task.options.get("descriptor", "ks2022"))
        table = FeatureTable(np.empty((0, len(chosen))), chosen, ())
    n_sites = sum(len(record.cell) for record in rows if record.cell is not None)
    return FileBatch(table, n_sites, n_files)


def _featurized_group(files: list[str], task: _Task) -> FileBatch:
    return _featurized(_records(files, task.occupancy), task, 1, len(files))


# --- in order ----------------------------------------------------------------------------------------------------


def _in_order(
    groups: Iterator[list[str] | str], task: _Task, processors: int
) -> Generator[FileBatch, None, None]:
    first = list(islice(groups, _WORTH_A_PROCESS))
    groups = chain(first, groups)
    many = (
        len(first) == _WORTH_A_PROCESS and sum(isinstance(group, list) for group in first) > len(first) // 2
    )
    if processors == 1 or not many:
        for group in groups:
            if isinstance(group, list):
                yield _featurized_group(group, task)
            else:
                yield from _large_file(group, task, processors)
        return
    workers = _Workers(processors - 1)
    pool = ThreadPoolExecutor(processors - 1)  # its threads only wait for the processes

    def submit(group: list[str]) -> Future[FileBatch]:
        workers.make_room()
        return pool.submit(workers.featurize, group, task)

    try:
        yield from _shared_out(groups, task, processors, submit)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        workers.end()


def _shared_out(
    groups: Iterator[list[str] | str],
    task: _Task,
    processors: int,
    submit: Callable[[list[str]], Future[FileBatch]],
) -> Iterator[FileBatch]:
    """Deal groups to the other processes, and do one here whenever they all have enough."""
    pending: deque[Future[FileBatch]] = deque()
    for group in groups:
        if isinstance(group, str):
            yield from (future.result() for future in _drained(pending))
            yield from _large_file(group, task, processors)
            continue
        unfinished = sum(not future.done() for future in pending)
        if unfinished < _AHEAD * (processors - 1):
            pending.append(submit(group))
        else:
            pending.append(_done(partial(_featurized_group, group, task)))
        while pending and (pending[0].done() or len(pending) > _HELD * processors):
            yield pending.popleft().result()
    yield from (future.result() for future in _drained(pending))


def _drained(pending: deque[Future[FileBatch]]) -> Iterator[Future[FileBatch]]:
    while pending:
        yield pending.popleft()


def _done(work: Callable[[], FileBatch]) -> Future[FileBatch]:
    future: Future[FileBatch] = Future()
    future.set_result(work())
    return future


def _large_file(path: str, task: _Task, processors: int) -> Iterator[FileBatch]:
    """Batches of one file; with several processors, the next is read while the kernel works on the last."""
    batches = _batches(_records([path], task.occupancy))
    if processors == 1:
        for batch in batches:
            yield _featurized(batch, task, 1, 0)
    else:
        with ThreadPoolExecutor(1) as kernel:
            running: Future[FileBatch] | None = None
            for batch in batches:
                following = kernel.submit(_featurized, batch, task, processors, 0)
                if running is not None:
                    yield running.result()
                running = following
            if running is not None:
                yield running.result()
    yield _featurized((), task, 1, 1)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    sites = 0
    for record in records:
        batch.append(record)
        sites += len(record.cell) if record.cell is not None else 0
        if len(batch) == _BATCH_STRUCTURES or sites >= _BATCH_SITES:
            yield batch
            batch, sites = [], 0
    if batch:
        yield batch


# --- processes ---------------------------------------------------------------------------------------------------


class _Worker:
    """A process that featurizes one group of files after the other, at the other end of a pipe.

    The process alone holds its end, so that its death is the end of the stream even in the middle of an answer; the
    shared pipes of :mod:`concurrent.futures` would leave the reader waiting for the rest.
    """

    def __init__(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _interrupts_held():
            self._process.start()
        theirs.close()

    def featurize(self, group: list[str], task: _Task) -> FileBatch:
        try:
            self._connection.send((group, task))
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise SeitzError(
                "a worker process was killed, perhaps for want of memory: with n_threads=1 it is seen at which file"
            ) from None
        if isinstance(answer, BaseException):
            raise answer
        batch: FileBatch = answer
        return batch

    def end(self) -> None:
        self._process.terminate()  # it holds nothing that could be lost
        self._process.join()
        self._connection.close()


class _Workers:
    """Processes, started as there is work for them, and as many as the system gives."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: list[_Worker] = []
        self._free = SimpleQueue[_Worker]()

    def make_room(self) -> None:
        """Start a process if all there are have work."""
        if len(self._all) < self._most and self._free.empty():
            try:
                self._all.append(_Worker())
            except OSError:  # no more processes or files are to be had: those there are share the work
                self._most = len(self._all)
            else:
                self._free.put(self._all[-1])

    def featurize(self, group: list[str], task: _Task) -> FileBatch:
        if not self._all:
            return _featurized_group(group, task)
        worker = self._free.get()
        try:
            return worker.featurize(group, task)
        finally:
            self._free.put(worker)

    def end(self) -> None:
        for worker in self._all:
            worker.end()


def _serve(connection: Any) -> None:
    """In a new process: answer until the other end closes, be it that its process was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interruptions are the parent's
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints the warnings of libraries
    with suppress(EOFError, OSError):
        while True:
            group, task = connection.recv()
            try:
                answer: Any = _featurized_group(group, task)
            except Exception as error:  # goes to the parent, which raises it
                answer = error
            connection.send(answer)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started inside inherit that Ctrl-C is not for them, from their very first instruction."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
