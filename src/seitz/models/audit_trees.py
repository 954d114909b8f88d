"""Trees of an ONNX file are trees: all of their columns are there, and every branch leads on to a leaf."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from .audit_operation import Operation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seitz._typing import BoolArray

    Integers: TypeAlias = NDArray[np.int64]

MAX_DEPTH = 1000  # onnxruntime follows trees by recursion, and crashes on much deeper ones
_MODES = {b"LEAF"} | {b"BRANCH_" + kind for kind in (b"LEQ", b"LT", b"GTE", b"GT", b"EQ", b"NEQ")}
_NODES = ("treeids", "nodeids", "modes", "featureids", "truenodeids", "falsenodeids", "values")
_TARGETS = ("treeids", "nodeids", "ids", "weights")


class _Rows(NamedTuple):
    """Nodes of all trees, in the order they are listed."""

    tree: Integers
    """Number of the tree in the list."""
    node: Integers
    leaf: BoolArray
    keys: Integers
    """Tree and node as one number, in ascending order."""
    places: Integers
    """Row of each key."""

    def places_of(self, tree: Integers, node: Integers) -> Integers:
        """Rows of nodes; -1 for those that are not there."""
        n = len(self.tree)
        wanted = tree * n + node
        k = np.minimum(np.searchsorted(self.keys, wanted), n - 1)
        found = (tree >= 0) & (node >= 0) & (node < n) & (self.keys[k] == wanted)
        return np.where(found, self.places[k], -1)


def trees(operation: Operation) -> Iterator[str]:
    """What is wrong with the trees of an operation."""
    yield from _columns(operation)
    yield from _features(operation)
    rows = _rows(operation)
    if rows is None or not _are_trees(operation, rows):
        yield (
            "holds no trees: each must be listed from its root on, with nodes that lead to its own, "
            f"at most {MAX_DEPTH:,} deep"
        )
        return
    yield from _targets(operation, rows)


def _length(operation: Operation, name: str) -> int:
    tensor = operation.attribute(f"{name}_as_tensor")
    return len(operation.attribute(name, ())) if tensor is None else math.prod(tensor.dims)


def _columns(operation: Operation) -> Iterator[str]:
    """All that is needed is there, and equally long."""
    for start, needed in (("nodes", _NODES), ("target", _TARGETS)):
        lengths = {_length(operation, f"{start}_{name}") for name in needed}
        if len(lengths) > 1:
            yield f"has trees whose lists {start}_... are of different lengths"
        if lengths == {0}:
            yield f"has trees without the lists {start}_..."
    n = _length(operation, "nodes_treeids")
    for name in ("nodes_hitrates", "nodes_missing_value_tracks_true"):
        if _length(operation, name) not in (0, n):
            yield f"has {name} for {_length(operation, name):,} of {n:,} nodes"
    n_targets = operation.attribute("n_targets", 1)
    if _length(operation, "base_values") not in (0, n_targets):
        yield f"has {_length(operation, 'base_values'):,} base values; targets: {n_targets:,}"
    for entry in operation.node.attribute:
        if entry.name.endswith("_as_tensor") and operation.kind(0) not in (None, entry.t.data_type):
            yield f"has {entry.name} of another type than its input"


def _features(operation: Operation) -> Iterator[str]:
    features, width = operation.attribute("nodes_featureids"), operation.size(0, -1)
    if min(features) < 0:
        yield f"asks for feature {min(features):,}"
    if width is not None and max(features) >= width:
        yield f"asks for feature {max(features):,} of {width:,}, counted from 0"


def _integers(operation: Operation, name: str) -> Integers:
    return np.array(operation.attribute(name), dtype=np.int64)


def _rows(operation: Operation) -> _Rows | None:
    """The rows, if trees are listed one after the other and no node twice."""
    modes = operation.attribute("nodes_modes")
    if not set(modes) <= _MODES:
        return None
    identifiers, node = _integers(operation, "nodes_treeids"), _integers(operation, "nodes_nodeids")
    n = len(node)
    tree = np.concatenate([[0], np.cumsum(identifiers[1:] != identifiers[:-1])])
    # onnxruntime takes a tree that goes on behind another one for a third, no node beyond their number, and the lower
    # half of identifiers.
    if len(np.unique(identifiers)) != tree[-1] + 1 or node.min() < 0 or node.max() >= n:
        return None
    if identifiers.min() < -(2**31) or identifiers.max() >= 2**31:
        return None
    keys = tree * n + node
    places = np.argsort(keys, kind="stable")
    if (np.diff(keys[places]) == 0).any():
        return None
    return _Rows(tree, node, np.array([mode == b"LEAF" for mode in modes]), keys[places], places)


def _are_trees(operation: Operation, rows: _Rows) -> bool:
    """Whether all nodes are reached from the first one of their tree, and each by one way."""
    branch = ~rows.leaf
    below = np.full((len(rows.leaf), 2), -1)
    for side, name in enumerate(("nodes_truenodeids", "nodes_falsenodeids")):
        below[branch, side] = rows.places_of(rows.tree[branch], _integers(operation, name)[branch])
    children = below[branch]
    roots = np.flatnonzero(np.diff(rows.tree, prepend=-1))
    ways = np.bincount(children[children >= 0], minlength=len(rows.leaf))
    ways[roots] += 1
    if (children < 0).any() or (ways != 1).any():
        return False
    level, reached = roots, len(roots)
    for _ in range(MAX_DEPTH):
        level = below[level[branch[level]]].reshape(-1)
        reached += len(level)
        if not len(level):
            break
    # What was not reached is in a circle, or too deep.
    return reached == len(rows.leaf)


def _targets(operation: Operation, rows: _Rows) -> Iterator[str]:
    """Values are those of leaves, and each leaf has one for a target at most."""
    identifiers, first = np.unique(_integers(operation, "nodes_treeids"), return_index=True)
    wanted = _integers(operation, "target_treeids")
    k = np.minimum(np.searchsorted(identifiers, wanted), len(identifiers) - 1)
    tree = np.where(identifiers[k] == wanted, rows.tree[first[k]], -1)
    places = rows.places_of(tree, _integers(operation, "target_nodeids"))
    if (places < 0).any() or not rows.leaf[places].all():
        yield "has trees with values that belong to no leaf"
    targets, n_targets = _integers(operation, "target_ids"), operation.attribute("n_targets", 1)
    if targets.min() < 0 or targets.max() >= n_targets:
        yield "has trees with values for targets that do not exist"
    pairs = places * n_targets + targets
    if len(np.unique(pairs)) < len(pairs):
        yield "has trees with two values for one leaf and target"
