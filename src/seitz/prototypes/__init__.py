"""Named crystal structures: those of the package, and those that users add in a folder of their own."""

from __future__ import annotations

from .folder import user_folder
from .library import (
    BrokenPrototype,
    add_prototype,
    broken_prototypes,
    is_prototype,
    prototype,
    prototypes,
)
from .model import BUILT_IN, Origin, Prototype

__all__ = [
    "BUILT_IN",
    "BrokenPrototype",
    "Origin",
    "Prototype",
    "add_prototype",
    "broken_prototypes",
    "is_prototype",
    "prototype",
    "prototypes",
    "user_folder",
]
