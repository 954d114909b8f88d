"""From page to page: those that are kept, then those that must be asked for, and never in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from seitz.errors import OptimadeError
from seitz.io.records import printable

from .client import Client, RefusalError
from .pages import Page, UnsoundError, parse_page
from .store import PageStore

_NOT_IMPLEMENTED = 501
_ROOM = 1000  # records beyond twice what was announced
_MOST = 1_000_000  # records of a list of which nobody says how long it is
_IN_VAIN = 3  # pages one after the other without anything new, after which no more will come


def walk(client: Client, store: PageStore, *, is_limited: bool) -> Iterator[Page]:
    """The pages of a query one after the other; ``is_limited`` where the caller ends the list, however long it is.

    Raises
    ------
    OptimadeError
        A page could not be had, or the list has no end; the message names the page. All before it are kept.
    """
    path = _Path(store, is_limited=is_limited)
    number, address = 0, store.query.first
    while True:
        path.enter(number, address)
        page = _page(client, store, number, address)
        address = store.query.first if number == 0 else address  # it may have been asked without an order
        path.take(number, page)
        yield page
        if path.is_done(page):
            return
        try:
            address = store.query.after(address, page.next or "")
        except OptimadeError as error:
            store.drop_from(number)
            raise OptimadeError(f"{_place(store, number)}: {error}") from None
        number += 1


class _Path:
    """The way so far: whether it leads on, to its end, or nowhere."""

    def __init__(self, store: PageStore, *, is_limited: bool) -> None:
        self._store, self._is_limited = store, is_limited
        self._addresses: dict[str, int] = {}
        self._contents: dict[tuple[str, ...], int] = {}
        self._known: set[str] = set()
        self._announced: int | None = None
        self._in_vain = 0
        self._n_kept = store.n_kept

    def enter(self, number: int, address: str) -> None:
        """Refuse an address where the way has been."""
        if address in self._addresses:
            self._tell(number - 1, f"links to page {self._addresses[address] + 1} as the next one")
        self._addresses[address] = number

    def take(self, number: int, page: Page) -> None:
        """Refuse a page that brings nothing but what was there before, or more than there can be."""
        ids = tuple(map(_identity, page.entries))
        if len(ids) > 1 and ids in self._contents:  # a record alone may be there twice
            what = (
                f"links to page {number + 1}, which holds the same records as page {self._contents[ids] + 1}"
            )
            self._tell(number - 1, what)
        self._contents[ids] = number
        if page.announced is not None:
            self._announced = max(page.announced, self._announced or 0)
        self._in_vain = 0 if set(ids) - self._known else self._in_vain + 1
        self._known.update(ids)
        if ids and self._in_vain >= _IN_VAIN:
            first = number - _IN_VAIN
            self._tell(first, f"links to {_IN_VAIN} pages on which all records are known already")
        self._check_length(number, page)

    def is_done(self, page: Page) -> bool:
        """Whether to stop: where no link leads on, or where a link does and all that was announced is there.

        Some providers link to empty pages for ever, and some never say how many records there are. While any may be
        missing, a link is followed.
        """
        if page.next is None or self._in_vain >= _IN_VAIN:
            return True
        whole = self._announced is not None and len(self._known) >= self._announced
        return whole and (page.more is False or (not page.entries and page.more is not True))

    def _check_length(self, number: int, page: Page) -> None:
        """Refuse to go on for ever: the number that is announced may be too small, of one page, or nowhere."""
        if page.next is None or self._is_limited:
            return
        most, known = _MOST, f"{len(self._known):,} records"
        if page.announced is not None and page.announced != len(page.entries):
            most, known = _ROOM + 2 * page.announced, f"{known}, of {page.announced:,} that were announced"
        if len(self._known) > most:
            self._tell(
                number, f"is still not the last, with {known}", "if that can be, a limit allows for more"
            )

    def _tell(self, number: int, what: str, advice: str = "a limit ends before it") -> NoReturn:
        """Forget the page whose link leads astray, since a mended provider would give another one, and tell of it."""
        self._store.drop_from(number)
        if self._n_kept:
            advice += f"; some pages in {printable(str(self._store.folder))} are from an earlier run, and refresh=True"
            advice += " asks for all again"
        raise OptimadeError(
            f"{_place(self._store, number)} {what}, so the list has no end: a fault of the provider's; pages before "
            f"it are kept, and {advice}"
        )


def _identity(entry: Any) -> str:
    """What tells a record from others: its id, or all of it."""
    own = entry.get("id") if isinstance(entry, dict) else None
    return str(entry if own is None else own)


def _page(client: Client, store: PageStore, number: int, address: str) -> Page:
    kept = store.read(number, address)
    if kept is not None:
        try:
            return parse_page(kept)
        except (OptimadeError, UnsoundError):  # it was whole when it was kept
            pass
    store.drop_from(number)
    try:
        body, page = _asked(client, store, address) if number == 0 else client.page(address)
    except RefusalError as error:
        raise OptimadeError(f"{_place(store, number)}: refused with {error}") from None
    except OptimadeError as error:
        raise OptimadeError(f"{_place(store, number)}: {error}") from None
    store.write(number, address if number else store.query.first, body)
    return page


def _asked(client: Client, store: PageStore, address: str) -> tuple[bytes, Page]:
    """The first page: in an order, where the provider knows of any."""
    query = store.query
    try:
        body, page = client.page(address)
    except RefusalError as error:
        about_sorting = error.status == _NOT_IMPLEMENTED or "sort" in str(error).lower()
        if not (query.is_sorted and about_sorting):
            raise
        query = query.asked(is_sorted=False)
        body, page = client.page(query.first)
    store.start(query)
    return body, page


def _place(store: PageStore, number: int) -> str:
    return f"{store.query.base_url}, page {number + 1}"
