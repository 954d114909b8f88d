"""``python -m training DATA``: judge the recipe on held-out chemical systems, then train and write the models."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from .ensemble import train
from .fit import Recipe
from .judging import judge
from .release import HELD_OUT, release
from .sources import fold_of, read

N_MEMBERS = 6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the data sets")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="cache and checkpoints")
    parser.add_argument("--members", type=int, default=N_MEMBERS)
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--held-out", type=int, default=0, help="which group of chemical systems is held out")
    parser.add_argument("--judge-only", action="store_true", help="leave out the final models")
    given = parser.parse_args()
    rows = read(given.data, given.work)
    recipe = Recipe(epochs=given.epochs)
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    ensemble = train(rows.select(~outer), given.members, recipe, given.work, f"judged{given.held_out}")
    judged = judge(ensemble, rows.select(~outer), rows.select(outer))
    print(json.dumps(judged.figures | {"recipe": asdict(recipe)}, indent=1))
    if not given.judge_only:
        release(rows, given, recipe, judged)


if __name__ == "__main__":
    main()
