"""The examples run; those that need a package of their own say so."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=120)


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "screen_solutes.py",
        "sklearn_pipeline.py",
        "soap_over_orbits.py",
    }


@pytest.mark.parametrize(
    ("name", "says"), [("screen_solutes.py", "most like iron"), ("sklearn_pipeline.py", "R² of 5 folds")]
)
def test_examples_run(name, says):
    done = run(name)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_the_soap_example_runs_or_says_what_it_needs():
    done = run("soap_over_orbits.py")
    if importlib.util.find_spec("dscribe"):
        assert done.returncode == 0 and "faster" in done.stdout
    else:
        assert done.returncode == 1 and "pip install dscribe" in done.stderr
