"""Optional packages: loaded where they are needed, with an error that says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingExtraError


def load_optional(module: str, requirement: str) -> ModuleType:
    """Import a module that the core does not depend on.

    Raises
    ------
    MissingExtraError
        It is not installed; the message gives the pip command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        package = module.partition(".")[0]
        raise MissingExtraError(f"{package} is needed here: pip install {requirement}") from error
