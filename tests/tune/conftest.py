"""Small tables of real crystals, and a folder of models for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'tune'")

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "models"))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in the same order on every machine, and no fight for processors."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


#: A tenth of the trees, a fifth of the steps to the best likelihood: most laws hold for any number.
_LITTLE = {
    "seitz.tune.boosting._TREES": 30,
    "seitz.tune.boosting._TREES_OF_GAINS": 20,
    "seitz.tune.kernel._STEPS": 8,
}


@pytest.fixture(scope="module", autouse=True)
def _little_effort() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        for name, number in _LITTLE.items():
            patch.setattr(name, number)
        yield patch


@pytest.fixture
def whole_effort(_little_effort: pytest.MonkeyPatch) -> Iterator[None]:
    """As much as users have."""
    _little_effort.undo()
    yield
    for name, number in _LITTLE.items():
        _little_effort.setattr(name, number)


@pytest.fixture(autouse=True)
def user_models(tmp_path, monkeypatch):
    """The user's folder of models, empty."""
    folder = tmp_path / "user models"
    monkeypatch.setenv("SEITZ_MODELS", str(folder))
    return folder
