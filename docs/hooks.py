"""Pages that are written by the code they describe: one page of columns for each descriptor, and tables of figures.

The figures come from `docs/assets/benchmarks.json`: the latest result of every case of `make bench`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import seitz
from seitz.descriptors import Descriptor, Feature
from seitz.descriptors.schema import PROPERTIES
from seitz.elements import MAX_Z, SYMBOLS, table

FIGURES = Path(__file__).parent / "assets" / "benchmarks.json"
SCALING = FIGURES.with_name("scaling.svg")
MODELS = FIGURES.with_name("models.json")

_INTRODUCTION = {
    "cell geometry": "The shapes of the cells; no element enters.",
    "neighbour differences": (
        "How much each cell differs from its neighbours in a property of the elements, weighted by face area; "
        "then a statistic over the sites."
    ),
    "chemical order": (
        "Random walks over the faces, and whether the elements can form an ionic compound: see the "
        "[page on Ward2017](ward2017.md)."
    ),
    "scale": (
        "What has a length: these change when a crystal is stretched. *w*<sub>ik</sub> is the share of face *k* in the "
        "surface of the cell of site *i*, ω<sub>ik</sub> its share of the solid angle, *r* covalent radii, *X* "
        "electronegativities, *V*⁰ the volume per atom of the elements."
    ),
    "ions": (
        "What an ionic picture says, with charges guessed from the composition: see the [feature guide]"
        "(features.md#ions-seitz_ionic). *q* are formal charges, *r* covalent radii, *R*<sub>ik</sub> the length of a "
        "bond of valence 1, *n*<sub>ik</sub> the direction of a face."
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
        f'`descriptor="{descriptor.name}"`: {len(descriptor)} columns. {descriptor.reference}. The notation is that of '
        "the [feature guide](features.md); indices count from 0; without a unit, a column is a pure number. "
        f'This page is written from `seitz.descriptors()["{descriptor.name}"]`; schema digest `{descriptor.digest}`.\n'
    )
    numbered = list(enumerate(descriptor.features))
    for source, chosen in groupby(numbered, key=lambda pair: pair[1].source):
        rows = list(chosen)
        first, last = rows[0][0], rows[-1][0]
        yield f"## {source.capitalize()}: {first} to {last} {{ #columns-{first} }}\n"
        yield f"{_INTRODUCTION[source]}\n"
        if source in ("neighbour differences", "site properties"):
            for quantity, part in groupby(rows, key=lambda pair: pair[1].quantity):
                yield from _block(quantity, list(part))
        else:
            yield from _table(rows)
    yield from _properties(descriptor)


def _block(quantity: str, rows: Sequence[tuple[int, Feature]]) -> Iterator[str]:
    """The statistics of one elemental property."""
    unit = rows[0][1].unit
    title = quantity[0].upper() + quantity[1:] + ("" if unit == "1" else f", {unit}")
    yield f"### {title} {{ #columns-{rows[0][0]}-{rows[-1][0]} }}\n"
    yield from _table(rows)


def _table(rows: Sequence[tuple[int, Feature]]) -> Iterator[str]:
    """Columns that are not the same everywhere: units only where there are some, a shared definition only once."""
    definitions = {feature.formula.partition(", ")[2] for _, feature in rows}
    shared = definitions.pop() if len(definitions) == 1 else ""
    shared = shared if " = " in shared else ""
    heads = ["", "column", *([] if _all(rows, "unit", "1") else ["unit"])]
    heads += [*([] if _all(rows, "statistic", "") else ["statistic"]), "formula"]
    yield "| " + " | ".join(heads) + " |"
    yield "|--:" + "|---" * (len(heads) - 1) + "|"
    for index, feature in rows:
        cells = {
            "": str(index),
            "column": f'<span id="{feature.name}"></span>`{feature.name}`{{ .column }}',
            "unit": feature.unit,
            "statistic": feature.statistic,
            "formula": typeset(feature.formula.removesuffix(f", {shared}")),
        }
        yield "| " + " | ".join(cells[head] for head in heads) + " |"
    yield ""
    if shared:
        yield f"with {typeset(shared)}\n"


def _all(rows: Sequence[tuple[int, Feature]], name: str, value: str) -> bool:
    return all(getattr(feature, name) == value for _, feature in rows)


def typeset(formula: str) -> str:
    """Plain-text formula with raised and lowered parts, safe inside a Markdown table."""
    formula = html.escape(formula, quote=False).replace("|", "&#124;").replace("*", "&#42;").replace("'", "′")
    formula = re.sub(r"_([a-z]+′?(?:,[a-z])?)", r"<sub>\1</sub>", formula)
    return re.sub(r"\^(?:\(([^)]*)\)|(\d+))", lambda m: f"<sup>{m[1] or m[2]}</sup>", formula)


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
    runs = [[z for _, z in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(
        SYMBOLS[run[0]] if len(run) == 1 else f"{SYMBOLS[run[0]]}–{SYMBOLS[run[-1]]}" for run in runs
    )


# --- benchmarks --------------------------------------------------------------------------------------------------

_CASES = {
    "reference": "Against the published implementation",
    "kernel": "Kernel, features of the site included",
    "batch": "Batches from arrays",
    "decorations": "Decorations of one tessellation",
    "command": "The command, from files to a table",
    "variants": "Defects, random alloys, Ward2017",
    "threads": "Threads",
    "import": "Import",
    "scaling": "Large structures",
    "memory": "Memory",
}


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the tables of figures and the plot of large structures where the page wants them."""
    if page.file.src_uri == "models.md" and MODELS.exists():
        table = models_table(json.loads(MODELS.read_text(encoding="utf-8")))
        before, rest = markdown.split("<!-- models -->")
        return before + table + rest.split("<!-- /models -->")[1]
    if page.file.src_uri != "benchmarks.md":
        return markdown
    tables = figures(json.loads(FIGURES.read_text(encoding="utf-8"))) if FIGURES.exists() else ""
    plot = "![Time per atom and memory against the number of atoms](assets/scaling.svg)\n"
    markdown = markdown.replace("<!-- scaling -->", plot if SCALING.exists() else "")
    return markdown.replace("<!-- figures -->", tables)


_COLUMNS = {
    "default": "`default`", "cross_validated": "one member, all systems", "ks2022": "`ks2022`",
    "forest": "KS2022, random forest", "composition": "composition, boosted trees",
}  # fmt: skip
_FIGURES = {
    "mae_mp": "mean absolute error, Materials Project, eV/atom",
    "mae_mp_near_hull": "… at most 0.1 eV/atom above the hull",
    "mae_mp_above_hull": "… more than that",
    "mae_wbm": "mean absolute error, WBM without corrected anions",
    "mae_wbm_random": "mean absolute error, WBM, all anions",
    "polymorphs": "polymorphs more than 20 meV/atom apart in the right order",
    "rises_strain": "energy rises when a crystal is strained",
    "rises_rattle": "energy rises when a crystal is rattled",
    "coverage_mp": "share inside the 90 % interval, Materials Project",
    "width_mp": "mean width of the interval, Materials Project, eV/atom",
    "coverage_wbm": "share inside, WBM without corrected anions",
    "flag": "median error outside the domain over that inside",
}


def models_table(document: dict[str, Any]) -> str:
    """Figures of the bundled models and of simpler ones, side by side, with 95 % intervals or numbers of cases."""
    lines = [
        "| | " + " | ".join(_COLUMNS.values()) + " |",
        "|---" + "|--:" * len(_COLUMNS) + "|",
    ]
    for key, title in _FIGURES.items():
        cells = [_judged(document[column].get(key)) for column in _COLUMNS]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _judged(found: Any) -> str:
    """A figure; (figure, number of cases); (figure, lower, upper, number); or (inside, outside, ratio)."""
    if found is None:
        return ""
    if isinstance(found, float):
        return f"{found:.3f}"
    if len(found) == 2:
        return f"{found[0]:.2f} ({found[1]:,})"
    if len(found) == 3:
        return f"{found[2]:.1f}"
    return f"{found[0]:.3f} ({found[1]:.3f}–{found[2]:.3f})"


def figures(document: dict[str, Any]) -> str:
    """One table per case of a result of `make bench`."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['processors']} processors at a load of {machine['load_average'][0]}; "
        f"{machine['system']}, Python {machine['python']}, {versions}.\n"
    ]
    for case, rows in groupby(document["results"], key=lambda row: row["case"]):
        lines += [
            f"### {_CASES.get(case, case.capitalize())}\n",
            "| | best | median | unit | bar |",
            "|---|--:|--:|---|---|",
        ]
        for row in rows:
            bar = "" if row["bar"] is None else f"{'≤' if row['better'] == 'lower' else '≥'} {row['bar']:,g}"
            verdict = {None: "", True: " ✓", False: " missed"}[row["passed"]]
            cells = (row["name"], _figure(row["best"]), _figure(row["median"]), row["unit"], bar + verdict)
            lines.append("| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
