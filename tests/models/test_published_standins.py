"""Networks of the published four's kind: one row at a time, a second input for dropout, the values that torch gives."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from onnx_samples import dense

import seitz
from seitz import models
from seitz.cli import main

torch = pytest.importorskip("torch", reason="torch is part of the extra 'tune'")

KINDS = {
    "nn9": ("ward2017", 271, (512, 512, 256), "Relu", []),
    "nn20": ("ward2017", 271, (1024, 512, 128), "Sigmoid", [1]),
    "nn24": ("ward2017", 271, (128, 64), "Softplus", []),
    "nn30": ("ks2022", 256, (512, 256, 128), "Relu", [1]),
}
ACTIVATIONS = {"Relu": torch.nn.ReLU, "Sigmoid": torch.nn.Sigmoid, "Softplus": torch.nn.Softplus}


def network(kind: str) -> torch.nn.Sequential:
    """Dense layers with dropout between them, in training mode, the first used to the size of each feature."""
    descriptor, width, hidden, activation, _ = KINDS[kind]
    layers: list[torch.nn.Module] = []
    with torch.random.fork_rng():
        torch.manual_seed(7)
        for n in (*hidden, 1):
            layers += [torch.nn.Linear(width, n), ACTIVATIONS[activation](), torch.nn.Dropout(0.3)]
            width = n
    with torch.no_grad():
        size = np.abs(crystals(descriptor)).mean(axis=0)
        layers[0].weight /= torch.as_tensor(np.maximum(size, 1e-3), dtype=torch.float32)
    return torch.nn.Sequential(*layers[:-2])


def stand_in(kind: str, folder, net: torch.nn.Sequential):
    """Its file: a batch of one, the rate of dropout as a second input."""
    _, _, _, activation, shape = KINDS[kind]
    layers = [
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in net
        if isinstance(layer, torch.nn.Linear)
    ]
    path = folder / f"{kind}.onnx"
    path.write_bytes(dense(layers, activation, dropout=shape).SerializeToString())
    return path


def by_torch(net: torch.nn.Sequential, rows: np.ndarray) -> np.ndarray:
    net.eval()
    with torch.no_grad():
        return net(torch.as_tensor(rows, dtype=torch.float32)).numpy()[:, 0]


@cache
def crystals(descriptor: str) -> np.ndarray:
    """Vectors of the bundled crystals."""
    walk = "no_reversal" if descriptor == "ward2017" else None
    with as_file(files("seitz") / "data" / "demo") as folder:
        paths = sorted(path for path in folder.iterdir() if path.suffix != ".md")
        return seitz.featurize(paths, descriptor=descriptor, walk=walk, occupancy="average").values


def real_rows(descriptor: str, n: int) -> np.ndarray:
    """The bundled crystals over and over, each time a little different."""
    rows = np.resize(crystals(descriptor), (n, crystals(descriptor).shape[1]))
    return rows * np.random.default_rng(1).normal(1.0, 0.02, rows.shape)


@pytest.fixture(params=KINDS)
def added(request, tmp_path):
    """(kind, network, loaded model)"""
    kind, net = request.param, network(request.param)
    descriptor = KINDS[kind][0]
    walk = {"walk": "no_reversal"} if descriptor == "ward2017" else {}
    path = stand_in(kind, tmp_path, net)
    models.add(path, descriptor=descriptor, property="formation energy", unit="eV/atom", **walk)
    return kind, net, models.load(kind)


@pytest.mark.parametrize("n", [1, 7, 4096])
def test_they_give_what_torch_gives_in_any_number_of_rows(added, n):
    kind, net, model = added
    assert model.inputs[0].shape == (1, KINDS[kind][1]) and len(model.inputs) == 2
    rows = real_rows(KINDS[kind][0], n)
    wanted, found = by_torch(net, rows), model.predict(rows)
    assert found.shape == (n,)
    assert np.abs(found - wanted).max() <= 1e-6 * max(1.0, np.abs(wanted).max())  # sums of terms of order one
    assert_array_equal(found[:1], model.predict(rows[:1]))


def test_dropout_is_off(added):
    kind, _, model = added
    rows = real_rows(KINDS[kind][0], 3)
    assert_array_equal(model.predict(rows), model.predict(rows))


@pytest.mark.parametrize("form", ["onnx", "torch", "torchscript"])
def test_other_forms_of_them_take_any_number_of_rows(added, tmp_path, form):
    kind, net, _ = added
    rows = real_rows(KINDS[kind][0], 50)
    done = models.export(kind, tmp_path / "out", to=form, rows=rows)
    assert done.largest_drift <= 1e-5 * max(1.0, np.abs(by_torch(net, rows)).max())
    if form == "onnx":
        assert models.load(done.path).inputs[0].shape == (None, KINDS[kind][1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_add_them_and_predict_a_crystal(kind, tmp_path, capsys):
    net = network(kind)
    path = stand_in(kind, tmp_path, net)
    descriptor = KINDS[kind][0]
    walk = "no_reversal" if descriptor == "ward2017" else None
    options = ["--descriptor", descriptor, "--property", "formation energy", "--unit", "eV/atom"]
    assert main(["models", "add", str(path), *options, *(["--walk", walk] if walk else [])]) == 0
    with as_file(files("seitz") / "data" / "demo" / "MgAl2O4_spinel.cif") as crystal:
        capsys.readouterr()
        assert main(["predict", str(crystal), "--model", kind, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        wanted = by_torch(net, seitz.featurize(crystal, descriptor=descriptor, walk=walk).values)
    [row] = shown["predictions"]
    assert shown["unit"] == "eV/atom" and row["lower"] is None
    assert abs(row["value"] - wanted[0]) <= 1e-6 * abs(wanted[0])


def test_the_rule_of_the_walks_is_that_of_the_card(tmp_path):
    """Ward2017 of the published networks is made with another rule than that of Ward's program."""
    net = network("nn24")
    path = stand_in("nn24", tmp_path, net)
    card = {"descriptor": "ward2017", "property": "formation energy", "unit": "eV/atom"}
    models.add(path, **card, walk="no_reversal")
    models.add(path, name="other", **card)
    crystal = "spinel"
    for name, walk in (("nn24", "no_reversal"), ("other", "self_avoiding")):
        wanted = by_torch(net, seitz.featurize(crystal, descriptor="ward2017", walk=walk).values)
        assert abs(seitz.predict(crystal, model=name).value[0] - wanted[0]) <= 1e-6 * abs(wanted[0])
