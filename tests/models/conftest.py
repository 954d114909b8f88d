"""A folder of models for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def user_models(tmp_path, monkeypatch):
    """The user's folder of models, empty."""
    folder = tmp_path / "user models"
    monkeypatch.setenv("SEITZ_MODELS", str(folder))
    return folder


@pytest.fixture
def saved(tmp_path):
    """Write a model to a file."""

    def save(proto: onnx.ModelProto, name: str = "model.onnx") -> Path:
        path = tmp_path / name
        path.write_bytes(proto.SerializeToString())
        return path

    return save
