"""What simpler models reach on the same held-out systems: ``python -m training.baselines DATA``.

Gradient boosting on the composition alone (atomic fractions and Magpie means), and a random forest on KS2022.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

import seitz

from .evaluate import report
from .release import HELD_OUT
from .sources import DESCRIPTOR, Rows, fold_of, read


def main() -> None:
    """Fit both on the rows that the judged ensemble has seen, and print their figures."""
    parser = argparse.ArgumentParser(prog="python -m training.baselines", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--held-out", type=int, default=0)
    given = parser.parse_args()
    rows = read(given.data, given.work)
    outer = fold_of(rows.system, HELD_OUT, "held out") == given.held_out
    seen, unseen = rows.select(~outer), rows.select(outer)
    models = {
        "composition, gradient boosting": (
            _composition,
            HistGradientBoostingRegressor(max_iter=600, learning_rate=0.06),
        ),
        "KS2022, random forest": (
            _ks2022,
            RandomForestRegressor(100, max_features=0.33, n_jobs=-1, random_state=0),
        ),
    }
    found = {}
    for name, (columns, model) in models.items():
        model.fit(columns(seen), seen.energy, sample_weight=seen.weight)
        found[name] = report(unseen, model.predict(columns(unseen)))
        print(name, json.dumps(found[name]), flush=True)
    (given.work / "figures-baselines.json").write_text(json.dumps(found, indent=1))


def _ks2022(rows: Rows) -> np.ndarray:
    return rows.features[:, :256]


def _composition(rows: Rows) -> np.ndarray:
    """Fractions, numbers of elements, and the mean, spread and range of each elemental property."""
    features = seitz.descriptors()[DESCRIPTOR].features
    chosen = [k for k, f in enumerate(features) if f.source in ("composition", "site properties")]
    return rows.features[:, chosen]


if __name__ == "__main__":
    main()
