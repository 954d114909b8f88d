"""The card inside a model file, and the digest that binds it to the graph it was written for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from seitz.errors import CardError, ModelError

from .card import METADATA_KEY, ModelCard, card_from_json

if TYPE_CHECKING:
    from onnx import ModelProto


def with_card(proto: ModelProto, card: ModelCard) -> bytes:
    """The file of a graph with its card, which takes the place of another one; other metadata stay.

    Raises
    ------
    CardError
        The card would not be read again.
    ModelError
        The file cannot be written.
    """
    from google.protobuf.message import EncodeError

    text = replace(card, graph=graph_digest(proto)).to_json()
    card_from_json(text)  # what is too long to be read again is refused now
    try:
        others = [(entry.key, entry.value) for entry in proto.metadata_props if entry.key != METADATA_KEY]
        del proto.metadata_props[:]
        for key, value in ((METADATA_KEY, text), *others):
            proto.metadata_props.add(key=key, value=value)
        return bytes(proto.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise ModelError(f"the card cannot be put into the file: {error}") from None


def check_graph(content: bytes, card: ModelCard) -> None:
    """Refuse a file whose graph is not the one that its card was written for; CardError says so."""
    import onnx

    if card.graph and graph_digest(onnx.ModelProto.FromString(content)) != card.graph:
        raise CardError(
            f"{card.name}: the graph or its weights are not those that the card was written for: get the file anew, or "
            "say what it is with seitz.models.add(path, descriptor=..., property=..., unit=...)"
        )


def graph_digest(proto: ModelProto) -> str:
    """SHA-256 of everything but the metadata."""
    bare = type(proto)()
    bare.CopyFrom(proto)
    del bare.metadata_props[:]
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()
