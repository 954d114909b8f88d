"""Code in README, documentation and docstrings is run as tests, and what it prints is compared.

In Markdown, `python` blocks run one after the other, an `output` block holds what the block above it printed, and a
`console` block holds `$ seitz ...` commands with what they print. Each document starts in an empty folder with the
demonstration structures in `crystals/`.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import CodeBlockParser, SkipParser

_WIDTH = "100"  # columns of a terminal, so that tables do not depend on where the tests run
_TIME = re.compile(r"\d[\d.,]* ?(?=(?:s|ms|µs|structures/s)\b)")
_LAST_NUMBER = re.compile(r"(?m) +\d+$")  # the column of times of `seitz demo`
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _run_python(example: Example) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        PythonEvaluator()(example)
    example.namespace["_printed"] = printed.getvalue()


def _compare_output(example: Example) -> str | None:
    return _difference(example.parsed, example.namespace.pop("_printed", "nothing: no python block above"))


def _run_console(example: Example) -> str | None:
    printed = "".join(
        f"{line}\n{_run_command(line[2:])}" for line in example.parsed.splitlines() if line.startswith("$ ")
    )
    return _difference(example.parsed, printed)


def _run_command(line: str) -> str:
    """What a `seitz` command prints, in the order in which it prints it."""
    from seitz.cli import main

    name, *arguments = shlex.split(line, comments=True)
    if name != "seitz":
        raise ValueError(f"only seitz commands are run, not {line!r}: use a bash block")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(arguments)
    return printed.getvalue()


def _difference(expected: str, found: str) -> str | None:
    """None if both agree but for blanks, times, and what "…" alone on a line leaves out."""
    if "Time/µs" in expected:
        expected, found = _LAST_NUMBER.sub(" #", expected), _LAST_NUMBER.sub(" #", found)
    expected, found = _TIME.sub("# ", expected), _TIME.sub("# ", found)
    expected = re.sub(r"(?m)^…$", "...", expected)
    if doctest.OutputChecker().check_output(expected, found, _FLAGS):
        return None
    return f"expected:\n{expected}\nfound:\n{found}"


def _enter_folder(namespace: dict[str, Any]) -> None:
    folder = tempfile.mkdtemp()
    with as_file(files("seitz") / "data" / "demo") as structures:
        shutil.copytree(structures, Path(folder, "crystals"), ignore=shutil.ignore_patterns("*.md"))
    namespace["_left"] = (Path.cwd(), os.environ.get("COLUMNS"), folder)
    os.environ["COLUMNS"] = _WIDTH
    os.chdir(folder)


def _leave_folder(namespace: dict[str, Any]) -> None:
    before, columns, folder = namespace["_left"]
    os.chdir(before)
    os.environ.pop("COLUMNS", None)
    if columns is not None:
        os.environ["COLUMNS"] = columns
    shutil.rmtree(folder)


def _provide_numpy(namespace: dict[str, Any]) -> None:
    namespace["np"] = np


_DOCUMENTS = Sybil(
    parsers=[
        CodeBlockParser("python", _run_python),
        CodeBlockParser("output", _compare_output),
        CodeBlockParser("console", _run_console),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
)
_DOCSTRINGS = Sybil(
    parsers=[DocTestParser()],
    path="src/seitz",
    patterns=["*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=_provide_numpy,
)

pytest_collect_file = (_DOCUMENTS + _DOCSTRINGS).pytest()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, the blocks of a document go to one process: they build on one another. Other tests go anywhere."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class DocumentScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return file if test.startswith("line:") else nodeid

    return DocumentScheduling(config, log)
