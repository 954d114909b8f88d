"""What simpler models reach on the same held-out systems.

Gradient boosting on the composition alone (atomic fractions and Magpie means), and a random forest on KS2022.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

import seitz

from .evaluate import report
from .sources import DESCRIPTOR, Rows


def baselines(seen: Rows, unseen: Rows, folder: Path) -> dict[str, Any]:
    """Figures of both, fitted on the energies of DFT that the ensemble has seen; stored if of the same rows."""
    seen = seen.select(seen.weight >= 0.5)  # other labels make both worse
    stamp = hashlib.sha256(seen.features.tobytes() + seen.energy.tobytes() + unseen.features.tobytes())
    file = folder / f"baselines-{stamp.hexdigest()[:12]}.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    models = {
        "composition": (_composition, HistGradientBoostingRegressor(max_iter=600, learning_rate=0.06)),
        "forest": (_ks2022, RandomForestRegressor(100, max_features=0.33, n_jobs=-1, random_state=0)),
    }
    found = {}
    for name, (columns, model) in models.items():
        model.fit(columns(seen), seen.energy, sample_weight=seen.weight)
        found[name] = report(unseen, model.predict(columns(unseen)))
    file.write_text(json.dumps(found, indent=1))
    return found


def _ks2022(rows: Rows) -> np.ndarray:
    return rows.features[:, :256]


def _composition(rows: Rows) -> np.ndarray:
    """Fractions, numbers of elements, and the mean, spread and range of each elemental property."""
    features = seitz.descriptors()[DESCRIPTOR].features
    chosen = [k for k, f in enumerate(features) if f.source in ("composition", "site properties")]
    return rows.features[:, chosen]
