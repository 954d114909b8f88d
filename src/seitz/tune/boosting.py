"""Gradient-boosted trees on features, and the same trees as an ONNX operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from seitz._optional import load_optional
from seitz._typing import FloatArray

from .graphs import Graph
from .networks import Views

_TREES = 300
_TREES_OF_GAINS = 200
_ROWS_OF_A_TREE = 2000  # at most; more rows cost time without making better trees


def boosted(x: FloatArray, y: FloatArray, seed: int, n_trees: int | None = None) -> Any:
    """A fitted ``GradientBoostingRegressor``: shallow trees, each on some of the rows and columns.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    """
    ensemble = load_optional("sklearn.ensemble", "'seitz[tune]'")
    n_trees = n_trees or _TREES
    return ensemble.GradientBoostingRegressor(
        n_estimators=n_trees, learning_rate=15.0 / n_trees, max_depth=3, max_features=min(1.0, 45.0 / x.shape[1]),
        subsample=min(0.7, _ROWS_OF_A_TREE / len(y)), random_state=seed,
    ).fit(x.astype(np.float32), y)  # fmt: skip


def importance(views: Views, targets: FloatArray, seed: int) -> FloatArray:
    """(n_features,) share of each feature in what boosted trees gain; sums to one."""
    found: FloatArray = boosted(views.features, targets, seed, _TREES_OF_GAINS).feature_importances_
    return found


def write_trees(graph: Graph, model: Any, x: str) -> str:
    """(n, 1) value of a fitted ``GradientBoostingRegressor`` in a graph.

    Thresholds are rounded down to single precision: for features in single precision that decides every comparison as
    before.
    """
    columns: dict[str, list[Any]] = {
        key: []
        for key in ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    }
    leaves: dict[str, list[Any]] = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(estimator.tree_ for estimator in model.estimators_[:, 0]):
        leaf = tree.children_left < 0
        columns["treeids"] += [number] * tree.node_count
        columns["nodeids"] += list(range(tree.node_count))
        columns["modes"] += ["LEAF" if end else "BRANCH_LEQ" for end in leaf]
        columns["featureids"] += np.where(leaf, 0, tree.feature).tolist()
        columns["values"] += np.where(leaf, 0.0, _rounded_down(tree.threshold)).tolist()
        columns["truenodeids"] += np.where(leaf, 0, tree.children_left).tolist()
        columns["falsenodeids"] += np.where(leaf, 0, tree.children_right).tolist()
        ends = np.flatnonzero(leaf).tolist()
        leaves["treeids"] += [number] * len(ends)
        leaves["nodeids"] += ends
        leaves["ids"] += [0] * len(ends)
        leaves["weights"] += (model.learning_rate * tree.value[ends, 0, 0]).tolist()
    return graph.trees(
        x, n_targets=1, base_values=[float(np.ravel(model.init_.constant_)[0])],
        **{f"nodes_{key}": values for key, values in columns.items()},
        **{f"target_{key}": values for key, values in leaves.items()},
    )  # fmt: skip


def _rounded_down(values: FloatArray) -> FloatArray:
    single = values.astype(np.float32)
    above = single.astype(np.float64) > values
    single[above] = np.nextafter(single[above], np.float32(-np.inf))
    found: FloatArray = single.astype(np.float64)
    return found
