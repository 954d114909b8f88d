"""One page of an answer: what it holds, and whether more will come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seitz.errors import OptimadeError
from seitz.io.records import printable

_SHOWN = 500  # letters of a provider's own words


class UnsoundError(Exception):
    """A page that is no whole JSON text, or tells of an error: asked for again, it may be sound."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of structures.

    Attributes
    ----------
    entries
        The records, as they came.
    references
        DOI of each publication that they refer to, or else its address, by its id.
    next
        Link to the next page; None on the last.
    more
        Whether the provider says that there is one; None if it does not say.
    announced
        How many records match in all; None if it does not say.
    api_version, warnings
        What it says of itself, and of the question.
    """

    entries: list[Any]
    references: dict[str, str]
    next: str | None
    more: bool | None
    announced: int | None
    api_version: str
    warnings: tuple[str, ...]

    @property
    def breaks_off(self) -> bool:
        """Whether it holds nothing, although there is more, and does not say where."""
        return not self.entries and self.more is True and self.next is None


def parse_page(body: bytes) -> Page:
    """The page in an answer.

    Raises
    ------
    UnsoundError
        It is no whole JSON text, or tells of an error, whatever its status was: its records may not be all.
    OptimadeError
        It is another thing than a page of OPTIMADE; the message says what.
    """
    document = _document(body)
    if _mapping(document).get("errors"):
        raise UnsoundError(f"the provider tells of an error: {error_words(body) or 'without a word'}")
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise OptimadeError("the answer is JSON, but no list of OPTIMADE structures: check the base URL")
    meta = _mapping(document.get("meta"))
    more, announced = meta.get("more_data_available"), meta.get("data_returned")
    return Page(
        document["data"],
        dict(_references(document.get("included"))),
        _next_link(_mapping(document.get("links")).get("next")),
        more if isinstance(more, bool) else None,
        announced if isinstance(announced, int) and not isinstance(announced, bool) else None,
        _text(meta.get("api_version")),
        tuple(filter(None, map(_words, _list(meta.get("warnings"))))),
    )


def error_words(body: bytes) -> str:
    """What an answer says went wrong, in its own words; empty if it does not say."""
    try:
        document = _document(body)
    except (UnsoundError, OptimadeError):
        return ""
    errors = _list(_mapping(document).get("errors"))
    return "; ".join(dict.fromkeys(filter(None, map(_words, errors))))[:_SHOWN]


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        if body.lstrip()[:1] == b"<":
            raise OptimadeError("the answer is a web page, not OPTIMADE: check the base URL") from None
        raise UnsoundError(f"the answer of {len(body):,} bytes is no whole JSON text") from None


def _next_link(link: Any) -> str | None:
    link = link.get("href") if isinstance(link, Mapping) else link
    if link in (None, ""):
        return None
    if not isinstance(link, str):
        raise OptimadeError(f"the link to the next page is no address: {str(link)[:200]!r}")
    return link


def _references(included: Any) -> Iterator[tuple[str, str]]:
    for entry in map(_mapping, _list(included)):
        if entry.get("type") == "references" and entry.get("id") is not None:
            attributes = _mapping(entry.get("attributes"))
            known = _text(attributes.get("doi")) or _text(attributes.get("url"))
            yield str(entry["id"]), known or printable(str(entry["id"]))


def _words(message: Any) -> str:
    """One error or warning as a line: title, detail, and the parameter that is meant."""
    message = _mapping(message)
    title, detail = (" ".join(_text(message.get(name)).split()) for name in ("title", "detail"))
    source = _text(_mapping(message.get("source")).get("parameter"))
    line = ": ".join(filter(None, dict.fromkeys((title, detail))))
    return f"{line} (of {source})" if line and source else line


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else ""
