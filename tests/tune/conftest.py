"""Small tables of real crystals, and a folder of models for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'tune'")

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "models"))


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in the same order on every machine, and no fight for processors."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def user_models(tmp_path, monkeypatch):
    """The user's folder of models, empty."""
    folder = tmp_path / "user models"
    monkeypatch.setenv("SEITZ_MODELS", str(folder))
    return folder
