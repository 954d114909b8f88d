"""The reference server of OPTIMADE on loopback, and everything that can go wrong in front of it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

#: A fault by name, or a function that changes the document of a page.
Fault = str | Callable[[dict[str, Any]], None]
_HOUR = 3600.0
_JSON = [(b"content-type", b"application/vnd.api+json")]


class Faults:
    """In front of the server: ``plan[n]`` is the fault of the n-th request for structures, ``seen`` logs their queries.

    ``always`` is done to every page.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.url = ""
        self.reset()

    def reset(self, plan: Mapping[int, Fault] | None = None, always: Fault | None = None) -> None:
        """Behave from now on like this."""
        self.plan, self.always = dict(plan or {}), always
        self.seen: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}
        self.retry_after, self.location = "1", "http://127.0.0.1:9/v1/structures"
        self.reached = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/structures"):
            await self.app(scope, receive, send)
            return
        fault = self.plan.get(len(self.seen), self.always)
        query = scope["query_string"].decode()
        self.seen.append({name: values[0] for name, values in parse_qs(query).items()})
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if fault is None or (fault == "no sorting" and "sort" not in self.seen[-1]):
            await self.app(scope, receive, send)
        elif callable(fault) or fault in ("truncate", "cut"):
            await self._changed(fault, scope, receive, send)
        else:
            await self._instead(str(fault), scope, send)

    async def _instead(self, fault: str, scope: Any, send: Any) -> None:
        """Another answer, or none."""
        if fault == "hang":
            self.reached.set()
            await asyncio.sleep(_HOUR)
        if fault == "drip":  # never silent for long, and never done
            await send({"type": "http.response.start", "status": 200, "headers": _JSON})
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b" ", "more_body": True})
                await asyncio.sleep(0.05)
        if fault == "html":
            head, body, status = [(b"content-type", b"text/html")], b"<html>Please log in</html>", 200
        elif fault == "list":
            head, body, status = _JSON, b'["no", "OPTIMADE"]', 200
        elif fault == "no sorting":
            head, status = _JSON, 400
            body = b'{"errors": [{"detail": "Sorting is not implemented"}], "meta": {}}'
        elif fault == "moved":
            head, body, status = [(b"location", self.location.encode())], b"", 302
        else:
            head = [*_JSON, *([(b"retry-after", self.retry_after.encode())] if fault == "429" else [])]
            body, status = (
                b'{"errors": [{"title": "injected", "detail": "on purpose"}], "meta": {}}',
                int(fault),
            )
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _changed(self, fault: Fault, scope: Any, receive: Any, send: Any) -> None:
        """The right answer, in part or changed."""
        start: dict[str, Any] = {}
        parts: list[bytes] = []

        async def tap(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        plain = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, tap)
        body = b"".join(parts)
        if callable(fault):
            document = json.loads(body)
            fault(document)
            body = json.dumps(document).encode()
        size = len(body)
        if fault in (
            "truncate",
            "cut",
        ):  # valid HTTP around half a page; or the connection breaks half way, too
            body = body[: size // 2]
            size = len(body) if fault == "truncate" else size
        head = [header for header in start["headers"] if header[0].lower() != b"content-length"]
        await send({**start, "headers": [*head, (b"content-length", b"%d" % size)]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def reference_server(jsonl: Path, log: Path, name: str) -> Iterator[Faults]:
    """The reference server with the structures of a file, in a thread, with no fault yet."""
    os.environ["OPTIMADE_LOG_DIR"] = str(log)
    import uvicorn
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    fields = [
        {
            "name": "_seitz_formation_energy_per_atom",
            "type": "float",
            "unit": "eV",
            "description": "per atom",
        },
        {"name": "_seitz_shelf", "type": "integer", "description": "where it stands"},
        {"name": "_seitz_stability", "type": "dictionary", "description": "by kind of calculation"},
    ]
    app = Faults(
        create_app(
            ServerConfig(
                insert_test_data=False,
                insert_from_jsonl=jsonl,
                database_backend="mongomock",
                mongo_uri=name,  # stores of one name are one store
                log_dir=log,
                log_level="error",
                page_limit_max=100,
                provider={
                    "prefix": "seitz",
                    "name": "t",
                    "description": "t",
                    "homepage": "https://example.com",
                },
                provider_fields={"structures": fields},
            )
        )
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    app.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
