"""Downloads from a file server on loopback that fails in every way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from onnx_samples import linear

from seitz import models
from seitz.errors import DownloadError, ModelError
from seitz.models import download

NAME = "SIPFENN_Krajewski2022_NN30"


class Server:
    """``faults[k]`` is what happens to the k-th request; ``seen`` logs their ranges."""

    def __init__(self) -> None:
        self.content = linear(256).SerializeToString()
        self.faults: list[str] = []
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *details: object) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/model.onnx"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.faults[len(self.seen)] if len(self.seen) < len(self.faults) else ""
        wanted = request.headers.get("Range", "")
        self.seen.append(wanted)
        if fault.isdigit():
            request.send_response(int(fault))
            if fault == "429":
                request.send_header("Retry-After", "0")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and fault != "no ranges" else 0
        body = self.content[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if fault == "truncate" else body)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    found = Server()
    yield found
    found.close()


def test_a_model_is_fetched_once_and_has_its_card(server, user_models):
    done: list[tuple[int, int | None]] = []
    path = models.pull(NAME, address=server.address, progress=lambda *p: done.append(p))
    assert path.read_bytes() == server.content and done[-1] == (len(server.content), len(server.content))
    assert models.load(NAME).card.descriptor == "ks2022"
    models.pull(NAME, address=server.address)
    assert server.seen == [""]
    digest = hashlib.sha256(server.content).hexdigest()
    assert digest in (user_models / "digests.json").read_text()
    assert sorted(p.name for p in user_models.iterdir()) == [f"{NAME}.onnx", "digests.json"]


def test_a_download_goes_on_where_it_stopped(server):
    server.faults = ["truncate", "truncate"]
    path = models.pull(NAME, address=server.address)
    assert path.read_bytes() == server.content
    half = len(server.content) // 2
    assert server.seen[:2] == ["", f"bytes={half}-"] and len(server.seen) == 3


def test_a_server_without_ranges_starts_again(server):
    server.faults = ["truncate", "no ranges"]
    assert models.pull(NAME, address=server.address).read_bytes() == server.content


def test_what_has_come_is_kept_for_the_next_time(server, user_models):
    server.faults = ["truncate"] * 5
    with pytest.raises(DownloadError, match="gave up after 5 attempts; what has come is kept"):
        models.pull(NAME, address=server.address)
    assert not (user_models / f"{NAME}.onnx").exists()
    assert models.pull(NAME, address=server.address).read_bytes() == server.content
    assert server.seen[5].startswith("bytes=")


@pytest.mark.parametrize("status", ["429", "503", "500"])
def test_busy_servers_are_asked_again(server, status):
    server.faults = [status, status]
    assert models.pull(NAME, address=server.address).exists()
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", ["403", "404", "410"])
def test_a_refusal_is_told_at_once(server, status):
    server.faults = [status]
    with pytest.raises(DownloadError, match=f"refused with status {status}"):
        models.pull(NAME, address=server.address)
    assert len(server.seen) == 1


def test_another_file_than_the_first_is_refused(server, user_models):
    path = models.pull(NAME, address=server.address)
    path.unlink()
    server.content = linear(256, seed=1).SerializeToString()
    with pytest.raises(DownloadError, match="another than the one that was downloaded first"):
        models.pull(NAME, address=server.address)
    assert not path.exists()


def test_what_is_no_model_is_removed(server, user_models):
    server.content = b"<html>please log in</html>" * 50
    with pytest.raises(ModelError, match="no ONNX"):
        models.pull(NAME, address=server.address)
    assert [p for p in user_models.iterdir() if p.suffix != ".json"] == []


def test_no_network_is_told_in_words(server):
    address = server.address
    server._server.server_close()
    with pytest.raises(DownloadError, match=r"no connection .* check the network and the proxy"):
        models.pull(NAME, address=address)


def test_unknown_names_are_told():
    with pytest.raises(ModelError, match="no model called 'spam' can be downloaded"):
        models.pull("spam")
