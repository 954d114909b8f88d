"""Two result files side by side: the best figures and their ratio, above 1 where the second is worse.

Usage: python benchmarks/compare.py BASE.json NEW.json [--worse 1.1]

The exit code is 0 whatever the ratios.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from report import figure


def main() -> None:
    """Print one line per figure that both files have."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--worse", type=float, default=1.1, help="mark ratios above this")
    arguments = parser.parse_args()
    documents = [json.loads(path.read_text()) for path in (arguments.base, arguments.new)]
    base, new = (_rows(document) for document in documents)
    for label, document in zip(("base", "new"), documents, strict=True):
        facts = document["machine"]
        quick = ", quick" if document["quick"] else ""
        print(f"{label:5} {facts['commit']} on {facts['processor']}, load {facts['load_average']}{quick}")
    print(f"\n{'':74}{'base':>12}{'new':>12}{'cost':>8}")
    for key, old in base.items():
        if key not in new:
            continue
        cost = _cost(old, new[key])
        mark = "  worse" if cost > arguments.worse else "  better" if cost < 1 / arguments.worse else ""
        name = f"{key[0]}: {key[1]} [{old['unit']}]"
        print(f"{name:74}{figure(old['best']):>12}{figure(new[key]['best']):>12}{cost:8.2f}{mark}")
    for label, here, there in (("base", base, new), ("new", new, base)):
        alone = [name for case, name in here.keys() - there.keys()]
        if alone:
            print(f"only in {label}: {', '.join(sorted(alone))}")


def _rows(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["case"], row["name"]): row for row in document["results"]}


def _cost(old: dict[str, Any], new: dict[str, Any]) -> float:
    """New over old for what should be small, old over new for what should be large."""
    ratio = new["best"] / old["best"] if old["best"] else 1.0
    return float(1 / ratio if ratio and old["better"] == "higher" else ratio)


if __name__ == "__main__":
    main()
