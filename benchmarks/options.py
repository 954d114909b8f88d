"""What every case is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run."""

    quick: bool = False
    oracle: Path | None = None
    """Python of an environment with the reference implementation."""
