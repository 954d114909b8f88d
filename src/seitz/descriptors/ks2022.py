"""KS2022: the 256 features of Krajewski et al., Comput. Mater. Sci. 208, 111254 (2022)."""

from __future__ import annotations

from .schema import Descriptor, Feature, block_features

_REFERENCE = "Krajewski et al., Comput. Mater. Sci. 208, 111254 (2022); 247, 113495 (2025)"


def in_ks2022(feature: Feature) -> bool:
    """Whether a feature of the block is one of KS2022, which has no chemical order and no space groups of elements."""
    return (
        feature.source not in ("chemical order", "scale", "ions")
        and feature.quantity != "atomic fraction"
        and "SpaceGroupNumber" not in feature.properties
    )


def ks2022() -> Descriptor:
    """Ward2017 without the Warren-Cowley, ionic-formation and space-group features, order unchanged."""
    return Descriptor("ks2022", "KS2022", _REFERENCE, tuple(f for f in block_features() if in_ks2022(f)))


def ks2022_structural() -> Descriptor:
    """The 103 features of KS2022 that the published "only structural" variant keeps."""
    features = ks2022().features
    kept = features[0:68] + features[73:93] + features[98:113]
    return Descriptor("ks2022_structural", "KS2022, structural features only", _REFERENCE, kept)
