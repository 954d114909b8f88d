"""The commands together, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from seitz import __version__
from seitz.errors import DescriptorError, OptionError, SeitzError

from .console import UsageError, print_error
from .demo import demo
from .descriptors import descriptors
from .dilute import dilute
from .export import export
from .featurize import featurize
from .info import info
from .models import models
from .optimade import optimade
from .predict import predict
from .prototypes import prototypes
from .random import random
from .streams import ReaderGoneError, standard_streams
from .tune import tune

_INTERRUPTED = 130
_READER_GONE = 141
_TERMINATED = 143

app = typer.Typer(
    name="seitz",
    help="Structure-informed feature vectors of crystals, from exact Wigner-Seitz cells.",
    epilog="Start with 'seitz demo'. Every command has its own --help.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(predict)
app.command()(featurize)
app.command()(info)
app.command()(descriptors)
app.command()(random)
app.command()(dilute)
app.command()(prototypes)
app.add_typer(models)
app.add_typer(tune)
app.add_typer(optimade)
app.command()(export)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"seitz {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None: ...


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; every outcome is an exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" not in given:
        logging.getLogger().addHandler(logging.NullHandler())  # else Python prints the warnings of libraries
    with standard_streams():
        return _outcome(given)


def _outcome(given: list[str]) -> int:
    try:
        with _terminable():
            code = int(app(given, prog_name="seitz", standalone_mode=False) or 0)
            sys.stdout.flush()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except ReaderGoneError:
        return _READER_GONE
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED  # typer makes this code itself of most interruptions
    except Exception as error:
        if "--debug" in given:
            raise
        return _reported(error)
    if code == _INTERRUPTED:
        print_error("interrupted")
    return code


def _reported(error: Exception) -> int:
    """Print one line, and return the exit code that belongs to it."""
    usage = getattr(error, "format_message", None)
    if usage is not None:  # raised by typer while it reads the command line
        message = usage().replace("Value error, ", "")
        if message.strip():  # else it has printed the help already
            print_error(message)
        return 2
    if isinstance(error, UsageError | OptionError | DescriptorError):
        print_error(str(error))
        return 2
    if isinstance(error, SeitzError):
        print_error(str(error))
    elif isinstance(error, MemoryError):
        print_error("not enough memory")
    else:
        print_error(f"{type(error).__name__}: {error} (unexpected: add --debug and report what it prints)")
    return 1


@contextmanager
def _terminable() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: with temporary files removed and processes stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
