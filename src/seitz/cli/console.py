"""Terminal output shared by the commands."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seitz.errors import SeitzError

from .streams import encodable, plain, shows_unicode, write_error
from .wording import as_command_line

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console
    from rich.text import Text

_BLANKS = re.compile(r"[ \t]+(?=\n)")
_PIPED_WIDTH = 100
_PIPED_TABLE_WIDTH = 10_000


def _positive(length: float) -> float:
    if not 0 < length < math.inf:
        raise typer.BadParameter(f"{length:g} is no positive length in Å")
    return length


Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

Symprec = Annotated[
    float, typer.Option(metavar="LENGTH", callback=_positive, help="Tolerance of the symmetry search, Å.")
]


class UsageError(SeitzError, ValueError):
    """The command line asks for something that cannot be."""


def console(*, stderr: bool = False, whole_tables: bool = False) -> Console:
    """Console of this process's output.

    Text sent to a file or pipe is not squeezed into 80 columns, and with ``whole_tables`` no cell of a table is cut.
    """
    from rich.console import Console

    class Shown(Console):
        """Lays columns out with the characters that will arrive."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(encodable(text, stream), **options)

    stream = sys.stderr if stderr else sys.stdout
    file: Any = stream if stream.isatty() else _Trimmed(stream)
    width: int | None = _PIPED_TABLE_WIDTH if whole_tables else _PIPED_WIDTH
    if stream.isatty() or "COLUMNS" in os.environ:
        width = None
    return Shown(file=file, width=width, highlight=False, soft_wrap=False)


class _Trimmed:
    """A stream without blanks at the ends of lines, which rich fills tables up with."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(_BLANKS.sub("", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def head_line() -> Box:
    """One line below the head of a table."""
    from rich.box import SIMPLE_HEAD, Box

    if shows_unicode(sys.stdout):
        return SIMPLE_HEAD
    return Box(str(SIMPLE_HEAD).replace("─", "-"), ascii=True)


def print_json(content: Any) -> None:
    """One JSON object on standard output."""
    text = json.dumps(content, ensure_ascii=not shows_unicode(sys.stdout), allow_nan=False)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_error(message: str) -> None:
    """One line on standard error."""
    line = plain(as_command_line(" ".join(message.split())))
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    write_error(f"\x1b[1;31merror:\x1b[0m {line}\n" if colour else f"error: {line}\n")
