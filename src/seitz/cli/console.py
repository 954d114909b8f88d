"""Terminal output shared by the commands."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.errors import SeitzError

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 100

Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class UsageError(SeitzError, ValueError):
    """The command line asks for something that cannot be."""


def console(*, stderr: bool = False) -> Console:
    """Console of this process's output; tables sent to a file or pipe are not squeezed into 80 columns."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def print_json(content: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_error(message: str) -> None:
    """One line on standard error."""
    line = " ".join(message.split())
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    sys.stderr.write(f"\x1b[1;31merror:\x1b[0m {line}\n" if colour else f"error: {line}\n")
    sys.stderr.flush()
