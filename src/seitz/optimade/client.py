"""Asking for pages: patient with what may pass, clear about what will not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, NoReturn
from urllib.parse import SplitResult, parse_qsl, urlsplit

from seitz._optional import load_optional
from seitz._web import ASK_AGAIN, LONGEST_WAIT, asked_wait
from seitz.errors import OptimadeError

from .pages import Page, UnsoundError, error_words, parse_page
from .query import same_place

_log = logging.getLogger(__name__)

_FIRST_WAIT = 1.0  # s, doubled each time
_CONNECT = 20.0  # s
_CHUNK = 1 << 16
_LARGEST_PAGE = 256 * 2**20  # bytes


class RefusalError(Exception):
    """An answer that will not change: status and words of the provider."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _PassingError(Exception):
    """Trouble that may pass, in few words, too, and how long it is asked to wait, in seconds."""

    def __init__(self, reason: str, brief: str = "", wait: float | None = None) -> None:
        super().__init__(reason)
        self.brief, self.wait = brief or reason, wait or 0.0


class Client:
    """A connection to a provider; made by :func:`connected`."""

    def __init__(self, session: Any, timeout: float, retries: int) -> None:
        self._session, self._timeout, self._retries = session, timeout, retries
        self._answered = False

    def page(self, address: str) -> tuple[bytes, Page]:
        """The bytes of a page, and what is in them; asked for again while the trouble is one that may pass.

        A page that breaks off the list is taken in the end: what came before it is sound, and the rest is missed.

        Each wait is logged with its reason, as information.

        Raises
        ------
        RefusalError
            The provider does not want to answer this.
        OptimadeError
            What came is no page, or nothing comes at all.
        """
        attempts = self._retries + 1
        for attempt in range(attempts):
            _log.debug("asking for %s", address)
            try:
                body = self._body_of(address)
                page = parse_page(body)
                if attempt == self._retries or not page.breaks_off:
                    return body, page
                trouble = _PassingError("the page is empty, although there is more, says the provider")
            except _PassingError as error:
                trouble = error
            except UnsoundError as error:
                trouble = _PassingError(str(error))
            if attempt < self._retries:
                wait = min(LONGEST_WAIT, max(trouble.wait, _FIRST_WAIT * 2**attempt))
                how = "server asks to wait" if wait == trouble.wait else "again in"
                _log.info("%s, %s %.0f s (%d of %d)", trouble.brief, how, wait, attempt + 2, attempts)
                sleep(wait)
        times = f"{attempts} attempts" if self._retries else "one attempt"
        raise OptimadeError(f"gave up after {times}: {trouble}; what has come is kept for the next run")

    def _body_of(self, address: str) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        ends = monotonic() + self._timeout
        limits = (min(_CONNECT, self._timeout), self._timeout)
        try:
            with self._session.get(address, stream=True, timeout=limits) as answer:
                self._answered = True
                _check_place(address, answer.url)
                body = self._read(answer, ends)
        except OptimadeError:  # an OSError, too
            raise
        except requests.exceptions.SSLError as error:
            raise OptimadeError(f"no trusted connection: {_reason(error)}") from None
        except requests.Timeout:
            raise _PassingError(f"nothing came for {self._timeout:g} s") from None
        except requests.ConnectionError as error:
            if not self._answered and _is_nowhere(error):
                _tell_nowhere(address)
            raise _PassingError(f"the connection broke ({type(error).__name__})") from None
        except requests.RequestException as error:
            raise OptimadeError(str(error)) from None
        except (HTTPError, OSError) as error:
            slow = "timed out" in str(error).lower()
            broke = "the connection broke before the page was complete"
            raise _PassingError(f"nothing came for {self._timeout:g} s" if slow else broke) from None
        if answer.status_code >= 400:
            _tell_refusal(answer, body)
        return body

    def _read(self, answer: Any, ends: float) -> bytes:
        """All bytes of an answer, if they come in time: also a server that sends one now and then is too slow."""
        pieces, size = [], 0
        while piece := answer.raw.read1(_CHUNK, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_PAGE:
                raise OptimadeError(
                    f"a page of more than {_LARGEST_PAGE // 2**20} MiB: choose a smaller page_limit"
                )
            if monotonic() > ends:
                raise _PassingError(f"the page was not complete after {self._timeout:g} s")
        return b"".join(pieces)


@contextmanager
def connected(*, timeout: float, retries: int) -> Iterator[Client]:
    """A client, with proxies from the environment; ``timeout`` in seconds for a whole page."""
    requests = load_optional("requests", "requests")
    from seitz import __version__

    with requests.Session() as session:
        session.headers["User-Agent"] = f"seitz/{__version__}"
        session.headers["Accept"] = "application/vnd.api+json, application/json"
        yield Client(session, timeout, retries)


def _check_place(asked: str, answered: str) -> None:
    """Refuse an answer of another server than the one that was asked, or to another question."""
    question, place = urlsplit(asked), urlsplit(answered)
    if not same_place(question, place) or _filter(question) != _filter(place):
        raise OptimadeError(
            f"the provider has moved to {place.scheme}://{place.netloc}{place.path}: give that as base_url"
        )


def _filter(address: SplitResult) -> str | None:
    return dict(parse_qsl(address.query)).get("filter")


def _tell_refusal(answer: Any, body: bytes) -> NoReturn:
    told = error_words(body)
    words = f"status {answer.status_code}" + (f" ({answer.reason})" if answer.reason else "")
    words = f"{words}: {told}" if told else words
    if answer.status_code in ASK_AGAIN:
        wait = asked_wait(answer.headers.get("Retry-After"))
        raise _PassingError(words, f"HTTP {answer.status_code}", wait)
    raise RefusalError(answer.status_code, words)


def _is_nowhere(error: Any) -> bool:
    """Whether nobody was reached at all: no such name, or nobody listening."""
    from urllib3.exceptions import NewConnectionError

    cause = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(cause, NewConnectionError)


def _tell_nowhere(address: str) -> NoReturn:
    place = urlsplit(address)
    raise OptimadeError(
        f"no connection to {place.scheme}://{place.netloc}: check the address, the network and the proxy"
    )


def _reason(error: Any) -> str:
    cause = getattr(error.args[0] if error.args else None, "reason", error)
    return str(cause)[:300]
