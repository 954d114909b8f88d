"""Fetching published models: resumed where it stopped, checked against a digest, and words for everything else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seitz._optional import load_optional
from seitz._web import ASK_AGAIN, LONGEST_WAIT, asked_wait
from seitz.errors import DownloadError, ModelError

from .audit import audit
from .published import PUBLISHED, Published
from .registry import made_folder
from .trust import DIGESTS, record, recorded

_CHUNK = 1 << 20
_TIMEOUT = (10.0, 60.0)  # s, to connect and between two pieces
_ATTEMPTS = 5
_USUAL_WAIT = 2.0  # s

#: Called as ``progress(bytes_done, bytes_in_all or None)``.
Progress = Callable[[int, int | None], None]


def pull(model: str, *, address: str | None = None, progress: Progress | None = None) -> Path:
    """Download a published model into the user's folder.

    The digest of a file is recorded the first time it comes, and every later copy must have it. What was fetched of an
    interrupted download is kept and continued. Proxies are taken from the environment.

    Parameters
    ----------
    model
        Name of a downloadable model, see :func:`seitz.models.list`.
    address
        Another address of the same file, such as a mirror.
    progress
        Called as ``progress(bytes_done, bytes_in_all or None)``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        No connection, a refusal, or another digest than before.
    ModelError
        No such model, or a file that is refused as one.
    """
    entry = _published(model)
    folder = made_folder()
    target = folder / f"{model}.onnx"
    if target.is_file():
        return target
    url = address or entry.address
    known = recorded(folder).get(model)
    fetched = _fetched(url, f"{model}.download", folder, known, progress)
    try:
        audit(fetched)
    except ModelError as error:
        fetched.unlink()
        raise ModelError(f"{url}: {error}") from None
    if known is None:
        record(folder, model, _sha256(fetched))
    fetched.replace(target)
    return target


def _published(model: str) -> Published:
    for entry in PUBLISHED:
        if entry.card.name == model:
            return entry
    names = ", ".join(entry.card.name for entry in PUBLISHED)
    raise ModelError(f"no model called {model!r} can be downloaded; there is {names}")


def _fetched(url: str, name: str, folder: Path, known: str | None, progress: Progress | None) -> Path:
    pooch = load_optional("pooch", "pooch")
    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            url,
            known_hash=known and f"sha256:{known}",
            fname=name,
            path=folder,
            downloader=Resuming(folder / f"{name}.part", progress),
        )
    except ValueError as error:  # of the digest
        if "hash" not in str(error).lower():
            raise
        (folder / f"{name}.part").unlink(missing_ok=True)
        raise DownloadError(
            f"{url}: the file is another than the one that was downloaded first (its digest should be {known}): "
            f"if that is meant, remove the entry from {folder / DIGESTS}"
        ) from None
    return Path(path)


class Resuming:
    """What pooch downloads with: goes on where an earlier attempt stopped, and waits where it is asked to."""

    def __init__(self, part: Path, progress: Progress | None) -> None:
        self._part, self._progress = part, progress

    def __call__(self, url: str, output_file: str | os.PathLike[str], pooch: Any) -> None:
        """Fill ``output_file`` with what is at the address."""
        import requests

        part = self._part
        for attempt in range(_ATTEMPTS):
            try:
                wait = self._attempt(url, part, requests)
                if wait is None:
                    part.replace(output_file)
                    return
            except (requests.ConnectionError, requests.Timeout) as error:
                wait = 2.0**attempt
                if attempt == _ATTEMPTS - 1 or not _is_there(part):
                    raise DownloadError(
                        f"{url}: no connection ({type(error).__name__}): check the network and the proxy, "
                        "or fetch the file by other means and give it to 'seitz models add --name'"
                    ) from None
            except requests.RequestException as error:
                raise DownloadError(f"{url}: {error}") from None
            if attempt < _ATTEMPTS - 1:
                time.sleep(min(wait, LONGEST_WAIT))
        raise DownloadError(
            f"{url}: gave up after {_ATTEMPTS} attempts; what has come is kept for the next one"
        )

    def _attempt(self, url: str, part: Path, requests: Any) -> float | None:
        """One request; None when the file is complete, else how long to wait before the next."""
        start = part.stat().st_size if part.exists() else 0
        head = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=head, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416:  # what is there is all, or of another file
                part.unlink()
                return 0.0
            if answer.status_code in ASK_AGAIN:
                wait = asked_wait(answer.headers.get("Retry-After"))
                return _USUAL_WAIT if wait is None else wait
            if answer.status_code >= 400:
                raise DownloadError(f"{url}: refused with status {answer.status_code} ({answer.reason})")
            if start and answer.status_code != 206:
                start = 0  # it sends everything again
            announced = answer.headers.get("Content-Length")
            total = start + int(announced) if announced and announced.isdigit() else None
            done = self._take(answer, part, start, total)
        return None if total is None or done == total else 1.0

    def _take(self, answer: Any, part: Path, start: int, total: int | None) -> int:
        """Append what comes; a connection that breaks leaves what has come."""
        from urllib3.exceptions import HTTPError

        done = start
        with part.open("ab" if start else "wb") as out:
            try:
                while piece := answer.raw.read1(_CHUNK):
                    out.write(piece)
                    done += len(piece)
                    if self._progress is not None:
                        self._progress(done, total)
            except (HTTPError, OSError):
                return -1
        return done


def _is_there(part: Path) -> bool:
    return part.exists() and part.stat().st_size > 0


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
