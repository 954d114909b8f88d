"""``seitz optimade`` against the real server, as somebody at a terminal would use it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from optimade_samples import FEW, NESTED

from seitz.cli import main
from seitz.optimade import providers, read

TARGET = "/".join(NESTED[1:])


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def seitz(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def fetch(seitz, server):
    """Fetch what is on one shelf."""

    def run(*more: str) -> Outcome:
        return seitz("optimade", "fetch", FEW, "--provider", server.url, "--target", TARGET, *more)

    return run


def test_a_filter_becomes_a_file_and_a_summary(fetch, server, clean):
    done = fetch("-o", "table.parquet", "--unit", "eV/atom", "--page-limit", "8")
    assert done.code == 0 and not done.err
    name = server.url.partition("://")[2]
    assert done.out.splitlines() == [
        "39 structures, formation_energy_per_atom (eV/atom) → table.parquet",
        f"  {name}: 48 records of 2026-01-01",
        "  9 skipped: 4 disordered, 3 no target, 1 bad structure, 1 target is no number",
    ]
    table = read("table.parquet")
    assert table.ids == clean.ids and table.unit == "eV/atom"


def test_programs_get_one_json_object(fetch, server):
    done = fetch("-o", "table.csv", "--json", "--limit", "10")
    told = json.loads(done.out)
    assert told["output"] == "table.csv" and told["unit"] is None
    assert told["structures"] + told["skipped"] == 10 == told["sources"][0]["n_received"]
    assert told["target"] == "/".join(NESTED) and told["filter"] == FEW
    assert sum(told["reasons"].values()) == told["skipped"]


def test_the_file_goes_on_to_features_and_predictions(fetch, seitz):
    assert fetch("-o", "table.parquet", "--limit", "20").code == 0
    n = len(read("table.parquet"))
    done = seitz("featurize", "table.parquet", "-o", "features.csv")
    assert done.code == 0 and done.out.startswith(f"{n} structures")
    done = seitz("predict", "table.parquet", "--json")
    assert [row["id"] for row in json.loads(done.out)["predictions"]] == list(read("table.parquet").ids)


def test_structures_alone_have_no_unit(fetch, seitz, server):
    done = seitz("optimade", "fetch", "nsites<3", "-p", server.url, "--no-target", "-o", "table.parquet")
    assert done.code == 0 and done.out.partition(" → ")[0].endswith("structures")


def test_warnings_are_in_the_words_of_the_command_line(fetch, server):
    def lose(document):
        del document["data"][0]

    server.reset({0: lose})
    done = fetch("-o", "table.parquet")
    assert done.code == 0
    assert "  warning: the provider announced 48 records and sent 47; --refresh asks again" in done.out


def test_nothing_that_could_be_used_is_a_failure_and_writes_nothing(seitz, server, tmp_path):
    done = seitz("optimade", "fetch", 'id="null-1"', "-p", server.url, "-t", TARGET, "-o", "table.parquet")
    assert done.code == 1 and "0 structures" in done.out and "nothing written" in done.out
    assert "1 skipped: 1 no target" in done.out
    assert not (tmp_path / "table.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["elements HAS", "-t", "_a"], 1, "page 1: refused with status 400 (Bad Request): Bad Request: Unable"),
        (["", "-t", "_a", "--page-limit", "1000"], 1, "refused with status 403"),
        ([""], 2, "is not known: name the path of a number as target"),
        (["", "-t", "_a", "--no-target"], 2, "--target and --no-target contradict one another"),
        (["", "-t", "_a", "-o", "table.npz"], 2, "the name must end in .parquet, .csv"),
        (["", "-t", "_a", "-o", "missing/table.csv"], 2, "no such folder"),
        (["", "-p", "spam"], 2, "give one of mp, alexandria"),
        (["", "-p", "alexandria"], 2, "alexandria has several databases, whose values differ: name one of pbe"),
        (["", "-p", "alexandria", "--database", "pbe", "--database", "scan"], 2, "unless you say so: --mix"),
        (["", "-t", "_a", "--limit", "0"], 2, "--limit"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_and_an_exit_code(seitz, server, tmp_path, arguments, code, words):
    usual = [] if "-p" in arguments else ["-p", server.url]
    usual += [] if "-o" in arguments else ["-o", "table.parquet"]
    done = seitz("optimade", "fetch", *usual, *arguments)
    assert done.code == code and words in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.glob("table*"))


def test_known_providers_are_listed(seitz):
    done = seitz("optimade", "providers")
    assert done.code == 0
    assert {line.split()[0] for line in done.out.splitlines() if line[0] != " "} == set(providers())
    assert f"    --target {'/'.join(providers()['mp'].databases[0].targets[0].path[1:])}\n" in done.out
    rows = json.loads(seitz("optimade", "providers", "--json").out)
    assert {row["unit"] for row in rows} == {"eV/atom"} and {row["provider"] for row in rows} == set(
        providers()
    )
