"""A provider for the tests: the reference server of OPTIMADE on loopback, with real structures in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DAY = "2026-01-01"
sys.path.insert(0, str(HERE))

from optimade_faults import Faults, reference_server  # noqa: E402
from optimade_samples import FEW, NESTED, PAGE, write_jsonl, write_second_jsonl  # noqa: E402

from seitz.optimade import OptimadeTable, client, fetch, store  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The server runs in this process, and must not stumble over warnings of its own."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:::(optimade|fastapi|starlette|pydantic|mongomock)")
            )


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faults, list[dict[str, Any]]]]:
    pytest.importorskip(
        "optimade.server.create_app", reason="needs the server: pip install 'optimade[server]'"
    )
    folder = tmp_path_factory.mktemp("server")
    structures = write_jsonl(folder / "structures.jsonl")
    with reference_server(folder / "structures.jsonl", folder, f"{folder}-1") as server:
        yield server, structures


@pytest.fixture(scope="session")
def _second(_served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    folder = tmp_path_factory.mktemp("second")
    write_second_jsonl(folder / "structures.jsonl")
    with reference_server(folder / "structures.jsonl", folder, f"{folder}-2") as server:
        yield server


@pytest.fixture
def server(_served: tuple[Faults, Any]) -> Faults:
    """The provider, at first without any fault: ``server.url`` is its base URL."""
    _served[0].reset()
    return _served[0]


@pytest.fixture
def second(_second: Faults) -> Faults:
    """Another database of the same provider: some of the same ids with other energies."""
    _second.reset()
    return _second


@pytest.fixture(scope="session")
def offered(_served: tuple[Any, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Everything the provider holds, by id."""
    return {structure["id"]: structure["attributes"] for structure in _served[1]}


@pytest.fixture(scope="session")
def clean(_served: tuple[Faults, Any], tmp_path_factory: pytest.TempPathFactory) -> OptimadeTable:
    """What is on that shelf, fetched without any fault."""
    server, _ = _served
    server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "today", lambda: DAY)
        return fetch(server.url, FEW, NESTED, page_limit=PAGE, cache=tmp_path_factory.mktemp("clean"))


@pytest.fixture(autouse=True)
def _here_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, no pages of the user's, and one day for all."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEITZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "today", lambda: DAY)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before pages were asked for again, s; nobody really waits."""
    seconds: list[float] = []
    monkeypatch.setattr(client, "sleep", seconds.append)
    return seconds


@pytest.fixture
def fetched(server: Faults, waits: list[float]) -> Callable[..., OptimadeTable]:
    """Fetch what is on one shelf of the provider: 48 records in six pages."""
    return partial(fetch, server.url, FEW, NESTED, page_limit=PAGE)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tuning without a fight for processors."""
    torch = pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'tune'")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
