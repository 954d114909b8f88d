"""Small crystals as files, and the command run in this process or as one of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_samples import SEITZ, json_line, poscar, random_cell

from seitz.cli import main


@dataclass(frozen=True)
class Outcome:
    """What one run of the command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_terminal_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parallel test runs set a width, and tables would be cut to it."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def seitz(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command in this process."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def seitz_process() -> Callable[..., Outcome]:
    """Run the installed command."""

    def run(*arguments: object, **options: object) -> Outcome:
        done = subprocess.run(
            [SEITZ, *map(str, arguments)], capture_output=True, text=True, timeout=60, **options
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve good POSCAR files and a broken one."""
    path = tmp_path / "crystals"
    path.mkdir()
    for seed in range(12):
        (path / f"{seed}.POSCAR").write_text(poscar(random_cell(seed)))
    (path / "5b.POSCAR").write_text("cut short\n1.0\n1 0 0\n")
    return path


@pytest.fixture
def good_folder(folder: Path) -> Path:
    """Twelve good POSCAR files."""
    (folder / "5b.POSCAR").unlink()
    return folder


@pytest.fixture(scope="session")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough files of several formats for worker processes, with large ones and bad ones between them."""
    path = tmp_path_factory.mktemp("many")
    cells = [random_cell(seed, n_sites=4) for seed in range(20)]
    for number in range(900):
        (path / f"{number:04}.POSCAR").write_text(poscar(cells[number % 20]))
    lines = "".join(json_line(f"line{k}", cells[k % 20]) for k in range(1500))
    (path / "0100a.jsonl").write_text(lines + "{broken\n")
    (path / "0450b.json").write_text(json_line("one", cells[0]))
    (path / "0500c.POSCAR").write_text("bad\n")
    (path / "0600d.txt").write_text("stray")
    return path
