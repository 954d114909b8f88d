"""The bundled models: rows in a second, and `seitz predict` on files against `seitz featurize` on the same ones."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import files
import inputs
import numpy as np
from measure import ONE_THREAD, Times, repeat, run_child
from options import Options
from report import Row, Skipped, rate, ratio

import seitz

_ROWS = 4096
_BARS = {"default": (8_000, 20_000), "ks2022": (None, None)}  # all members; one in bytes
_SHARE = 0.5  # of the rate of featurizing
_SEITZ = Path(sys.executable).with_name("seitz")


def run(options: Options) -> Iterator[Row | Skipped]:
    """Inference alone, then 10,000 structures of 30 sites from file to prediction."""
    total = 0.5 if options.quick else 2.0
    for name, (bar, bytes_bar) in _BARS.items():
        times = _inference(name, total)
        yield rate(f"model {name}", times["all"], "rows/s/core", bar=bar)
        yield rate(f"model {name}, one member", times["onnx"], "rows/s/core")
        yield rate(f"model {name}, one member in bytes", times["int8"], "rows/s/core", bar=bytes_bar)
        yield ratio(f"model {name}, one member: single precision / bytes", times["onnx"], times["int8"])
        yield ratio(f"model {name}: all members / one in bytes", times["all"], times["int8"])
    if _SEITZ.exists():
        yield from _end_to_end(options)
    else:
        yield Skipped("seitz predict", "the command is not there")


def _inference(name: str, total: float) -> dict[str, Times]:
    """CPU time of a row: of the model, and of its first member in two forms."""
    model = seitz.models.load(name)
    vectors = seitz.featurize(inputs.rattled_sigmas(512), descriptor=model.card.descriptor).values
    rows = np.resize(vectors, (_ROWS, vectors.shape[1])).astype(np.float32)
    forms = {"all": model}
    with tempfile.TemporaryDirectory() as folder:
        for form in ("onnx", "int8"):
            done = seitz.models.export(name, Path(folder, f"{form}.onnx"), to=form, members=1)
            forms[form] = seitz.models.load(done.path)
    return {
        form: repeat(lambda one=one: one.predict(rows), total=total).per(_ROWS)  # type: ignore[misc]
        for form, one in forms.items()
    }


def _end_to_end(options: Options) -> Iterator[Row]:
    n, rounds = (1_000, 2) if options.quick else (10_000, 5)
    own = seitz.models.card("default").descriptor
    bar = None if options.quick else _SHARE  # the start of the process would count ten times as much
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = inputs.rattled_sigmas(n)
        sources = {
            "POSCAR": files.write_poscars(folder / "poscar", cells),
            "Parquet": files.write_parquet(folder / "cells.parquet", cells),
        }
        del cells
        commands: dict[str, list[str]] = {
            "predict": ["predict"],
            "ks2022": ["featurize"],
            own: ["featurize", "--descriptor", own],
        }
        seconds: dict[tuple[str, str], list[float]] = {(k, c): [] for k in sources for c in commands}
        for _ in range(
            rounds
        ):  # every command in turn, so that a busy moment does not fall on one of them alone
            for kind, path in sources.items():
                for command, words in commands.items():
                    seconds[kind, command].append(_cpu(words, path, folder) / n)
        for kind in sources:
            predict = Times(tuple(seconds[kind, "predict"]))
            yield rate(f"seitz predict, {kind}, {n:,} structures", predict, "1/s/core")
            for descriptor in ("ks2022", own):
                over = Times(tuple(seconds[kind, descriptor]))
                title = f"rate of seitz predict / seitz featurize ({descriptor}), {kind}"
                yield ratio(title, over, predict, bar=bar)


def _cpu(words: list[str], path: Path, folder: Path) -> float:
    """CPU time of one run of the command, its start included."""
    out = folder / "out.parquet"
    child = run_child([_SEITZ, *words, path, "-o", out, "--threads", "1"], env=ONE_THREAD)
    out.unlink()
    return child.cpu
