"""Fetching from a provider where nothing goes wrong."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from optimade_samples import DOI, ENERGY, N_FEW, N_PAGES, NESTED, USELESS

import seitz
from seitz.errors import OptimadeError, OptionError
from seitz.optimade import fetch


def energy(attributes):
    """The energy of a record, None if it has none that could be used."""
    value = ((attributes["_seitz_stability"] or {}).get("gga_gga+u") or {}).get("formation_energy_per_atom")
    return value if isinstance(value, float) else None


def test_a_filter_becomes_a_table_of_structures_and_energies(server, offered):
    table = fetch(server.url, 'elements HAS "O" AND nelements<=2', NESTED, unit="eV/atom")
    wanted = {k for k, v in offered.items() if "O" in v["elements"] and v["nelements"] <= 2}
    assert set(table.ids) == wanted and not table.skipped and not table.warnings
    assert table.targets.tolist() == [energy(offered[identifier]) for identifier in table.ids]
    assert table.targets.dtype == np.float64 and table.unit == "eV/atom"
    for identifier, cell in zip(table.ids, table.structures, strict=True):
        assert cell == seitz.as_cell({"attributes": offered[identifier]})


def test_every_record_of_no_use_is_skipped_with_its_reason(fetched, offered):
    table = fetched()
    assert {entry.id: entry.reason for entry in table.skipped} == USELESS
    shelf = {identifier for identifier, attributes in offered.items() if attributes["_seitz_shelf"] == 1}
    assert set(table.ids) == shelf - set(USELESS)
    messages = {entry.id: entry.message for entry in table.skipped}
    assert messages["null-1"].endswith("formation_energy_per_atom is null")
    assert messages["lacks-1"].endswith("formation_energy_per_atom is missing")
    assert messages["text-1"].endswith('is "-2.0"')
    assert messages["mixed-1"] == "species Na is a partially occupied site (Na0.5 K0.5)"
    assert messages["unknown-1"] == "species Na is of an unknown element"
    assert messages["flagged-1"] == "it has disorder"
    assert messages["flat-1"].startswith("the lattice is singular")
    assert table.reasons == {"disordered": 4, "no target": 3, "bad structure": 1, "target is no number": 1}


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("", lambda a: True),
        ("nelements=2", lambda a: a["nelements"] == 2),
        ("nsites>=4 AND nsites<9", lambda a: 4 <= a["nsites"] < 9),
        ('NOT elements HAS ANY "O","Na"', lambda a: not {"O", "Na"} & set(a["elements"])),
        ('elements HAS ONLY "Na","Cl"', lambda a: set(a["elements"]) <= {"Na", "Cl"}),
        (f"{ENERGY}<-1", lambda a: a[ENERGY] is not None and a[ENERGY] < -1),
        ("nsites>1000", lambda a: False),
    ],
)
def test_nothing_is_lost_and_nothing_invented(server, offered, query, matches):
    table = fetch(server.url, query, NESTED, page_limit=35)
    came = sorted([*table.ids, *(entry.id for entry in table.skipped)])
    assert came == sorted(k for k, v in offered.items() if matches(v))
    (source,) = table.provenance.sources
    assert source.n_received == source.n_announced == len(came)
    assert not table.warnings


def test_names_references_and_origin_are_kept(server):
    table = fetch(server.url, 'elements HAS "O"', NESTED)
    assert set(table.references) == {(DOI,)}
    for name, identifier, cell in zip(table.names, table.ids, table.structures, strict=True):
        assert name == f"{cell.formula_unit[0]}-{identifier}"
    (source,) = table.provenance.sources
    assert table.provenance.filter == 'elements HAS "O"'
    assert source.base_url == f"{server.url}/v1" and source.api_version.startswith("1.")
    assert source.date == "2026-01-01" and len(source.digest) == 64
    assert set(table.databases) == {source.database}


def test_only_what_is_needed_is_asked_for(server):
    fetch(server.url, "nsites<3", NESTED)
    (query,) = server.seen
    assert query["response_fields"].split(",") == [
        "lattice_vectors", "cartesian_site_positions", "species_at_sites", "species", "structure_features",
        "nsites", "dimension_types", "_seitz_stability",
    ]  # fmt: skip
    assert query["filter"] == "nsites<3" and query["page_limit"] == "100" and query["sort"] == "id"
    assert server.headers["user-agent"] == f"seitz/{seitz.__version__}"


def test_a_target_is_a_path_in_any_form(server):
    expected = fetch(server.url, "nsites<3", NESTED).targets.tolist()
    for target in (ENERGY, "/".join(NESTED), "/".join(NESTED[1:]), NESTED[1:], ("attributes", ENERGY)):
        found = fetch(server.url, "nsites<3", target)
        skipped = [entry.id for entry in found.skipped if entry.reason == "no target"]
        assert [t for t, i in zip(found.targets, found.ids, strict=True) if i not in USELESS] == expected, (
            skipped
        )


def test_a_field_that_every_provider_has_can_be_the_target(server, offered):
    table = fetch(server.url, "", "nsites", unit="1")
    assert table.targets.tolist() == [offered[identifier]["nsites"] for identifier in table.ids]


def test_structures_come_without_a_target_too(server):
    table = fetch(server.url, "nsites<3", ())
    assert len(table) > 1 and np.isnan(table.targets).all()
    assert server.seen[0]["response_fields"].endswith("dimension_types")
    assert {entry.reason for entry in table.skipped} <= {"disordered", "bad structure"}


def test_a_limit_ends_the_list(fetched, server):
    everything = fetched()
    server.reset()
    first = fetched(limit=20, refresh=True)
    assert len(first) + len(first.skipped) == 20 and len(server.seen) == 3
    assert first.ids == everything.ids[: len(first)] and not first.warnings
    assert (first.provenance.sources[0].n_received, first.provenance.sources[0].n_announced) == (20, N_FEW)
    assert len(fetched(limit=20)) == len(first) and len(server.seen) == 3
    assert fetched().ids == everything.ids and len(server.seen) == N_PAGES


def test_progress_is_told_after_every_page(fetched):
    told: list[tuple[int, int | None]] = []
    fetched(progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 48) for done in (8, 16, 24, 32, 40, 48)]
    told.clear()
    fetched(limit=20, progress=lambda done, total: told.append((done, total)))
    assert told == [(8, 20), (16, 20), (20, 20)]


def test_the_same_question_is_not_asked_twice(fetched, server):
    first = fetched()
    assert len(server.seen) == N_PAGES
    again = fetched()
    assert len(server.seen) == N_PAGES and again.targets.tolist() == first.targets.tolist()
    fetched(refresh=True)
    assert len(server.seen) == 2 * N_PAGES


def test_a_table_becomes_features_and_failures_stay(server):
    def squeeze(document):
        for entry in document["data"]:
            if len(entry["attributes"]["species_at_sites"]) == 2:
                positions = entry["attributes"]["cartesian_site_positions"]
                positions[1] = positions[0]

    server.reset({0: squeeze})
    table = fetch(server.url, "nsites>=2 AND nsites<=3", NESTED)
    features = table.featurize(descriptor="ks2022")
    assert features.ids == table.ids and len(features) == len(table)
    assert {f.error for f in features.failures} == {"OverlapError"}
    overlapping = [k for k, cell in enumerate(table.structures) if len(cell) == 2]
    assert [f.index for f in features.failures] == overlapping and 0 < len(overlapping) < len(table)
    assert len(table.featurize(descriptor="seitz").names) == 446


def test_a_bad_filter_is_answered_with_the_words_of_the_provider(server):
    with pytest.raises(
        OptimadeError, match=r"page 1: refused with status 400 .*Unable to parse filter elements HAS"
    ):
        fetch(server.url, "elements HAS", NESTED)
    with pytest.raises(OptimadeError, match="'spam' is not a known or searchable quantity"):
        fetch(server.url, "spam=1", NESTED)
    assert len(server.seen) == 2


def test_what_the_provider_remarks_is_a_warning(server):
    with warnings.catch_warnings(record=True):  # the server remarks it in this process, too
        table = fetch(server.url, "nsites<3", "_seitz_spam")
    assert len(table) == 0 and set(table.reasons) == {"no target"}
    assert any("_seitz_spam" in warning for warning in table.warnings)


def test_pages_beyond_what_the_provider_allows_are_refused_in_its_words(server):
    with pytest.raises(OptimadeError, match=r"refused with status 403 .*page_limit"):
        fetch(server.url, "", NESTED, page_limit=1000)


def test_nobody_there_is_told_at_once(waits):
    with pytest.raises(OptimadeError, match=r"no connection to http://127\.0\.0\.1:9: check the address"):
        fetch("http://127.0.0.1:9", "", NESTED)
    assert not waits


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 0}, "limit=0"),
        ({"page_limit": 0}, "page_limit=0"),
        ({"timeout": 0.0}, "timeout=0"),
        ({"timeout": math.nan}, "timeout=nan"),
        ({"retries": -1}, "retries=-1"),
        ({"limit": 2.5}, "limit=2.5"),
        ({"limit": "3"}, "limit='3'"),
        ({"limit": True}, "limit=True"),
        ({"page_limit": 2.5}, "page_limit=2.5"),
        ({"retries": None}, "retries=None"),
        ({"timeout": "1"}, "timeout='1'"),
        ({"timeout": 1e300}, "at most a day"),
        ({"filter": None}, "filter=None"),
        ({"filter": "\ud800"}, "filter="),
        ({"unit": 5}, "unit=5"),
        ({"base_url": 5}, "base_url=5"),
        ({"provider": None}, "provider=None"),
        ({"database": 5}, "database=5"),
        ({"cache": 5}, "cache=5"),
        ({"cache": "\0"}, "give the path of a folder"),
        ({"progress": 5}, "progress=5"),
        ({"target": 5}, "target=5"),
        ({"target": "a//b"}, "give the path of a number"),
        ({"target": "_a,_b/c"}, "cannot be the name of a field"),
        ({"target": "attributes"}, "give the path of a number"),
        ({"target": None}, "what to fetch .* is not known"),
        ({"provider": "spam"}, "give one of mp, alexandria"),
        ({"provider": "ftp://example.org"}, "give the address of a provider"),
        ({"provider": "http://[bad"}, "give the address of a provider"),
        ({"provider": "https://me:secret@example.org"}, "leave out password"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_asked(server, options, words):
    asked = {"provider": server.url, "filter": "", "target": NESTED} | options
    with pytest.raises(OptionError, match=words):
        fetch(**asked)
    assert not server.seen
