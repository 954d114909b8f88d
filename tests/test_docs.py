"""The documents around the package hold together: links, commands, the generated page, the citation."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seitz

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
_LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
_ROW = re.compile(r"(?m)^\| (\d+) \| <span id=\"([^\"]+)\"></span>`([^`]+)`\{ \.column \} \|")


def load(name: str) -> ModuleType:
    """A script of the documentation as a module."""
    pytest.importorskip("mkdocs", reason="the documentation is built with mkdocs: pip install 'seitz[docs]'")
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the documentation is built with mkdocs: pip install 'seitz[docs]'")
    pytest.importorskip("mkdocstrings", reason="the API page needs mkdocstrings: pip install 'seitz[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "site").glob("*.html")}
    assert len(pages) > 12
    requested = re.compile(r"<(?:link|script|img|source|iframe)[^>]*\s(?:href|src)=\"?(?:https?:)?//")
    for name, page in pages.items():
        assert not requested.search(page), f"{name} asks another host for something"
        assert ":func:`" not in page and ":class:`" not in page, f"{name} shows raw references"


@pytest.mark.parametrize("name", sorted(seitz.descriptors()))
def test_every_column_has_one_row_in_the_generated_page(name):
    descriptor = seitz.descriptors()[name]
    rows = _ROW.findall(load("hooks").columns_page(descriptor))
    assert [int(index) for index, _, _ in rows] == list(range(len(descriptor)))
    assert [shown for _, _, shown in rows] == list(descriptor.names)
    assert [anchor for _, anchor, _ in rows] == list(descriptor.names)


def test_the_generated_page_of_ks2022_has_256_rows():
    assert len(_ROW.findall(load("hooks").columns_page(seitz.descriptors()["ks2022"]))) == 256


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_to_files(document):
    for target in _LINK.findall((ROOT / document).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), f"{document} links to {target}"


def test_make_commands_in_the_documents_are_targets():
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for path in [*(ROOT / name for name in DOCUMENTS), *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{path.name} names {named - targets}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme and "make test" in readme


def test_options_in_the_command_page_are_those_of_the_command():
    done = subprocess.run(
        [sys.executable, "-c", "from seitz.cli import main; main(['featurize', '--help'])"],
        env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    offered = set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help", "--debug"}
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    section = page[page.index("## seitz featurize") : page.index("## seitz info")]
    assert set(re.findall(r"(?m)^\| `(--[a-z-]+)`", section)) == offered


def test_every_error_class_is_explained():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    classes = [name for name, thing in vars(seitz.errors).items() if isinstance(thing, type)]
    for name in classes:
        assert f"`{name}`" in page, name


def test_every_public_name_is_in_the_reference():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    modules = {"errors", "symmetry"}
    for name in set(seitz.__all__) - modules:
        assert re.search(rf"(?m)^::: seitz\.[\w.]*\b{name}$", page), name
    from seitz import io

    for name in set(io.__all__) - {"replacing"}:
        assert re.search(rf"(?m)^::: seitz\.(?:io|record)\.[\w.]*\b{name}$", page), name


def test_the_citation_file_names_the_package_and_three_papers():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= set(citation)
    assert citation["version"] == seitz.__version__
    assert [(r["journal"], r["volume"], r["start"], r["year"]) for r in citation["references"]] == [
        ("Computational Materials Science", "208", "111254", 2022),
        ("Computational Materials Science", "247", "113495", 2025),
        ("Physical Review B", "96", "024104", 2017),
    ]


def test_the_changelog_has_a_section_for_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^## {re.escape(seitz.__version__)} \(", text)
