"""``seitz``: KS2022, the composition itself, and what has a length scale; ``seitz_ionic``: ions as well."""

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


def seitz_ionic() -> Descriptor:
    """494 features: ``seitz``, then site potentials and bond valences of guessed charges.

    Faces tell each site from its neighbours. Which arrangement of the same ions is lower is also decided by the
    farther ones, and by whether charges are balanced where they sit.
    """
    own = [f for f in block_features() if f.source == "ions"]
    return Descriptor("seitz_ionic", "seitz with ions", f"{_REFERENCE}, ions", (*seitz().features, *own))
