"""The benchmarks still run: their figures are another matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.mark.slow
def test_the_quick_benchmarks_run(tmp_path):
    pytest.importorskip("spglib")
    cases = ["kernel", "batch", "decorations", "import", "command", "models"]
    options = [word for case in cases for word in ("--only", case)]
    target = tmp_path / "results.json"
    subprocess.run(
        [sys.executable, RUN, "--quick", *options, "--json", target], check=True, capture_output=True
    )
    assert {row["case"] for row in json.loads(target.read_text())["results"]} == set(cases)
