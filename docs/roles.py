"""Docstrings for the API page: references such as :class:`~seitz.Cell` as links, and types of grouped parameters."""

from __future__ import annotations

import re
from typing import Any

import griffe

# Where a function has the name of its module, the plain name means the function.
_FUNCTIONS = ("seitz.featurize", "seitz.descriptors")
_ROLE = re.compile(r":(?:class|func|meth|attr|mod):`(~?)([\w.]+)`")


class Roles(griffe.Extension):
    """Rewrites roles to links, and tells each of several parameters described together its own type."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object that was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(_link, obj.docstring.value)
            if isinstance(obj, griffe.Function):
                _tell_types(obj, obj.docstring)


def _tell_types(function: griffe.Function, docstring: griffe.Docstring) -> None:
    for section in docstring.parsed:
        if section.kind is griffe.DocstringSectionKind.parameters:
            for described in section.value:
                if described.name in function.parameters:
                    own = function.parameters[described.name]
                    described.annotation, described.value = own.annotation, own.default


def _link(role: re.Match[str]) -> str:
    short, target = role.groups()
    shown = target.rpartition(".")[2] if short else target
    if target in _FUNCTIONS:
        target = f"{target}.{shown.rpartition('.')[2]}"
    return f"[`{shown}`][{target}]" if target.startswith("seitz.") else f"`{shown}`"
