"""Providers, their databases and targets: what belongs to different functionals is never mixed unasked."""

from __future__ import annotations

import numpy as np
import pytest
from optimade_samples import NESTED

from seitz.errors import OptionError
from seitz.optimade import Database, Provider, Target, fetch, providers
from seitz.optimade.query import Query

ENERGY = Target(NESTED, "formation energy", "eV/atom", "PBE")


@pytest.fixture
def lab(server, second):
    """A provider with two databases, which share twelve crystals and no energy."""
    other = Target(NESTED, "formation energy", "eV/atom", "PBEsol")
    return Provider("lab", (Database("pbe", server.url, (ENERGY,)), Database("pbesol", second.url, (other,))))


def test_one_of_several_databases_must_be_named(lab, server):
    with pytest.raises(
        OptionError, match="lab has several databases, whose values differ: name one of pbe, pbesol"
    ):
        fetch(lab, "nsites<5")
    with pytest.raises(OptionError, match="database 'scan': lab has pbe, pbesol"):
        fetch(lab, "nsites<5", database="scan")
    with pytest.raises(OptionError, match="do not belong together unless you say so: mix=True"):
        fetch(lab, "nsites<5", database=("pbe", "pbesol"))
    assert not server.seen


def test_databases_are_kept_apart(lab, server, second):
    one, other = fetch(lab, "", database="pbe"), fetch(lab, "", database="pbesol")
    assert set(one.databases) == {"pbe"} and set(other.databases) == {"pbesol"}
    assert (one.target.functional, other.target.functional) == ("PBE", "PBEsol")
    assert set(other.ids) < set(one.ids)
    energies = dict(zip(one.ids, one.targets, strict=True))
    differences = [value - energies[i] for i, value in zip(other.ids, other.targets, strict=True)]
    np.testing.assert_allclose(differences, 0.25, atol=1e-12)


def test_what_is_mixed_on_request_says_where_each_record_is_from(lab):
    one, other = fetch(lab, "", database="pbe"), fetch(lab, "", database="pbesol")
    both = fetch(lab, "", database=("pbe", "pbesol"), mix=True)
    assert both.databases == ("pbe",) * len(one) + ("pbesol",) * len(other)
    assert both.targets.tolist() == [*one.targets, *other.targets]
    assert both.unit == "eV/atom" and both.target.functional == ""
    assert [source.functional for source in both.provenance.sources] == ["PBE", "PBEsol"]
    assert len(both.skipped) == len(one.skipped) and "duplicate" not in both.reasons
    positions = [entry.index for entry in both.skipped]
    assert positions == [entry.index for entry in one.skipped]


def test_a_limit_and_progress_count_over_all_databases(lab):
    told = []
    both = fetch(lab, "", database=("pbe", "pbesol"), mix=True, limit=10, progress=lambda *p: told.append(p))
    assert [source.n_received for source in both.provenance.sources] == [10, 10]
    assert told == [(10, 10), (20, 20)]


def test_units_are_never_mixed(server, second):
    own = Provider(
        "lab",
        (
            Database("a", server.url, (ENERGY,)),
            Database("b", second.url, (Target(NESTED, "formation energy", "kJ/mol"),)),
        ),
    )
    with pytest.raises(OptionError, match="the units of a, b differ"):
        fetch(own, "", database=("a", "b"), mix=True)
    with pytest.raises(OptionError, match="is in eV/atom, not in meV/atom, and nothing is converted"):
        fetch(own, "", database="a", unit="meV/atom")


def test_the_targets_of_a_known_provider_have_a_unit_and_a_functional():
    known = providers()
    assert list(known) == ["mp", "alexandria", "jarvis", "oqmd", "mpdd"]
    for provider in known.values():
        for database in provider.databases:
            assert database.base_url.startswith("http") and not database.base_url.endswith("/")
            for target in database.targets:
                assert target.path[0] == "attributes" and target.path[1].startswith("_")
                assert (
                    target.property == "formation energy" and target.unit == "eV/atom" and target.functional
                )


def test_published_paths_of_targets_are_known():
    def paths(name):
        return {target.path for database in providers()[name].databases for target in database.targets}

    assert ("attributes", "_mp_stability", "gga_gga+u", "formation_energy_per_atom") in paths("mp")
    assert ("attributes", "_alexandria_scan_formation_energy_per_atom") in paths("alexandria")
    assert ("attributes", "_alexandria_formation_energy_per_atom") in paths("alexandria")
    assert ("attributes", "_jarvis_formation_energy_peratom") in paths("jarvis")
    assert ("attributes", "_mpdd_formationenergy_sipfenn_krajewski2020_novelmaterialsmodel") in paths("mpdd")


def test_a_known_provider_can_be_asked_at_another_address(server):
    def rename(document):
        for entry in document["data"]:
            entry["attributes"]["_mp_stability"] = entry["attributes"].get("_seitz_stability")

    fetch(server.url, "nsites<3", NESTED)
    seen = server.seen[0]["response_fields"]
    server.reset({0: rename})
    table = fetch("mp", "nsites<3", base_url=server.url)
    assert server.seen[0]["response_fields"] == seen.replace("_seitz_", "_mp_")
    assert table.provenance.provider == "mp" and set(table.databases) <= {"mp"}
    assert table.unit == "eV/atom" and "PBE" in table.target.functional
    assert set(table.reasons) >= {"no target"} and table.provenance.sources[0].base_url == f"{server.url}/v1"


def test_a_target_given_as_one_text_is_a_path(server):
    assert Target("_lab_energy/pbe").path == ("attributes", "_lab_energy", "pbe")
    own = Provider("lab", (Database("lab", server.url, (Target("/".join(NESTED), unit="eV/atom"),)),))
    assert fetch(own, "nsites<3").targets.tolist() == fetch(server.url, "nsites<3", NESTED).targets.tolist()


def test_an_unknown_provider_can_have_a_name(server):
    table = fetch("lab", "nsites<3", NESTED, base_url=server.url)
    assert table.provenance.provider == "lab" and set(table.databases) == {"lab"}
    unnamed = fetch(server.url, "nsites<3", NESTED)
    assert set(unnamed.databases) == {server.url.partition("://")[2]}


@pytest.mark.parametrize(
    ("base_url", "link", "address"),
    [
        ("https://example.org/v1", "https://example.org/v1/structures?page_offset=10", "https://example.org/v1/structures?page_offset=10"),
        ("https://example.org/v1", "http://example.org/v1/structures?page_offset=10", "https://example.org/v1/structures?page_offset=10"),
        ("https://example.org/v1", "http://example.org:80/v1/structures?a=1", "https://example.org/v1/structures?a=1"),
        ("https://example.org/v1", "structures?page_offset=10", "https://example.org/v1/structures?page_offset=10"),
        ("https://example.org/v1", "/v1/structures?page_offset=10", "https://example.org/v1/structures?page_offset=10"),
        ("https://example.org/v1", "?page_offset=10", "https://example.org/v1/structures?page_offset=10"),
    ],
)  # fmt: skip
def test_links_keep_the_question_and_its_security(base_url, link, address):
    query = Query(base_url, "nsites<3", "_field", 10)
    found = query.after(query.first, link)
    assert found.startswith(address + "&")
    for part in ("filter=nsites%3C3", "response_fields=", "page_limit=10", "sort=id"):
        assert found.count(part) == 1
    complete = f"{address}&filter=a&response_fields=b&page_limit=1&sort=c"
    assert query.after(query.first, complete) == complete
