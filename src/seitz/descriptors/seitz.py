"""``seitz``: KS2022, the composition itself, and what has a length scale."""

from __future__ import annotations

from .ks2022 import in_ks2022
from .schema import Descriptor, Feature, block_features

_REFERENCE = (
    "KS2022 (Krajewski et al., Comput. Mater. Sci. 208, 111254, 2022), atomic fractions, contacts and scale"
)
_N_ELEMENTS = 100


def seitz() -> Descriptor:
    """446 features: KS2022, the fractions of H to Fm, then contacts and numbers with a length.

    KS2022 does not change when a crystal is stretched, and says what the elements are like but not which they are. A
    model of the energy needs both.
    """
    block = block_features()
    fractions = [f for f in block if f.quantity == "atomic fraction"][:_N_ELEMENTS]
    scale = [f for f in block if f.source == "scale"]
    features: tuple[Feature, ...] = (*filter(in_ks2022, block), *fractions, *scale)
    return Descriptor("seitz", "seitz", _REFERENCE, features)
