"""Descriptors by name."""

from __future__ import annotations

from functools import cache

from seitz.errors import DescriptorError

from .ks2022 import ks2022
from .schema import Descriptor, Feature, Property

__all__ = ["Descriptor", "Feature", "Property", "descriptor", "descriptors"]

_MAKERS = {"ks2022": ks2022}


def descriptor(name: str) -> Descriptor:
    """The descriptor of that name.

    Raises
    ------
    DescriptorError
        No descriptor has this name; the message lists those there are.
    """
    if not isinstance(name, str) or name not in _MAKERS:
        raise DescriptorError(f"no descriptor is called {name!r}; there is {', '.join(_MAKERS)}")
    return _made(name)


@cache
def _made(name: str) -> Descriptor:
    return _MAKERS[name]()


def descriptors() -> dict[str, Descriptor]:
    """All descriptors by name: the schema of every feature (name, unit, formula, source).

    Examples
    --------
    >>> ks2022 = descriptors()["ks2022"]
    >>> len(ks2022), ks2022.features[12].name, ks2022.features[12].formula
    (256, 'MaxPackingEfficiency', 'Σ_i (4/3) π (min_k d_ik / 2)³ / V')
    """
    return {name: descriptor(name) for name in _MAKERS}
