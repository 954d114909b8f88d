"""Targets, options and test parts that cannot be: each is refused or set aside with what is wrong, never guessed."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal
from tune_samples import crystals, network, target

import seitz
from seitz import models, tune
from seitz.errors import ModelError, OptionError, ReadError, SeitzError, TuneError, WriteError
from seitz.tune.reading import targets_from

QUICK = {"networks": False, "n_folds": 2}


def table(n: int = 12) -> seitz.FeatureTable:
    return crystals()[:n]


def reasons(given) -> dict[int, str]:
    return {entry.index: entry.reason for entry in tune.examples(table(), given).excluded}


# --- what is no target -------------------------------------------------------------------------------------------


def test_text_dates_and_underscores_are_no_numbers():
    y = [str(v) for v in target(table())]
    y[:7] = ["abc", "1_000", "1,5", "", " ", "nan", "-inf"]
    said = reasons(y)
    assert said == {
        0: "the target is no number: 'abc'", 1: "the target is no number: '1_000'",
        2: "the target is no number: '1,5'", 3: "no target", 4: "no target",
        5: "the target is no finite number: nan", 6: "the target is no finite number: -inf",
    }  # fmt: skip


def test_masked_and_missing_values_are_not_learned_whatever_is_below_the_mask():
    y = np.ma.masked_array(target(table()), mask=np.arange(12) < 2)
    y.data[:2] = 1e5
    assert reasons(y) == {0: "no target", 1: "no target"}
    assert reasons([None, *target(table())[1:]]) == {0: "no target"}
    assert reasons(dict(zip(table().ids[1:], target(table())[1:], strict=True))) == {0: "no target"}


def test_exact_numbers_are_numbers():
    y = target(table())
    for given in ([Decimal(str(v)) for v in y], y.astype(np.longdouble), iter(y.tolist()), y.astype(object)):
        assert_array_equal(tune.examples(table(), given).targets, y)
    whole = np.arange(12)
    assert_array_equal(tune.examples(table(), whole).targets, whole)
    assert_array_equal(
        tune.examples(table(), {name: [v] for name, v in zip(table().ids, y, strict=True)}).targets, y
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (np.ones(12) + 1j, "complex128 are no real numbers"),
        (np.array(["2026-01-01"] * 12, dtype="datetime64[D]"), "datetime64.* are no real numbers"),
        (np.arange(12) > 3, "bool are no real numbers"),
        ({1.0, 2.0}, "a set has no order"),
        ([[1.0, 2.0]] * 11 + [[1.0]], "unlike numbers of values"),
        (1.0, "1.0 are no numbers"),
        (b"abc", "are no numbers"),
    ],
)
def test_what_cannot_be_targets_is_refused(given, what):
    with pytest.raises(TuneError, match=what):
        tune.examples(table(), given)


def test_several_values_of_one_id_are_told_from_missing_ones():
    with pytest.raises(TuneError, match=r"2 targets of .*: a model is tuned for one value"):
        tune.examples(table(), {name: [1.0, 2.0] for name in table().ids})


def test_a_target_that_would_make_all_others_equal_is_set_aside():
    y = target(table())
    y[3] = 1e30
    assert list(reasons(y)) == [3] and "1e+30 is not of the size of the others" in reasons(y)[3]
    y[3] = 50 * np.abs(y[np.arange(12) != 3]).max()  # far, and maybe meant
    assert reasons(y) == {}
    y[:] = 0.0
    y[5] = 1.0
    assert reasons(y) == {}


def test_features_beyond_single_precision_are_set_aside():
    values = table().values.copy()
    values[2, 10], values[4, 11] = 1e30, -1e300
    broken = seitz.FeatureTable(values, table().descriptor, table().ids)
    said = tune.examples(broken, target(table())).excluded
    assert [row.index for row in said] == [2, 4]
    assert said[0].reason == f"the feature {table().names[10]} is too large for single precision: 1e+30"


# --- files of targets --------------------------------------------------------------------------------------------


def test_a_poisoned_file_of_targets_costs_its_own_rows_alone(tmp_path):
    ids, y = table().ids, target(table())
    lines = [f"{name},{value}" for name, value in zip(ids, y, strict=True)]
    lines[0], lines[1], lines[2] = f"{ids[0]},", f"{ids[1]},nan", f"{ids[2]},n/a"
    lines += [f"{ids[3]},9.5", f"{ids[4]},{y[4]}", "elsewhere,1.0", f"{ids[5]},"]
    (tmp_path / "y.csv").write_text("\n".join(["id,energy", *lines]))
    found = tune.examples(table(), targets_from(str(tmp_path / "y.csv"), "energy"))
    said = {row.index: row.reason for row in found.excluded}
    assert said[0] == "no target" and said[1] == "the target is no finite number: nan"
    assert said[2] == "the target is no number: 'n/a'"
    assert said[3] == f"the same id, with another target: {y[3]} and 9.5"
    assert said[5].startswith("the same id, with another target") and list(said) == [0, 1, 2, 3, 5]
    assert found.unmatched == ("elsewhere",) and len(found) == 7
    assert_array_equal(found.targets, y[[4, 6, 7, 8, 9, 10, 11]])


def test_a_file_of_values_is_read_line_by_line(tmp_path):
    y = target(table())
    text = [str(v) for v in y]
    text[3] = "n/a"
    path = tmp_path / "y.txt"
    path.write_text("# energies\n" + "\n".join(text) + "\n\n")
    found = tune.examples(table(), path)
    assert [row.reason for row in found.excluded] == ["the target is no number: 'n/a'"] and len(found) == 11


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_columns_of_one_name_are_refused(tmp_path, suffix):
    path, y = tmp_path / f"two.{suffix}", target(table())
    arrow = table().to_arrow().append_column("energy", [y])
    if suffix == "npz":
        twice = np.append(table().names, table().names[:1])
        np.savez(path, values=np.column_stack([table().values, y]), names=twice)
    elif suffix == "parquet":
        pq.write_table(arrow.append_column("energy", [2 * y]), path)
    else:
        frame = arrow.to_pandas()
        frame.insert(len(frame.columns), "energy", 2 * y, allow_duplicates=True)
        frame.to_csv(path, index=False)
    with pytest.raises(ReadError, match="two columns are called"):
        tune.examples(path, "energy", descriptor="seitz_ionic")


def test_text_among_features_sets_its_row_aside(tmp_path):
    frame = table().to_pandas().assign(energy=target(table())).astype(object)
    frame.iloc[1, 3], frame.iloc[2, -1] = "n/a", "?"
    frame.to_csv(tmp_path / "t.csv")
    found = tune.examples(tmp_path / "t.csv", "energy", descriptor="seitz_ionic")
    assert [row.index for row in found.excluded] == [1, 2]
    assert "no finite number" in found.excluded[0].reason and found.excluded[1].reason.endswith("'?'")


def test_a_file_that_does_not_say_its_schema_is_remarked(tmp_path):
    arrow = table().to_arrow().append_column("energy", [target(table())])
    pq.write_table(arrow, tmp_path / "said.parquet")
    pq.write_table(arrow.replace_schema_metadata(None), tmp_path / "silent.parquet")
    assert tune.examples(tmp_path / "said.parquet", "energy").remarks == ()
    [remark] = tune.examples(tmp_path / "silent.parquet", "energy", descriptor="seitz_ionic").remarks
    assert "silent.parquet does not say its schema" in remark
    frame = pa.Table.from_pandas(crystals().to_pandas().assign(energy=target(crystals())))
    pq.write_table(frame.replace_schema_metadata(None), tmp_path / "all.parquet")
    done = tune.adjust(network(), tmp_path / "all.parquet", "energy", **QUICK)
    assert "does not say its schema" in done.report.warnings[0]


def test_ids_that_are_no_text_are_written_as_such():
    names = [f"file\udce4{k}" for k in range(len(crystals()))]
    done = tune.adjust(network(), crystals(), target(crystals()), ids=names, group_by="row", **QUICK)
    assert "file\\udce40" in done.report.ids and "\\udce4" in done.report.to_json()


def test_lines_stand_beside_rows_whatever_is_in_them(tmp_path):
    y = [str(v) for v in target(table())]
    path = tmp_path / "y.csv"
    path.write_text("energy\n" + "\n".join(y))
    assert_array_equal(tune.examples(table(), path).targets, target(table()))
    path.write_text("energy\n" + "\n".join(y[:-1]))  # one is missing: nothing is moved up
    with pytest.raises(TuneError, match=r"targets of shape \(11, 1\) do not fit 12 rows"):
        tune.examples(table(), path)
    path.write_text("\n".join([*y[:3], "", *y[4:]]) + "\n\n")
    assert [(row.index, row.reason) for row in tune.examples(table(), path).excluded] == [(3, "no target")]
    path.write_text(
        "id,energy\n" + "\n".join(f"{i},{v}" for i, v in reversed([*zip(table().ids, y, strict=True)]))
    )
    assert_array_equal(tune.examples(table(), path).targets, target(table()))
    path.write_text("\n".join(["nan", *y[1:]]))  # a missing value is no name of a column
    assert [row.index for row in tune.examples(table(), path).excluded] == [0]
    path.write_text("id,energy,gap\n")
    with pytest.raises(TuneError, match="has the columns 'id', 'energy', 'gap': give the values of one"):
        tune.examples(table(), path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"id;energy\na;1\n", "columns are separated by ';'"),
        (b"id\tenergy\na\t1\n", r"columns are separated by '\\t'"),
        ("id,energy\na,1\n".encode("utf-16"), "no text in UTF-8"),
        ("id,énergie\n".encode("latin-1"), "no text in UTF-8"),
    ],
)
def test_tables_of_other_programs_get_a_hint(tmp_path, content, what):
    (tmp_path / "y.csv").write_bytes(content)
    with pytest.raises(ReadError, match=what):
        targets_from(str(tmp_path / "y.csv"), "energy")


def test_whose_values_they_are_must_be_said(tmp_path):
    """Row numbers are no ids: files may be called 0, 1, 2, and come in another order."""
    (tmp_path / "y.csv").write_text("file,energy\n1,0.5\n\n")
    with pytest.raises(TuneError, match="has no column 'id'; there is 'file', 'energy'"):
        targets_from(str(tmp_path / "y.csv"), "energy")
    (tmp_path / "y.csv").write_text("id,energy\na,0.5\n\n\n")
    assert targets_from(str(tmp_path / "y.csv"), "energy").ids == ["a"]


def test_an_id_of_several_crystals_has_no_target():
    ids = list(table().ids)
    ids[2] = ids[7]
    found = tune.examples(table(), {name: 1.0 + k for k, name in enumerate(dict.fromkeys(ids))}, ids=ids)
    assert [row.index for row in found.excluded] == [2, 7]
    assert found.excluded[0].reason == "2 different crystals have this id"


def test_blanks_around_names_of_columns_are_none(tmp_path):
    (tmp_path / "y.csv").write_text(" id , energy \na,1\n")
    assert targets_from(str(tmp_path / "y.csv"), "energy").values == [1.0]


# --- what cannot be learned from ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda y: 0.0 * y + 0.3, r"all \d+ targets are 0.3: there is nothing to learn"),
        (lambda y: y * 1e40, "give them in a unit in which they are of ordinary size"),
        (lambda y: y * 1e-40, "give them in a unit in which they are of ordinary size"),
        (lambda y: y + 1e6, "around 1e\\+06: single precision blurs that; subtract a reference"),
        (lambda y: 0.1 * y - 5e4, "around -50000: single precision blurs that"),
    ],
)
def test_targets_that_single_precision_cannot_tell_apart_are_refused_at_once(change, what):
    with pytest.raises(TuneError, match=what):
        tune.adjust(network(), crystals(), change(target(crystals())), networks=True)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_any_usual_unit_does(scale):
    y = target(crystals()) * scale
    done = tune.adjust(network(), crystals(), y + 100 * scale, **QUICK)
    assert done.report.after.mae.value < 2 * y.std() and done.report.drift < 1e-3 * y.std()


def test_one_value_that_differs_is_no_error():
    y = np.zeros(48)
    y[5] = 1.0
    report = tune.adjust(network(), crystals(), y, test=0.0, **QUICK).report
    assert report.pays is not True and np.isfinite(report.after.mae.value)


def test_too_few_rows_and_too_large_groups_are_named():
    y = target(crystals())
    with pytest.raises(TuneError, match=r"rows to learn from are too few: at least 6"):
        tune.adjust(network(), crystals()[:5], y[:5], group_by="row", **QUICK)
    groups = ["a"] * 45 + ["b", "c", "d"]
    with pytest.raises(
        TuneError, match=r"the group 'a' holds 45 of 4\d rows: what is left cannot be learned from"
    ):
        tune.adjust(network(), crystals(), y, groups=groups, **QUICK)


@pytest.mark.parametrize("n", [8, 10, 14])
def test_a_handful_of_rows_gives_a_model_or_a_named_error(n):
    try:
        done = tune.adjust(network(), crystals()[:n], target(crystals())[:n], group_by="row", **QUICK)
    except TuneError as error:
        assert "too few" in str(error)
    else:
        assert "examples to learn from: what was chosen may owe to chance" in "".join(done.report.warnings)
        assert np.isfinite(done.model.predict(crystals().values)).all()


def test_targets_of_another_size_than_the_model_says_are_remarked():
    y, other = network().predict(crystals().values), target(crystals())
    y = y + y.std() * other / other.std()
    said = [tune.adjust(network(), crystals(), scale * y, **QUICK).report.warnings for scale in (1.0, 96.485)]
    assert ["is that their unit?" in "".join(warnings) for warnings in said] == [False, True]


def test_rows_that_the_model_may_have_seen_are_remarked_and_no_gain_is_sold():
    metric = models.Metric("mean absolute error", 0.3, "eV/atom", "other systems", 100)
    known = network(metrics=(metric,))
    y = known.predict(crystals().values) + 1e-3 * target(crystals())
    report = tune.adjust(known, crystals(), y, **QUICK).report
    assert any("it may have been trained on them" in warning for warning in report.warnings)
    shifted = tune.adjust(known, crystals(), y + 1.0, **QUICK).report
    assert not any("trained on them" in warning for warning in shifted.warnings)
    assert "the model as it was errs by" not in shifted.says
    noise = known.predict(crystals().values) + 0.05 * np.random.default_rng(1).normal(size=48)
    assert "adjusting it does not help" in tune.adjust(known, crystals(), noise, **QUICK).report.says


def test_skewed_noise_is_no_knowledge():
    """The one value that stands against all is the one with the smallest mean absolute error."""
    noise = np.exp(3.0 * np.random.default_rng(0).normal(size=48))
    report = tune.adjust(network(), crystals(), noise, **QUICK).report
    one_value = report.candidate("median of the examples").validation.mae.value
    assert one_value == pytest.approx(np.abs(noise - np.median(noise)).mean(), rel=0.6)
    assert report.pays is not True and "nothing is clearly better than one value" in "".join(report.warnings)


def test_few_rows_give_no_verdict():
    small = network()
    y = 2.0 * small.predict(crystals().values) + 1.0
    report = tune.adjust(small, crystals()[:24], y[:24], group_by="row", **QUICK).report
    assert report.pays is None and "cannot be told from so few rows" in report.says


# --- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "what"),
    [
        ({"random_state": -1}, OptionError, "random_state=-1: give a whole number, at least 0"),
        ({"random_state": None}, OptionError, "random_state=None"),
        ({"n_folds": 2.5}, OptionError, "n_folds=2.5: give a whole number, at least 2"),
        ({"n_folds": 0}, OptionError, "n_folds=0"),
        ({"test": float("nan")}, OptionError, "test=nan: give a share"),
        ({"test": "some"}, OptionError, "test='some'"),
        ({"references": "10.1000/xyz"}, OptionError, r"give a list of texts, such as \['10.1000/xyz'\]"),
        ({"references": [1]}, OptionError, "give texts"),
        ({"name": "../elsewhere"}, ModelError, "no name for a model"),
        ({"name": "default"}, ModelError, "a name of seitz itself"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, kind, what):
    with pytest.raises(kind, match=what):
        tune.adjust(network(), crystals(), target(crystals()), **({"networks": False} | options))


def test_a_property_has_a_name_and_a_unit():
    y = target(crystals())
    for said in ({"new_property": "", "unit": "eV"}, {"new_property": "gap", "unit": " "}):
        with pytest.raises(OptionError, match="say what the targets are, and in which unit"):
            tune.transfer(network(), crystals(), y, **said, **QUICK)
    with pytest.raises(OptionError, match="property=''"):
        tune.train(crystals(), y, property="", unit="eV", **QUICK)
    done = tune.transfer(network(), crystals(), y, new_property="bulk/modulus (VRH)", unit="GPa", **QUICK)
    assert done.model.card.name == "small-bulk-modulus-VRH"


def test_a_folder_for_checkpoints_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WriteError, match="checkpoints cannot be kept there"):
            tune.adjust(network(), crystals(), target(crystals()), work=place, **QUICK)


def test_broken_checkpoints_and_trials_are_replaced(tmp_path):
    settings = tune.Settings(epochs=2)
    y = target(crystals())
    options = {"n_folds": 2, "settings": settings, "work": tmp_path}
    space = {"rates": [1e-3], "optimisers": ["adam"], "decays": [1e-4, 1e-3]}
    whole = tune.search(network(), crystals(), y, **space, **options)
    kept = sorted(tmp_path.glob("*.checkpoint"))
    assert kept
    for k, path in enumerate(kept):
        path.write_bytes([b"junk" * 50, b"", path.read_bytes()[:-40], b"PK\x03\x04"][k % 4])
    first, *_ = (tmp_path / "trials.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_bytes(b'null\n[1]\n{"a": 1}\n\xff\n' + first.encode() + b'{"ke')
    again = tune.search(network(), crystals(), y, **space, **options)
    assert again.model.content == whole.model.content
    assert (tmp_path / "trials.jsonl").read_text(errors="replace").count('"mae"') == 2


@pytest.mark.parametrize(
    "options",
    [
        {"random_state": 2**32}, {"level": "0.9"}, {"level": None}, {"name": 5}, {"device": 5}, {"work": 5},
        {"progress": 5}, {"references": None}, {"references": ["\ud800"]}, {"settings": None}, {"settings": {}},
        {"networks": "no"}, {"test": True},
    ],
)  # fmt: skip
def test_options_of_another_kind_are_refused_before_any_work(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        tune.adjust(network(), crystals(), target(crystals()), **({"networks": False} | options))


@pytest.mark.parametrize(
    "options", [{"batch": 2.5}, {"batch": True}, {"epochs": 1.5}, {"rate": 1e300}, {"max_steps": 0}]
)
def test_settings_that_no_training_takes_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        tune.Settings(**options)


def test_options_that_are_none_are_named():
    for verb in (tune.adjust, tune.search):
        with pytest.raises(OptionError, match=r"there is no option 'folds'; there is ids, groups, .*n_folds"):
            verb(network(), crystals(), target(crystals()), folds=2)


def test_seeds_of_numpy_are_seeds():
    y = target(crystals())
    one, other = (tune.adjust(network(), crystals(), y, random_state=k, **QUICK) for k in (3, np.int64(3)))
    assert one.model.content == other.model.content


def test_searches_take_what_can_be_counted(tmp_path):
    y, quick = target(crystals()), {"n_folds": 2, "settings": tune.Settings(epochs=1)}
    for options in ({"n_trials": 2.5}, {"n_trials": "3"}, {"n_trials": 0}, {"rates": iter(())}):
        with pytest.raises(OptionError, match=r"n_trials|nothing to try"):
            tune.search(network(), crystals(), y, **options, **quick)
    space = {"optimisers": ["adam"], "decays": [1e-4], "work": tmp_path}
    done = tune.search(network(), crystals(), y, rates=(r for r in (1e-3, 1e-4)), **space, **quick)
    assert len(done.report.extra["trials"]) == 2


def test_trials_of_other_folds_are_not_taken_for_these(tmp_path):
    y, space = target(crystals()), {"rates": [1e-3], "optimisers": ["adam"], "decays": [1e-4]}
    settings = tune.Settings(epochs=1)
    options = {"settings": settings, **space}
    tune.search(network(), crystals(), y, n_folds=2, work=tmp_path, **options)
    fresh = tune.search(network(), crystals(), y, n_folds=3, **options)
    again = tune.search(network(), crystals(), y, n_folds=3, work=tmp_path, **options)
    assert again.report.extra == fresh.report.extra and again.model.content == fresh.model.content


# --- what says more than its values ---------------------------------------------------------------------------------


def test_a_series_is_taken_by_its_index():
    y = pd.Series(target(table()), index=table().ids)
    for given in (y[::-1], y.to_frame()[::-1], pd.Series(y.to_numpy())):
        assert_array_equal(tune.examples(table(), given).targets, y)
    assert [row.index for row in tune.examples(table(), y.drop(table().ids[3])).excluded] == [3]
    elsewhere = pd.Series(y.to_numpy(), index=[f"x{k:02}" for k in range(12)])  # names of something else
    assert_array_equal(tune.examples(table(), elsewhere).targets, y)


def test_an_index_in_no_order_that_names_no_rows_is_refused():
    shuffled = pd.Series(target(table())).sample(frac=1.0, random_state=0)
    with pytest.raises(TuneError, match=r"the index names no rows .* and is in no order: give values by id"):
        tune.examples(table(), shuffled)


@pytest.mark.parametrize("lost", [None, float("nan"), ""])
def test_rows_without_a_group_are_refused(lost):
    with pytest.raises(TuneError, match="2 rows have no group, such as row 3"):
        tune.examples(table(), target(table()), groups=["a", "b", "a", lost, lost, *"abababa"])


def test_groups_may_be_given_by_id():
    by_id = {name: "ab"[k % 2] for k, name in enumerate(table().ids)}
    found = tune.examples(table(), target(table()), groups=dict(reversed(by_id.items())))
    assert found.groups == tuple("abababababab") and found.n_groups == 2
    del by_id[table().ids[5]]
    with pytest.raises(TuneError, match="1 rows have no group, such as"):
        tune.examples(table(), target(table()), groups=by_id)


def test_what_is_masked_among_features_is_not_known():
    values = np.ma.masked_array(table().values.copy(), mask=False)
    values[3] = np.ma.masked
    values.data[3] = 12345.0
    found = tune.examples(values, target(table()), descriptor="seitz_ionic")
    assert [row.index for row in found.excluded] == [3] and "no finite number" in found.excluded[0].reason


def test_most_targets_may_be_the_same_and_one_absurd():
    y = np.zeros(12)
    y[:3], y[5] = (1.0, 1.5, 2.0), 1e20
    assert list(reasons(y)) == [5]


def test_copies_of_a_crystal_with_another_target_contradict_it():
    cell = seitz.as_cell("sigma")
    turned = seitz.as_cell(
        {"lattice": cell.lattice @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0],
         "frac_coords": cell.frac_coords + 0.137, "atomic_numbers": cell.atomic_numbers}
    )  # fmt: skip
    near = cell.replace(lattice=cell.lattice * 1.001)
    cells, y = [cell, turned, "fcc", near], [1.0, 2.0, 3.0, 4.0]
    found = tune.examples(cells, y, descriptor="seitz_ionic", ids=list("abcd"))
    assert [row.index for row in found.excluded] == [0, 1]
    flipped = table().values.copy()
    flipped[0, flipped[0] == 0] = -0.0
    both = np.concatenate([table().values, flipped[:1]])
    assert len(tune.examples(both, np.arange(13.0), descriptor="seitz_ionic").excluded) == 2


def test_a_contradiction_is_seen_whatever_else_is_wrong_with_a_row():
    values = table().values[[0, 0, 0, 4]]
    found = tune.examples(values, [1.0, 2.0, 1.0, 3.0], descriptor="seitz_ionic", ids=["a", "a", "b", "c"])
    assert [row.index for row in found.excluded] == [0, 1, 2]


def test_units_of_examples_are_those_of_the_model():
    y = target(crystals())
    moduli = tune.examples(crystals(), y, property="bulk modulus", unit="GPa")
    with pytest.raises(
        OptionError, match="the examples are in GPa, small predicts in eV/atom: nothing is converted"
    ):
        tune.adjust(network(), moduli, **QUICK)
    with pytest.raises(OptionError, match="the examples are in GPa, what is said is eV"):
        tune.transfer(network(), moduli, new_property="gap", unit="eV", **QUICK)
    with pytest.raises(OptionError, match="the examples are in GPa, what is said is eV"):
        tune.train(moduli, property="gap", unit="eV", **QUICK)
    parts = [moduli.rows(range(36)), tune.examples(crystals()[36:], y[36:], unit="eV")]
    with pytest.raises(TuneError, match="the unit of the test part is eV, that of the examples GPa"):
        tune.transfer(network(), parts[0], test=parts[1], new_property="bulk modulus", unit="GPa", **QUICK)


def test_columns_of_text_and_truth_are_read_and_set_aside(tmp_path):
    y = [str(v) for v in target(table())]
    y[2] = "n/a"
    decimals = pa.array([Decimal(v).quantize(Decimal("0.001")) if k != 2 else None for k, v in enumerate(y)])
    for column in (pa.array(y), pa.array(y).dictionary_encode(), decimals):
        pq.write_table(table().to_arrow().append_column("energy", column), tmp_path / "t.parquet")
        found = tune.examples(tmp_path / "t.parquet", "energy")
        assert [row.index for row in found.excluded] == [2] and len(found) == 11


@pytest.mark.parametrize("what", ["scalar", "ids", "metadata", "list"])
def test_odd_arrays_in_a_file_are_no_accidents(tmp_path, what):
    y, more = target(table()), {"ids": np.array(table().ids)}
    more |= {
        "scalar": {"spam": np.array(5.0)}, "ids": {"ids": np.array("one")},
        "metadata": {"metadata": np.array("{no")}, "list": {"metadata": np.array("[1]")},
    }[what]  # fmt: skip
    np.savez(tmp_path / "t.npz", values=table().values, names=np.array(table().names), energy=y, **more)
    if what == "ids":
        with pytest.raises(TuneError, match="1 ids do not fit 12 rows"):
            tune.examples(tmp_path / "t.npz", "energy", descriptor="seitz_ionic")
    else:
        assert len(tune.examples(tmp_path / "t.npz", "energy", descriptor="seitz_ionic")) == 12


def test_files_without_values_are_named(tmp_path):
    np.save(tmp_path / "y.npy", np.empty(0))
    with pytest.raises(TuneError, match=r"targets of shape \(0,\) do not fit 12 rows"):
        tune.examples(table(), tmp_path / "y.npy")
    arrow = table().to_arrow().append_column("energy", [target(table())])
    broken = arrow.replace_schema_metadata({b"\xff": b"\xfe"})
    pq.write_table(broken, tmp_path / "t.parquet")
    assert len(tune.examples(tmp_path / "t.parquet", "energy", descriptor="seitz_ionic")) == 12


# --- a test part of one's own ------------------------------------------------------------------------------------


def test_a_given_test_part_is_checked_and_counted():
    y = target(crystals())
    table_, rest = crystals()[:36], crystals()[36:]
    whole = tune.examples(crystals(), y, group_by="row").rows(range(36))
    y[40] = np.nan
    held = tune.examples(rest, y[36:], group_by="row")
    report = tune.adjust(network(), whole, test=held, **QUICK).report
    assert (report.n_given, report.n_train, report.n_test) == (48, 36, 11)
    assert report.excluded[0].reason == "test part: the target is no finite number: nan"
    other = tune.adjust(network(), whole, test=held.rows(range(10)), **QUICK).report
    assert other.digest != report.digest and other.candidates[0].validation == report.candidates[0].validation
    with pytest.raises(TuneError, match=r"grouped by composition, the examples by row"):
        tune.adjust(network(), whole, test=tune.examples(rest, y[36:], group_by="composition"), **QUICK)
    seen = tune.examples(crystals()[30:], np.nan_to_num(y[30:]), group_by="row")
    with pytest.raises(TuneError, match=f"{table_.ids[30]} of the test part has been learned from"):
        tune.adjust(network(), whole, test=seen, **QUICK)
    two = tune.examples(rest, np.nan_to_num(np.column_stack([y, y]))[36:], group_by="row")
    with pytest.raises(TuneError, match="a model is tuned for one value"):
        tune.adjust(network(), whole, test=two, **QUICK)


def test_arrays_whose_rows_have_only_numbers_are_not_the_same_rows():
    y = target(crystals())
    parts = [
        tune.examples(crystals().values[k], y[k], descriptor="seitz_ionic", group_by="row")
        for k in (slice(0, 36), slice(36, 48))
    ]
    assert parts[0].ids[0] == parts[1].ids[0] == "0"
    assert tune.adjust(network(), parts[0], test=parts[1], **QUICK).report.n_test == 12


def test_a_copy_of_a_row_in_the_test_part_is_found_by_any_name():
    y, rows = target(crystals()), crystals().values.copy()
    rows[rows == 0] = -0.0
    train = tune.examples(crystals(), y, group_by="row")
    held = tune.examples(
        rows * (1 + 1e-15), y, descriptor="seitz_ionic", group_by="row", ids=[f"x{k}" for k in range(48)]
    )
    with pytest.raises(TuneError, match="x0 of the test part has been learned from"):
        tune.adjust(network(), train, test=held, **QUICK)


def test_features_that_do_not_say_their_elements_may_have_a_test_part():
    rows = crystals("ks2022")
    y, ids = target(rows), [f"row {k}" for k in range(48)]
    whole = tune.examples(rows, y, ids=ids)
    some = set(sorted(set(whole.groups))[:10])
    parts = [[k for k, g in enumerate(whole.groups) if (g in some) is held] for held in (False, True)]
    train, held = (tune.examples(rows[part], y[part], ids=[ids[k] for k in part]) for part in parts)
    assert tune.adjust(network("ks2022"), train, test=held, **QUICK).report.n_test == len(held)


def test_examples_are_not_given_targets_twice():
    y = target(crystals())
    whole = tune.examples(crystals(), y)
    for more in ({"targets": y}, {"ids": crystals().ids}, {"groups": ["a"] * 48}, {"group_by": "row"}):
        with pytest.raises(OptionError, match=r"give those to tune\.examples"):
            tune.adjust(network(), whole, **more, **QUICK)


def test_the_card_names_elements_that_were_learned_from():
    found = tune.adjust(network(), crystals(), target(crystals()), **QUICK)
    learned = {part for row in found.report.rows if row.part == "train" for part in row.group.split("-")}
    every = {part for row in found.report.rows for part in row.group.split("-")}
    assert set(found.model.card.elements) == learned <= every


def test_every_refusal_is_an_error_of_seitz():
    assert all(issubclass(kind, SeitzError) for kind in (TuneError, OptionError, ReadError, WriteError))
