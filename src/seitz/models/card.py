"""The model card: what a model predicts, from what, how well, and where it may not be trusted."""

from __future__ import annotations

import builtins
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args, get_origin, get_type_hints

from seitz.descriptors import descriptor as find_descriptor
from seitz.elements import MAX_Z, SYMBOLS
from seitz.errors import CardError, DescriptorError

#: Key of the card in the metadata of an ONNX file.
METADATA_KEY = "seitz.card"
_LARGEST = 1_000_000  # characters
_DEEPEST = 32  # lists and objects in each other
_LARGEST_INTEGER = 2**63  # what other programs read, and a float holds


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of merit, with its interval and where it was measured."""

    name: str
    value: float
    unit: str
    on: str
    """Which structures, e.g. ``"unseen chemical systems of the Materials Project"``."""
    n: int
    lower: float | None = None
    upper: float | None = None
    """95 % interval of the figure itself, from resampling."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is to be known about a model; stored as JSON inside its file.

    Attributes
    ----------
    name, title
        What the model is called by, and in words.
    property, unit
        What it predicts, as ``"formation energy"`` and ``"eV/atom"``.
    descriptor, schema
        Its features, and the digest of their schema at the time of training; empty for foreign models without one.
    walk
        Rule of the walks of Ward2017, empty for other descriptors.
    elements
        Symbols of the elements that were in the training data; empty if unknown.
    volumes
        Smallest and largest volume per atom in the training data, Å³; None if unknown.
    training, licence, citation
        The data behind it, what may be done with it, and whom to cite.
    metrics
        How well it does.
    calibration
        How its intervals were made, and the share of cases that they are to contain: ``"level"``.
    limits
        What it is not good for.
    graph
        SHA-256 of the model without its metadata, by which weights that were exchanged are told; empty if unknown.
    version
        seitz version that made it; empty for foreign models.
    extra
        Anything else.
    """

    name: str
    property: str
    unit: str
    descriptor: str
    title: str = ""
    schema: str = ""
    walk: str = ""
    elements: tuple[str, ...] = ()
    volumes: tuple[float, ...] | None = None
    training: str = ""
    licence: str = ""
    citation: str = ""
    metrics: tuple[Metric, ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    graph: str = ""
    version: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("name", "property", "unit", "descriptor"):
            if not getattr(self, name).strip():
                raise CardError(f"{name} is empty: a model must say it")
        unknown = [symbol for symbol in self.elements if symbol not in SYMBOLS[1:]]
        if unknown:
            raise CardError(f"elements: {unknown[0]!r} is no element")
        if self.volumes is not None and not (
            len(self.volumes) == 2 and 0 < self.volumes[0] <= self.volumes[1]
        ):
            raise CardError(
                f"volumes: {self.volumes!r:.80} is not the smallest and the largest volume per atom"
            )
        level = self.calibration.get("level")
        if level is not None and not (isinstance(level, int | float) and 0 < level < 1):
            raise CardError(f"calibration.level: {level!r} is no share between 0 and 1")

    @builtins.property  # "property" is a field here
    def level(self) -> float | None:
        """Share of cases that the intervals are to contain; None for a model without intervals."""
        found = self.calibration.get("level")
        return None if found is None else float(found)

    def check_schema(self) -> None:
        """Refuse a model whose features are not those this version computes.

        Raises
        ------
        CardError
            An unknown descriptor, or one whose columns have changed since the model was trained.
        """
        try:
            current = find_descriptor(self.descriptor, self.walk or None)  # type: ignore[arg-type]
        except (DescriptorError, ValueError) as error:
            raise CardError(f"{self.name}: {error}") from None
        if self.schema and self.schema != current.digest:
            raise CardError(
                f"{self.name} was trained on another version of {self.descriptor} (schema {self.schema}, here "
                f"{current.digest}): its columns mean something else; use the version of seitz that made it"
            )

    def to_json(self) -> str:
        """The card as JSON text; CardError if it holds what JSON has no place for."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["metrics"] = [asdict(metric) for metric in self.metrics]
        _check_plain(content, self.name)
        return json.dumps(content, ensure_ascii=False, allow_nan=False, default=dict)


def card_from_json(text: str) -> ModelCard:
    """The card behind a JSON text.

    Raises
    ------
    CardError
        The text is no card: the message names the field.
    """
    if len(text) > _LARGEST:
        raise CardError(f"a card of {len(text):,} characters: at most {_LARGEST:,} are read")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CardError(f"the card is no JSON: {error}") from None
    return card_from_dict(content)


def card_from_dict(content: Mapping[str, Any]) -> ModelCard:
    """The card behind a mapping with its fields; CardError names the field that is missing, unknown or wrong."""
    if not isinstance(content, Mapping):
        raise CardError("the card is no JSON object")
    _check_plain(content, "the card")
    values = _checked(ModelCard, content, "")
    return ModelCard(**values)


def covers(card: ModelCard, atomic_numbers: set[int]) -> list[str]:
    """Symbols among these elements that the model has never seen; none where its coverage is unknown."""
    if not card.elements:
        return []
    known = set(card.elements)
    return [SYMBOLS[z] for z in sorted(atomic_numbers) if 1 <= z <= MAX_Z and SYMBOLS[z] not in known]


def _check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Refuse what would not survive being written as JSON; nothing of it is shown, since that may fail as well."""
    if depth > _DEEPEST:
        raise CardError(f"{where[:200]}: nested more than {_DEEPEST} deep")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise CardError(f"{where[:200]}: text that is no Unicode (half of a surrogate pair)") from None
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise CardError(f"{where[:200]}: {value} is no finite number")
    elif isinstance(value, int):
        if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            raise CardError(f"{where[:200]}: a whole number beyond 64 bits")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise CardError(f"{where[:200]}: a key that is no text")
            _check_plain(key, where, depth)
            _check_plain(item, f"{where}.{key[:60]}" if depth else key[:60], depth + 1)
    elif isinstance(value, list | tuple):
        for k, item in enumerate(value):
            _check_plain(item, f"{where}[{k}]", depth + 1)
    elif value is not None and not isinstance(value, Metric):
        raise CardError(f"{where[:200]}: {type(value).__name__} has no place in JSON")


def _checked(kind: type, content: Mapping[str, Any], where: str) -> dict[str, Any]:
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    unknown = [key for key in content if key not in names]
    if unknown:
        raise CardError(f"{where}{unknown[0]:.60}: no such field; there are {', '.join(names)}")
    values: dict[str, Any] = {}
    for f in fields(kind):
        if f.name not in content:
            if f.default is f.default_factory:  # both MISSING: the field has no default
                raise CardError(f"{where}{f.name}: missing")
            continue
        values[f.name] = _value(hints[f.name], content[f.name], f"{where}{f.name}")
    return values


def _value(hint: Any, value: Any, where: str) -> Any:
    """The value of a field, if it is of its type."""
    if hint is str and isinstance(value, str):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(None) in get_args(hint):
        return None if value is None else _value(get_args(hint)[0], value, where)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        inner = get_args(hint)[0]
        return tuple(_value(inner, item, f"{where}[{k}]") for k, item in enumerate(value))
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        return dict(value)
    if hint is Metric and isinstance(value, Mapping):
        return Metric(**_checked(Metric, value, f"{where}."))
    if not isinstance(hint, type):
        hint = get_origin(hint)
    raise CardError(f"{where}: {value!r:.60} is no {getattr(hint, '__name__', hint)}")
