"""Any dense network learns again: the importer, the losses, the optimisers, the loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper
from onnx_samples import linear, model
from tune_samples import KINDS, crystals, network, target

from seitz.errors import OptionError, TuneError
from seitz.models.audit import audit_bytes
from seitz.models.card import ModelCard
from seitz.models.runtime import OnnxModel
from seitz.tune.engine import Contest
from seitz.tune.graphs import Graph
from seitz.tune.loop import DivergedError, fit
from seitz.tune.methods import NetworkMethod
from seitz.tune.networks import Adapted, Base, Dense, drawn_again, predictions
from seitz.tune.settings import Loss, Optimiser, Schedule, Settings
from seitz.tune.simple import OffsetSlope
from seitz.tune.splits import split
from seitz.tune.task import Task

QUICK = Settings(epochs=8, batch=16, patience=8, rate=3e-3, head_epochs=2)


def task(descriptor: str = "seitz_ionic", held: int = 12, **options) -> tuple[Base, Task]:
    base = Base(network(descriptor, **options))
    table = crystals(descriptor)
    y = target(table)
    views = base.views(table.values)
    groups = tuple(str(k) for k in range(len(y)))
    rows = np.arange(len(y))
    part = (views.rows(rows[:held]), y[:held])
    return base, Task(views.rows(rows[held:]), y[held:], groups[held:], part)


# --- the importer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("descriptor", ["ks2022", "ward2017", "seitz_ionic"])
def test_an_imported_network_gives_what_the_file_gives(kind, descriptor):
    small = network(descriptor, kind=kind)
    rows = crystals(descriptor).values
    module = Base(small).module()
    wanted = small.predict(rows)
    assert_allclose(predictions(module, rows).reshape(-1), wanted, rtol=1e-5, atol=1e-5)


def test_weights_biases_and_norms_are_parameters_and_scalers_are_not():
    module = Base(network()).module()
    names = module.places
    learned = {place for place, _ in module.named_parameters()}
    assert {
        names[n] for n in ("w1", "b1", "n1", "n2", "w2", "b2", "g", "h", "w3", "b3", "w4", "b4")
    } == learned
    assert {names[n] for n in ("centre", "unit", "m", "v", "spread", "mean")}.isdisjoint(learned)


def test_the_last_layer_is_found_behind_a_scaled_output():
    base = Base(network())
    assert base.hidden == ["e3"]
    module = base.module()
    assert base.head_places(module) == {module.places["w4"], module.places["b4"]}


def test_the_bundled_model_has_six_heads_and_its_values_stay():
    from seitz.models import load

    default = load("default")
    base = Base(default)
    rows = crystals("seitz_ionic").values[:7]
    views = base.views(rows)
    assert len(base.hidden) == 6 and views.hidden.shape[1] % 6 == 0 and len(views) == 7
    assert_allclose(views.value[:, 0], default.predict(rows), rtol=1e-5, atol=1e-5)
    assert len(base.head_places(base.module())) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_written_again_is_the_same_for_any_number_of_rows(kind):
    small = network("ks2022", kind=kind)
    base, rows = Base(small), crystals("ks2022").values
    graph = Graph(rows.shape[1], base.opset, base.ir_version)
    [value] = graph.include(base.module(), "base")
    graph.as_row(graph.as_column(value), "value")
    proto = graph.model({"value": TensorProto.FLOAT}, {})
    again = OnnxModel(audit_bytes(proto.SerializeToString()), small.card)
    assert again.inputs[0].shape == (None, rows.shape[1]) and len(again.inputs) == 1
    for n in (1, 7, 48):
        assert_allclose(again.predict(rows[:n]), small.predict(rows[:n]), rtol=1e-5, atol=1e-5)


def test_weights_stored_as_bytes_stay_bytes_until_they_are_trained():
    base = Base(network())
    module = base.module()

    def written() -> set[str]:
        graph = Graph(494, base.opset, base.ir_version)
        graph.include(module, "n")
        return {tensor.name for tensor in graph.constants}

    assert "n.w1.bytes" in written() and "n.w1" not in written()
    with torch.no_grad():
        getattr(module, module.places["w1"]).add_(0.1)
    assert "n.w1" in written() and "n.w1.bytes" not in written()


def odd(nodes) -> OnnxModel:
    ports = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 256])],
    )
    card = ModelCard(name="odd", property="p", unit="1", descriptor="ks2022")
    return OnnxModel(audit_bytes(model(nodes, *ports).SerializeToString()), card)


def test_what_cannot_be_imported_is_named():
    with pytest.raises(TuneError, match="odd cannot be trained: the operator Trilu"):
        Base(odd([helper.make_node("Trilu", ["x"], ["y"])]))
    with pytest.raises(TuneError, match="no product with weights"):
        Base(odd([helper.make_node("Tanh", ["x"], ["y"])]))


def test_a_linear_model_has_its_features_before_the_head():
    card = ModelCard(name="line", property="p", unit="1", descriptor="ks2022")
    base = Base(OnnxModel(audit_bytes(linear(256).SerializeToString()), card))
    assert base.hidden == ["x"]
    assert base.views(crystals("ks2022").values).hidden.shape == (48, 256)


# --- the loop ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", get_args(Loss))
def test_every_loss_falls(loss):
    base, given = task()
    fitted = NetworkMethod(base, "fine-tune", replace(QUICK, loss=loss)).fit(given)
    assert min(fitted.curve.train) < 0.95 * fitted.curve.train[0]


@pytest.mark.parametrize("schedule", get_args(Schedule))
@pytest.mark.parametrize("optimiser", get_args(Optimiser))
def test_every_optimiser_and_schedule_learns(optimiser, schedule):
    base, given = task()
    settings = replace(QUICK, optimiser=optimiser, schedule=schedule)
    curve = NetworkMethod(base, "fine-tune", settings).fit(given).curve
    assert min(curve.train) < 0.95 * curve.train[0]
    assert curve.rate[0] == 0.0 and max(curve.rate) <= settings.rate


def test_the_best_epoch_returned_is_the_best_epoch_reported():
    base, given = task()
    fitted = NetworkMethod(base, "fine-tune", replace(QUICK, rate=0.05, epochs=20, patience=20)).fit(given)
    curve = fitted.curve
    assert curve.best == int(np.argmin(curve.validation)) < len(curve.validation) - 1
    held, y = given.held
    error = np.abs(fitted.predict(held) - y).mean() / fitted.spread
    assert error == pytest.approx(curve.validation[curve.best], rel=1e-5)
    assert_allclose(predictions(fitted.module, held.features), curve.outputs[curve.best], atol=1e-6)


def test_the_first_losses_are_without_dropout():
    base, given = task()
    curves = [
        NetworkMethod(base, "fine-tune", replace(QUICK, dropout=rate, epochs=2)).fit(given).curve
        for rate in (0.0, 0.9)
    ]
    assert curves[0].train[0] == curves[1].train[0] and curves[0].validation[0] == curves[1].validation[0]
    assert curves[0].train[-1] != curves[1].train[-1]


def test_training_ends_when_the_validation_part_does_not_improve():
    base, given = task()
    curve = (
        NetworkMethod(base, "fine-tune", replace(QUICK, rate=0.3, epochs=40, patience=3, head_epochs=0))
        .fit(given)
        .curve
    )
    assert len(curve.train) - 1 == curve.best + 3 < 40


def test_the_head_is_trained_first_and_the_rest_more_slowly():
    base, given = task()
    module = Adapted(base.module(), 1.0, 0.0, 0.0, 1.0)
    module.head_places = base.head_places(module.body)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    settings = replace(QUICK, head_epochs=3, keep=0.0)
    fit(module, given.views.features, given.targets, settings=settings, stop=3)
    moved = {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}
    assert moved and all(module.is_head(name) for name in moved)
    fit(module, given.views.features, given.targets, settings=settings, stop=5)
    assert any(not module.is_head(n) and not torch.equal(p, before[n]) for n, p in module.named_parameters())


def test_staying_near_the_start_keeps_weights_near_the_start():
    base, given = task()

    def distance(keep: float) -> float:
        start = [p.detach().clone() for p in base.module().parameters()]
        fitted = NetworkMethod(base, "fine-tune", replace(QUICK, keep=keep, head_epochs=0)).fit(given)
        now = fitted.module.body.parameters()
        return float(sum(((p.detach() - q) ** 2).sum() for p, q in zip(now, start, strict=True)))

    assert distance(10.0) < 0.5 * distance(0.0)


def test_statistics_of_batch_norms_stay_frozen():
    base, given = task()
    fitted = NetworkMethod(base, "fine-tune", QUICK).fit(given)
    body, fresh = fitted.module.body, base.module()
    for name in ("m", "v", "centre", "unit"):
        assert torch.equal(getattr(body, body.places[name]), getattr(fresh, fresh.places[name]))


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_state_alone():
    base, given = task()
    state = torch.get_rng_state()
    one, two = (NetworkMethod(base, "fine-tune", replace(QUICK, dropout=0.3)).fit(given) for _ in range(2))
    other = NetworkMethod(base, "fine-tune", replace(QUICK, dropout=0.3)).fit(replace(given, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    for p, q in zip(one.module.parameters(), two.module.parameters(), strict=True):
        assert torch.equal(p, q)
    assert one.curve == two.curve != other.curve


def test_nothing_is_broadcast():
    x = np.zeros((20, 494), dtype=np.float32)
    with pytest.raises(TuneError, match=r"gives \(20,\), the targets are \(20, 1\)"):
        fit(Dense(crystals().values), x, np.zeros((20, 1)))
    with pytest.raises(TuneError, match=r"\(20, 494\) and targets of shape \(1,\)"):
        fit(Dense(crystals().values), x, np.zeros(1))


def test_a_loss_that_explodes_is_an_error():
    base, given = task()
    with pytest.raises(DivergedError, match="the loss is no finite number"):
        NetworkMethod(base, "fine-tune", Settings(rate=1.0, decay=1e30, epochs=5)).fit(given)


def test_a_network_that_explodes_is_left_out_and_the_others_go_on():
    base, given = task()
    wild = NetworkMethod(base, "fine-tune", Settings(rate=1.0, decay=1e30, epochs=5), "wild")
    contest = Contest(
        given.views, given.targets, given.groups, split(given.groups, test=0.0, n_folds=2).folds
    )
    assert [entry.name for entry in contest.run([wild, OffsetSlope()])] == ["offset and slope"]
    assert contest.left_out == {"wild": "the loss is no finite number (nan)"}


@pytest.mark.parametrize(
    ("options", "says"),
    [({"loss": "mape"}, "loss='mape': choose one of mae"), ({"rate": -1.0}, "not negative"), ({"rate": 0}, "rate=0"),
     ({"dropout": 1.0}, "less than 1"), ({"quantile": 1.0}, "between 0 and 1"), ({"decay": float("nan")}, "not neg")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        Settings(**options)


def test_a_device_that_is_not_here_is_named():
    base, given = task()
    if torch.cuda.is_available():
        pytest.skip("this machine has cuda")
    with pytest.raises(TuneError, match="device 'cuda' is not on this machine; there is"):
        NetworkMethod(base, "fine-tune", QUICK).fit(replace(given, device="cuda"))


def test_weights_drawn_again_remember_nothing():
    base = Base(network())
    one, two = base.module(), base.module()
    drawn_again(one, 3)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert p.ndim < 2 or not torch.allclose(p, q)


def test_a_new_head_begins_with_what_ridge_regression_finds():
    base, given = task()
    views, y = given.views, given.targets
    curve = NetworkMethod(base, "new head", replace(QUICK, epochs=1)).fit(given).curve
    constant = np.abs(y - y.mean()).mean() / y.std()
    assert curve.train[0] < constant and views.hidden.shape[1] == 8


# --- a run that is killed ----------------------------------------------------------------------------------------

LONG = replace(QUICK, epochs=12, patience=12, dropout=0.2, schedule="plateau", rate=0.02)
SCRIPT = """
import sys, time
sys.path[:0] = {paths!r}
import torch; torch.set_num_threads(1)
from dataclasses import replace
from pathlib import Path
from test_tune_networks import LONG, task
from seitz.tune.methods import NetworkMethod
base, given = task()
def wait(*_):
    print("epoch", flush=True)
    time.sleep(0.2)
NetworkMethod(base, "fine-tune", LONG).fit(replace(given, checkpoint=Path(sys.argv[1]), progress=wait))
"""


def kill_after(n_epochs: int, checkpoint: Path) -> None:
    """Train in a process that is killed in the middle of a later epoch."""
    here = Path(__file__).parent
    code = SCRIPT.format(paths=[str(here), str(here.parent / "models")])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(checkpoint)],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(n_epochs):
        process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=120)
    process.stdout.close()


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(tmp_path):
    kill_after(5, tmp_path / "checkpoint")
    base, given = task()
    done: list[int] = []
    kept = replace(given, checkpoint=tmp_path / "checkpoint", progress=lambda epoch, *_: done.append(epoch))
    resumed = NetworkMethod(base, "fine-tune", LONG).fit(kept)
    whole = NetworkMethod(base, "fine-tune", LONG).fit(given)
    assert done and done[0] > 1 and len(done) < 12
    assert resumed.curve == whole.curve
    assert_array_equal(resumed.curve.outputs, whole.curve.outputs)
    for name, value in whole.module.state_dict().items():
        assert_array_equal(value.numpy(), resumed.module.state_dict()[name].numpy())


def test_a_checkpoint_of_another_task_is_not_gone_on_with(tmp_path):
    base, given = task()
    kept = replace(given, checkpoint=tmp_path / "c")
    NetworkMethod(base, "fine-tune", QUICK).fit(kept)
    again = NetworkMethod(base, "fine-tune", QUICK).fit(replace(kept, targets=kept.targets + 1.0, held=None))
    fresh = NetworkMethod(base, "fine-tune", QUICK).fit(
        replace(given, targets=given.targets + 1.0, held=None)
    )
    assert again.curve.train == fresh.curve.train
