"""Other forms of a model: compared before they appear, and the loaded one never changes."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import dense, linear, model

import seitz
from seitz import models
from seitz.errors import ExportError, MissingExtraError, OptionError
from seitz.models import forms
from seitz.models.audit import audit, audit_bytes
from seitz.models.card import METADATA_KEY, ModelCard
from seitz.models.making import Made
from seitz.models.runtime import OnnxModel
from seitz.models.samples import given_rows, own_rows


def network(n: int = 256, hidden: int = 64, seed: int = 0) -> OnnxModel:
    """A dense network with what such networks have: norms, gates, scaled weights, a split head."""
    generator = np.random.default_rng(seed)

    def constant(name: str, *shape: int, scale: float = 1.0) -> onnx.TensorProto:
        return numpy_helper.from_array((scale * generator.normal(size=shape)).astype(np.float32), name)

    constants = [
        constant("w1", n, hidden, scale=n**-0.5), constant("b1", hidden), constant("s", hidden), constant("t", hidden),
        constant("w2", 1, hidden, scale=hidden**-0.5), constant("b2", 1),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"),
    ]  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Add", ["a", "b1"], ["c"]),
        helper.make_node("LayerNormalization", ["c", "s", "t"], ["d"], axis=-1),
        helper.make_node("Gelu", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w2", "b2"], ["f"], transB=1),
        helper.make_node("Squeeze", ["f", "axes"], ["y"]),
    ]
    proto = model(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", n])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
        constants,
    )
    card = ModelCard(
        name="net", property="energy", unit="eV", descriptor="ks2022", elements=("Fe", "Ni", "Al", "Cr")
    )
    proto.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    return OnnxModel(audit_bytes(proto.SerializeToString()), card)


ROWS = np.random.default_rng(5).normal(size=(1000, 256)).astype(np.float32)
FORMS = ["onnx", "fp16", "int8", "torch", "torchscript"]


def skip_without_torch(form: str) -> None:
    if form.startswith("torch"):
        pytest.importorskip("torch", reason="torch is part of the extra 'tune'")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_agrees_with_the_model(tmp_path, form):
    skip_without_torch(form)
    net = network()
    before, content = net.predict(ROWS), net.content
    done = models.export(net, tmp_path / "out", to=form, rows=ROWS)
    assert done.path.exists() and done.n_rows == (500 if form == "int8" else 1000)
    if form in ("fp16", "int8"):
        assert 0 < done.drift < 0.05 * before.std()
    else:
        assert done.largest_drift < 1e-5
    assert net.content == content
    assert_array_equal(net.predict(ROWS), before)


# --- the bundled models, on real crystals --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_rows(shared_records):
    """(2000, n) vectors of crystals of the Materials Project, by descriptor."""
    records = [
        record for k, record in enumerate(shared_records("mp_formation_energy/data.jsonl.gz")) if k % 12 == 0
    ]
    return {
        name: seitz.featurize(records[:2000], descriptor=name).values.astype(np.float32)
        for name in ("seitz_ionic", "ks2022")
    }


@pytest.mark.parametrize("name", ["default", "ks2022"])
@pytest.mark.parametrize(
    "form", ["onnx", "fp16", "int8", *(pytest.param(f, marks=pytest.mark.slow) for f in FORMS[3:])]
)
def test_bundled_models_keep_their_values_on_a_thousand_real_crystals(tmp_path, real_rows, name, form):
    skip_without_torch(form)
    whole = models.load(name)
    rows = real_rows[whole.card.descriptor][: 2000 if form == "int8" else 1000]
    before, content = whole.answer(rows), whole.content
    done = models.export(name, tmp_path, to=form, rows=rows)
    error = next(metric.value for metric in whole.card.metrics if metric.name == "mean absolute error")
    assert done.n_rows == 1000 and done.error == error and done.unit == "eV/atom"
    if form in ("fp16", "int8"):
        assert 0 < done.drift < 0.05 * error
    else:
        assert done.largest_drift <= 1e-5 * np.abs(before.value).max()
    assert whole.content == content and models.load(name) is whole
    for one, other in zip(before, whole.answer(rows), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["default", "ks2022"])
@pytest.mark.parametrize(
    "form", ["int8", *(pytest.param(form, marks=pytest.mark.slow) for form in ("onnx", "fp16"))]
)
def test_what_is_exported_without_data_holds_on_real_crystals(tmp_path, real_rows, name, form):
    """Users without data calibrate on built crystals: the drift must be within its bar on real ones, too."""
    whole = models.load(name)
    rows = real_rows[whole.card.descriptor][:1000]
    done = models.export(name, tmp_path, to=form)
    again, wanted = models.load(done.path), whole.answer(rows)
    found = again.answer(rows)
    assert done.n_rows == 1000
    assert np.abs(found.value - wanted.value).mean() < 0.05 * done.error
    assert np.mean(found.in_domain == wanted.in_domain) > 0.98
    assert_allclose(found.upper - found.lower, wanted.upper - wanted.lower, rtol=0.5, atol=0.02)
    session = onnxruntime.InferenceSession(done.path.read_bytes(), providers=["CPUExecutionProvider"])
    for n in (1, 7, 4096):
        many = np.resize(rows, (n, rows.shape[1]))
        [at_once] = session.run(["value"], {"features": many})
        assert_allclose(at_once, again.predict(many), rtol=0, atol=1e-5 if form == "onnx" else 2e-3)


def test_calibration_and_comparison_share_no_row(real_rows):
    whole = models.load("default")
    for sample in (own_rows(whole), given_rows(whole, real_rows["seitz_ionic"], calibrated=True)):
        assert len(sample.calibration) == len(sample.comparison) == 1000
        seen = {row.tobytes() for row in sample.calibration}
        assert not seen & {row.tobytes() for row in sample.comparison}
    sample = given_rows(whole, real_rows["seitz_ionic"], calibrated=False)
    assert len(sample.comparison) == 2000
    assert whole.answer(own_rows(whole).comparison).in_domain.mean() > 0.8


# --- members -------------------------------------------------------------------------------------------------------


def test_the_first_members_are_the_mean_of_their_values(tmp_path, real_rows):
    whole = models.load("default")
    rows = real_rows["seitz_ionic"][:50]
    proto = onnx.load_from_string(whole.content)
    names = list(next(node for node in proto.graph.node if "value" in node.output).input)
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as models are run here
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    each = session.run(names, {"features": rows})
    for n in (1, 2):
        done = models.export("default", tmp_path, members=n, rows=rows)
        some = models.load(done.path)
        assert done.path.name == f"default-{n}of{len(names)}.onnx"
        assert_allclose(some.predict(rows), np.mean(each[:n], axis=0), rtol=0, atol=1e-5)
        assert done.largest_drift < 1e-5 * 10
        assert done.difference == pytest.approx(
            np.abs(some.predict(rows) - whole.predict(rows)).mean(), rel=1e-3
        )
    everything = models.export("default", tmp_path / "all.onnx", members=len(names), rows=rows)
    assert everything.difference == 0 and len(models.load(everything.path).outputs) == len(whole.outputs)


def test_the_card_of_members_claims_nothing_that_was_not_measured_on_them(tmp_path, real_rows):
    done = models.export("default", tmp_path, to="int8", members=1, rows=real_rows["seitz_ionic"])
    card = models.card(done.path)
    assert card.metrics == () and card.level is None and "the first 1 of" in card.limits[0]
    members, form = card.extra["members"], card.extra["form"]
    assert members["n"] == 1 and members["difference"] == done.difference > done.drift
    assert form["to"] == "int8" and form["drift"] == done.drift < 0.05 * done.error
    table = seitz.predict("sigma", model=done.path)
    assert np.isfinite(table.value).all() and np.isnan(table.lower).all()


def test_members_do_not_claim_to_know_their_domain(tmp_path, real_rows):
    """The distance to the training data rests on all members: without it, nothing is called in the domain."""
    done = models.export("default", tmp_path / "one.onnx", members=1, rows=real_rows["seitz_ionic"])
    boxed = seitz.as_cell("fcc").replace(lattice=np.eye(3) * 30.0)
    table = seitz.predict([seitz.as_cell("fcc"), boxed], model=str(done.path))
    assert table.in_domain is None and np.isnan(table.lower).all()
    assert [doubt.index for doubt in table.doubts] in ([], [1])
    assert "unlike the training data" in models.card(done.path).limits[0]


def test_a_folder_that_is_not_there_is_no_file(tmp_path):
    with pytest.raises(OptionError, match="no such folder: create it first"):
        models.export("ks2022", f"{tmp_path}/new/")


def test_members_are_only_chosen_where_there_are_some(tmp_path):
    with pytest.raises(ExportError, match="net is no mean of members"):
        models.export(network(), tmp_path, members=1, rows=ROWS)
    for n in (0, 99):
        with pytest.raises(OptionError, match=f"members={n}: default has"):
            models.export("default", tmp_path, members=n)
    assert not list(tmp_path.iterdir())


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["onnx", "fp16", "int8"])
def test_onnx_forms_are_models_with_the_card(tmp_path, form):
    done = models.export(network(), tmp_path, to=form, rows=ROWS)
    assert done.path.name == {"onnx": "net.onnx"}.get(form, f"net.{form}.onnx")
    again = models.load(done.path)
    assert again.card.name == "net" and again.inputs[0].shape == (None, 256)
    assert again.card.extra["form"] == {
        "to": form, "drift": done.drift, "largest_drift": done.largest_drift, "interval_drift": 0.0,
        "unit": "eV", "rows": done.n_rows,
    }  # fmt: skip
    for n in (1, 7, 4096):
        rows = np.resize(ROWS, (n, 256))
        assert_allclose(again.predict(rows), network().predict(rows), atol=0.1)


@pytest.mark.parametrize("form", ["onnx", "fp16", "int8"])
@pytest.mark.parametrize("shape", [[], [1]])
def test_models_for_one_row_become_free(tmp_path, saved, form, shape):
    generator = np.random.default_rng(3)
    sizes = [(128, 256), (128, 128), (1, 128)]
    layers = [
        (generator.normal(0, n**-0.5, (m, n)).astype(np.float32), np.zeros(m, np.float32)) for m, n in sizes
    ]
    path = saved(dense(layers, "Relu", batch=1, dropout=shape))
    models.add(path, descriptor="ks2022", property="p", unit="1")
    done = models.export("model", tmp_path / "free.onnx", to=form, rows=ROWS)
    assert audit(done.path).inputs[0].shape[0] is None
    assert done.largest_drift < (1e-5 if form == "onnx" else 0.1)


@pytest.mark.parametrize("opset", [9, 12, 20])
def test_files_of_older_standards_are_put_into_bytes(tmp_path, saved, opset):
    path = saved(linear(256, opset=opset, n_out=3))
    models.add(path, descriptor="ks2022", property="p", unit="1")
    done = models.export("model", tmp_path / "out.onnx", to="int8", rows=ROWS)
    assert 0 < done.drift < 0.01 < models.load("model").predict(ROWS).std()
    assert {"QuantizeLinear", "DequantizeLinear"} <= {
        node.op_type for node in onnx.load(done.path).graph.node
    }


def test_what_cannot_be_exported_is_told(tmp_path, saved):
    wrapped = models.wrap(lambda f: f[:, 0], descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ExportError, match="not an ONNX model"):
        models.export(wrapped, tmp_path / "x.onnx")
    with pytest.raises(OptionError, match="choose one of onnx"):
        models.export(network(), tmp_path / "x", to="spam")
    node = [helper.make_node("Trilu", ["x"], ["y"])]
    ports = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 256])],
    )
    odd = OnnxModel(audit_bytes(model(node, *ports).SerializeToString()), network().card)
    pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    with pytest.raises(ExportError, match="operator Trilu"):
        models.export(odd, tmp_path / "odd.pt2", to="torch", rows=ROWS)
    assert not list(tmp_path.glob("odd*"))


def test_an_older_file_stays_where_the_export_fails(tmp_path):
    (tmp_path / "x.pt2").write_text("mine")
    wrapped = models.wrap(lambda f: f[:, 0], descriptor="ks2022", property="p", unit="1")
    with pytest.raises(ExportError):
        models.export(wrapped, tmp_path / "x.pt2", to="torch")
    assert (tmp_path / "x.pt2").read_text() == "mine"


def made_wrong(offset: float):
    """A maker whose form gives other values."""

    def make(job):
        path = job.folder / "wrong.onnx"
        path.write_bytes(job.model.content)
        return Made(path, lambda rows: job.model.predict(rows) + offset)

    return make


@pytest.mark.parametrize("form", ["onnx", "torch", "int8"])
@pytest.mark.parametrize("offset", [0.003, np.nan, -np.inf])
@pytest.mark.parametrize("older", [False, True])
def test_a_form_that_differs_never_appears(tmp_path, monkeypatch, real_rows, form, offset, older):
    monkeypatch.setitem(forms._MAKERS, form, made_wrong(offset))
    target = tmp_path / "x"
    if older:
        target.write_text("mine")
    with pytest.raises(ExportError, match="not written"):
        models.export("default", target, to=form, rows=real_rows["seitz_ionic"][:100])
    assert [path.read_text() for path in tmp_path.iterdir()] == (["mine"] if older else [])


def test_what_a_converter_raises_is_an_error_of_the_export(tmp_path, monkeypatch):
    def make(job):
        raise KeyError("no such step")

    monkeypatch.setitem(forms._MAKERS, "fp16", make)
    with pytest.raises(ExportError, match="fp16 cannot be made of net: 'no such step'"):
        models.export(network(), tmp_path / "x", to="fp16", rows=ROWS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:, :5], "takes 256 features"),
        (ROWS[:0], "at least 2"),
        (ROWS[:1], "at least 2"),
        (ROWS[0], "takes 256 features"),
        (np.where(np.arange(256) == 3, np.nan, ROWS), "row 0 holds what is no number"),
    ],
)
def test_rows_are_checked(tmp_path, rows, message):
    with pytest.raises(OptionError, match=message):
        models.export(network(), tmp_path / "x.onnx", to="int8", rows=rows)


# --- Core ML -------------------------------------------------------------------------------------------------------


def test_without_coremltools_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(MissingExtraError, match="pip install coremltools"):
        models.export(network(), tmp_path / "x.mlpackage", to="coreml", rows=ROWS)
    assert not list(tmp_path.iterdir())


def test_a_converter_that_fails_is_told(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is part of the extra 'tune'")

    def convert(*arguments, **options):
        raise TypeError("step 'spam' is not there\nand more")

    tools = SimpleNamespace(
        TensorType=lambda **k: None, convert=convert, precision=SimpleNamespace(FLOAT32=None)
    )
    monkeypatch.setitem(sys.modules, "coremltools", tools)
    with pytest.raises(ExportError, match=r"coremltools does not convert net: step 'spam' is not there$"):
        models.export(network(), tmp_path / "x.mlpackage", to="coreml", rows=ROWS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("members", [None, 1])
def test_a_package_for_core_ml(tmp_path, members):
    pytest.importorskip("torch", reason="torch is part of the extra 'tune'")
    tools = pytest.importorskip("coremltools", reason="coremltools is for Apple devices")
    done = models.export("default", tmp_path, to="coreml", members=members)
    assert done.path.suffix == ".mlpackage" and done.largest_drift < 1e-5 * 10
    assert done.remark.endswith("Core ML runs on macOS only") or sys.platform == "darwin"
    package = tools.models.MLModel(str(done.path), skip_model_load=True)
    spec = package.get_spec().description
    assert [port.name for port in (*spec.input, *spec.output)] == ["features", "value"]
    shape = spec.input[0].type.multiArrayType.shapeRange.sizeRanges
    assert [(axis.lowerBound, axis.upperBound) for axis in shape] == [(1, 4096), (494, 494)]
    assert models.card("default").unit in package.short_description
    with pytest.raises(ExportError, match="is there already"):
        models.export("default", done.path, to="coreml", members=members)


def test_products_in_double_precision_are_not_put_into_bytes(tmp_path):
    w = np.random.default_rng(0).normal(size=(256, 1))
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=onnx.TensorProto.DOUBLE),
        helper.make_node("MatMul", ["wide", "w"], ["z"]),
        helper.make_node("Cast", ["z"], ["y"], to=onnx.TensorProto.FLOAT),
    ]
    proto = model(
        nodes,
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 256])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(w, "w")],
    )
    card = ModelCard(name="net", property="energy", unit="eV", descriptor="ks2022")
    with pytest.raises(ExportError, match="no products of matrices that could be put into bytes"):
        models.export(OnnxModel(audit_bytes(proto.SerializeToString()), card), tmp_path, to="int8", rows=ROWS)
