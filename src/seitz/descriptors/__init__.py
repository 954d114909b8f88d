"""Descriptors by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import get_args

from seitz.errors import DescriptorError, OptionError

from .ks2022 import ks2022, ks2022_structural
from .schema import Descriptor, Feature, Property, Walk
from .seitz import seitz, seitz_ionic
from .ward2017 import ward2017

__all__ = ["Descriptor", "Feature", "Property", "Walk", "descriptor", "descriptors"]

_MAKERS: dict[str, Callable[..., Descriptor]] = {
    "ks2022": ks2022,
    "ks2022_structural": ks2022_structural,
    "ward2017": ward2017,
    "seitz": seitz,
    "seitz_ionic": seitz_ionic,
}


def descriptor(name: str | Descriptor, walk: Walk | None = None) -> Descriptor:
    """The descriptor of that name, in any case of letters.

    Parameters
    ----------
    name
        Name, or a descriptor, which is returned as it is.
    walk
        Rule of the walks behind the Warren-Cowley magnitudes of Ward2017; ``"self_avoiding"`` by default.

    Raises
    ------
    DescriptorError
        No descriptor has this name; the message lists those there are.
    OptionError
        An unknown rule, or a rule for a descriptor without walks.
    """
    if isinstance(name, Descriptor):
        found = name
    else:
        key = name.lower() if isinstance(name, str) else ""
        if key not in _MAKERS:
            raise DescriptorError(f"no descriptor is called {name!r}; there is {', '.join(_MAKERS)}")
        found = _made(key)
    if walk is None or walk == found.walk:
        return found
    if walk not in get_args(Walk):
        raise OptionError(f"walk={walk!r}: choose one of {', '.join(get_args(Walk))}")
    if found.walk is None:
        raise OptionError(f"walk={walk!r}: {found.name} has no features that walk; ward2017 has")
    return _made(found.name, walk)


@cache
def _made(name: str, *options: str) -> Descriptor:
    return _MAKERS[name](*options)


def descriptors() -> dict[str, Descriptor]:
    """All descriptors by name: the schema of every feature (name, unit, formula, source).

    Examples
    --------
    >>> ks2022 = descriptors()["ks2022"]
    >>> len(ks2022), ks2022.features[12].name, ks2022.features[12].formula
    (256, 'MaxPackingEfficiency', 'Σ_i (4/3) π (min_k d_ik / 2)³ / V')
    """
    return {name: descriptor(name) for name in _MAKERS}
