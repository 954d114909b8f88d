"""Providers at their worst: each fault ends in the right table, in a reason, or in a clear error."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from random import Random
from urllib.parse import urlencode

import pytest
from optimade_samples import FEW, N_FEW, N_PAGES, NESTED

from seitz._web import LONGEST_WAIT
from seitz.errors import OptimadeError
from seitz.optimade import Database, Provider, Target, fetch, walk


def same(one, other):
    """Whether two tables hold the same."""
    pairs = ("ids", "skipped", "references", "structures", "warnings", "provenance")
    return one.targets.tolist() == other.targets.tolist() and all(
        getattr(one, name) == getattr(other, name) for name in pairs
    )


@pytest.fixture
def expected(clean, server):
    """The table without any fault."""
    return clean


def _sodium(amount):
    return {"name": "Na", "chemical_symbols": ["Na"], "concentration": [amount]}


# --- faults that pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["408", "429", "500", "502", "503", "504", "truncate", "cut"])
@pytest.mark.parametrize("page", [0, 5])
def test_a_page_that_fails_is_asked_for_again(fetched, server, expected, waits, fault, page):
    server.reset({page: fault, page + 1: fault})
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES + 2 and waits == [1.0, 2.0]
    assert server.seen[page] == server.seen[page + 1] == server.seen[page + 2]


def test_waits_grow_and_the_one_that_is_asked_for_is_kept(fetched, server, expected, waits):
    server.reset({0: "500", 1: "500", 2: "429", 3: "429"})
    server.retry_after = "7"
    assert same(fetched(), expected)
    assert waits == [1.0, 2.0, 7.0, 8.0]


def test_a_date_to_wait_for_is_understood_and_nobody_waits_for_ever(fetched, server, expected, waits):
    server.reset({0: "429"})
    server.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert same(fetched(), expected)
    assert 30 < waits.pop() <= 91
    server.reset({0: "429"})
    server.retry_after = "86400"
    fetched(refresh=True)
    assert waits == [LONGEST_WAIT]


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_page_that_takes_too_long_is_asked_for_again(fetched, server, fault):
    server.reset({1: fault})
    table = fetched(limit=20, timeout=1.5)
    assert len(table) + len(table.skipped) == 20 and len(server.seen) >= 4


def test_patience_ends(fetched, server, waits):
    server.reset(always="500")
    words = r"page 1: gave up after 3 attempts: status 500 .*injected: on purpose; what has come is kept"
    with pytest.raises(OptimadeError, match=words):
        fetched(retries=2)
    assert waits == [1.0, 2.0] and len(server.seen) == 3
    server.reset(always="truncate")
    with pytest.raises(OptimadeError, match=r"gave up after one attempt: .* no whole JSON text"):
        fetched(retries=0)


def test_after_giving_up_the_next_run_goes_on(fetched, server, expected):
    server.reset(dict.fromkeys(range(3, 20), "503"))
    with pytest.raises(OptimadeError, match="page 4: gave up"):
        fetched()
    server.reset()
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES - 3


# --- answers that are none -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "page 3: the answer is a web page, not OPTIMADE: check the base URL"),
        ("list", "page 3: the answer is JSON, but no list of OPTIMADE structures"),
        ("404", r"page 3: refused with status 404 \(Not Found\): injected: on purpose"),
        ("501", r"page 3: refused with status 501 .*injected"),
        ("moved", "page 3: no connection to http://localhost:9|page 3: the connection broke|page 3: gave up"),
    ],
)
def test_what_is_no_page_is_told_at_once(fetched, server, expected, waits, fault, words):
    server.reset({2: fault})
    with pytest.raises(OptimadeError, match=words):
        fetched(retries=0)
    assert len(server.seen) == 3 and not waits
    server.reset()
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES - 2


def test_a_provider_that_has_moved_is_named(fetched, server, second):
    server.reset({0: "moved"})
    server.location = f"{second.url}/v1/structures"
    with pytest.raises(
        OptimadeError, match=f"the provider has moved to {second.url}/v1/structures: give that as base"
    ):
        fetched()


def test_a_provider_that_cannot_sort_is_asked_without(fetched, server, expected):
    server.reset(always="no sorting")
    table = fetched()
    assert [("sort" in query) for query in server.seen] == [True, *[False] * N_PAGES]
    assert sorted(table.ids) == sorted(expected.ids)
    fetched()
    assert len(server.seen) == 1 + N_PAGES


# --- lists without an end ----------------------------------------------------------------------------------------


def linked(address):
    """A page whose link to the next one is this."""

    def change(document):
        document["links"]["next"] = address(document) if callable(address) else address

    return change


def test_a_page_that_links_to_itself_is_an_error_and_the_pages_before_it_are_kept(fetched, server, expected):
    server.reset({4: linked(lambda _: f"{server.url}/v1/structures?{urlencode(server.seen[4])}")})
    words = r"page 5 links to page 5 as the next one, so the list has no end"
    with pytest.raises(OptimadeError, match=words):
        fetched()
    assert len(server.seen) == 5
    server.reset()
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES - 4


def test_a_link_back_to_an_earlier_page_is_an_error(fetched, server):
    server.reset({3: linked(lambda _: f"{server.url}/v1/structures?{urlencode(server.seen[1])}")})
    with pytest.raises(OptimadeError, match="page 4 links to page 2 as the next one"):
        fetched()


def test_the_same_records_behind_another_link_are_an_error(fetched, server, expected):
    def other(_):
        return f"{server.url}/v1/structures?{urlencode(dict(reversed(server.seen[2].items())))}"

    server.reset({3: linked(other)})
    with pytest.raises(OptimadeError, match="page 4 links to page 5, which holds the same records as page 3"):
        fetched()
    server.reset()
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES - 3


@pytest.mark.parametrize(
    "link", ["https://example.org/v1/structures?page_offset=40", "//example.org/", "http://[bad"]
)
def test_a_link_to_another_server_is_an_error(fetched, server, expected, link):
    server.reset({1: linked(link)})
    with pytest.raises(
        OptimadeError, match=r"page 2: the link to the next page (leads to another server|is no addr)"
    ):
        fetched()
    server.reset()
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES - 1


@pytest.mark.parametrize("link", [7, ["a"], {"href": {"href": "a"}}])
def test_a_link_that_is_no_text_is_an_error(fetched, server, link):
    server.reset({0: linked(link)})
    with pytest.raises(OptimadeError, match="page 1: the link to the next page is no address"):
        fetched()


def test_links_for_ever_to_empty_pages_end_the_list(fetched, server, expected):
    def endless(document):
        offset = int(server.seen[-1].get("page_offset", 0)) + 8
        document["links"]["next"] = f"{server.url}/v1/structures?page_offset={offset}"

    server.reset(always=endless)
    table = fetched()
    assert table.ids == expected.ids and table.skipped == expected.skipped
    assert len(server.seen) <= N_PAGES + 3


def test_an_empty_page_between_others_is_passed(fetched, server, expected):
    """Its records come on the next one, or are missed in a warning."""

    def empty(document):
        document["data"] = []

    server.reset({2: empty})
    table = fetched()
    assert len(server.seen) == N_PAGES and len(table) + len(table.skipped) == N_FEW - 8
    assert any("announced 48 records and sent 40" in warning for warning in table.warnings)


@pytest.mark.parametrize("more", [None, True, False])
def test_a_link_is_followed_while_nobody_says_that_all_is_there(fetched, server, more):
    """Neither an empty page nor a wrong remark ends a list of unknown length."""

    def uncounted(document):
        document["meta"] = {"more_data_available": more} if document["links"]["next"] else {}
        if len(server.seen) == 3:
            document["data"] = []

    server.reset(always=uncounted)
    table = fetched()
    assert len(server.seen) == N_PAGES and len(table) + len(table.skipped) == N_FEW - 8


def test_a_list_of_unknown_length_that_ends_in_empty_pages_is_told_of(fetched, server):
    def endless(document):
        offset = int(server.seen[-1].get("page_offset", 0)) + 8
        document["links"]["next"] = f"{server.url}/v1/structures?page_offset={offset}"
        document["meta"] = {}

    server.reset(always=endless)
    table = fetched()
    assert len(table) + len(table.skipped) == N_FEW and len(server.seen) == N_PAGES + 3
    (warning,) = table.warnings
    assert warning.startswith("there is more, says the provider, but it gives no way to it")


def test_an_empty_page_is_not_kept_if_records_are_missing(fetched, server, expected):
    def empty(document):
        document["data"] = []

    server.reset({2: empty})
    assert len(fetched()) < len(expected)
    server.reset()
    assert same(fetched(), expected) and len(server.seen) == N_PAGES - 2


def test_an_empty_page_that_breaks_off_the_list_is_asked_for_again(fetched, server, expected, waits):
    def broken(document):
        document["data"], document["links"]["next"] = [], None
        document["meta"] = {"more_data_available": True}

    server.reset({2: broken, 3: broken})
    assert same(fetched(), expected) and waits == [1.0, 2.0]
    server.reset(always=broken)
    table = fetched(refresh=True, retries=1)
    assert len(table) == 0 and "there is more, says the provider" in table.warnings[0]
    server.reset()
    assert same(fetched(), expected) and len(server.seen) == N_PAGES


def test_an_empty_page_without_any_count_is_remarked(fetched, server):
    def silent(document):
        document["meta"] = {}
        if len(server.seen) == 3:
            document["data"] = []

    server.reset(always=silent)
    table = fetched()
    assert len(table) + len(table.skipped) == N_FEW - 8
    assert (
        "page 3 was empty, and nobody says how many records there are: some may be missing" in table.warnings
    )


@pytest.mark.parametrize("announced", [None, 48])
def test_an_error_in_a_page_that_is_said_to_be_well_is_no_end(fetched, server, expected, waits, announced):
    """Status 200 with errors and without data: asked for again, never kept, and an error in the end."""

    def failing(document):
        document["data"], document["links"]["next"] = [], None
        document["errors"] = [{"title": "Timeout", "detail": "query took too long", "status": "504"}]
        document["meta"] = {"data_returned": announced} if announced else {}

    server.reset({2: failing})
    assert same(fetched(), expected) and len(server.seen) == N_PAGES + 1 and len(waits) == 1
    server.reset(always=failing)
    with pytest.raises(
        OptimadeError, match=r"page 1: gave up after 3 .*an error: Timeout: query took too long"
    ):
        fetched(refresh=True, retries=2)
    server.reset(dict.fromkeys(range(3, 9), failing))
    with pytest.raises(OptimadeError, match="page 4: gave up"):
        fetched(retries=2)
    server.reset()
    assert same(fetched(), expected) and len(server.seen) == N_PAGES - 3


def test_a_kept_page_that_tells_of_an_error_is_asked_for_again(fetched, server, expected, tmp_path):
    """Caches of before this was known."""
    fetched()
    (page,) = tmp_path.rglob("page-000003.json.gz")
    head, _, _ = gzip.decompress(page.read_bytes()).partition(b"\n")
    poison = b'{"data": [], "errors": [{"detail": "busy"}], "links": {"next": null}}'
    head = json.dumps(json.loads(head) | {"sha256": hashlib.sha256(poison).hexdigest()}).encode()
    page.write_bytes(gzip.compress(head + b"\n" + poison))
    server.reset()
    assert same(fetched(), expected) and len(server.seen) == N_PAGES - 3


def test_known_records_in_any_order_without_end_are_an_error(fetched, server):
    first = []

    def shuffled(document):
        first[:] = first or document["data"]
        document["data"] = Random(len(server.seen)).sample(first, len(first))
        document["links"]["next"] = f"{server.url}/v1/structures?page_offset={len(server.seen)}"

    server.reset(always=shuffled)
    with pytest.raises(OptimadeError, match="page 1 links to 3 pages on which all records are known already"):
        fetched()
    assert len(server.seen) == 4


def ever_new(server, meta):
    """A fault: records that nobody has seen before on every page, and a link to the next one."""
    first, pages = [], count(1)

    def invented(document):
        first[:] = first or document["data"]
        page = next(pages)
        document["data"] = [entry | {"id": f"{page}-{k}"} for k, entry in enumerate(first)]
        document["links"]["next"] = f"{server.url}/v1/structures?page_offset={page}"
        document["meta"] = meta

    return invented


def test_far_more_than_was_announced_is_an_error(fetched, server, monkeypatch):
    monkeypatch.setattr(walk, "_ROOM", 100)
    invented = ever_new(server, {"data_returned": 9, "more_data_available": True})
    server.reset(always=invented)
    words = (
        r"is still not the last, with 120 records, of 9 that were announced, so .* a limit allows for more"
    )
    with pytest.raises(OptimadeError, match=words):
        fetched()
    server.reset(always=invented)
    table = fetched(limit=150)
    assert len(table) + len(table.skipped) == 150


@pytest.mark.parametrize("announced", [None, 8])
def test_a_list_of_unknown_length_has_a_bound_and_a_limit_is_another(fetched, server, monkeypatch, announced):
    """No count, or one of each page, and new records without end."""
    monkeypatch.setattr(walk, "_MOST", 100)
    invented = ever_new(server, {"data_returned": announced} if announced else {})
    server.reset(always=invented)
    with pytest.raises(OptimadeError, match=r"page 13 is still not the last, with 104 records, so"):
        fetched()
    table = fetched(limit=150)
    assert len(table) + len(table.skipped) == 150


def test_records_without_an_id_are_told_apart(fetched, server):
    def nameless(document):
        for entry in document["data"]:
            del entry["id"]

    server.reset(always=nameless)
    table = fetched()
    assert table.reasons == {"malformed": N_FEW} and len(server.seen) == N_PAGES


def test_a_count_of_each_page_is_not_taken_for_one_of_all(fetched, server, expected):
    def misunderstood(document):
        document["meta"]["data_returned"] = len(document["data"])

    server.reset(always=misunderstood)
    assert fetched().ids == expected.ids


def test_a_record_twice_alone_on_its_page_is_a_duplicate(server, expected, tmp_path):
    """Two pages of one record each, which is the same: the list goes on behind them."""
    held = []

    def twice(document):
        held.append(document["data"][0])
        document["data"] = [held[0]] if len(held) == 2 else document["data"]

    server.reset(always=twice)
    table = fetch(server.url, FEW, NESTED, page_limit=1, limit=5, cache=tmp_path)
    assert len(table) + len(table.skipped) == 5 and table.reasons["duplicate"] == 1


def test_a_list_that_ended_short_is_asked_for_again_from_its_end(fetched, server, expected):
    server.reset({3: linked(None)})
    assert len(fetched()) < len(expected)
    server.reset()
    assert same(fetched(), expected) and len(server.seen) == N_PAGES - 3


def test_pages_of_an_earlier_run_are_not_blamed_on_the_provider_alone(fetched, server, tmp_path):
    server.reset({3: "404"})
    with pytest.raises(OptimadeError, match="page 4"):
        fetched()

    def again(document):
        document["data"] = held[0]["data"]

    held = [
        json.loads(gzip.decompress(next(tmp_path.rglob("page-000001*")).read_bytes()).partition(b"\n")[2])
    ]
    server.reset(always=again)
    words = r"page 3 links to page 4, which holds the same records as page 2, .* some pages in .*cache.* are from an"
    with pytest.raises(OptimadeError, match=f"{words} earlier run, and refresh=True asks for all again"):
        fetched()


def test_a_move_that_loses_the_question_is_no_answer(fetched, server, waits):
    server.reset({0: "moved"})
    server.location = f"{server.url}/v1/structures?page_limit=8"
    with pytest.raises(OptimadeError, match=r"page 1: the provider has moved to .*: give that as base_url"):
        fetched()
    server.reset({0: "moved"})
    server.location = (
        f"{server.url}/v1/structures?{urlencode({'filter': FEW, 'page_limit': 8, 'sort': 'id'})}"
    )
    assert len(fetched()) > 30


# --- links of every kind -------------------------------------------------------------------------------------------


def as_object(document):
    document["links"]["next"] = {"href": document["links"]["next"], "meta": {}}


def as_relative(document):
    link = document["links"]["next"]
    document["links"]["next"] = link and link.rpartition("/")[2]


def forgetful(document):
    link = document["links"]["next"] or ""
    offset = [part for part in link.split("&") if "page_offset" in part]
    document["links"]["next"] = link and f"{link.partition('?')[0]}?{offset[0].rpartition('?')[2]}"


def without_remarks(document):
    document["meta"] = {}


@pytest.mark.parametrize("change", [as_object, as_relative, forgetful, without_remarks])
def test_links_of_every_kind_lead_on(fetched, server, expected, change):
    server.reset(always=change)
    table = fetched()
    assert table.ids == expected.ids and table.skipped == expected.skipped and not table.warnings
    assert len(server.seen) == N_PAGES
    assert len({query["response_fields"] for query in server.seen}) == 1


# --- lists that are not what they promise ---------------------------------------------------------------------------


def test_fewer_records_than_announced_are_reported(fetched, server):
    def lose(document):
        del document["data"][3]

    server.reset({2: lose})
    table = fetched()
    assert len(table) + len(table.skipped) == N_FEW - 1
    (warning,) = table.warnings
    assert warning.startswith("the provider announced 48 records and sent 47")


def test_a_list_that_grows_meanwhile_is_reported(fetched, server):
    def grow(document):
        document["meta"]["data_returned"] = 49

    server.reset(dict.fromkeys(range(4, 6), grow))
    assert any("announced 48, then 49 records: they changed" in warning for warning in fetched().warnings)


def test_more_without_a_way_to_it_is_reported(fetched, server):
    server.reset({3: linked(None)})
    table = fetched()
    assert len(server.seen) == 4 and len(table) + len(table.skipped) == 32
    assert any("there is more, says the provider, but it gives no way to it" in w for w in table.warnings)
    assert any("announced 48 records and sent 32" in warning for warning in table.warnings)


def test_a_list_that_says_it_is_complete_is_believed_only_if_it_is(fetched, server, expected):
    def complete(document):
        document["meta"]["more_data_available"] = False

    server.reset(always=complete)
    assert fetched().ids == expected.ids


def test_identical_records_are_taken_once_and_noted(fetched, server, expected):
    def repeat(document):
        document["data"].append(document["data"][0])

    server.reset({3: repeat})
    table = fetched()
    assert table.ids == expected.ids and table.reasons["duplicate"] == 1 and not table.warnings
    (twice,) = [entry for entry in table.skipped if entry.reason == "duplicate"]
    assert twice.index == 32 and twice.id in table.ids and twice.message == "the same as record 24"


def test_a_record_in_the_place_of_another_is_noticed(fetched, server, expected):
    def replace(document):
        document["data"][1] = document["data"][0]

    server.reset({3: replace})
    table = fetched()
    assert len(set(expected.ids) - set(table.ids)) == 1 and table.reasons["duplicate"] == 1
    (warning,) = table.warnings
    assert warning.startswith("the provider announced 48 records and sent 48, of which 47 are different ones")


@pytest.mark.parametrize("change", ["target", "structure"])
def test_records_that_contradict_one_another_are_reported_and_not_used(fetched, server, expected, change):
    remembered = []

    def remember(document):
        remembered.append(document["data"][0])

    def contradict(document):
        other = remembered[0] | {"attributes": dict(remembered[0]["attributes"])}
        if change == "target":
            other["attributes"]["_seitz_stability"] = {"gga_gga+u": {"formation_energy_per_atom": 9.0}}
        else:
            other["attributes"]["lattice_vectors"] = [[9, 0, 0], [0, 9, 0], [0, 0, 9]]
        document["data"].append(other)

    server.reset({1: remember, 4: contradict})
    table = fetched()
    found = [entry for entry in table.skipped if entry.reason == "contradictory"]
    assert [entry.index for entry in found] == [8, 40] and len({entry.id for entry in found}) == 1
    assert set(expected.ids) - set(table.ids) == {found[0].id}
    assert "differ in structure or target" in found[0].message


def test_null_targets_are_skipped_one_by_one(fetched, server, expected):
    def forget(document):
        for entry in document["data"][::2]:
            entry["attributes"]["_seitz_stability"] = None

    server.reset(always=forget)
    table = fetched()
    assert len(table) + len(table.skipped) == N_FEW
    missing = [entry for entry in table.skipped if entry.reason == "no target"]
    nulls = [entry for entry in missing if entry.message.endswith("is null")]
    assert len(missing) - 1 <= len(nulls) > 20
    targets = dict(zip(expected.ids, expected.targets, strict=True))
    assert [targets[identifier] for identifier in table.ids] == table.targets.tolist()


@pytest.mark.parametrize("value", ["-1.5", True, [1.0], {"value": 1.0}, float("nan"), float("inf"), 10**400])
def test_targets_that_are_no_numbers_are_skipped(server, value):
    def change(document):
        document["data"][0]["attributes"]["_seitz_formation_energy_per_atom"] = value

    server.reset({0: change})
    table = fetch(server.url, "nsites=2", "_seitz_formation_energy_per_atom")
    first, *_ = table.skipped
    assert first.index == 0 and first.reason == "target is no number"


@pytest.mark.parametrize(
    "record",
    [
        None,
        7,
        "text",
        [],
        {},
        {"id": None},
        {"id": ""},
        {"id": True},
        {"type": "references", "id": "jain2013"},
    ],
)
def test_records_that_are_none_are_counted(server, record):
    def change(document):
        document["data"][0] = record

    server.reset({0: change})
    table = fetch(server.url, "nsites=2", NESTED)
    assert table.reasons["malformed"] == 1 and table.skipped[0].id == "record 0"
    assert len(table) + len(table.skipped) == table.provenance.sources[0].n_received


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lattice_vectors", None, "has no lattice_vectors"),
        ("lattice_vectors", [[1, 0, 0], [0, 1, 0], [None, None, None]], "vector.* 2 are not finite"),
        ("cartesian_site_positions", [[0, 0, 0]], "nsites is 2, and there are 1 positions"),
        ("nsites", 99, "nsites is 99, and there are 2 positions"),
        (
            "species",
            [_sodium(1.0), _sodium(1.0) | {"mass": [22.0]}],
            "species Na is defined twice, and not alike",
        ),
        ("cartesian_site_positions", "spam", "cart_coords"),
        ("species_at_sites", ["Zz"] * 2, "'Zz' is neither one of the structure's species nor"),
        ("species", [{"name": "Na"}, 7], "holds no OPTIMADE"),
        ("species", [{"name": ["Na"]}], "malformed"),
    ],
)
def test_structures_that_are_none_are_skipped_with_the_reason(server, field, value, words):
    def change(document):
        for entry in document["data"]:
            entry["attributes"][field] = value

    server.reset({0: change})
    table = fetch(server.url, 'id="null-1"', ())
    (entry,) = table.skipped
    assert len(table) == 0 and entry.reason == "bad structure" and re.search(words, entry.message)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attached": ["H"], "nattached": [1]}, "atoms attached"),
        ({"concentration": []}, "not one number for each element: \\[\\]"),
        ({"concentration": [None]}, "not one number for each element: \\[null\\]"),
        ({"concentration": [0.9]}, "partially occupied site \\(Cl0.9\\)"),
        ({"concentration": [float("nan")]}, "partially occupied site \\(Clnan\\)"),
        ({"concentration": [10**400]}, "partially occupied site \\(Clinf\\)"),
    ],
)
def test_species_that_hide_something_are_skipped(server, change, words):
    def hide(document):
        for entry in document["data"]:
            entry["attributes"]["species"][0] |= change

    server.reset({0: hide})
    (entry,) = fetch(server.url, 'id="null-1"', ()).skipped
    assert entry.reason == "disordered" and re.search(words, entry.message)


def test_slabs_and_molecules_are_kept_with_a_remark(server):
    def flat(document):
        for entry in document["data"]:
            entry["attributes"]["dimension_types"] = [1, 1, 0]

    server.reset({0: flat})
    table = fetch(server.url, "nsites<3", ())
    (warning,) = [w for w in table.warnings if "are not periodic in all directions" in w]
    assert len(table) > 1 and warning.startswith(f"{len(table)} structures")


def test_a_number_that_stands_for_none_is_no_target(server):
    def change(document):
        document["data"][0]["attributes"]["_seitz_formation_energy_per_atom"] = -99999

    server.reset({0: change})
    target = Target(
        ("attributes", "_seitz_formation_energy_per_atom"), "energy", "eV/atom", absent=(-99999.0,)
    )
    own = Provider("own", (Database("own", server.url, (target,)),))
    table = fetch(own, "nsites=2")
    assert table.skipped[0].reason == "no target" and "-99999" in table.skipped[0].message
    assert table.targets.min() > -100 and table.unit == "eV/atom"


def test_a_run_with_every_fault_gives_the_same_table(fetched, server, expected):
    faults = ["500", "429", "truncate", None, "cut", "503", None, "502", "truncate", None]
    plan = {number: fault for number, fault in enumerate(faults) if fault}
    server.reset(plan)
    assert same(fetched(), expected)
    assert len(server.seen) == N_PAGES + len(plan)
