"""Where the project's data sets are, when they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared" / "data"
