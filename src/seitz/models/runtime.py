"""Running a model on a table of features: in batches, with the threads it is given, whatever its shape."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seitz._optional import load_optional
from seitz._typing import BoolArray, FloatArray
from seitz.errors import ModelError

from .audit import Audited, Port
from .card import ModelCard

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 1024  # rows: their activations stay in the cache
_MOST_EXTRA = 2**26  # numbers of an input that is left at zero
#: Outputs by which a model of seitz says more than a value.
_EXTRAS = ("lower", "upper", "distance", "in_domain")


class Answer(NamedTuple):
    """What a model says about rows of features."""

    value: FloatArray
    """(n,) or (n, m)."""
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    """(n,) ends of the interval that the card describes."""
    distance: FloatArray | None = None
    """(n,) how far a row is from the training data, 1 at the edge of the domain."""
    in_domain: BoolArray | None = None


class OnnxModel:
    """An audited model with its card and a session of onnxruntime; it is made by :func:`seitz.models.load`.

    Attributes
    ----------
    card
        What the model is.
    inputs, outputs
        Its ports.
    digest
        SHA-256 of the file.
    bound
        Whether the graph was compared with a digest: of the card, or of the first download.
    """

    def __init__(self, audited: Audited, card: ModelCard, n_threads: int = 1, *, bound: bool = False) -> None:
        import hashlib

        self.card = card
        self.inputs, self.outputs = audited.inputs, audited.outputs
        self.content = audited.content
        self.digest = hashlib.sha256(audited.content).hexdigest()
        self.bound = bound
        self._features = _feature_port(audited.inputs)
        self._n_threads = n_threads
        self._session: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"OnnxModel({self.card.name}: {self.card.property}, {self.card.unit}, from {self.card.descriptor})"

    def __reduce__(self) -> tuple[type[OnnxModel], tuple[Audited, ModelCard, int]]:
        audited = Audited(self.content, self.inputs, self.outputs, {})
        return OnnxModel, (audited, self.card, self._n_threads)

    @property
    def n_features(self) -> int | None:
        """Number of columns it takes; None if the file does not say."""
        return self._features.shape[-1] if self._features.shape else None

    def with_threads(self, n_threads: int) -> OnnxModel:
        """The same model with another number of threads."""
        if n_threads == self._n_threads:
            return self
        return OnnxModel(Audited(self.content, self.inputs, self.outputs, {}), self.card, n_threads)

    def predict(self, features: NDArray[Any]) -> FloatArray:
        """(n,) or (n, m) values for (n, n_features) rows."""
        return self.answer(features).value

    def answer(self, features: NDArray[Any]) -> Answer:
        """Values for (n, n_features) rows, with intervals where the model has them.

        Raises
        ------
        ModelError
            Another number of columns, or a model that fails on them.
        """
        rows = np.ascontiguousarray(features, dtype=self._features.dtype)
        if rows.ndim != 2 or self.n_features not in (None, rows.shape[1]):
            raise ModelError(
                f"{self.card.name} takes {self.n_features} features, not an array of shape {rows.shape}"
            )
        parts = [
            self._run(part)
            for part in _parts(rows, self._features.shape[0] if self._features.shape else None)
        ]
        if not parts:
            return Answer(np.empty(0))
        columns = [np.concatenate(part)[: len(rows)] for part in zip(*parts, strict=True)]
        return self._answer(columns, len(rows))

    def _run(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        session = self._opened()
        feed = {self._features.name: rows}
        for port in self.inputs:
            if port.name != self._features.name:
                # A switch or rate of dropout: zero leaves it out.
                shape = [len(rows) if k == 0 and n is None else n or 1 for k, n in enumerate(port.shape)]
                if math.prod(shape) > _MOST_EXTRA:
                    raise ModelError(
                        f"{self.card.name} wants {math.prod(shape):,} numbers for {port.name}: too many for a switch"
                    )
                feed[port.name] = np.zeros(shape, dtype=port.dtype)
        try:
            found = session.run(None, feed)
        except Exception as error:  # onnxruntime has many, without a common base
            raise ModelError(f"{self.card.name} fails on these features: {str(error)[:300]}") from None
        outputs = [np.asarray(output) for output in found]
        if any(output.ndim == 0 or len(output) != len(rows) for output in outputs):
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise ModelError(f"{self.card.name} gave outputs of shape {shapes} for {len(rows)} rows")
        return outputs

    def _answer(self, columns: list[NDArray[Any]], n: int) -> Answer:
        by_name = dict(zip((port.name for port in self.outputs), columns, strict=True))
        value = by_name["value"] if "value" in by_name else columns[0]
        value = value.astype(np.float64).reshape(n, -1)
        extras = {name: by_name[name] for name in _EXTRAS if name in by_name and "value" in by_name}
        for name, extra in extras.items():
            if extra.size != n:
                raise ModelError(
                    f"{self.card.name} gave {name} of shape {extra.shape} for {n} rows: one number for each is read"
                )
            extras[name] = extra.reshape(n)
        domain = extras.pop("in_domain", None)
        return Answer(
            value[:, 0] if value.shape[1] == 1 else value,
            **{name: extra.astype(np.float64) for name, extra in extras.items()},
            in_domain=None if domain is None else domain.astype(bool),
        )

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _session(self.content, self._n_threads, self.card.name)
            return self._session


def _session(content: bytes, n_threads: int, name: str) -> Any:
    runtime = load_optional("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # others need the processors, too
    if b"QuantizeLinear" not in content:
        # Weights that are stored as bytes are unfolded, not multiplied as bytes: that would round activations, too.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has many, without a common base
        raise ModelError(f"{name}: onnxruntime refuses it: {str(error)[:300]}") from None


def _feature_port(inputs: tuple[Port, ...]) -> Port:
    """The input that takes the rows: the first of two axes."""
    for port in inputs:
        if len(port.shape) == 2 and port.dtype in ("float16", "float32", "float64"):
            return port
    shapes = ", ".join(f"{port.name} {port.dtype} {port.shape}" for port in inputs)
    raise ModelError(f"no input takes a table of features (rows, columns); there is {shapes}")


def _parts(rows: NDArray[Any], fixed: int | None) -> list[NDArray[Any]]:
    """Batches of the size the model was exported for, the last one filled up with its last row."""
    size = fixed or _BATCH
    parts = [rows[first : first + size] for first in range(0, len(rows), size)]
    if fixed and parts and len(parts[-1]) < fixed:
        fill = np.repeat(parts[-1][-1:], fixed - len(parts[-1]), axis=0)
        parts[-1] = np.concatenate([parts[-1], fill])
    return parts
