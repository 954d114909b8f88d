"""From page to page: those that are kept, then those that must be asked for, and never in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from seitz.errors import OptimadeError

from .client import Client, RefusalError
from .pages import CutShortError, Page, parse_page
from .store import PageStore

_NOT_IMPLEMENTED = 501


def walk(client: Client, store: PageStore) -> Iterator[Page]:
    """The pages of a query one after the other.

    Raises
    ------
    OptimadeError
        A page could not be had, or the list goes in circles; the message names the page. All before it are kept.
    """
    number, n_received = 0, 0
    address = store.query.first
    addresses: dict[str, int] = {}
    contents: dict[tuple[str, ...], int] = {}
    while True:
        if address in addresses:
            _tell_circle(store, number - 1, f"links to page {addresses[address] + 1} as the next one")
        addresses[address] = number
        page = _page(client, store, number, address)
        address = store.query.first if number == 0 else address  # it may have been asked without an order
        ids = tuple(str(entry.get("id") if isinstance(entry, dict) else entry) for entry in page.entries)
        if ids and ids in contents:
            what = f"links to page {number + 1}, which holds the same records as page {contents[ids] + 1}"
            _tell_circle(store, number - 1, what)
        contents[ids] = number
        n_received += len(ids)
        yield page
        if _is_last(page, n_received):
            return
        try:
            address = store.query.after(address, page.next or "")
        except OptimadeError as error:
            store.drop_from(number)
            raise OptimadeError(f"{_place(store, number)}: {error}") from None
        number += 1


def _page(client: Client, store: PageStore, number: int, address: str) -> Page:
    kept = store.read(number)
    if kept is not None:
        try:
            return parse_page(kept)
        except (OptimadeError, CutShortError):  # it was whole when it was kept
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


def _is_last(page: Page, n_received: int) -> bool:
    """Whether to stop: some providers link to empty pages for ever, and some say so only in one of two places."""
    if page.next is None or not page.entries:
        return True
    return page.more is False and (page.announced is None or n_received >= page.announced)


def _tell_circle(store: PageStore, number: int, what: str) -> NoReturn:
    """Forget the page whose link leads astray, since a mended provider would give another one, and tell of it."""
    store.drop_from(number)
    raise OptimadeError(
        f"{_place(store, number)} {what}, so the list has no end: a fault of the provider's; pages before it are "
        "kept, and a smaller limit ends before it"
    )


def _place(store: PageStore, number: int) -> str:
    return f"{store.query.base_url}, page {number + 1}"
