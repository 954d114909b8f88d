"""The prototypes that come with the package, one YAML file each."""

from __future__ import annotations

from functools import cache
from typing import Any

from .model import BUILT_IN, Prototype
from .schema import names_in, prototype_from
from .yamlfile import parse_yaml

#: In the order of the list: those of the published library first.
NAMES = (
    "FCC", "BCC", "HCP", "Diamond", "DHCP", "Sn_A5", "SC", "As_A7", "U_A20", "Ga_A11",
    "A15", "B2", "L1_2", "sigma", "C14", "C15", "fluorite", "perovskite", "spinel",
)  # fmt: skip


@cache
def all_names() -> tuple[tuple[str, ...], ...]:
    """Name and aliases of each."""
    return tuple((name, *aliases) for name, aliases in (names_in(_content(name), BUILT_IN) for name in NAMES))


@cache
def built_in(name: str) -> Prototype:
    """The one of exactly that name."""
    return prototype_from(_content(name), BUILT_IN)


@cache
def _content(name: str) -> dict[str, Any]:
    from importlib.resources import files  # slow to import, and only needed here

    return parse_yaml((files("seitz") / "data" / "prototypes" / f"{name}.yaml").read_bytes(), BUILT_IN)
