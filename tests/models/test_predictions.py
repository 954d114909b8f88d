"""From structures to predictions: batches, signatures, doubts, and what is written."""

from __future__ import annotations

import json
import pickle

import numpy as np
import onnx
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx_samples import expected, linear

import seitz
from seitz import Cell, models, predict
from seitz.errors import CardError, ElementError, ModelError, OptionError, ReadError
from seitz.io import read_table
from seitz.models.card import METADATA_KEY, ModelCard, card_from_dict, card_from_json
from seitz.models.files import open_predictions
from structures import bcc, fcc, perovskite, rocksalt, sigma_phase

CELLS = [bcc(), fcc(), rocksalt(), perovskite(), sigma_phase()]


@pytest.fixture
def added(saved):
    def add(name="m", width=256, descriptor="ks2022", elements=(), **options):
        path = saved(linear(width, **options), f"{name}.onnx")
        models.add(
            path, descriptor=descriptor, property="nonsense", unit="eV", elements=elements, replace=True
        )
        return linear(width, **options)

    return add


@pytest.mark.parametrize("n", [1, 7, 4096])
@pytest.mark.parametrize("batch", ["batch", 1, 5])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("width", "descriptor"), [(256, "ks2022"), (271, "ward2017")])
def test_signatures_of_published_models_run_in_batches(added, n, batch, dropout, width, descriptor):
    if batch != "batch":
        n = min(n, 50)
    proto = added(width=width, descriptor=descriptor, batch=batch, dropout=dropout)
    rows = np.random.default_rng(n).normal(size=(n, width))
    assert_allclose(models.load("m").predict(rows), expected(proto, rows)[:, 0], atol=1e-6)


def test_outputs_may_be_vectors(added):
    proto = added(n_out=3)
    table = predict(CELLS, model="m")
    assert table.value.shape == (5, 3) and table.names[:3] == ("value_0", "value_1", "value_2")
    assert_allclose(table.value, expected(proto, table.features.values), rtol=1e-5, atol=1e-4)


def test_a_prediction_is_that_of_the_features(added):
    proto = added()
    table = predict(CELLS, model="m")
    assert_array_equal(table.features.values, seitz.featurize(CELLS).values)
    assert table.features.descriptor.name == "ks2022" and table.ids == ("0", "1", "2", "3", "4")
    assert_allclose(table.value, expected(proto, table.features.values)[:, 0], rtol=1e-5, atol=1e-3)
    again = predict(seitz.featurize(CELLS), model=models.load("m"))
    assert_array_equal(again.value, table.value)
    assert np.isnan(table.lower).all() and table.in_domain is None


def test_elements_beyond_the_training_data_are_flagged(added):
    added(elements=["Fe", "Na", "Cl", "Cu"])
    table = predict(CELLS, model="m")
    assert table.in_domain is None and [doubt.index for doubt in table.doubts] == [3, 4]
    assert table.doubts[0].message == "no O, Ti, Sr in the training data"
    assert np.isfinite(table.value).all()
    of_table = predict(seitz.featurize(CELLS), model="m")
    # KS2022 vectors do not say all elements there are
    assert [doubt.message for doubt in of_table.doubts] == [
        "no O, Sr in the training data",
        "no Cr in the training data",
    ]


def test_missing_properties_are_flagged(added):
    added(elements=["He", "Fe"])
    table = predict([bcc(), bcc(z=2)], model="m")
    assert [doubt.index for doubt in table.doubts] == [1]
    assert "He has no" in table.doubts[0].message


def test_failures_keep_their_rows(added, tmp_path):
    added()
    bad = {"lattice": np.eye(3), "frac_coords": [[0, 0, 0]], "symbols": ["Xx"]}
    with pytest.raises(ElementError, match="Xx"):
        predict([bcc(), bad], model="m")
    table = predict([bcc(), bad, fcc()], model="m", on_error="record")
    assert np.isnan(table.value).tolist() == [False, True, False]
    assert table.failures[0].index == 1
    table.write(tmp_path / "p.csv")
    written = pd.read_csv(tmp_path / "p.csv")
    assert list(written) == ["id", "value", "lower", "upper", "in_domain", "doubt"]
    assert np.isnan(written["value"]).tolist() == [False, True, False]
    assert "Xx" in (tmp_path / "p.failures.csv").read_text()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "npz"])
def test_predictions_are_written_in_every_format(added, tmp_path, suffix):
    added(elements=["Fe"])
    table = predict([bcc(), fcc()], model="m")
    table.write(tmp_path / f"p.{suffix}")
    if suffix == "parquet":
        rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
        assert [r["in_domain"] for r in rows] == [None, None] and rows[1]["doubt"].startswith("no Cu")
        assert_allclose([r["value"] for r in rows], table.value)
    with pytest.raises(OptionError):
        table.write(tmp_path / "p.xyz")


def test_no_structure_gives_no_row(added):
    added()
    assert len(predict([], model="m")) == 0


def test_frames_and_arrow_tables(added):
    added(elements=["Fe"])
    table = predict([bcc(), fcc()], model="m", ids=["a", "b"])
    frame = table.to_pandas()
    assert list(frame.index) == ["a", "b"] and frame["doubt"].tolist() == ["", "no Cu in the training data"]
    arrow = table.to_arrow()
    assert json.loads(arrow.schema.metadata[b"seitz.card"])["name"] == "m"


def test_models_pickle_and_threads_change_nothing(added):
    added()
    model = models.load("m")
    rows = np.random.default_rng(0).normal(size=(3000, 256))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(rows), model.predict(rows))
    assert_array_equal(model.with_threads(2).predict(rows), model.predict(rows))


# --- other predictors -----------------------------------------------------------------------------------------------


def test_functions_regressors_and_torch_modules_are_models():
    torch = pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    from sklearn.linear_model import Ridge

    features = seitz.featurize(CELLS)
    said = {"descriptor": "ks2022", "property": "coordination", "unit": "1"}
    ridge = Ridge().fit(features.values, features["mean_EffectiveCoordination"])
    for predictor, exact in (
        (lambda f: f[:, 0], features["mean_EffectiveCoordination"]),
        (ridge, ridge.predict(features.values)),
    ):
        assert_allclose(predict(CELLS, model=models.wrap(predictor, **said)).value, exact)
    module = torch.nn.Sequential(torch.nn.Linear(256, 1), torch.nn.Dropout(0.5))
    with torch.no_grad():
        exact = module.eval()(torch.tensor(features.values, dtype=torch.float32)).numpy()[:, 0]
    module.train()
    assert_allclose(predict(CELLS, model=models.wrap(module, **said)).value, exact, rtol=1e-6)
    assert module.training  # as it was


def test_what_says_nothing_about_itself_is_refused():
    with pytest.raises(ModelError, match=r"seitz.models.wrap"):
        predict(CELLS, model=lambda f: f[:, 0])
    with pytest.raises(ModelError, match="is no model"):
        models.wrap(3, descriptor="ks2022", property="p", unit="1")
    wrong = models.wrap(lambda f: 1.0, descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ModelError, match="for 5 rows"):
        predict(CELLS, model=wrong)
    with pytest.raises(ModelError, match="takes ks2022, but the table holds ward2017"):
        predict(
            seitz.featurize(CELLS, descriptor="ward2017"),
            model=models.wrap(len, descriptor="ks2022", property="p", unit="1"),
        )


# --- cards and the registry -----------------------------------------------------------------------------------------


def test_cards_survive_json():
    card = ModelCard(
        name="m", property="p", unit="eV", descriptor="ks2022", elements=("Fe",),
        metrics=(models.Metric("mae", 0.1, "eV", "some", 10, 0.05, 0.2),), calibration={"level": 0.9},
    )  # fmt: skip
    assert card_from_json(card.to_json()) == card and card.level == 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "name is empty"),
        ({"unit": 3}, "unit: 3 is no str"),
        ({"elements": ["Xx"]}, "'Xx' is no element"),
        ({"elements": "Fe"}, "elements: 'Fe' is no tuple"),
        ({"spam": 1}, "spam: no such field"),
        ({"calibration": {"level": 2}}, "calibration.level"),
        ({"metrics": [{"name": "mae"}]}, r"metrics\[0\].value: missing"),
    ],
)
def test_wrong_cards_are_refused_by_field(change, message):
    content = {"name": "m", "property": "p", "unit": "eV", "descriptor": "ks2022"} | change
    with pytest.raises(CardError, match=message):
        card_from_dict(content)
    for text in ("", "[]", "{", '{"name": "m"}', "x" * 2_000_000):
        with pytest.raises(CardError):
            card_from_json(text)


def test_a_stale_schema_is_refused(saved):
    card = ModelCard(name="old", property="p", unit="eV", descriptor="ks2022", schema="0" * 16)
    proto = linear(256)
    proto.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    path = saved(proto)
    for use in (models.load, models.add):
        with pytest.raises(CardError, match="another version of ks2022"):
            use(path)


def test_a_file_with_a_card_needs_no_words(saved):
    schema = seitz.descriptors()["ks2022"].digest
    card = ModelCard(name="mine", property="p", unit="eV", descriptor="ks2022", schema=schema)
    proto = linear(256)
    proto.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    path = saved(proto)
    assert models.load(path).card == card
    models.add(path)
    assert models.load("mine").card == card
    assert "mine" in [entry.name for entry in models.list() if entry.where == "user"]
    with pytest.raises(ModelError, match="there is a model called mine"):
        models.add(path)


def test_what_cannot_be_added_is_told(saved, tmp_path):
    with pytest.raises(CardError, match=r"say .* with descriptor=\.\.\., property=\.\.\., unit=\.\.\."):
        models.add(saved(linear(256)))
    with pytest.raises(ModelError, match="ks2022 has 256 features, but the model takes x"):
        models.add(saved(linear(100)), descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ModelError, match="is no name"):
        models.add(saved(linear(256)), name="../evil", descriptor="ks2022", property="p", unit="1")
    with pytest.raises(CardError, match="no descriptor is called"):
        models.add(saved(linear(256)), descriptor="spam", property="p", unit="1")
    assert not (tmp_path / "evil.onnx").exists()


def test_unknown_models_are_told_from_those_to_be_downloaded():
    with pytest.raises(ModelError, match="no model is called 'spam'"):
        models.load("spam")
    with pytest.raises(ModelError, match="not downloaded yet"):
        models.load("SIPFENN_Krajewski2020_NN9")
    assert models.card("SIPFENN_Krajewski2020_NN9").walk == "no_reversal"
    names = [entry.name for entry in models.list() if entry.where == "downloadable"]
    assert len(names) == 4 and "SIPFENN_Krajewski2022_NN30" in names


def test_damaged_files_in_the_folder_spoil_nothing(added, user_models):
    added()
    (user_models / "bad.onnx").write_bytes(b"spam")
    found = {entry.name: entry for entry in models.list()}
    assert "no ONNX" in found["bad"].trouble and found["m"].trouble == ""


def test_cells_of_one_structure_are_one_row(added):
    added()
    assert len(predict(Cell(np.eye(3) * 3, [[0, 0, 0]], [26]), model="m")) == 1


def with_extra(name: str) -> onnx.ModelProto:
    """A value, and three numbers where one belongs."""
    proto = linear(256)
    proto.graph.node[-1].output[0] = proto.graph.output[0].name = "value"
    proto.graph.node.append(onnx.helper.make_node("Split", ["x"], [name, "rest"], axis=1))
    proto.graph.node[-1].input.append("sizes")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([3, 253]), "sizes"))
    proto.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3]))
    return proto


@pytest.mark.parametrize("name", ["lower", "upper", "distance", "in_domain"])
def test_extras_of_another_width_are_told(saved, name):
    models.add(saved(with_extra(name)), name="wide", descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ModelError, match=rf"gave {name} of shape \(5, 3\) for 5 rows"):
        predict(CELLS, model="wide")


def test_whatever_a_function_raises_names_it():
    def careless(features):
        return 1 // 0

    said = {"descriptor": "ks2022", "property": "p", "unit": "1"}
    with pytest.raises(ModelError, match="careless fails on these features: ZeroDivisionError") as caught:
        predict(CELLS, model=models.wrap(careless, **said))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(ModelError, match=r"array of shape \(5, 2, 2\)"):
        predict(CELLS, model=models.wrap(lambda f: np.zeros((len(f), 2, 2)), **said))


def test_how_many_values_a_row_has_may_be_told_by_the_rows(added, tmp_path):
    bad = {"lattice": np.eye(3), "frac_coords": [[0, 0, 0]], "symbols": ["Xx"]}
    added(n_out=3)
    batches = [predict(cells, model="m", on_error="record") for cells in ([bad], CELLS, [bad])]
    with open_predictions(tmp_path / "p.csv", None, metadata={}) as sink:
        for table in batches:
            sink.append(table)
    written = pd.read_csv(tmp_path / "p.csv")
    assert list(written)[1:4] == ["value_0", "value_1", "value_2"]
    assert np.isnan(written["value_2"]).tolist() == [True, *[False] * 5, True]
    assert pd.read_csv(tmp_path / "p.failures.csv")["index"].tolist() == [0, 6]
    with open_predictions(tmp_path / "none.csv", None, metadata={}) as sink:
        sink.append(batches[0])
    assert list(pd.read_csv(tmp_path / "none.csv"))[1] == "value"
    assert len(pd.read_csv(tmp_path / "none.csv")) == 1


def test_averaged_sites_are_doubted_and_have_no_interval():
    brass = Cell(np.eye(3) * 2.95, [[0, 0, 0], [0.5, 0.5, 0.5]], [29, 30], {0: {29: 0.5, 30: 0.5}})
    for model in ("default", "ks2022"):
        table = predict([brass, bcc()], model=model, occupancy="average")
        assert table.in_domain is not None and not table.in_domain[0] and np.isfinite(table.value[0])
        assert table.doubts[0].index == 0 and "averaged sites" in table.doubts[0].message
        assert np.isnan([table.lower[0], table.upper[0]]).all() and np.isfinite(table.lower[1])
    features = seitz.featurize([brass], occupancy="average")
    assert features.warnings[0].kind == "averaged"
    assert features.warnings[0].message == (
        "1 of 2 sites is averaged over its occupants (site 0: Cu0.5 Zn0.5)"
    )
    assert predict(features, model="ks2022").doubts[0].message == table.doubts[0].message


def test_a_model_without_a_length_scale_is_told_the_volume():
    low, high = models.card("ks2022").volumes
    boxed, small, solid = predict([bcc(26, 30.0), bcc(26, 1.0), bcc(26, 2.87)], model="ks2022").in_domain
    assert not boxed and not small and solid and low < 12 < high


def test_random_alloys_are_predicted_as_they_are():
    alloy = seitz.featurize_random("fcc", "NiAl", mode="exact")
    alone, several = (
        predict(given, model="ks2022")
        for given in (alloy, seitz.featurize_random(["fcc", "bcc"], ["NiAl"], mode="exact"))
    )
    assert alone.ids == ("Ni50Al50@FCC",) and len(several) == 2
    assert_array_equal(alone.value, predict(alloy.table, model="ks2022").value)
    assert alone.in_domain is not None and alone.value[0] == several.value[0]
    unseen = predict(seitz.featurize_random("fcc", "NiAlAm", mode="exact"), model="ks2022")
    assert "no Am in the training data" in unseen.doubts[0].message
    with pytest.raises(ModelError, match="default takes seitz_ionic, but the table holds ks2022"):
        predict(alloy)


def test_some_rows_are_a_table_of_their_own():
    table = predict([bcc(), fcc(79, 9.0), rocksalt()])
    for key in (slice(1, None), [1, 2], np.array([False, True, True])):
        part = table[key]
        assert part.ids == ("1", "2") and [doubt.index for doubt in part.doubts] == [0]
        assert_array_equal(part.value, table.value[1:])
        assert_array_equal(part.features.values, table.features.values[1:])
        assert part.in_domain.tolist() == [False, True]
    with pytest.raises(OptionError, match=r"columns of predictions are attributes, such as table\.value"):
        table["value"]


def test_what_would_change_nothing_is_an_error():
    features = seitz.featurize([bcc()], descriptor="seitz_ionic")
    for option in ({"symmetry": "orbits"}, {"occupancy": "average"}, {"ids": ["a"]}):
        with pytest.raises(OptionError, match=f"{next(iter(option))} would change nothing"):
            predict(features, **option)
    with pytest.raises(ModelError, match=r"array of shape \(1, 494\) is neither structures"):
        predict(features.values)


def test_files_say_what_their_numbers_are(tmp_path):
    table = predict([bcc(), rocksalt()])
    table.write(tmp_path / "p.parquet")
    table.write(tmp_path / "p.npz")
    beside = pq.read_schema(tmp_path / "p.parquet").metadata
    with np.load(tmp_path / "p.npz") as archive:
        inside = json.loads(str(archive["metadata"]))
    assert inside == table.metadata == {k.decode(): v.decode() for k, v in beside.items()}
    assert (inside["seitz.unit"], inside["seitz.level"]) == ("eV/atom", "0.9")
    assert card_from_json(inside["seitz.card"]) == table.card
    with pytest.raises(ReadError, match="holds predictions"):
        read_table(tmp_path / "p.parquet")
