"""Published models that are too large to be part of the package: where they are, and what they take."""

from __future__ import annotations

from typing import NamedTuple

from .card import ModelCard

_ZENODO = "https://zenodo.org/records/7373089/files"
_CONCEPT = "https://doi.org/10.5281/zenodo.4006802"


class Published(NamedTuple):
    """A model to be downloaded."""

    card: ModelCard
    address: str


def _sipfenn(key: str, title: str, descriptor: str, walk: str, citation: str) -> Published:
    card = ModelCard(
        name=key, title=title, property="formation energy", unit="eV/atom", descriptor=descriptor, walk=walk,
        training="OQMD formation energies", citation=f"{citation}; {_CONCEPT}",
        limits=("no intervals, and no word on what is outside its domain",),
    )  # fmt: skip
    return Published(card, f"{_ZENODO}/{key}.onnx")


_FIRST = "Krajewski et al., Comput. Mater. Sci. 208, 111254 (2022)"

PUBLISHED: tuple[Published, ...] = (
    _sipfenn("SIPFENN_Krajewski2020_NN9", "SIPFENN NN9, standard", "ward2017", "no_reversal", _FIRST),
    _sipfenn(
        "SIPFENN_Krajewski2020_NN20", "SIPFENN NN20, novel materials", "ward2017", "no_reversal", _FIRST
    ),
    _sipfenn("SIPFENN_Krajewski2020_NN24", "SIPFENN NN24, light", "ward2017", "no_reversal", _FIRST),
    _sipfenn("SIPFENN_Krajewski2022_NN30", "SIPFENN NN30, on KS2022", "ks2022", "", _FIRST),
)
