"""The house rules that a reader relies on: imports point downwards, importing is cheap, files stay readable."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "seitz"

#: What each module or package may import, from the door upwards. Leaves see the spine, never one another.
LAYERS = [
    {"errors", "_typing", "_core"},
    {"elements", "finders", "lattices", "_optional", "_web"},
    {"cell", "descriptors", "ions"},
    {"adapters", "environments", "record", "table"},
    {"conversions", "missing", "subsets", "symmetry"},
    {"tessellation", "prototypes"},
    {"batch"},
    {"featurize"},
]
SPINE = {name: level for level, names in enumerate(LAYERS) for name in names}
LEAVES = {
    "io",
    "estimator",
    "parallel_files",
    "defects",
    "alloys",
    "models",
    "optimade",
    "plots",
    "tune",
    "cli",
}
#: Imports inside functions, of leaves by the spine: readers and writers on first use.
LAZY = {
    *((spine, "io") for spine in ("adapters", "alloys", "featurize", "plots", "prototypes", "table")),
    ("plots", "alloys"),
}


def imports(path: Path) -> set[tuple[str, bool]]:
    """(top-level name inside the package, whether at module level) of every import of the package's own code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    depth = len(path.relative_to(SOURCE).parts)
    found: set[tuple[str, bool]] = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == depth:
                names = [module] if module else [alias.name for alias in node.names]
            elif node.level == 0 and module.split(".")[0] == "seitz":
                rest = module.partition(".")[2]
                names = [rest] if rest else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name.partition(".")[2] for a in node.names if a.name.startswith("seitz.")]
        found |= {(name.split(".")[0], node.col_offset == 0) for name in names}
    return found


MODULES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_imports_point_downwards(path):
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name, at_top in imports(path):
        if name == own or name not in SPINE | dict.fromkeys(LEAVES, 0):
            continue
        assert name != "cli" or own == "__main__", "nothing imports the command line"
        if own in SPINE and name in SPINE:
            assert SPINE[name] < SPINE[own] or not at_top, f"{own} imports {name}"
        if own in SPINE and name in LEAVES:
            assert (own, name) in LAZY, f"{own} imports the leaf {name}"
            assert not at_top
        # These bring files and the spine together.
        if own in LEAVES - {"parallel_files", "models", "optimade", "tune", "cli"}:
            lazy = (own, name) in LAZY and not at_top
            assert lazy or name not in LEAVES, f"the leaf {own} imports the leaf {name}"


def test_every_module_of_the_spine_has_its_place():
    tops = {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in MODULES}
    assert tops - LEAVES - {"__main__", "__init__", "data"} <= set(SPINE)


def test_importing_loads_numpy_and_the_core_only():
    code = "import sys, seitz; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    heavy = {
        "pyarrow",
        "gemmi",
        "moyopy",
        "typer",
        "rich",
        "click",
        "sklearn",
        "pandas",
        "scipy",
        "spglib",
        "plotly",
        "pymatgen",
        "yaml",
        "onnx",
        "onnxruntime",
        "pooch",
        "torch",
    }
    assert not loaded & heavy
    assert {"numpy", "seitz"} <= loaded


def test_public_names_are_listed_and_there():
    import seitz

    for name in seitz.__all__:
        assert getattr(seitz, name) is not None
        assert name in dir(seitz)
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = seitz.nothing_like_this


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - body[0].lineno if body else 0
            assert length <= 60, f"{node.name} has {length} lines"
