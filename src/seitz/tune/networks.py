"""A model as a network that learns: what its inner layers see, and its weights, old, new or drawn again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from seitz._typing import FloatArray, IndexArray
from seitz.errors import ExportError, ModelError, TuneError
from seitz.models.audit import audit_bytes
from seitz.models.runtime import OnnxModel
from seitz.models.torch_graph import GraphModule, as_trainable

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Views:
    """What can be learned from: features, and what the model makes of them.

    Attributes
    ----------
    features
        (n, n_features) float32.
    value
        (n, m) values of the model; m = 0 without one.
    hidden
        (n, n_hidden) what its last layers see; n_hidden = 0 without one.
    """

    features: NDArray[Any]
    value: FloatArray
    hidden: NDArray[Any]

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, chosen: IndexArray) -> Views:
        """Some of the rows."""
        return Views(self.features[chosen], self.value[chosen], self.hidden[chosen])

    @property
    def without_model(self) -> Views:
        """The features alone."""
        return plain_views(self.features)


class Base:
    """A model to start from.

    Attributes
    ----------
    model
        The model.
    hidden
        Names of the tensors that its last products with weights take.
    opset, ir_version
        Versions its operators are of.

    Raises
    ------
    TuneError
        An operator that cannot be trained; the message names it.
    """

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self._audited = audit_bytes(model.content)
        names = [port.name for port in self._audited.outputs]
        self._value = "value" if "value" in names else names[0]
        try:
            module = self.module()
        except ExportError as error:
            raise TuneError(f"{model.card.name} cannot be trained: {error}") from None
        self.hidden, self._heads = _last_products(module, self._value)
        self.opset, self.ir_version = _versions(model.content)

    def module(self, *, hidden: bool = False, dropout: float = 0.0) -> GraphModule:
        """The network with parameters; with ``hidden``, it gives the value and what the last layers see."""
        wanted = [self._value, *(self.hidden if hidden else [])]
        return as_trainable(self._audited, wanted, dropout=dropout)

    def views(self, features: FloatArray) -> Views:
        """What the model makes of (n, n_features) rows."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        module = self.module(hidden=True)
        values, hidden = [], []
        with torch.no_grad():
            for part in torch.as_tensor(rows).split(_ROWS):
                found = module(part)
                value, *last = found if isinstance(found, tuple) else (found,)
                values.append(value.reshape(len(part), -1).numpy())
                hidden.append(torch.cat([x.reshape(len(part), -1) for x in last], dim=1).numpy())
        if not values:
            raise ModelError("no rows")
        return Views(rows, np.concatenate(values).astype(np.float64), np.concatenate(hidden))

    def n_values(self, n_features: int) -> int:
        """How many values it gives per row."""
        return int(self.views(np.zeros((1, n_features))).value.shape[1])

    def head_places(self, module: GraphModule) -> set[str]:
        """Names of the parameters of the last products."""
        learned = module.learned()
        places = {module.places[name] for name, product in learned.items() if product in self._heads}
        return places & {name for name, _ in module.named_parameters()}


def plain_views(features: NDArray[Any]) -> Views:
    """Features without a model."""
    rows = np.ascontiguousarray(features, dtype=np.float32)
    return Views(rows, np.empty((len(rows), 0)), np.empty((len(rows), 0), dtype=np.float32))


def _versions(content: bytes) -> tuple[int, int]:
    from onnx import ModelProto

    proto = ModelProto.FromString(content)
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 20)
    return int(opset), int(proto.ir_version)


def _last_products(module: GraphModule, value: str) -> tuple[list[str], set[str]]:
    """Tensors that the last products before the value take, and those products."""
    learned = module.learned()
    products = {node.output[0]: node for node in module.kept if node.op_type in ("MatMul", "Gemm")}
    producers = {name: node for node in module.kept for name in node.output}
    hidden: list[str] = []
    heads: set[str] = set()
    seen: set[str] = set()
    left = [value]
    while left:
        name = left.pop(0)
        if name in seen or name not in producers:
            continue
        seen.add(name)
        if name in products and name in learned.values():
            heads.add(name)
            hidden.append(products[name].input[0])
            continue
        left += list(producers[name].input)
    if not hidden:
        raise TuneError("the model has no product with weights: there is nothing to be trained")
    return list(dict.fromkeys(hidden)), heads


class Adapted(nn.Module):  # type: ignore[misc]  # torch is not seen by the type checker
    """A network whose value is scaled to the units of the loss: (value · slope + offset - mean) / spread.

    With a new head, the value is a linear function of what the last layers see.
    """

    def __init__(self, body: nn.Module, slope: float, offset: float, mean: float, spread: float) -> None:
        super().__init__()
        self.body = body
        self.slope, self.offset, self.mean, self.spread = slope, offset, mean, spread
        self.head: nn.Linear | None = None
        self.head_places: set[str] = set()

    def forward(self, x: Tensor) -> Tensor:
        found = self.body(x)
        if self.head is None:
            value = found[0] if isinstance(found, tuple) else found
            return (value.reshape(len(x)) * self.slope + self.offset - self.mean) / self.spread
        hidden = torch.cat([part.reshape(len(x), -1) for part in found[1:]], dim=1)
        return self.head((hidden - self.centre) * self.unit).reshape(len(x))

    def with_head(self, centre: FloatArray, unit: FloatArray, weights: FloatArray, bias: float) -> Adapted:
        """The same with a new head, in the units of the loss."""
        self.register_buffer("centre", torch.as_tensor(centre, dtype=torch.float32))
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))
        self.head = nn.Linear(len(weights), 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.as_tensor(weights, dtype=torch.float32)[None])
            self.head.bias.fill_(bias)
        return self

    def is_head(self, name: str) -> bool:
        """Whether a parameter belongs to the head, which is trained first."""
        return name.startswith("head.") or name.removeprefix("body.") in self.head_places


def drawn_again(module: nn.Module, seed: int) -> None:
    """Forget everything learned: weights uniform within ±√(3 / inputs), biases zero, norms one and zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                bound = math.sqrt(3.0 / parameter.shape[0])
                parameter.copy_(torch.rand(parameter.shape, generator=generator) * 2 * bound - bound)
            else:
                parameter.fill_(1.0 if bool((parameter > 0).all()) and parameter.numel() > 1 else 0.0)


class Dense(nn.Module):  # type: ignore[misc]
    """A residual network for tables: columns in units of their spread, then blocks of x + W₂ GELU(W₁ LN(x))."""

    def __init__(
        self, features: FloatArray, *, hidden: int = 128, blocks: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        low, middle, high = np.quantile(features.astype(np.float64), [0.05, 0.5, 0.95], axis=0)
        spread = np.maximum((high - low) / 3.3, features.std(axis=0) / 3.0)
        alive = spread > 1e-6 * np.maximum(1.0, np.abs(middle))
        self.register_buffer("centre", torch.as_tensor(middle, dtype=torch.float32))
        unit = np.where(alive, 1.0 / np.where(alive, spread, 1.0), 0.0)
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.float32))
        self.first = nn.Linear(features.shape[1], hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(blocks + 1))
        self.rise = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.fall = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.last = nn.Linear(hidden, 1)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(((x - self.centre) * self.unit).clamp(-8.0, 8.0))
        for norm, rise, fall in zip(self.norms, self.rise, self.fall, strict=False):
            y = F.gelu(rise(norm(x)), approximate="tanh")
            x = x + fall(F.dropout(y, self.dropout, self.training))
        return self.last(self.norms[-1](x))[:, 0]

    def write(self, graph: Any) -> str:
        """The network in an ONNX graph; the name of its (n, 1) value."""
        x = graph.scaled("features", self.centre.numpy(), self.unit.numpy(), 8.0)
        x = _linear(graph, x, self.first)
        for norm, rise, fall in zip(self.norms, self.rise, self.fall, strict=False):
            y = _linear(graph, _norm(graph, x, norm), rise)
            cube = graph.add("Mul", graph.add("Mul", y, y), y)
            inner = graph.add("Add", y, graph.add("Mul", cube, np.float64(0.044715)))
            gate = graph.add("Tanh", graph.add("Mul", inner, np.float64(math.sqrt(2.0 / math.pi))))
            y = graph.add(
                "Mul", y, graph.add("Mul", graph.add("Add", gate, np.float64(1.0)), np.float64(0.5))
            )
            x = graph.add("Add", x, _linear(graph, y, fall))
        return _linear(graph, _norm(graph, x, self.norms[-1]), self.last)


def _linear(graph: Any, x: str, layer: nn.Linear) -> str:
    found: str = graph.linear(x, layer.weight.detach().numpy().T, layer.bias.detach().numpy())
    return found


def _norm(graph: Any, x: str, layer: nn.LayerNorm) -> str:
    if graph.opset >= 17:
        weights = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        found: str = graph.add("LayerNormalization", x, *weights, axis=-1, epsilon=float(layer.eps))
        return found
    raise TuneError(f"opset {graph.opset} has no LayerNormalization")


def device_of(wanted: str | None) -> Any:
    """The device to train on: what was asked for, else cuda or mps where there is one, else cpu.

    Raises
    ------
    TuneError
        A device that is not here.
    """
    present = {
        "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True,
    }  # fmt: skip
    if wanted is None:
        return torch.device(next(name for name, there in present.items() if there))
    if not present.get(wanted.partition(":")[0], False):
        here = ", ".join(name for name, there in present.items() if there)
        raise TuneError(f"device {wanted!r} is not on this machine; there is {here}")
    return torch.device(wanted)


def predictions(module: nn.Module, features: FloatArray, device: Any = None) -> FloatArray:
    """(n,) or (n, m) values of rows, without dropout."""
    parts: Sequence[Tensor] = torch.as_tensor(np.ascontiguousarray(features, dtype=np.float32)).split(_ROWS)
    before = module.training
    module.eval()
    with torch.no_grad():
        found = torch.cat([module(part if device is None else part.to(device)) for part in parts])
    module.train(before)
    values: FloatArray = found.cpu().numpy().astype(np.float64)
    return values
