"""What scikit-learn and torch export passes the audit; tampered with, it does not."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import pytest
from audit_samples import CARD

from seitz.errors import ModelError
from seitz.models.audit import audit_bytes
from seitz.models.runtime import OnnxModel


def exported(name: str) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """A regressor of scikit-learn as a file, with features and what it says of them."""
    to_onnx = pytest.importorskip("skl2onnx", reason="skl2onnx converts regressors of scikit-learn").to_onnx
    features = np.random.default_rng(0).normal(size=(90, 12)).astype(np.float32)
    target = 2 * features[:, 0] + features[:, 1] ** 2
    fitted = REGRESSORS[name]().fit(features, np.stack([target, -target], 1) if "targets" in name else target)
    return to_onnx(fitted, features[:1]), features, fitted.predict(features)


def _regressors() -> dict:
    from sklearn import decomposition, ensemble, feature_selection, linear_model, preprocessing, svm, tree
    from sklearn.pipeline import make_pipeline

    def behind(*steps):
        return lambda: make_pipeline(*steps, linear_model.Ridge())

    return {
        "forest": lambda: ensemble.RandomForestRegressor(10, random_state=0),
        "forest of two targets": lambda: ensemble.RandomForestRegressor(10, random_state=0),
        "extra trees": lambda: ensemble.ExtraTreesRegressor(10, random_state=0),
        "boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0),
        "bagging": lambda: ensemble.BaggingRegressor(n_estimators=5, random_state=0),
        "tree": lambda: tree.DecisionTreeRegressor(random_state=0),
        "stump": lambda: tree.DecisionTreeRegressor(max_leaf_nodes=2),
        "ridge of two targets": lambda: linear_model.Ridge(),
        "vectors": lambda: make_pipeline(preprocessing.StandardScaler(), svm.SVR()),
        "nu": lambda: svm.NuSVR(kernel="poly"), "linear vectors": lambda: svm.LinearSVR(),
        "scaled forest": lambda: make_pipeline(
            preprocessing.RobustScaler(), ensemble.RandomForestRegressor(5, random_state=0)
        ),
        "mean removed": behind(preprocessing.StandardScaler(with_std=False)),
        "normalised": behind(preprocessing.Normalizer()),
        "powers": behind(preprocessing.PowerTransformer()),
        "quantiles": behind(preprocessing.QuantileTransformer(n_quantiles=20)),
        "polynomials": behind(preprocessing.PolynomialFeatures(2)),
        "selected": behind(
            preprocessing.MaxAbsScaler(), feature_selection.SelectKBest(feature_selection.f_regression, k=5)
        ),
        "components": behind(decomposition.PCA(4)),
        "gamma": lambda: linear_model.TweedieRegressor(),
    }  # fmt: skip


try:
    REGRESSORS = _regressors()
except ModuleNotFoundError:
    REGRESSORS = {}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_of_scikit_learn_pass_and_say_the_same(name):
    pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'onnxruntime'")
    proto, features, wanted = exported(name)
    found = OnnxModel(audit_bytes(proto.SerializeToString()), CARD).predict(features)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=2e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("name", [name for name in REGRESSORS if "forest" in name or name == "boosting"])
def test_exported_trees_that_were_tampered_with_are_refused(name):
    proto, features, _ = exported(name)
    found = next(entry for entry in proto.graph.node if entry.op_type == "TreeEnsembleRegressor")
    lists = {entry.name: entry.ints for entry in found.attribute if entry.ints}
    for field, value in (
        ("nodes_featureids", features.shape[1]), ("nodes_truenodeids", 0), ("nodes_falsenodeids", 10**6),
        ("target_nodeids", 0), ("target_ids", 2), ("nodes_nodeids", 1),
    ):  # fmt: skip
        kept, lists[field][0] = lists[field][0], value
        with pytest.raises(ModelError, match=r"feature 12 of 12|no trees|no leaf|do not exist"):
            audit_bytes(proto.SerializeToString())
        lists[field][0] = kept
    audit_bytes(proto.SerializeToString())


@pytest.mark.parametrize("opset", [9, 13, 20])
def test_modules_of_torch_pass(opset):
    torch = pytest.importorskip("torch", reason="torch is the extra 'torch'")
    pytest.importorskip("onnxruntime", reason="onnxruntime is the extra 'onnxruntime'")
    nn, sample = torch.nn, torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    layers = (
        nn.Linear(12, 8), nn.BatchNorm1d(8), nn.PReLU(8), nn.GroupNorm(2, 8), nn.Linear(8, 8), nn.LayerNorm(8),
        nn.Dropout(0.1), nn.GELU(), nn.GLU(), nn.Linear(4, 1),
    )  # fmt: skip
    module, content = nn.Sequential(*layers).eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an exporter that is to be replaced
        torch.onnx.export(
            module,
            sample,
            content,
            opset_version=opset,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    found = OnnxModel(audit_bytes(content.getvalue()), CARD).predict(sample.numpy())
    np.testing.assert_allclose(found, module(sample).detach().numpy()[:, 0], atol=1e-5)
