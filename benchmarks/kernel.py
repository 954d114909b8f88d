"""The kernel alone: Wigner-Seitz cells, site rows and statistics, per site; and Voro++ on the same structures."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import inputs
import numpy as np
from measure import HERE, Times, repeat, run_child
from options import Options
from report import Row, Skipped, duration, ratio

from seitz import Cell, _core, tessellate
from seitz.environments import species_of

_SIGMA = "σ Cr8Fe22 (30)"
_SITES = 1500  # per repetition: some milliseconds


def run(options: Options) -> Iterator[Row | Skipped]:
    """µs per site for each structure of the set; bar on the σ phase, either of the two.

    The same structure over and over lets the processor learn its branches; rattled ones are the everyday case.
    """
    cells = {name: make() for name, make in inputs.KERNEL_SET.items()}
    seconds = 0.2 if options.quick else 1.0
    ours: dict[str, Times] = {}
    for name, cell in cells.items():
        copies = [cell] * max(1, _SITES // len(cell))
        ours[name] = kernel_times(copies, seconds).per(len(copies) * len(cell))
        bar = 3.0 if name == _SIGMA else None
        yield duration(f"kernel, {name}", ours[name], "µs/site", bar=bar)
    different = inputs.rattled_sigmas(_SITES // 30)
    times = kernel_times(different, seconds).per(_SITES)
    yield duration("kernel, σ rattled, all different (30)", times, "µs/site")
    try:
        theirs = _voro(cells, seconds)
    except RuntimeError as error:
        yield Skipped("Voro++", str(error))
        return
    for name, (alone, complete) in theirs.items():
        yield duration(f"Voro++ cells alone, {name}", alone, "µs/site")
        yield duration(f"Voro++ cells, neighbours, areas, {name}", complete, "µs/site")
        bar = 1.0 if name == _SIGMA else None
        yield ratio(f"kernel / Voro++ cells alone, {name}", ours[name], alone, better="lower", bar=bar)


def kernel_times(cells: list[Cell], seconds: float, n_threads: int = 1) -> Times:
    """Times of one call of the compiled batch kernel, its arrays ready."""
    table, species = species_of(cells)
    offsets = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])]).astype(np.int64)
    arguments = (
        np.array([cell.lattice for cell in cells]),
        offsets,
        np.concatenate([cell.frac_coords for cell in cells]),
        np.concatenate(species),
        None,
        table,
        0,  # no walks
        n_threads,
    )
    return repeat(lambda: _core.featurize_batch(*arguments), total=seconds)


def _voro(cells: Mapping[str, Cell], seconds: float) -> dict[str, tuple[Times, Times]]:
    """Times per site of Voro++: cells alone, and with neighbours and areas. RuntimeError if it cannot be had."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise RuntimeError("no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        program, source = Path(folder, "voro_cell"), Path(folder, "inputs.txt")
        try:
            run_child([compiler, "-O3", HERE / "voro_cell.cpp", "-lvoro++", "-o", program])
        except RuntimeError as error:
            raise RuntimeError(f"Voro++ is not installed (Debian: voro++-dev): {error}") from None
        source.write_text("".join(_as_text(k, cell) for k, cell in enumerate(cells.values())))
        lines = run_child([program, source, str(seconds)]).stdout.splitlines()
    times: dict[str, tuple[Times, Times]] = {}
    for (name, cell), text in zip(cells.items(), lines, strict=True):
        _, *numbers = text.split()
        values = np.array(numbers, dtype=float)
        if not np.allclose(values[4:], tessellate(cell).cell_volumes, rtol=1e-9):
            raise RuntimeError(f"its cell volumes of {name} differ from ours")
        best, median, best_complete, median_complete = (values[:4] * 1e-9).tolist()
        times[name] = Times((best, median, median)), Times((best_complete, median_complete, median_complete))
    return times


def _as_text(index: int, cell: Cell) -> str:
    rows = [*cell.lattice, *(cell.frac_coords % 1.0 % 1.0)]
    return f"{index} {len(cell)}\n" + "".join(" ".join(map(repr, row.tolist())) + "\n" for row in rows)
