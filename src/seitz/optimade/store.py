"""Pages that have come, kept in a folder, so that nothing is asked for twice."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from seitz._typing import PathLike
from seitz.io.files import replacing

from .lock import PageLock
from .query import Query

_STATE = "query.json"
_DAMAGED = (OSError, EOFError, ValueError, zlib.error)


def cache_folder() -> Path:
    """Where pages are kept: ``SEITZ_CACHE``, or the platform's folder for what can be had again."""
    if given := os.environ.get("SEITZ_CACHE"):
        return Path(given) / "optimade"
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "seitz" / "optimade"


class PageStore:
    """The pages of one query; each is complete or absent, and each was found through the one before it.

    A page is kept with the address that it came from and a digest, so that none is read in the place of another, or
    as anything but what came.

    Raises
    ------
    OptimadeError
        Another process is at the same query.
    WriteError
        The folder cannot be made.
    """

    def __init__(self, query: Query, cache: PathLike | None) -> None:
        self._query = query
        self.folder = Path(cache if cache is not None else cache_folder()) / query.key
        self._lock = PageLock(self.folder)
        self._state = self._read_state()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    @property
    def date(self) -> str:
        """Day (UTC) on which the first page came."""
        return str(self._state["date"])

    @property
    def query(self) -> Query:
        """The query as it was asked in the end."""
        return self._query

    @property
    def n_kept(self) -> int:
        """Number of pages that are there."""
        return len(list(self.folder.glob("page-*.json.gz"))) if self._state else 0

    def start(self, query: Query) -> None:
        """Note what is asked, and on which day."""
        self._query = query
        self._state = {
            "date": today(),
            "base_url": query.base_url,
            "filter": query.filter,
            "fields": list(query.fields),
            "page_limit": query.page_limit,
            "sorted": query.is_sorted,
        }
        with replacing(self.folder / _STATE) as temporary:
            temporary.write_text(json.dumps(self._state, indent=1), encoding="utf-8")

    def read(self, number: int, address: str) -> bytes | None:
        """The bytes of a page; None if it is not there, damaged, of another address, or of a forgotten question."""
        if not self._state:
            return None
        try:
            head, _, body = gzip.decompress(self._path(number).read_bytes()).partition(b"\n")
        except _DAMAGED:
            return None
        return body if head == _head(address, body) else None

    def write(self, number: int, address: str, body: bytes) -> None:
        """Keep a page."""
        with replacing(self._path(number)) as temporary:
            temporary.write_bytes(gzip.compress(_head(address, body) + b"\n" + body, 6, mtime=0))

    def drop_from(self, number: int) -> None:
        """Forget a page and all after it, which were found through it, and keep other processes out.

        Whatever changes the pages begins with this.
        """
        self._lock.own()
        for path in sorted(self.folder.glob("page-*.json.gz")):
            if path.name >= self._path(number).name:
                path.unlink(missing_ok=True)

    def forget_from(self, number: int) -> None:
        """Forget a page and all after it, if some came just now, since the list fell short of what it should be."""
        if self._lock.is_owned:
            self.drop_from(number)

    def _path(self, number: int) -> Path:
        return self.folder / f"page-{number:06}.json.gz"

    def _read_state(self) -> dict[str, Any]:
        with suppress(*_DAMAGED):
            state = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
            if isinstance(state, dict) and {"date", "sorted"} <= set(state):
                self._query = self._query.asked(is_sorted=bool(state["sorted"]))
                return state
        return {}


def _head(address: str, body: bytes) -> bytes:
    """The line before a page: where it came from, and what it must be."""
    return json.dumps({"address": address, "sha256": hashlib.sha256(body).hexdigest()}).encode()


def today() -> str:
    return datetime.now(UTC).date().isoformat()
