"""Pages that are written by the code they describe: one page of columns for each descriptor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import seitz
from seitz.descriptors import Descriptor, Feature
from seitz.descriptors.schema import PROPERTIES
from seitz.elements import MAX_Z, SYMBOLS, table

_INTRODUCTION = {
    "cell geometry": "The shapes of the cells; no element enters.",
    "neighbour differences": (
        "How much each cell differs from its neighbours in a property of the elements, weighted by face area; "
        "then a statistic over the sites."
    ),
    "composition": "Neither positions nor cells enter, only which elements there are and how many.",
    "site properties": "Properties of the elements on the sites; positions do not enter.",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages of columns where the navigation has an empty section for them."""
    for entry in config.nav or ():
        for section in entry.values():
            if isinstance(section, list):
                _fill(section)
    return config


def _fill(section: list[Any]) -> None:
    for entry in section:
        if isinstance(entry, dict) and "Feature columns" in entry:
            entry["Feature columns"] = [{d.title: page_name(d)} for d in seitz.descriptors().values()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for descriptor in seitz.descriptors().values():
        files.append(File.generated(config, page_name(descriptor), content=columns_page(descriptor)))
    return files


def page_name(descriptor: Descriptor) -> str:
    """File name of a descriptor's page."""
    return f"columns-{descriptor.name}.md"


def columns_page(descriptor: Descriptor) -> str:
    """All columns of a descriptor in Markdown, grouped by what they are computed from."""
    return "\n".join(_lines(descriptor))


def _lines(descriptor: Descriptor) -> Iterator[str]:
    yield f"# Columns of {descriptor.title}\n"
    yield (
        f"`descriptor=\"{descriptor.name}\"`: {len(descriptor)} columns. {descriptor.reference}. The notation is that of "
        "the [feature guide](features.md); indices count from 0. This page is written from "
        f"`seitz.descriptors()[\"{descriptor.name}\"]`; schema digest `{descriptor.digest}`.\n"
    )
    numbered = list(enumerate(descriptor.features))
    for source, chosen in groupby(numbered, key=lambda pair: pair[1].source):
        rows = list(chosen)
        first, last = rows[0][0], rows[-1][0]
        yield f"## {source.capitalize()}: {first} to {last} {{ #columns-{first} }}\n"
        yield f"{_INTRODUCTION[source]}\n"
        blocks = [(rows[0][1].quantity, rows)]
        if source in ("neighbour differences", "site properties"):
            blocks = [(q, list(part)) for q, part in groupby(rows, key=lambda pair: pair[1].quantity)]
            for quantity, part in blocks:
                yield f"### {quantity[0].upper()}{quantity[1:]}{_unit(part[0][1].unit)} {{ #columns-{part[0][0]}-{part[-1][0]} }}\n"
                yield from _table(part)
        else:
            yield from _table(rows)
    yield from _properties(descriptor)


def _unit(unit: str) -> str:
    return "" if unit == "1" else f", {unit}"


def _table(rows: Sequence[tuple[int, Feature]]) -> Iterator[str]:
    yield "| | column | statistic | unit | formula |"
    yield "|--:|---|---|---|---|"
    for index, feature in rows:
        unit = "" if feature.unit == "1" else feature.unit
        name = f'<span id="{feature.name}"></span>`{feature.name}`'
        yield f"| {index} | {name} | {feature.statistic} | {unit} | {_escaped(feature.formula)} |"
    yield ""


def _escaped(formula: str) -> str:
    for character in "\\|*_^<>[]":
        formula = formula.replace(character, f"&#{ord(character)};")
    return formula


def _properties(descriptor: Descriptor) -> Iterator[str]:
    """The elemental properties behind the columns, and which elements lack them."""
    needed = {name for feature in descriptor.features for name in feature.properties}
    elements = table()
    yield "## Elemental properties\n"
    yield (
        "The values behind the columns: Magpie's tables (Ward et al., npj Comput. Mater. 2, 16028, 2016). What happens "
        "with an element that has no value is said under [missing values](features.md#missing-values).\n"
    )
    yield "| property | meaning | unit | no value for |"
    yield "|---|---|---|---|"
    for column, name in enumerate(elements.names):
        if name in needed:
            known = next(p for p in PROPERTIES if p.name == name)
            unit = "" if known.unit == "1" else known.unit
            yield f"| `{known.label}` | {known.meaning} | {unit} | {_lacking(elements.values[:, column])} |"
    yield (
        "| ionic electronegativity | Pauling electronegativity, as the ionic characters use it | | "
        f"{_lacking(elements.ionic_electronegativity)} |"
    )
    yield ""


def _lacking(values: Any) -> str:
    """Elements without a value, runs of atomic numbers as one range."""
    numbers = [z for z in range(1, MAX_Z + 1) if np.isnan(values[z])]
    runs = [
        [z for _, z in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(
        SYMBOLS[run[0]] if len(run) == 1 else f"{SYMBOLS[run[0]]}–{SYMBOLS[run[-1]]}" for run in runs
    )
