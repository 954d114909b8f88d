"""Regression trees of an ONNX graph as functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seitz.errors import ExportError


def tree_tables(a: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of the nodes of all trees, by their place in the whole, and how many steps lead to the last leaf.

    Raises
    ------
    ExportError
        Trees that ask for something else than x <= value, or give several values.
    """
    modes = a["nodes_modes"]
    if set(modes) - {b"LEAF", b"BRANCH_LEQ"} or a.get("n_targets", 1) != 1:
        raise ExportError("trees with other than one sum of x <= value have no counterpart in torch here")
    place = {key: k for k, key in enumerate(zip(a["nodes_treeids"], a["nodes_nodeids"], strict=True))}
    numbers, leaf = a["nodes_treeids"], [mode == b"LEAF" for mode in modes]
    below = []
    for name in ("nodes_falsenodeids", "nodes_truenodeids"):
        children = zip(numbers, a[name], strict=True)
        below.append([k if leaf[k] else place[child] for k, child in enumerate(children)])
    weights = torch.zeros(len(modes))
    for tree, node, weight in zip(a["target_treeids"], a["target_nodeids"], a["target_weights"], strict=True):
        weights[place[tree, node]] += weight
    roots = sorted(set(range(len(modes))) - {k for side in below for j, k in enumerate(side) if j != k})
    depth, reached = 0, set(roots)
    while not all(leaf[k] for k in reached):
        depth, reached = depth + 1, {side[k] for side in below for k in reached}
    return {
        "features": torch.tensor(a["nodes_featureids"]), "values": torch.tensor(a["nodes_values"]), "depth": depth,
        "no": torch.tensor(below[0]), "yes": torch.tensor(below[1]), "roots": torch.tensor(roots), "weights": weights,
        "base": sum(a.get("base_values", [0.0])),
    }  # fmt: skip


def trees(x: list[Any], a: Mapping[str, Any]) -> Tensor:
    """(n, 1) sum of the leaves that (n, n_columns) rows end in."""
    here = a["roots"].expand(x[0].shape[0], -1)
    for _ in range(a["depth"]):
        yes = torch.gather(x[0], 1, a["features"][here]) <= a["values"][here]
        here = torch.where(yes, a["yes"][here], a["no"][here])
    return a["weights"][here].sum(dim=1, keepdim=True) + a["base"]
