"""The command ``seitz``: a thin skin over the package."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted."""
    from .app import run

    return run(arguments)
