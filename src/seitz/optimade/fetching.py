"""From a filter to a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seitz._typing import FloatArray, PathLike
from seitz.errors import OptionError

from .client import Client, connected
from .pages import Page
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

_LONGEST = 86400.0  # s


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
    texts: dict[str, Any] = {"base_url": base_url, "unit": unit}
    if isinstance(provider, str):
        texts["provider"] = provider
    _check(texts, filter, limit, page_limit, timeout, retries, cache, progress)
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


def _check(
    texts: dict[str, Any],
    filter: Any,
    limit: Any,
    page_limit: Any,
    timeout: Any,
    retries: Any,
    cache: Any,
    progress: Any,
) -> None:
    """Refuse what no question can be asked with, before anything is asked."""
    if not _is_text(filter):
        raise OptionError(
            f"filter={filter!r:.200}: give a text in the language of OPTIMADE, '' for everything"
        )
    for name, value in texts.items():
        if value is not None and not _is_text(value):
            raise OptionError(f"{name}={value!r:.200}: give a text")
    if cache is not None and (not isinstance(cache, str | os.PathLike) or "\0" in os.fspath(cache)):
        raise OptionError(f"cache={cache!r:.200}: give the path of a folder")
    for name, value, least in (("limit", limit, 1), ("page_limit", page_limit, 1), ("retries", retries, 0)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not whole and not (name == "limit" and value is None):
            raise OptionError(f"{name}={value!r}: give a whole number, at least {least}")
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 < timeout <= _LONGEST:
        raise OptionError(f"timeout={timeout!r}: give a positive number of seconds, at most a day")
    if progress is not None and not callable(progress):
        raise OptionError(f"progress={progress!r:.60}: give a function of records done and in all")


def _is_text(value: Any) -> bool:
    """Whether it is a text that an address can hold."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


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
    api_version, complete, limited, gap = "", True, False, None
    for number, page in enumerate(walk(client, store, is_limited=limit is not None)):
        sorter.take(page, None if limit is None else limit - sorter.n_received)
        if page.announced is not None and page.announced not in announced:
            announced.append(page.announced)
        warnings |= dict.fromkeys(page.warnings)
        api_version = api_version or page.api_version
        complete = _is_end(page)
        gap = number if gap is None and not page.entries else gap
        if gap is not None and page.entries and not announced:
            warnings[
                f"page {gap + 1} was empty, and nobody says how many records there are: some may be missing"
            ] = None
        if progress is not None:
            progress(start + sorter.n_received, _total(start, page.announced, limit))
        limited = limit is not None and sorter.n_received >= limit
        if limited:
            break
    sorter.finish()
    short = not complete or max(announced, default=0) > sorter.n_distinct
    if short and not limited:
        store.forget_from(number if gap is None else gap)
    warnings |= dict.fromkeys(_differences(sorter, announced, complete=complete, limited=limited))
    source = Source(
        database.name, store.query.base_url, target.functional, store.date, api_version, sorter.n_received,
        announced[0] if announced else None, sorter.digest,
    )  # fmt: skip
    return _Harvest(source, sorter, list(warnings))


def _is_end(page: Page) -> bool:
    """Whether a page may be the last one: not if it promises more, be it by a link from nothing to nothing."""
    if page.next is None or page.more is not None:
        return page.more is not True or (page.next is not None and bool(page.entries))
    return bool(page.entries) or page.announced is not None


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
