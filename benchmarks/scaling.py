"""Cost of one large structure, from 100 to a million atoms: time per atom and peak memory, with a plot.

Usage: python benchmarks/scaling.py [--quick] [--plot docs/assets/scaling.svg] [--from RESULT.json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inputs
import numpy as np
from measure import HERE, Times, machine, run_child
from options import Options
from report import Row

OPERATIONS = ("tessellate", "featurize")
_SIZES = (100, 316, 1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
_REFERENCE = 1_000  # atoms, to which the largest size is compared
_BAR = 1.1


def run(options: Options) -> Iterator[Row]:
    """All sizes; bar on the exponent of cost ~ sites^exponent."""
    points = measure(quick=options.quick)
    for operation in OPERATIONS:
        for point in points:
            found, n_sites = point[operation], point["n_sites"]
            best, median = (found[key] / n_sites * 1e6 for key in ("best", "median"))
            note = f"peak {found['peak'] / 1e6:,.0f} MB"
            name = f"{operation}, {n_sites:,} atoms"
            yield Row(name, "µs/site", best, median, found["n"], note=note)
        power = exponent(points, operation)
        yield Row(f"{operation}: exponent of cost against sites", "1", power, power, len(points), bar=_BAR)


def measure(*, quick: bool = False) -> list[dict[str, Any]]:
    """Seconds and memory of both operations for every size, one thread, each in a process of its own."""
    points = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cell.npz")
        for n_sites in _SIZES[: -2 if quick else None]:
            cell = inputs.glass(n_sites)
            np.savez(
                path, lattice=cell.lattice, frac_coords=cell.frac_coords, atomic_numbers=cell.atomic_numbers
            )
            del cell
            point: dict[str, Any] = {"n_sites": n_sites}
            for operation in OPERATIONS:
                repetitions = str(max(5, min(200, 600_000 // n_sites)))
                worker = HERE / "workers" / "scaling.py"
                child = run_child([sys.executable, worker, path, operation, repetitions])
                found = json.loads(child.stdout)
                times = Times(tuple(found["seconds"]))
                numbers = {"best": times.best, "median": times.median, "n": len(times.seconds)}
                point[operation] = {**numbers, "peak": found["peak"]}
            points.append(point)
    return points


def exponent(points: list[dict[str, Any]], operation: str) -> float:
    """Slope of log(cost) against log(sites) from a thousand atoms on: 1 is linear."""
    large = [p for p in points if p["n_sites"] >= _REFERENCE]
    sizes = np.log([p["n_sites"] for p in large])
    return float(np.polyfit(sizes, np.log([p[operation]["best"] for p in large]), 1)[0])


def plot(points: list[dict[str, Any]], path: Path, *, processor: str) -> None:
    """Time per atom and peak memory against the number of atoms."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    style: Any = {
        "svg.hashsalt": "seitz", "font.size": 11, "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": "#555555", "axes.titlesize": 12, "axes.titlelocation": "left",
    }  # fmt: skip
    looks = {"tessellate": ("#0072B2", "o"), "featurize": ("#D55E00", "s")}
    sizes = np.array([p["n_sites"] for p in points])
    with mpl.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
        for operation, (colour, marker) in looks.items():
            seconds = np.array([p[operation]["best"] for p in points])
            memory = np.array([p[operation]["peak"] for p in points]) / 1e6
            line = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.8, "label": operation}
            left.plot(sizes, seconds / sizes * 1e6, **line)
            right.plot(sizes, memory, **line)
        left.set(title="CPU time per atom, one thread", ylabel="µs per atom", ylim=(0, None))
        right.set(title="Peak memory of the process", ylabel="MB", yscale="log", ylim=(10, None))
        left.legend(frameon=False, loc="lower right")
        right.legend(frameon=False, loc="upper left")
        for axes in (left, right):
            axes.set(xscale="log", xlabel="atoms in the cell")
            axes.grid(True, color="#dddddd", linewidth=0.7)
            axes.set_axisbelow(True)
        figure.supxlabel(f"Random packing, periodic · {processor}", fontsize=9, color="#666666")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format=path.suffix.removeprefix("."), metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    """Measure, or read what was measured, and plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="up to 100,000 atoms only")
    parser.add_argument("--plot", type=Path, help="draw to this file; its numbers go beside it as JSON")
    parser.add_argument(
        "--from", dest="source", type=Path, help="draw this earlier JSON instead of measuring"
    )
    arguments = parser.parse_args()
    if arguments.source:
        result = json.loads(arguments.source.read_text())
    else:
        result = {"machine": machine(), "points": measure(quick=arguments.quick)}
    for operation in OPERATIONS:
        for point in result["points"]:
            each = point[operation]["best"] / point["n_sites"] * 1e6
            peak = point[operation]["peak"] / 1e6
            print(f"{operation:12}{point['n_sites']:>10,} atoms {each:8.2f} µs/atom {peak:8,.0f} MB")
        print(f"{operation:12}cost ~ atoms^{exponent(result['points'], operation):.3f}")
    if arguments.plot:
        plot(result["points"], arguments.plot, processor=result["machine"]["processor"])
        arguments.plot.with_suffix(".json").write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n"
        )


if __name__ == "__main__":
    main()
