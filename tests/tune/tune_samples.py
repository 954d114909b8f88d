"""Crystals with a property, and small networks of several kinds."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import dense, model

import seitz
from seitz.models.audit import audit_bytes
from seitz.models.card import METADATA_KEY, ModelCard
from seitz.models.runtime import OnnxModel
from seitz.prototypes import prototypes

_PAIRS = ("Fe", "Ni", "Al", "Ti", "Cr", "Co", "Mn", "V", "Cu", "Zr", "Nb", "Mo")


@cache
def crystals(descriptor: str = "seitz_ionic", n: int = 48, seed: int = 0) -> seitz.FeatureTable:
    """Prototypes with two drawn elements on them, somewhat strained; ids are formulas with a number."""
    generator = np.random.default_rng(seed)
    cells, ids = [], []
    known = [p.cell for p in prototypes().values() if len(set(p.cell.atomic_numbers.tolist())) <= 2]
    symbols = np.array([seitz.elements.SYMBOLS.index(s) for s in _PAIRS])
    for k in range(n):
        cell = known[k % len(known)]
        drawn = generator.choice(symbols, size=2, replace=False)
        numbers = np.where(np.arange(len(cell.atomic_numbers)) % 2 == 0, drawn[0], drawn[1])
        cells.append(
            cell.replace(atomic_numbers=numbers, lattice=cell.lattice * generator.uniform(0.95, 1.05))
        )
        counts = {z: int((numbers == z).sum()) for z in sorted(set(numbers.tolist()))}
        formula = "".join(f"{seitz.elements.SYMBOLS[z]}{c}" for z, c in counts.items())
        ids.append(f"{formula}-{k}")
    walk = "no_reversal" if descriptor == "ward2017" else None
    return seitz.featurize(cells, descriptor=descriptor, walk=walk, ids=ids, n_threads=1)


def target(table: seitz.FeatureTable, seed: int = 0, noise: float = 0.02) -> np.ndarray:
    """A smooth function of a few features, with noise; about -1 to 1."""
    names = ("mean_Electronegativity", "mean_CovalentRadius", "mean_NdValence")
    columns = [table[name] for name in names if name in table.names]
    z = [(c - c.mean()) / c.std() for c in columns] or [table.values[:, 5]]
    y = np.tanh(z[0]) + 0.5 * z[1 % len(z)] * z[-1]
    return 0.5 * y + noise * np.random.default_rng(seed).normal(size=len(y))


def network(
    descriptor: str = "seitz_ionic",
    hidden: tuple[int, ...] = (16, 8),
    *,
    kind: str = "normed",
    seed: int = 0,
    **card,
) -> OnnxModel:
    """A small network with a card; its first layer is made to the size of the features."""
    table = crystals(descriptor)
    size = np.maximum(np.abs(table.values).mean(axis=0), 1e-3)
    proto = _KINDS[kind](len(table.names), hidden, size, np.random.default_rng(seed))
    said = {"name": "small", "property": "energy", "unit": "eV/atom", "descriptor": descriptor} | card
    found = ModelCard(schema=table.descriptor.digest, walk=table.descriptor.walk or "", **said)
    proto.metadata_props.add(key=METADATA_KEY, value=found.to_json())
    return OnnxModel(audit_bytes(proto.SerializeToString()), found)


def _normed(n: int, hidden: tuple[int, ...], size: np.ndarray, generator) -> onnx.ModelProto:
    """Scaler, weights as bytes, norms, batch norm, a residual, dropout with a constant rate."""
    wide, narrow = hidden

    def single(values) -> np.ndarray:
        return np.asarray(values, dtype=np.float32)

    weights = generator.normal(size=(n, wide)) / np.sqrt(n)
    scale = single(np.abs(weights).max(axis=0) / 127)
    arrays = {
        "centre": single(size * 0.3), "unit": single(1 / size),
        "w1.bytes": np.round(weights / scale).astype(np.int8), "w1.scale": scale, "w1.zero": np.zeros(wide, np.int8),
        "b1": single(generator.normal(size=wide)), "n1": single(np.ones(wide)), "n2": single(np.zeros(wide)),
        "w2": single(generator.normal(size=(wide, wide)) / np.sqrt(wide)), "b2": single(np.zeros(wide)),
        "m": single(generator.normal(size=wide) * 0.1), "v": single(generator.uniform(0.5, 1.5, wide)),
        "g": single(np.ones(wide)), "h": single(np.zeros(wide)), "rate": single(0.2),
        "w3": single(generator.normal(size=(narrow, wide)) / np.sqrt(wide)), "b3": single(np.zeros(narrow)),
        "w4": single(generator.normal(size=(narrow, 1)) / np.sqrt(narrow)), "b4": single([0.1]),
        "spread": single(0.7), "mean": single(-0.2), "axes": np.array([1], dtype=np.int64),
    }  # fmt: skip
    make = helper.make_node
    nodes = [
        make("Sub", ["x", "centre"], ["s1"]), make("Mul", ["s1", "unit"], ["s2"]), make("Tanh", ["s2"], ["s"]),
        make("DequantizeLinear", ["w1.bytes", "w1.scale", "w1.zero"], ["w1"], axis=1),
        make("MatMul", ["s", "w1"], ["p1"]), make("Add", ["p1", "b1"], ["a1"]),
        make("LayerNormalization", ["a1", "n1", "n2"], ["l1"], axis=-1), make("Gelu", ["l1"], ["e1"]),
        make("Dropout", ["e1", "rate"], ["d1"]),
        make("MatMul", ["d1", "w2"], ["p2"]), make("Add", ["p2", "b2"], ["a2"]), make("Add", ["a2", "a1"], ["r"]),
        make("BatchNormalization", ["r", "g", "h", "m", "v"], ["bn"]), make("Elu", ["bn"], ["e2"]),
        make("Gemm", ["e2", "w3", "b3"], ["a3"], transB=1), make("Softplus", ["a3"], ["e3"]),
        make("Gemm", ["e3", "w4", "b4"], ["a4"]), make("Squeeze", ["a4", "axes"], ["q"]),
        make("Mul", ["q", "spread"], ["t"]), make("Add", ["t", "mean"], ["value"]),
    ]  # fmt: skip
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", n])]
    out = [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["batch"])]
    return model(nodes, ports, out, [numpy_helper.from_array(a, name) for name, a in arrays.items()])


def _layers(
    n: int, hidden: tuple[int, ...], size: np.ndarray, generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    layers, width = [], n
    for k, wide in enumerate((*hidden, 1)):
        weights = generator.normal(size=(wide, width)) / np.sqrt(width) / (size if k == 0 else 1.0)
        layers.append((weights.astype(np.float32), (0.1 * generator.normal(size=wide)).astype(np.float32)))
        width = wide
    return layers


def _rated(n: int, hidden: tuple[int, ...], size: np.ndarray, generator) -> onnx.ModelProto:
    """One row at a time, with the rate of its dropouts as a second input."""
    return dense(_layers(n, hidden, size, generator), "Relu", batch=1, dropout=[])


def _kept(n: int, hidden: tuple[int, ...], size: np.ndarray, generator) -> onnx.ModelProto:
    """The same with the lost share as a factor."""
    return dense(_layers(n, hidden, size, generator), "Sigmoid", batch=1, dropout=[1])


def _flattened(n: int, hidden: tuple[int, ...], size: np.ndarray, generator) -> onnx.ModelProto:
    """One row at a time, with shapes that say so."""
    proto = dense(_layers(n, hidden, size, generator), "Relu", batch=1)
    shape = numpy_helper.from_array(np.array([1, -1], dtype=np.int64), "shape")
    proto.graph.initializer.append(shape)
    node = helper.make_node("Reshape", ["features", "shape"], ["flat"], name="flatten")
    first = proto.graph.node[0]
    first.input[0] = "flat"
    nodes = [node, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


_KINDS = {"normed": _normed, "rated": _rated, "kept": _kept, "flattened": _flattened}
KINDS = tuple(_KINDS)
