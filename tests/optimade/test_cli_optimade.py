"""``seitz optimade`` against the real server, as somebody at a terminal would use it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from optimade_samples import DOI, FEW, N_PAGES, NESTED, PAGE

from seitz.cli import main
from seitz.optimade import providers, read, store

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
        (["", "-p", "spam"], 2, "no provider is called 'spam': give one of mp, alexandria"),
        (["", "-p", "mp", "--unit", "GPa"], 2, "is in eV/atom, not in GPa, and nothing is converted"),
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


# --- from a filter to a model ------------------------------------------------------------------------------------


@pytest.fixture
def adjust(seitz, server, one_thread):
    """Adjust a bundled model to what is on that shelf."""

    def run(*more: str) -> Outcome:
        usual = ("-p", server.url, "-t", TARGET, "-m", "ks2022", "--no-networks", "--folds", "2")
        return seitz("optimade", "adjust", FEW, *usual, *more)

    return run


def test_one_command_makes_a_model_that_goes_wherever_models_go(adjust, seitz, server, clean):
    pages = ("--page-limit", "8")
    assert (
        seitz("optimade", "fetch", FEW, "-p", server.url, "-t", TARGET, *pages, "-o", "t.parquet").code == 0
    )
    asked = len(server.seen)
    done = adjust("--unit", "eV/atom", *pages, "-o", "mine.onnx", "--json")
    assert (done.code, done.err) == (0, "") and len(
        server.seen
    ) == asked  # what was fetched is not asked for again
    told = json.loads(done.out)
    assert told["output"] == "mine.onnx" and told["n_given"] == len(clean)
    assert told["references"][0].startswith("127.0.0.1:") and told["references"][1:] == [DOI]

    done = seitz("predict", "t.parquet", "--model", "mine.onnx", "--json")
    assert (done.code, done.err) == (0, "")
    predicted = {row["id"]: row["value"] for row in json.loads(done.out)["predictions"]}
    assert set(predicted) == set(clean.ids)
    held = {row["id"]: row["after"] for row in told["rows"] if row["part"] == "test"}
    learned = {row["id"] for row in told["rows"]} - set(held)
    assert held == {name: pytest.approx(predicted[name], abs=1e-5) for name in held} and held

    card = seitz("models", "card", "mine.onnx")
    assert (card.code, card.err) == (0, "")
    assert server.url in card.out and f"filter {FEW}" in card.out and DOI in card.out
    for form in ("fp16", "int8"):
        done = seitz("export", "mine.onnx", "--to", form, "-o", f"{form}.onnx", "--json")
        assert (done.code, done.err) == (0, "") and json.loads(done.out)["form"] == form
        done = seitz("predict", "t.parquet", "--model", f"{form}.onnx", "--json")
        rows = json.loads(done.out)["predictions"]
        assert {row["id"]: pytest.approx(row["value"], abs=0.02) for row in rows} == predicted
        known = [
            row for row in rows if row["lower"] is not None
        ]  # others hold elements of the test part alone
        assert all(row["lower"] < row["value"] < row["upper"] for row in known)
        assert {row["id"] for row in known} >= learned


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "is not known: name it as unit, 'eV/atom' if it is the model's"),
        (["--unit", "GPa"], 2, "ks2022 predicts in eV/atom, and"),
        (["--unit", "eV/atom", "-m", "spam"], 1, "no model is called 'spam'"),
        (["--unit", "eV/atom", "-o", "model.txt"], 2, "must end in .onnx"),
        (["--unit", "eV/atom", "--epochs", "5"], 2, "--epochs and --no-networks contradict one another"),
        (["--unit", "eV/atom", "--folds", "1"], 2, "--folds"),
        (["--unit", "eV/atom", "--level", "90"], 2, "--level"),
    ],
)
def test_what_could_not_be_tuned_is_said_before_anything_is_asked(adjust, server, arguments, code, words):
    done = adjust(*arguments)
    assert done.code == code and words in done.err and done.err.count("\n") == 1
    assert not server.seen and not done.out


# --- as a process ------------------------------------------------------------------------------------------------


def started(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "seitz", "optimade", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, env=os.environ | {"NO_PROXY": "*", "TERM": "xterm"}, text=True, **pipes)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("end", "code", "words"),
    [("SIGINT", 130, "error: interrupted\n"), ("SIGTERM", 143, ""), ("SIGKILL", -9, "")],
)
def test_a_command_that_is_ended_goes_on_when_it_is_repeated(
    fetch, server, tmp_path, monkeypatch, end, code, words
):
    options = ("--page-limit", str(PAGE), "-o", "table.parquet")
    file = tmp_path / "table.parquet"
    server.reset({3: "hang"})
    with started("fetch", FEW, "-p", server.url, "-t", TARGET, *options, cwd=tmp_path) as process:
        assert server.reached.wait(60)
        process.send_signal(getattr(signal, end))
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", words)
    assert not list(tmp_path.glob("*table*"))
    server.reset()
    assert fetch(*options).code == 0 and len(server.seen) == N_PAGES - 3
    resumed = file.read_bytes()
    day = read(file).provenance.sources[0].date  # of the process, whose clock is the real one
    monkeypatch.setattr(store, "today", lambda: day)
    server.reset()
    assert fetch(*options, "--cache", "elsewhere").code == 0 and len(server.seen) == N_PAGES
    assert file.read_bytes() == resumed


def test_two_processes_do_not_ask_for_the_same(fetch, server, tmp_path):
    options = ("--page-limit", str(PAGE), "-o", "table.parquet")
    asked = ("fetch", FEW, "-p", server.url, "-t", TARGET, *options)
    server.reset({3: "hang"})
    with started(*asked, cwd=tmp_path) as first:
        assert server.reached.wait(60)
        with started(*asked, cwd=tmp_path) as second:
            out, err = second.communicate(timeout=60)
        assert (second.returncode, out) == (1, "") and err.count("\n") == 1
        assert "another process is fetching the same into" in err and str(tmp_path / "cache") in err
        assert len(server.seen) == 4
        other = fetch("--page-limit", "50", "-o", "other.parquet")  # another question is nobody's business
        assert other.code == 0
        first.kill()
    server.reset()
    assert fetch(*options).code == 0 and len(server.seen) == N_PAGES - 3


def test_a_wait_is_explained_on_a_terminal_and_nowhere_else(fetch, server, tmp_path):
    options = ("--page-limit", str(PAGE), "-o", "table.parquet", "--json")
    pty = pytest.importorskip("pty", reason="terminals of POSIX")
    server.reset({1: "503", 3: "429"})
    shown, terminal = pty.openpty()
    with started(
        "fetch", FEW, "-p", server.url, "-t", TARGET, *options, cwd=tmp_path, stderr=terminal
    ) as process:
        os.close(terminal)
        text = b""
        with contextlib.suppress(OSError):  # Linux says so that the other end is closed
            while part := os.read(shown, 4096):
                text += part
        out, _ = process.communicate(timeout=60)
    os.close(shown)
    assert process.returncode == 0 and json.loads(out)["structures"] == 39
    seen = text.decode()
    assert "HTTP 503, again in 1 s (2 of 6)" in seen and "HTTP 429, server asks to wait 1 s (2 of 6)" in seen
    assert "of 48 records" in seen


def test_waits_are_logged_for_programs(fetch, server, caplog, waits):
    server.reset({0: "503", 1: "truncate", 2: "429"})
    server.retry_after = "30"
    with caplog.at_level("INFO", logger="seitz"):
        done = fetch("-o", "table.parquet")
    assert done.code == 0 and not done.err and waits == [1.0, 2.0, 30.0]
    first, second, third = [
        record.getMessage() for record in caplog.records if record.name.startswith("seitz")
    ]
    assert (
        first == "HTTP 503, again in 1 s (2 of 6)" and third == "HTTP 429, server asks to wait 30 s (4 of 6)"
    )
    assert second.endswith("is no whole JSON text, again in 2 s (3 of 6)")


def test_known_providers_are_listed(seitz):
    done = seitz("optimade", "providers")
    assert done.code == 0
    assert {line.split()[0] for line in done.out.splitlines() if line[0] != " "} == set(providers())
    assert f"    --target {'/'.join(providers()['mp'].databases[0].targets[0].path[1:])}\n" in done.out
    rows = json.loads(seitz("optimade", "providers", "--json").out)
    assert {row["unit"] for row in rows} == {"eV/atom"} and {row["provider"] for row in rows} == set(
        providers()
    )
