"""KS2022: the 256 features of Krajewski et al., Comput. Mater. Sci. 208, 111254 (2022)."""

from __future__ import annotations

from .schema import Descriptor, block_features


def ks2022() -> Descriptor:
    """Ward2017 without the Warren-Cowley, ionic-formation and space-group features, order unchanged."""
    features = tuple(f for f in block_features() if "SpaceGroupNumber" not in f.properties)
    return Descriptor(
        name="ks2022",
        title="KS2022",
        reference="Krajewski et al., Comput. Mater. Sci. 208, 111254 (2022); 247, 113495 (2025)",
        features=features,
    )
