"""From page to page: those that are kept, then those that must be asked for, and never in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from seitz.errors import OptimadeError

from .client import Client, RefusalError
from .pages import Page, UnsoundError, parse_page
from .store import PageStore

_NOT_IMPLEMENTED = 501
_ROOM = 1000  # records beyond twice what was announced
_IN_VAIN = 3  # pages one after the other without anything new, after which no more will come


def walk(client: Client, store: PageStore) -> Iterator[Page]:
    """The pages of a query one after the other.

    Raises
    ------
    OptimadeError
        A page could not be had, or the list has no end; the message names the page. All before it are kept.
    """
    path = _Path(store)
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

    def __init__(self, store: PageStore) -> None:
        self._store = store
        self._addresses: dict[str, int] = {}
        self._contents: dict[tuple[str, ...], int] = {}
        self._known: set[str] = set()
        self._n_received = 0
        self._in_vain = 0
        self._n_kept = store.n_kept

    def enter(self, number: int, address: str) -> None:
        """Refuse an address where the way has been."""
        if address in self._addresses:
            self._tell(number - 1, f"links to page {self._addresses[address] + 1} as the next one")
        self._addresses[address] = number

    def take(self, number: int, page: Page) -> None:
        """Refuse a page that brings nothing but what was there before, or more than there can be."""
        ids = tuple(str(entry.get("id") if isinstance(entry, dict) else entry) for entry in page.entries)
        if len(ids) > 1 and ids in self._contents:  # a record alone may be there twice
            what = (
                f"links to page {number + 1}, which holds the same records as page {self._contents[ids] + 1}"
            )
            self._tell(number - 1, what)
        self._contents[ids] = number
        self._n_received += len(ids)
        self._in_vain = 0 if set(ids) - self._known else self._in_vain + 1
        self._known.update(ids)
        if ids and self._in_vain >= _IN_VAIN:
            first = number - _IN_VAIN
            self._tell(first, f"links to {_IN_VAIN} pages on which all records are known already")
        if self._is_beyond(page, len(ids)):
            self._tell(
                number, f"is still not the last, with {len(self._known):,} records of {page.announced:,}"
            )

    def is_done(self, page: Page) -> bool:
        """Whether to stop: some providers link to empty pages for ever, and some say so only in one of two places."""
        if page.next is None or self._in_vain >= _IN_VAIN:
            return True
        whole = page.announced is None or self._n_received >= page.announced
        return whole and (page.more is False or (not page.entries and page.more is not True))

    def _is_beyond(self, page: Page, n: int) -> bool:
        """Whether far more has come than was announced, of the whole list and not of each page."""
        if page.next is None or page.announced is None or page.announced == n:
            return False
        return len(self._known) > _ROOM + 2 * page.announced

    def _tell(self, number: int, what: str) -> NoReturn:
        """Forget the page whose link leads astray, since a mended provider would give another one, and tell of it."""
        self._store.drop_from(number)
        old = (
            "; some pages are from an earlier run, and refresh=True asks for all again"
            if self._n_kept
            else ""
        )
        raise OptimadeError(
            f"{_place(self._store, number)} {what}, so the list has no end: a fault of the provider's; pages before "
            f"it are kept, and a smaller limit ends before it{old}"
        )


def _page(client: Client, store: PageStore, number: int, address: str) -> Page:
    kept = store.read(number)
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
    store.write(number, body)
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
