"""Adjusting, transferring and training: honest figures, files that run like any other model."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tune_samples import KINDS, crystals, network, target

import seitz
from seitz import models, tune
from seitz.errors import OptionError, TuneError
from seitz.models.audit import audit_bytes
from seitz.models.torch_graph import as_module
from seitz.tune.boosting import boosted, write_trees
from seitz.tune.engine import Contest
from seitz.tune.finish import Finish
from seitz.tune.graphs import FEATURES, Graph
from seitz.tune.intervals import calibrate
from seitz.tune.kernel import fit_kernel
from seitz.tune.methods import (
    BoostedCorrection,
    Boosting,
    KernelMethod,
    NetworkMethod,
    blend_weights,
)
from seitz.tune.networks import Base, plain_views, predictions
from seitz.tune.simple import OffsetSlope

QUICK = tune.Settings(epochs=6, patience=6, head_epochs=2, batch=16, rate=3e-3)


@pytest.fixture(scope="module")
def adjusted() -> tune.Tuned:
    """A small network adjusted to a line through its values and a bit more, networks included."""
    small, table = network(), crystals()
    y = 2.0 * small.predict(table.values) + 1.0 + 0.3 * target(table)
    return tune.adjust(small, table, y, settings=QUICK, references=["10.1000/xyz"], random_state=1)


# --- what comes back ---------------------------------------------------------------------------------------------


def test_the_report_counts_every_row_and_judges_every_way(adjusted):
    report = adjusted.report
    assert report.n_given == 48 == report.n_train + report.n_test + len(report.excluded)
    assert report.ids == tuple(row.id for row in report.rows) and set(report.ids) == set(crystals().ids)
    names = {c.name for c in report.candidates}
    assert {"offset and slope", "gradient boosting", "network from scratch", "kernel on the model",
            "kernel on the features", "boosted correction", "fine-tuned network"} <= names  # fmt: skip
    assert {c.name for c in report.candidates if c.baseline} == {
        "median of the examples", "offset and slope", "gradient boosting", "network from scratch",
    }  # fmt: skip
    for candidate in report.candidates:
        assert candidate.test is not None or candidate.note
        for score in (candidate.validation, candidate.test or candidate.validation):
            assert score.mae.lower <= score.mae.value <= score.mae.upper


def test_the_best_by_validation_is_returned_and_said(adjusted):
    report = adjusted.report
    whole = [c for c in report.candidates if not c.note]
    assert report.chosen == min(whole, key=lambda c: c.validation.mae.value).name
    assert report.says.startswith(report.chosen) and "best baseline" in report.says
    assert report.pays is True  # the target is made of the model
    assert report.after.mae.value < 0.5 * report.before.mae.value


def test_the_file_gives_the_figures_of_the_report(adjusted):
    report, table = adjusted.report, crystals()
    by_id = dict(zip(table.ids, adjusted.model.predict(table.values), strict=True))
    held = [row for row in report.rows if row.part == "test"]
    assert_allclose([by_id[row.id] for row in held], [row.after for row in held], rtol=1e-6)
    error = np.mean([abs(row.after - row.target) for row in held])
    assert error == pytest.approx(report.after.mae.value) and report.drift < 1e-3


def test_curves_are_kept_and_best_epochs_are_theirs(adjusted):
    curves = [c for candidate in adjusted.report.candidates for c in candidate.curves]
    assert curves
    for curve in curves:
        assert curve.best == int(np.argmin(curve.validation)) and curve.rate[0] == 0.0


def test_the_file_carries_card_and_report(adjusted, tmp_path):
    path = adjusted.save(tmp_path / "mine.onnx")
    again = models.load(path)
    card = again.card
    assert card.name == "small-adjusted" and card.property == "energy" and card.schema
    assert card.level == 0.9 and "10.1000/xyz" in card.citation and card.metrics[0].unit == "eV/atom"
    assert card.extra["tune"]["data"] == adjusted.report.digest
    assert set(card.elements) <= set(seitz.elements.SYMBOLS) and card.elements
    assert tune.report(path) == adjusted.report
    assert tune.report(again).references == ("10.1000/xyz",)


def test_a_tuned_model_runs_like_any_other(adjusted, tmp_path, user_models):
    path = adjusted.save(tmp_path / "mine.onnx")
    models.add(path, name="mine")
    table = seitz.predict(crystals()[:5], model="mine")
    assert_array_equal(table.value, adjusted.model.predict(crystals().values[:5]))
    assert (table.lower < table.value).all() and (table.value < table.upper).all()
    assert table.in_domain is not None and table.in_domain.any()
    assert seitz.predict("bcc", model=adjusted.model).doubts
    for form in ("onnx", "torch"):
        done = seitz.export("mine", tmp_path, to=form, rows=np.repeat(crystals().values, 2, axis=0))
        assert done.path.exists()
    assert tune.report("mine").chosen == adjusted.report.chosen


def test_whatever_wins_is_exported_in_fewer_bits(tmp_path):
    bundled, table = models.load("ks2022"), crystals("ks2022")
    y = bundled.predict(table.values) + 0.3 * target(table)
    rows, base, short = tune.examples(table, y), Base(bundled), replace(QUICK, epochs=2)
    folds = tune.split(rows.groups, test=0.0, n_folds=2).folds
    contest = Contest(base.views(rows.features), rows.targets, rows.groups, folds)
    fine = NetworkMethod(base, "fine-tune", short, "network", slow=False)
    for entry in contest.run([OffsetSlope(), Boosting(), KernelMethod(), BoostedCorrection(), fine]):
        finish = Finish("adjust", bundled, base, rows, rows, rows.rows([]), contest, [entry], 0.9, short)
        tuned = finish.tuned("mine", "", "", ("10.1000/xyz",))
        before = seitz.predict(table, model=tuned.model)
        for form in ("fp16", "int8"):
            path = tmp_path / f"{entry.name}.{form}.onnx"
            done = seitz.export(tuned.model, path, to=form, rows=np.repeat(table.values, 2, axis=0))
            assert done.drift < 0.03 * y.std()  # a rounded feature may take another branch of a tree
            again = models.load(path)
            assert tune.report(again) == tuned.report and "10.1000/xyz" in again.card.citation
            after = seitz.predict(table, model=again)
            assert_allclose(after.upper - after.lower, before.upper - before.lower, rtol=0.01)
            assert_array_equal(after.in_domain, before.in_domain)


def test_the_same_seed_gives_the_same_file(adjusted):
    small, table = network(), crystals()
    y = 2.0 * small.predict(table.values) + 1.0 + 0.3 * target(table)
    options = {"networks": False, "random_state": 1, "n_folds": 2}
    one, two = (tune.adjust(small, table, y, **options) for _ in range(2))
    values = crystals().values
    assert_array_equal(one.model.predict(values), two.model.predict(values))
    assert one.report == two.report and one.model.content == two.model.content


def test_kernels_and_networks_can_be_adjusted_again_and_trees_cannot(adjusted):
    small, table = network(), crystals()
    rows = tune.examples(table, small.predict(table.values) + target(table))
    base, folds = Base(small), tune.split(rows.groups, test=0.0, n_folds=2).folds
    for method in (KernelMethod(), NetworkMethod(base, "fine-tune", QUICK, "network"), Boosting()):
        contest = Contest(base.views(rows.features), rows.targets, rows.groups, folds)
        finish = Finish(
            "adjust", small, base, rows, rows, rows.rows([]), contest, contest.run([method]), 0.9, QUICK
        )
        first = finish.tuned("first", "", "", ())
        y = 2.0 * first.model.predict(table.values) + 0.5
        ids = [f"again {k}" for k in range(len(table))]
        if isinstance(method, Boosting):
            with pytest.raises(TuneError, match="no product with weights"):
                tune.adjust(first.model, table, y, networks=False)
        else:
            with pytest.raises(
                TuneError, match=r"has learned from 48 of these rows, such as .*: its figures on them"
            ):
                tune.adjust(first.model, table, y, networks=False)
            again = tune.adjust(first.model, table, y, ids=ids, networks=False, test=0.0, n_folds=2)
            assert again.report.after.mae.value < 0.2 * y.std()


def test_a_mean_with_trees_is_adjusted_again_and_exported_with_its_digits(tmp_path):
    """Trees on the layers of a network stay what they are, and networks that cannot learn through them are left out."""
    small, table = network(), crystals()
    rows = tune.examples(table, small.predict(table.values) + target(table))
    base, folds = Base(small), tune.split(rows.groups, test=0.0, n_folds=2).folds
    contest = Contest(base.views(rows.features), rows.targets, rows.groups, folds)
    entries = contest.run([BoostedCorrection()])
    finish = Finish("adjust", small, base, rows, rows, rows.rows([]), contest, entries, 0.9, QUICK)
    first = finish.tuned("first", "", "", ()).model
    y = 2.0 * first.predict(table.values) + 0.5
    ids = [f"again {k}" for k in range(len(table))]
    again = tune.adjust(first, table, y, ids=ids, settings=QUICK, test=0.0, n_folds=2)
    assert again.report.after.mae.value < 0.3 * y.std()
    assert all("left out" not in w or "no finite number" in w for w in again.report.warnings)
    done = seitz.export(first, tmp_path / "half.onnx", to="fp16", rows=table.values)
    half = models.load(tmp_path / "half.onnx").predict(table.values)
    assert np.abs(half - first.predict(table.values)).max() < 1e-3 * y.std() and done.drift < 1e-3 * y.std()


@pytest.mark.parametrize("kind", KINDS)
def test_stand_ins_of_published_networks_are_adjusted(kind):
    descriptor = "ks2022" if kind == "flattened" else "ward2017"
    small, table = network(descriptor, kind=kind), crystals(descriptor)
    y = small.predict(table.values) * 1.5 - 0.2
    done = tune.adjust(small, table, y, settings=QUICK, test=0.25, n_folds=2)
    assert done.report.after.mae.value < 0.3 * done.report.before.mae.value
    assert done.model.inputs[0].shape[0] is None and len(done.model.inputs) == 1
    assert done.model.card.walk == ("no_reversal" if descriptor == "ward2017" else "")


# --- honesty -----------------------------------------------------------------------------------------------------


def test_where_the_model_does_not_help_the_report_says_so():
    table = crystals(n=90, seed=3)
    done = tune.adjust(network(seed=5), table, target(table, noise=0.0), networks=False, test=0.0, n_folds=3)
    assert done.report.pays is not True
    sentence = "does not pay" if done.report.pays is False else "cannot be told from these rows"
    assert sentence in done.report.says
    assert (done.report.gain.upper < 0) is (done.report.pays is False)


def test_nothing_is_sold_on_noise():
    """Chance alone: in hardly any draw may the model seem to help, and it is said that nothing was learned."""
    table, reports = crystals(n=90, seed=3), []
    for seed in range(6):
        y = np.random.default_rng(100 + seed).normal(size=len(table))
        reports.append(tune.adjust(network(), table, y, networks=False, n_folds=2, random_state=seed).report)
    assert sum(report.pays is True for report in reports) <= 1
    assert sum("nothing is clearly better than one value" in "".join(r.warnings) for r in reports) >= 5


def test_the_test_part_is_never_seen():
    """Other targets in the test part change its figures and nothing else."""
    small, table = network(), crystals()
    y = small.predict(table.values) + target(table)
    first = tune.adjust(small, table, y, networks=False, n_folds=2)
    held = [
        k for k, row in enumerate(table.ids) if row in {r.id for r in first.report.rows if r.part == "test"}
    ]
    other = y.copy()
    other[held] += 100.0
    second = tune.adjust(small, table, other, networks=False, n_folds=2)
    assert first.report.chosen == second.report.chosen
    assert_array_equal(first.model.predict(table.values), second.model.predict(table.values))
    assert second.report.after.mae.value > 50


def test_a_given_test_part_must_be_apart():
    small, table = network(), crystals()
    rows = tune.examples(table, target(table))
    split = tune.split(rows.groups, test=0.3)
    train, test = rows.rows(split.train), rows.rows(split.test)
    done = tune.adjust(small, train, test=test, networks=False, n_folds=2)
    assert done.report.n_test == len(test) and done.report.n_train == len(train)
    with pytest.raises(TuneError, match="the test would say nothing"):
        tune.adjust(small, train, test=rows, networks=False)


def test_intervals_hold_what_they_say_on_exchangeable_rows(whole_effort):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(700, 256))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] + 0.2 * generator.normal(size=700) * (1 + (x[:, 2] > 0))
    rows = tune.examples(x, y, descriptor="ks2022", group_by="row")
    done = tune.train(
        rows.rows(np.arange(200)), property="p", unit="1", networks=False, test=rows.rows(np.arange(200, 700))
    )
    assert done.report.coverage is not None and 0.84 <= done.report.coverage <= 0.97
    assert done.report.after.mae.value < 0.8 * np.abs(y - y.mean()).mean()


def test_the_factor_is_the_conformal_quantile_and_needs_enough_rows():
    residuals = np.arange(1.0, 100.0)
    found = calibrate(residuals, np.ones(99), np.ones(99), 0.9)
    assert found.factor == 90.0 and found.calibration()["level"] == 0.9
    few = calibrate(residuals[:8], np.ones(8), np.ones(8), 0.9)
    assert few.factor is None and "too few" in few.calibration()["method"]
    assert "rough" in calibrate(residuals[:50], np.ones(50), np.ones(50), 0.9).calibration()["method"]


def test_few_examples_are_warned_about_and_have_no_intervals():
    table = crystals()[:8]
    done = tune.adjust(network(), table, target(table), networks=False, test=0.0, n_folds=2)
    assert done.model.card.level is None and "lower" not in {port.name for port in done.model.outputs}
    assert any("too few" in warning for warning in done.report.warnings)
    assert np.isnan(seitz.predict(table, model=done.model).lower).all()


def test_what_makes_no_sense_is_refused():
    table = crystals()
    with pytest.raises(OptionError, match=r"level=1.5"):
        tune.adjust(network(), table, target(table), level=1.5)
    with pytest.raises(TuneError, match="choose a column"):
        tune.adjust(network(), table, np.zeros((48, 2)))
    with pytest.raises(OptionError, match="there is no option 'spam'"):
        tune.adjust(network(), table, target(table), spam=1)
    wrapped = models.wrap(lambda f: f[:, 0], descriptor="seitz_ionic", property="p", unit="1")
    with pytest.raises(TuneError, match="is a function, not an ONNX model"):
        tune.adjust(wrapped, table, target(table))
    with pytest.raises(TuneError, match="holds no report"):
        tune.report(network())


def test_importing_seitz_and_its_verbs_does_not_import_torch():
    import subprocess
    import sys

    code = "import sys, seitz; seitz.tune.adjust; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# --- other verbs -------------------------------------------------------------------------------------------------


def test_a_model_is_transferred_to_another_property():
    small, table = network(), crystals()
    y = 100.0 * np.exp(target(table))
    done = tune.transfer(small, table, y, new_property="bulk modulus", unit="GPa", settings=QUICK, n_folds=3)
    card = done.model.card
    assert (card.name, card.property, card.unit) == ("small-bulk-modulus", "bulk modulus", "GPa")
    assert any(c.name == "network with a new head" for c in done.report.candidates)
    assert done.report.verb == "transfer" and done.report.before is not None
    assert (seitz.predict(table, model=done.model).lower < y).mean() > 0.7


def test_a_model_is_trained_from_nothing():
    table = crystals("ks2022")
    done = tune.train(table, target(table), property="p", unit="1", settings=QUICK, n_folds=2)
    assert done.report.model == "" and done.report.before is None and done.report.pays is None
    assert {c.name for c in done.report.candidates} >= {"gradient boosting", "network from scratch"}
    assert len(seitz.predict(["fcc", "bcc"], model=done.model)) == 2


def test_networks_win_where_they_are_best_and_are_written_as_trained():
    """A target that only the network can learn exactly: the network itself, scaled."""
    small, table = network(), crystals()
    y = small.predict(table.values) * 3.0 + target(table) * 0.1
    rows = tune.examples(table, y)
    base = Base(small)
    folds = tune.split(rows.groups, test=0.0, n_folds=2).folds
    empty = rows.rows(np.arange(0))
    for start in ("fine-tune", "new head", "scratch", "dense"):
        method = NetworkMethod(base, start, QUICK, "network", False, start != "dense")
        contest = Contest(base.views(rows.features), rows.targets, rows.groups, folds)
        entries = contest.run([method])
        finish = Finish("adjust", small, base, rows, rows, empty, contest, entries, 0.9, QUICK)
        tuned = finish.tuned("n", "", "", ())
        fitted = contest.refit(entries[0])
        assert_allclose(
            tuned.model.predict(table.values), fitted.predict(contest.views), rtol=1e-4, atol=1e-4 * y.std()
        )


# --- parts -------------------------------------------------------------------------------------------------------


def onnx_of(width: int, write) -> object:
    from onnx import TensorProto

    graph = Graph(width)
    graph.as_row(write(graph), "value")
    content = graph.model({"value": TensorProto.FLOAT}, {}).SerializeToString()
    return models.OnnxModel(
        audit_bytes(content), models.ModelCard(name="n", property="p", unit="1", descriptor="ks2022")
    )


def test_trees_in_the_file_decide_as_trees_in_memory():
    x = np.round(np.random.default_rng(0).normal(size=(300, 9)), 1).astype(np.float32)  # many ties
    y = x[:, 0] * x[:, 1] + x[:, 2]
    trees = boosted(x, y, 0)
    found = onnx_of(9, lambda graph: write_trees(graph, trees, FEATURES))
    assert_allclose(found.predict(x), trees.predict(x), atol=1e-5)
    module = as_module(audit_bytes(found.content))
    assert_allclose(predictions(module, x), trees.predict(x), atol=1e-5)


def test_a_process_in_the_file_gives_values_and_deviations_of_that_in_memory():
    table = crystals()
    views = Base(network()).views(table.values)
    y = np.exp(target(table))
    kernel = fit_kernel(views, y)
    names = {"features": FEATURES}
    alone = fit_kernel(plain_views(table.values), y, logarithm=True)
    found = onnx_of(494, lambda graph: alone.write(graph, names)[0])
    assert_allclose(found.predict(table.values), alone.predict(plain_views(table.values)), rtol=2e-4)
    deviation = onnx_of(494, lambda graph: alone.write(graph, names, deviation=True)[1][0])
    expected = alone.deviations(plain_views(table.values))[0]
    assert_allclose(deviation.predict(table.values), expected, rtol=2e-2)
    assert kernel.predict(views).shape == (48,)


def test_the_likelihood_knows_what_is_better_in_logarithms():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 6))
    rows = plain_views(x)
    assert fit_kernel(rows, np.exp(2 * x[:, 0])).logarithm
    assert not fit_kernel(rows, 10 + x[:, 0] - 0.5 * x[:, 1]).logarithm
    assert not fit_kernel(rows, x[:, 0]).logarithm


def test_a_mean_takes_what_lowers_the_error():
    y = np.linspace(-1, 1, 50)
    predicted = np.column_stack([y + 0.3, y - 0.3, y + 5.0])
    weights = blend_weights(predicted, y)
    assert_allclose(weights, [0.5, 0.5, 0.0])


def test_interrupted_adjusting_goes_on_from_its_folder(tmp_path):
    small, table = network(), crystals()
    y = small.predict(table.values) + 0.2 * target(table)
    options = {"settings": QUICK, "test": 0.0, "n_folds": 2}
    whole = tune.adjust(small, table, y, **options)

    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("network from scratch, fold 2") or "scratch" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune.adjust(small, table, y, work=tmp_path, progress=stop, **options)
    assert list(tmp_path.glob("fine-tuned-network-*.checkpoint"))
    again = tune.adjust(small, table, y, work=tmp_path, **options)
    assert_array_equal(again.model.predict(table.values), whole.model.predict(table.values))


# --- search ------------------------------------------------------------------------------------------------------


def test_a_search_is_resumed_and_blind_to_the_test_part(tmp_path):
    small, table = network(), crystals()
    y = small.predict(table.values) + target(table)
    options = {
        "settings": QUICK,
        "rates": (1e-3, 3e-3),
        "optimisers": ("adamw", "rmsprop"),
        "decays": (1e-5,),
    }
    seen: list[str] = []

    def stop(what: str, done: int, total: int) -> None:
        seen.append(what)
        if what == "trial 3 of 4":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune.search(small, table, y, work=tmp_path, progress=stop, **options)
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 2
    done = tune.search(small, table, y, work=tmp_path, **options)
    trials = done.report.extra["trials"]
    assert len(trials) == 4 == len((tmp_path / "trials.jsonl").read_text().splitlines())
    best = min(trials, key=lambda trial: trial["mae"])
    assert done.report.settings["network"]["rate"] == best["rate"]
    held = {row.id for row in done.report.rows if row.part == "test"}
    other = np.array([v + 50.0 if name in held else v for name, v in zip(table.ids, y, strict=True)])
    blind = tune.search(small, table, other, **options)
    assert blind.report.extra["trials"] == trials


@pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed")
def test_optuna_chooses_what_to_try_and_repeats_itself(tmp_path):
    small, table = network(), crystals()
    y = small.predict(table.values) + target(table)
    options = {
        "settings": QUICK,
        "sampler": "optuna",
        "n_trials": 3,
        "test": 0.0,
        "networks": False,
        "n_folds": 2,
    }
    one = tune.search(small, table, y, work=tmp_path, **options)
    two = tune.search(small, table, y, **options)
    assert one.report.extra["trials"] == two.report.extra["trials"]
    assert len(one.report.extra["trials"]) == 3


def test_a_search_without_anything_to_try_is_refused():
    table = crystals()
    with pytest.raises(OptionError, match="nothing to try"):
        tune.search(network(), table, target(table), rates=())
    with pytest.raises(OptionError, match="sampler='spam'"):
        tune.search(network(), table, target(table), sampler="spam")
    with pytest.raises(OptionError, match="in which unit"):
        tune.search(network(), table, target(table), new_property="p")


# --- figures -----------------------------------------------------------------------------------------------------


def test_figures_show_rows_and_highlight_some(adjusted):
    pytest.importorskip("plotly", reason="plotly is part of the extra 'plot'")
    report = adjusted.report
    row = report.rows[0]
    figure = tune.plots.parity(report, highlight=[row.id])
    points = {trace.name: len(trace.x) for trace in figure.data if trace.name}
    parts = {"after, unseen training rows": report.n_train, "after, test part": report.n_test}
    assert points == {"before": 48, "highlighted": 1} | parts and "test part" in figure.layout.title.text
    system = "-".join(reversed(row.group.split("-")))
    marked = tune.plots.residuals(report, highlight=[system]).data[-1]
    assert len(marked.x) == sum(other.group == row.group for other in report.rows)
    curves = tune.plots.learning_curve(report)
    assert {"training part", "validation part", "best epoch"} <= {trace.name for trace in curves.data}
    with pytest.raises(OptionError, match="no row has this id or group"):
        tune.plots.parity(report, highlight=["Xx"])
    with pytest.raises(OptionError, match="part='spam'"):
        tune.plots.parity(report, part="spam")
