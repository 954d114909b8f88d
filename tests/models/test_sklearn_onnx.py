"""Regressors of scikit-learn as ONNX files: accepted by the audit, and the same numbers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose

import seitz
from seitz import models
from seitz.errors import ExportError
from seitz.models.card import METADATA_KEY

pytest.importorskip("sklearn", reason="scikit-learn is the extra 'sklearn'")
pytest.importorskip("skl2onnx", reason="skl2onnx converts regressors of scikit-learn")

from skl2onnx import to_onnx
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR

REGRESSORS = {
    "ridge": make_pipeline(StandardScaler(), Ridge()),
    "lasso": make_pipeline(MinMaxScaler(), Lasso(alpha=0.01)),
    "forest": RandomForestRegressor(20, random_state=0),
    "extra trees": ExtraTreesRegressor(10, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=30, random_state=0),
    "network": make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(32, 16), solver="lbfgs", max_iter=5000, random_state=0)
    ),
    "vectors": make_pipeline(SimpleImputer(), StandardScaler(), SVR()),
}  # fmt: skip


@pytest.fixture(scope="module")
def table(reference) -> seitz.FeatureTable:
    """KS2022 vectors of 251 crystals, as single precision holds them: thresholds of trees do not forgive."""
    found = seitz.featurize(reference, descriptor="ks2022", on_error="record")
    good = np.isfinite(found.values).all(axis=1)
    assert good.sum() > 200
    values = found.values[good].astype(np.float32).astype(np.float64)
    return seitz.FeatureTable(values, found.descriptor, tuple(np.array(found.ids)[good].tolist()))


@pytest.fixture
def fitted(request, table):
    """A regressor, trained on a smooth property of half of the crystals."""
    target = table["mean_EffectiveCoordination"] + 0.1 * table["mean_NeighDiff_shell1_Electronegativity"]
    return REGRESSORS[request.param].fit(table.values[::2], target[::2])


def _is_network(fitted) -> bool:
    return isinstance(getattr(fitted, "_final_estimator", fitted), MLPRegressor)


@pytest.mark.parametrize("fitted", REGRESSORS, indirect=True)
def test_a_regressor_gives_the_same_as_a_file(fitted, table, saved):
    proto = to_onnx(fitted, table.values[:1].astype(np.float32))
    path = saved(proto, "regressor.onnx")
    models.add(path, descriptor="ks2022", property="coordination", unit="1")
    model, wanted = models.load("regressor"), fitted.predict(table.values).reshape(-1)
    tolerance = 1e-5 * np.abs(wanted).max()
    for n in (1, 7, len(table)):
        assert_allclose(model.predict(table.values[:n]), wanted[:n], rtol=0, atol=tolerance)
    found = seitz.predict(table, model="regressor")
    assert found.value.shape == (len(table),) and np.isnan(found.lower).all() and found.in_domain is None


@pytest.mark.parametrize("fitted", ["ridge", "forest"], indirect=True)
def test_a_file_that_brings_its_card_needs_nothing_else(fitted, table, saved):
    proto = to_onnx(fitted, table.values[:1].astype(np.float32))
    card = models.ModelCard(name="cn", property="coordination", unit="1", descriptor="ks2022")
    onnx.helper.set_model_props(proto, {METADATA_KEY: card.to_json()})
    found = seitz.predict("sigma", model=saved(proto, "cn.onnx"))
    wanted = fitted.predict(found.features.values.astype(np.float32))
    assert found.card == card and found.value == pytest.approx(wanted.reshape(-1), rel=1e-4)


@pytest.mark.parametrize("form", ["onnx", "fp16", "int8"])
@pytest.mark.parametrize("fitted", ["ridge", "forest", "network", "vectors"], indirect=True)
def test_such_files_have_other_forms(fitted, table, saved, tmp_path, form):
    models.add(
        saved(to_onnx(fitted, table.values[:1].astype(np.float32)), "regressor.onnx"),
        descriptor="ks2022", property="coordination", unit="1",
    )  # fmt: skip
    if form == "int8" and not _is_network(fitted):
        with pytest.raises(ExportError, match="no products of matrices"):
            models.export("regressor", tmp_path / "out.onnx", to=form, rows=table.values)
        return
    done = models.export("regressor", tmp_path / "out.onnx", to=form, rows=table.values)
    assert done.drift < 0.1
    again = models.load(done.path).predict(table.values)
    assert np.abs(again - models.load("regressor").predict(table.values)).mean() < 0.1
