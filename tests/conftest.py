"""Shared fixtures: the project's data folder where it is present, and hypothesis settings without deadlines."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from shared_data import SHARED

# Timing belongs to the benchmarks; the same examples every run, so that a failure can be repeated.
settings.register_profile(
    "seitz",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("seitz")

# Shells start background jobs deaf to interrupts, and commands that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_records() -> Callable[[str], Iterator[dict[str, Any]]]:
    """Records of a data set beside the project: ``shared_records("reference/reference.jsonl.gz")``."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")

    def records(name: str) -> Iterator[dict[str, Any]]:
        with gzip.open(SHARED / name, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    return records


@pytest.fixture(scope="session")
def reference() -> list[dict[str, Any]]:
    """251 structures with vectors of the published implementation, bundled with the tests."""
    with gzip.open(Path(__file__).parent / "data" / "reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
