"""From a filter to a tuned model."""

from __future__ import annotations

import dataclasses

import pytest
from optimade_samples import DOI, FEW, N_FEW, NESTED

import seitz
from seitz.errors import OptionError
from seitz.optimade import Database, Provider, Target, adjust, adjust_to, fetch

ENERGY = Target(NESTED, "formation energy", "eV/atom", "PBE")


@pytest.fixture
def lab(server):
    """A provider whose energies have a unit."""
    return Provider("lab", (Database("lab", server.url, (ENERGY,)),))


def test_three_lines_lead_from_a_filter_to_a_model(lab, clean, tmp_path, one_thread):
    told = []
    tuned = adjust(
        lab, FEW, model="ks2022", networks=False, n_folds=2, progress=lambda *steps: told.append(steps)
    )
    tuned.save(tmp_path / "tuned.onnx")
    assert told[0] == ("fetching", N_FEW, N_FEW) and len({what for what, _, _ in told}) > 1
    assert set(tuned.report.ids) <= set(clean.ids) and tuned.report.n_given == len(clean)
    origin, *publications = tuned.report.references
    assert origin.startswith(
        f"lab lab ({lab.databases[0].base_url}/v1), attributes/_seitz_stability/gga_gga+u/"
    )
    assert f"PBE, filter {FEW}, {N_FEW} records of 2026-01-01, sha256 " in origin
    assert publications == [DOI]
    assert len(seitz.predict(clean.structures[:3], model=str(tmp_path / "tuned.onnx"))) == 3


def test_what_is_missing_and_who_is_cited_is_known_of_the_model(lab, server, one_thread, caplog):
    def lose(document):
        del document["data"][3]

    server.reset({0: lose})
    tuned = adjust(lab, FEW, model="ks2022", networks=False, n_folds=2, references=["own data", DOI])
    origin, *others = tuned.report.references
    assert f", {N_FEW - 1} of {N_FEW} records of 2026-01-01, sha256 " in origin and others == [
        DOI,
        "own data",
    ]
    assert f"announced {N_FEW} records and sent {N_FEW - 1}" in caplog.text


def test_one_text_is_no_list_of_references(lab, clean, server, one_thread):
    server.reset()
    known = dataclasses.replace(clean, target=ENERGY)
    for run in (
        lambda: adjust(lab, FEW, references="own data"),
        lambda: adjust_to(known, references="own data"),
    ):
        with pytest.raises(OptionError, match=r"give a list of texts, such as \['own data'\]"):
            run()
    assert not server.seen


def test_the_unit_must_be_that_of_the_model_before_anything_is_asked(server, clean, one_thread):
    with pytest.raises(
        OptionError, match=r"the unit of .* is not known: name it as unit, 'eV/atom' if it is"
    ):
        adjust_to(clean)
    with pytest.raises(OptionError, match="structures alone have no targets"):
        adjust_to(fetch(server.url, "nsites=3", ()))
    server.reset()
    with pytest.raises(
        OptionError, match=r"default predicts in eV/atom, and .* is in GPa: fetch a table, and"
    ):
        adjust(server.url, "nsites=3", NESTED, unit="GPa")
    with pytest.raises(OptionError, match=r"level=1\.5"):
        adjust(server.url, "nsites=3", NESTED, unit="eV/atom", level=1.5)
    assert not server.seen
