"""Results of earlier runs among the inputs: tables of features or predictions, with their siblings; no structures."""

from __future__ import annotations

from collections.abc import Iterable

from seitz.io.earlier import RESULT_NAMES, holds_results

__all__ = ["EarlierResults", "holds_results"]


class EarlierResults:
    """Knows which files found in folders and by patterns are results; what the user named himself is input."""

    def __init__(self, named: Iterable[str]) -> None:
        self._named = frozenset(named)

    def __contains__(self, path: object) -> bool:
        return (
            isinstance(path, str)
            and path.lower().endswith(RESULT_NAMES)
            and path not in self._named
            and holds_results(path)
        )
