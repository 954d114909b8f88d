"""Ward2017: the 271 features of Ward et al., Phys. Rev. B 96, 024104 (2017)."""

from __future__ import annotations

from .schema import Descriptor, Walk, block_features

_REFERENCE = "Ward et al., Phys. Rev. B 96, 024104 (2017)"


def ward2017(walk: Walk = "self_avoiding") -> Descriptor:
    """All numbers of the block without a scale, in the published order.

    Parameters
    ----------
    walk
        ``"self_avoiding"``: the values of Ward's own program. ``"no_reversal"``: those published models are run
        with. They differ in the third shell.
    """
    by_name = {
        feature.name: feature
        for feature in block_features(walk)
        if feature.source not in ("scale", "ions") and feature.quantity != "atomic fraction"
    }
    order = [name for name in by_name if not name.startswith(("mean_WCMagnitude", "CanFormIonic"))]
    packing = order.index("MaxPackingEfficiency")
    order[packing:packing] = [f"mean_WCMagnitude_Shell{shell}" for shell in (1, 2, 3)]
    order.insert(order.index("MaxIonicChar"), "CanFormIonic")
    return Descriptor("ward2017", "Ward2017", _REFERENCE, tuple(by_name[name] for name in order), walk)
