"""From a filter to a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seitz._typing import FloatArray, PathLike
from seitz.errors import OptionError

from .client import Client, connected
from .provider import (
    Database,
    Provider,
    Target,
    TargetLike,
    as_provider,
    base_address,
    chosen_databases,
    chosen_target,
)
from .query import Query
from .records import Kept, Skipped, Sorter
from .store import PageStore
from .table import OptimadeTable, Provenance, Source
from .walk import walk

#: Called as ``progress(records_done, records_in_all or None)``.
Progress = Callable[[int, int | None], None]


def fetch(
    provider: str | Provider,
    filter: str,
    target: TargetLike | None = None,
    *,
    database: str | Sequence[str] | None = None,
    mix: bool = False,
    unit: str | None = None,
    base_url: str | None = None,
    limit: int | None = None,
    cache: PathLike | None = None,
    refresh: bool = False,
    page_limit: int = 100,
    timeout: float = 120.0,
    retries: int = 5,
    progress: Progress | None = None,
) -> OptimadeTable:
    """Structures of an OPTIMADE provider that match a filter, with the values of a property.

    Every page is kept in a folder as it comes: an interrupted run goes on where it stopped, with the same table in
    the end, and the same question is not asked twice, not even by two processes. Servers that are busy, slow or fail
    are asked again, with growing waits and with those they ask for; each is logged with its reason. Proxies are taken
    from the environment.

    Parameters
    ----------
    provider
        Name of one of :func:`seitz.optimade.providers`, the base URL of any other, or a :class:`Provider`.
    filter
        In the language of OPTIMADE, as ``'elements HAS ALL "Hf", "Mo" AND nelements<=3'``.
    target
        Path of the number to fetch, ``"_mp_stability/gga_gga+u/formation_energy_per_atom"`` or its parts; by default
        what the provider is known for. ``()`` fetches structures alone.
    database
        Which one of a provider that has several.
    mix
        Allow several databases in one table, although their values differ; each record says where it is from.
    unit
        Of the targets, if the provider is not known; nothing is converted.
    base_url
        Another address of the same provider.
    limit
        At most so many records of each database.
    cache
        Folder for the pages; by default ``SEITZ_CACHE``, or the platform's folder for what can be had again.
    refresh
        Ask for everything again.
    page_limit
        Records on a page; many providers allow no more than 100.
    timeout
        Seconds for a page.
    retries
        How often a page is asked for again.
    progress
        Called as ``progress(done, total)`` after every page; the total is None where the provider does not say it.

    Returns
    -------
    OptimadeTable
        Every record that came is either a row of it or in its ``skipped``.

    Raises
    ------
    OptimadeError
        The provider refuses the query, cannot be reached, or answers what cannot be used. What has come is kept.
        Or another process is asking the same.
    OptionError
        An unknown provider or database, several databases without ``mix``, or no target where none is known.
    WriteError
        The folder of pages cannot be written.
    """
    _check(limit, page_limit, timeout, retries)
    known = as_provider(provider, base_url)
    chosen = chosen_databases(known, database, mix=mix)
    targets = [chosen_target(entry, target, unit) for entry in chosen]
    if len({found.unit for found in targets}) > 1:
        raise OptionError(
            f"the units of {', '.join(entry.name for entry in chosen)} differ: fetch them one by one"
        )
    harvests: list[_Harvest] = []
    with connected(timeout=timeout, retries=retries) as client:
        for entry, found in zip(chosen, targets, strict=True):
            field = found.path[1] if found.path else ""
            query = Query(base_address(entry.base_url), filter.strip(), field, page_limit)
            start = sum(harvest.source.n_received for harvest in harvests)
            with PageStore(query, cache) as store:
                if refresh:
                    store.drop_from(0)
                harvests.append(_harvest(client, store, entry, found, limit, start, progress))
    alike = len({found.functional for found in targets}) == 1
    described = targets[0] if alike else replace(targets[0], functional="")
    return _table(known, filter.strip(), described, harvests)


class _Harvest(NamedTuple):
    """What one database gave."""

    source: Source
    sorter: Sorter
    warnings: list[str]


def _check(limit: int | None, page_limit: int, timeout: float, retries: int) -> None:
    if limit is not None and limit < 1:
        raise OptionError(f"limit={limit!r}: give a positive number of records")
    if page_limit < 1:
        raise OptionError(f"page_limit={page_limit!r}: give a positive number of records")
    if not 0 < timeout < math.inf:
        raise OptionError(f"timeout={timeout!r}: give a positive number of seconds")
    if retries < 0:
        raise OptionError(f"retries={retries!r}: give a number from 0")


def _harvest(
    client: Client,
    store: PageStore,
    database: Database,
    target: Target,
    limit: int | None,
    start: int,
    progress: Progress | None,
) -> _Harvest:
    """All records of one database, sorted."""
    sorter = Sorter(target, database.name, store.query.fields, start)
    announced: list[int] = []
    warnings: dict[str, None] = {}
    api_version, complete, limited = "", True, False
    for page in walk(client, store):
        sorter.take(page, None if limit is None else limit - sorter.n_received)
        if page.announced is not None and page.announced not in announced:
            announced.append(page.announced)
        warnings |= dict.fromkeys(page.warnings)
        api_version = api_version or page.api_version
        complete = page.more is not True or (page.next is not None and bool(page.entries))
        if progress is not None:
            progress(start + sorter.n_received, _total(start, page.announced, limit))
        limited = limit is not None and sorter.n_received >= limit
        if limited:
            break
    sorter.finish()
    short = not complete or (bool(announced) and announced[-1] > sorter.n_distinct)
    if short and not limited:
        store.forget_last()
    warnings |= dict.fromkeys(_differences(sorter, announced, complete=complete, limited=limited))
    source = Source(
        database.name, store.query.base_url, target.functional, store.date, api_version, sorter.n_received,
        announced[0] if announced else None, sorter.digest,
    )  # fmt: skip
    return _Harvest(source, sorter, list(warnings))


def _total(start: int, announced: int | None, limit: int | None) -> int | None:
    """How many records there will be after this database, as far as is known."""
    known = [number for number in (announced, limit) if number is not None]
    return None if announced is None else start + min(known)


def _differences(sorter: Sorter, announced: Sequence[int], *, complete: bool, limited: bool) -> list[str]:
    """Where what came is not what the provider announced."""
    again = "refresh=True asks again"
    found = []
    if sorter.n_open:
        found.append(
            f"{sorter.n_open:,} structures are not periodic in all directions (dimension_types): they are taken as "
            "cells with vacuum"
        )
    if not (complete or limited):
        found.append(f"there is more, says the provider, but it gives no way to it; {again}")
    if len(announced) > 1:
        numbers = ", then ".join(f"{number:,}" for number in announced)
        found.append(
            f"the provider announced {numbers} records: they changed while they were fetched; {again}"
        )
    if announced and not limited and announced[-1] != sorter.n_distinct:
        sent = f"{sorter.n_received:,}"
        if sorter.n_distinct != sorter.n_received:
            sent += f", of which {sorter.n_distinct:,} are different ones"
        found.append(f"the provider announced {announced[-1]:,} records and sent {sent}; {again}")
    return found


def _table(provider: Provider, filter: str, target: Target, harvests: Sequence[_Harvest]) -> OptimadeTable:
    kept: list[Kept] = []
    skipped: list[Skipped] = []
    warnings: list[str] = []
    for harvest in harvests:
        kept += [harvest.sorter.kept[index] for index in sorted(harvest.sorter.kept)]
        skipped += [harvest.sorter.skipped[index] for index in sorted(harvest.sorter.skipped)]
        place = f"{harvest.source.database}: " if len(harvests) > 1 else ""
        warnings += [f"{place}{warning}" for warning in harvest.warnings]
    targets: FloatArray = np.array([record.target for record in kept], dtype=np.float64)
    targets.setflags(write=False)
    return OptimadeTable(
        structures=tuple(record.cell for record in kept),
        targets=targets,
        target=target,
        ids=tuple(record.id for record in kept),
        databases=tuple(record.database for record in kept),
        references=tuple(record.references for record in kept),
        skipped=tuple(skipped),
        warnings=tuple(warnings),
        provenance=Provenance(provider.name, filter, tuple(harvest.source for harvest in harvests)),
    )
