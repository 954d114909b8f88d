"""What is learned from, and what is set aside: every row is counted once."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tune_samples import crystals, target

import seitz
from seitz import tune
from seitz.errors import OptionError, ReadError, TuneError
from seitz.tune.splits import folds_of


def table(n: int = 12) -> seitz.FeatureTable:
    return crystals()[:n]


# --- rows --------------------------------------------------------------------------------------------------------


def test_columns_of_one_value_are_rows_of_values():
    y = target(table())
    for given_ in (y, y[:, None], y.tolist(), dict(zip(table().ids, y, strict=True))):
        found = tune.examples(table(), given_)
        assert found.targets.shape == (12,)
        assert_array_equal(found.targets, y)
    assert tune.examples(table(), np.column_stack([y, y])).targets.shape == (12, 2)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 12), (11,), (), (12, 1, 1), (12, 0), (2, 12)])
def test_what_could_be_broadcast_is_refused(shape):
    with pytest.raises(TuneError, match="do not fit 12 rows"):
        tune.examples(table(), np.zeros(shape))


def test_poisoned_rows_are_reported_and_counted():
    given_ = table(12)
    values = given_.values.copy()
    values[3, 7] = np.inf
    values[8] = values[9]
    ids = list(given_.ids)
    ids[10] = ids[11]
    failure = seitz.table.Failure(5, ids[5], "OverlapError", "two sites at one place")
    values[5] = np.nan
    y = target(given_)
    y[0], y[1] = np.nan, -np.inf
    poisoned = seitz.FeatureTable(values, given_.descriptor, tuple(ids), (failure,))
    found = tune.examples(poisoned, y)
    reasons = {entry.index: entry.reason for entry in found.excluded}
    assert set(reasons) == {0, 1, 3, 5, 8, 9, 10, 11} and len(found) == 4
    assert found.n_given == 12 == len(found) + len(found.excluded)
    assert "no finite number: nan" in reasons[0] and "-inf" in reasons[1]
    assert given_.names[7] in reasons[3] and reasons[5].startswith("OverlapError")
    assert "the same features as" in reasons[8] and "another target" in reasons[9]
    assert reasons[10] == reasons[11] == "2 different crystals have this id"
    assert np.isfinite(found.features).all() and np.isfinite(found.targets).all()


def test_the_same_row_twice_counts_once():
    given_ = table(4)
    twice = given_[[0, 1, 2, 3, 1]]
    found = tune.examples(twice, [1.0, 2.0, 3.0, 4.0, 2.0])
    assert [entry.reason for entry in found.excluded] == ["the same id a second time"]


def test_a_mapping_may_lack_rows_and_have_others():
    y = dict(zip(table().ids, target(table()), strict=True))
    missing = y.pop(table().ids[2])
    assert np.isfinite(missing)
    found = tune.examples(table(), {**y, "elsewhere": 1.0, table().ids[4]: None})
    assert found.unmatched == ("elsewhere",)
    assert [entry.index for entry in found.excluded] == [2, 4]
    with pytest.raises(TuneError, match="no id of the targets is among those of the rows: 'x'"):
        tune.examples(table(), {"x": 1.0})


def test_nothing_left_is_an_error_with_the_first_reason():
    with pytest.raises(TuneError, match=r"none of 12 rows .*no finite number"):
        tune.examples(table(), np.full(12, np.nan))
    with pytest.raises(TuneError, match="no targets"):
        tune.examples(table())
    with pytest.raises(TuneError, match="are no numbers"):
        tune.examples(table(), object())


def test_structures_are_featurized_and_failures_set_aside():
    good, bad = seitz.as_cell("fcc"), {"lattice": "none"}
    found = tune.examples([good, bad, seitz.as_cell("bcc")], [1.0, 2.0, 3.0], descriptor="ks2022")
    assert len(found) == 2 and found.excluded[0].index == 1
    assert found.elements == ("Al", "W") or len(found.elements) == 2


def test_rows_of_other_features_are_refused():
    from tune_samples import network

    with pytest.raises(TuneError, match="takes seitz"):
        tune.adjust(network(), crystals("ks2022"), target(crystals("ks2022")))


# --- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz", "jsonl", "csv.gz"])
def test_tables_of_seitz_are_read_with_targets_beside(tmp_path, suffix):
    path = tmp_path / f"features.{suffix}"
    table().write(path)
    y = dict(zip(table().ids, target(table()), strict=True))
    found = tune.examples(str(path), y, descriptor="seitz_ionic")
    assert found.ids == table().ids
    assert_array_equal(found.features, table().values)


def test_a_column_of_the_file_is_the_target(tmp_path):
    y = target(table())
    path = tmp_path / "with.parquet"
    pq.write_table(table().to_arrow().append_column("energy", [y]).append_column("name", [["x"] * 12]), path)
    assert_array_equal(tune.examples(path, "energy").targets, y)
    with pytest.raises(TuneError, match=r"no column 'spam'; there is energy"):
        tune.examples(path, "spam")
    frame = table().to_pandas().assign(energy=y)
    frame.to_csv(tmp_path / "with.csv")
    assert_array_equal(tune.examples(tmp_path / "with.csv", "energy", descriptor="seitz_ionic").targets, y)
    np.savez(tmp_path / "with.npz", values=table().values, names=np.array(table().names), energy=y)
    assert_array_equal(tune.examples(tmp_path / "with.npz", "energy", descriptor="seitz_ionic").targets, y)


def test_arrays_and_files_of_arrays(tmp_path):
    y = target(table())
    np.save(tmp_path / "x.npy", table().values)
    np.save(tmp_path / "y.npy", y)
    found = tune.examples(tmp_path / "x.npy", tmp_path / "y.npy", descriptor="seitz_ionic")
    assert_array_equal(found.targets, y)
    with pytest.raises(TuneError, match=r"shape \(12, 494\): ks2022 has 256 columns"):
        tune.examples(tmp_path / "x.npy", y, descriptor="ks2022")
    with pytest.raises(TuneError, match="say which features"):
        tune.examples(table().values, y)


def test_a_stale_schema_is_refused(tmp_path):
    path = tmp_path / "old.parquet"
    old = (
        table()
        .to_arrow()
        .replace_schema_metadata({"seitz.descriptor": "seitz_ionic", "seitz.schema": "0123456789abcdef"})
    )
    pq.write_table(old, path)
    with pytest.raises(TuneError, match="schema 0123456789abcdef, not seitz_ionic of schema"):
        tune.examples(path, target(table()))
    with pytest.raises(TuneError, match=r"old.parquet holds seitz"):
        tune.examples(path, target(table()), descriptor="seitz_ionic")


def test_missing_columns_and_broken_files_are_named(tmp_path):
    path = tmp_path / "few.csv"
    table().to_pandas().drop(columns="NComp").to_csv(path)
    with pytest.raises(TuneError, match="lacks 1 of 494 seitz_ionic columns: 'NComp'"):
        tune.examples(path, target(table()), descriptor="seitz_ionic")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ReadError, match=r"bad.parquet: no readable table"):
        tune.examples(tmp_path / "bad.parquet", "y")
    (tmp_path / "bad.csv").write_text("id,a\nx,1\ny\n")
    with pytest.raises(ReadError, match="row 2 has 1 fields"):
        tune.examples(tmp_path / "bad.csv", "a", descriptor="seitz_ionic")


# --- groups and splits -------------------------------------------------------------------------------------------


def test_groups_are_chemical_systems_compositions_or_given():
    y = target(table())
    found = tune.examples(table(), y)
    assert found.grouped_by == "chemical system" and "-" in found.groups[0]
    assert tune.examples(table(), y, group_by="composition").grouped_by == "composition"
    assert tune.examples(table(), y, group_by="row").n_groups == 12
    assert tune.examples(table(), y, groups=list("aabbccddeeff")).n_groups == 6
    with pytest.raises(OptionError, match="group_by='spam'"):
        tune.examples(table(), y, group_by="spam")
    with pytest.raises(TuneError, match="2 groups do not fit 12 rows"):
        tune.examples(table(), y, groups=["a", "b"])


def test_without_fractions_ids_that_are_formulas_tell_the_system():
    rows = crystals("ks2022")[:12]
    assert tune.examples(rows, target(rows)).groups == tune.examples(table(), target(table())).groups
    named = tune.examples(rows, target(rows), ids=[f"row {k}" for k in range(12)])
    assert named.grouped_by == "average properties" and named.n_groups <= 12
    some = tune.examples(rows[3:], target(rows)[3:], ids=[f"row {k}" for k in range(9)])
    assert some.groups == named.groups[3:]  # the same names in every table


GROUPS = st.lists(st.sampled_from("abcdefghijk"), min_size=4, max_size=80).filter(lambda g: len(set(g)) >= 3)


@given(GROUPS, st.floats(0, 0.8), st.integers(2, 10), st.integers(0, 99))
def test_no_group_is_on_two_sides(groups, test, n_folds, seed):
    found = tune.split(groups, test=test, n_folds=n_folds, random_state=seed)
    parts = [found.test, *found.folds]
    assert Counter(np.concatenate(parts).tolist()) == Counter(range(len(groups)))
    assert_array_equal(np.sort(np.concatenate(found.folds)), found.train)
    held = [{groups[k] for k in part} for part in parts]
    for k, one in enumerate(held):
        assert all(not one & other for other in held[k + 1 :])
    assert all(len(fold) for fold in found.folds) and len(found.folds) >= 2
    assert test == 0 or len(found.test)


@given(GROUPS, st.integers(0, 9))
def test_splits_are_the_same_for_a_seed(groups, seed):
    one, two = (tune.split(groups, random_state=seed) for _ in range(2))
    assert_array_equal(one.test, two.test)
    for p, q in zip(one.folds, folds_of(groups, 5, seed), strict=False):
        assert len(p) and len(q)


def test_splits_that_cannot_be_are_refused():
    with pytest.raises(TuneError, match="1 group cannot be split: group by composition or by row"):
        tune.split(["a"] * 9)
    with pytest.raises(OptionError, match=r"test=1.0"):
        tune.split(list("abc"), test=1.0)
    with pytest.raises(OptionError, match="n_folds=1"):
        tune.split(list("abc"), n_folds=1)


def test_the_test_part_is_about_as_large_as_wanted():
    generator = np.random.default_rng(0)
    groups = [f"g{k}" for k in generator.integers(0, 60, 500)]
    assert 80 <= len(tune.split(groups, test=0.2).test) <= 130


# --- figures -----------------------------------------------------------------------------------------------------


def test_scores_are_right_and_their_intervals_know_of_groups():
    y, p = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0, 2.0])
    found = tune.score(p, y, list("abcd"))
    assert found.mae.value == pytest.approx(0.375) and found.rmse.value == pytest.approx(np.sqrt(1.25 / 4))
    assert found.r2.value == pytest.approx(1 - 1.25 / 5)
    assert found.mae.lower <= found.mae.value <= found.mae.upper
    generator = np.random.default_rng(1)
    shared = np.repeat(generator.normal(size=20), 10)
    wide = tune.score(shared, np.zeros(200), [str(k // 10) for k in range(200)]).mae
    narrow = tune.score(shared, np.zeros(200), [str(k) for k in range(200)]).mae
    assert wide.upper - wide.lower > 2 * (narrow.upper - narrow.lower)
    with pytest.raises(TuneError, match=r"shape \(4,\) against targets of shape \(4, 1\)"):
        tune.score(p, y[:, None], list("abcd"))


def test_examples_have_a_digest_of_what_they_hold():
    y = target(table())
    assert tune.examples(table(), y).digest == tune.examples(table(), y).digest
    assert tune.examples(table(), y).digest != tune.examples(table(), y + 1e-9).digest
    assert json.dumps(tune.examples(table(), y).digest)
