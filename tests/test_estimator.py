from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from seitz import Cell, StructureFeatures, descriptors, featurize, to_ase, to_pymatgen
from seitz.errors import DescriptorError, OptionError, OverlapError


def caesium_chloride(a: int, b: int, length: float = 3.0) -> Cell:
    return Cell(np.eye(3) * length, [[0, 0, 0], [0.5, 0.5, 0.5]], [a, b])


@pytest.fixture(scope="module")
def structures() -> list[Cell]:
    return [caesium_chloride(a, b, 2.8 + 0.01 * a) for a in range(21, 31) for b in (8, 13, 14)]


@pytest.fixture(scope="module")
def targets(structures) -> np.ndarray:
    return featurize(structures)["mean_Electronegativity"]


def test_rows_are_those_of_featurize(structures):
    expected = featurize(structures)
    features = StructureFeatures().fit(structures)
    assert_array_equal(features.transform(structures), expected.values)
    assert_array_equal(features.fit_transform(structures), expected.values)
    assert features.get_feature_names_out().tolist() == list(expected.names)
    assert features.descriptor_ is descriptors()["ks2022"]


def test_init_only_stores():
    features = StructureFeatures(descriptor="nonsense", symmetry="nonsense", n_threads=-1)
    assert features.get_params()["symmetry"] == "nonsense"
    assert not [name for name in vars(features) if name.endswith("_")]


def test_fit_refuses_wrong_options():
    with pytest.raises(DescriptorError):
        StructureFeatures(descriptor="nonsense").fit([])
    for wrong in (
        {"symmetry": "x"},
        {"missing": "x"},
        {"occupancy": "x"},
        {"on_error": "x"},
        {"n_threads": 0},
    ):
        with pytest.raises(OptionError):
            StructureFeatures(**wrong).fit([])


def test_transform_needs_fit(structures):
    with pytest.raises(NotFittedError):
        StructureFeatures().transform(structures)
    with pytest.raises(NotFittedError):
        StructureFeatures().get_feature_names_out()


def test_every_option_survives_clone_and_set_params():
    options = {
        "descriptor": "ward2017",
        "walk": "no_reversal",
        "symmetry": "orbits",
        "finder": "spglib",
        "symprec": 0.1,
        "missing": "nan",
        "occupancy": "average",
        "on_error": "record",
        "n_threads": 2,
    }
    features = StructureFeatures(**options)
    assert features.get_params() == options
    assert clone(features).get_params() == options
    assert StructureFeatures().set_params(**options).get_params() == options


def test_options_are_those_of_featurize():
    keywords = set(featurize.__kwdefaults__) - {"progress", "ids"}
    assert set(StructureFeatures().get_params()) == keywords
    assert StructureFeatures().get_params() == {name: featurize.__kwdefaults__[name] for name in keywords}


def test_it_pickles_fitted_and_not(structures):
    for features in (StructureFeatures(missing="nan"), StructureFeatures(missing="nan").fit([])):
        again = pickle.loads(pickle.dumps(features))
        assert again.get_params() == features.get_params()
    assert_array_equal(again.transform(structures), features.transform(structures))


def test_set_output_gives_named_columns(structures):
    features = StructureFeatures().set_output(transform="pandas").fit(structures)
    frame = features.transform(structures)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(descriptors()["ks2022"].names)
    series = pd.Series(structures, index=[f"s{k}" for k in range(len(structures))])
    assert list(features.transform(series).index) == list(series.index)


def test_arrays_series_and_iterators_of_structures_are_taken(structures):
    expected = featurize(structures).values
    features = StructureFeatures().fit(structures)
    array = np.empty(len(structures), dtype=object)
    array[:] = structures
    for many in (array, pd.Series(structures), tuple(structures), iter(structures)):
        assert_array_equal(features.transform(many), expected)


def test_a_frame_of_one_column_is_taken_and_keeps_its_index(structures):
    frame = pd.DataFrame({"structure": structures}, index=[f"s{k}" for k in range(len(structures))])
    features = StructureFeatures().set_output(transform="pandas").fit(frame)
    assert list(features.transform(frame).index) == list(frame.index)
    assert_array_equal(features.transform(frame).to_numpy(), featurize(structures).values)


def test_a_frame_of_several_columns_is_refused_with_what_to_pass(structures, targets):
    frame = pd.DataFrame({"structure": structures, "energy": targets})
    with pytest.raises(OptionError, match=r'DataFrame of 2 columns .* frame\["structure"\]'):
        StructureFeatures().fit(frame).transform(frame)
    with pytest.raises(OptionError, match="ndarray of 256 columns"):
        StructureFeatures().fit_transform(np.zeros((3, 256)))


def test_a_column_of_a_frame_goes_through_a_column_transformer(structures, targets):
    frame = pd.DataFrame({"structure": structures, "energy": targets})
    both = make_column_transformer((StructureFeatures(), ["structure"]), ("passthrough", ["energy"]))
    assert_array_equal(both.fit_transform(frame), np.c_[featurize(structures).values, targets])


@pytest.mark.parametrize("one", ["POSCAR", 3])
def test_what_is_no_list_is_refused(one):
    with pytest.raises(OptionError, match="list of structures"):
        StructureFeatures().fit([]).transform(one)


def test_one_structure_is_refused_though_it_is_iterable(structures):
    cell = structures[0]
    ase, pymatgen = to_ase(cell), to_pymatgen(cell)
    plain = {"lattice": cell.lattice, "frac_coords": cell.frac_coords, "symbols": ["Sc", "O"]}
    for one in (cell, ase, pymatgen, plain):
        with pytest.raises(OptionError, match=f"a list of structures, not one {type(one).__name__}$"):
            StructureFeatures().fit_transform(one)
        assert StructureFeatures().fit_transform([one]).shape == (1, 256)


@pytest.mark.parametrize("name", ["entry", "attributes", "frac_coords"])
def test_a_column_of_structures_may_have_any_name(structures, name):
    frame = pd.DataFrame({name: structures})
    assert_array_equal(StructureFeatures().fit_transform(frame), featurize(structures).values)


def test_no_structures_give_no_rows():
    assert StructureFeatures().fit([]).transform([]).shape == (0, 256)


def test_a_failed_structure_keeps_its_row(structures):
    broken = Cell(np.eye(3) * 3, [[0, 0, 0], [0, 0, 0]], [26, 26])
    mixed = [*structures[:3], broken, *structures[3:]]
    with pytest.raises(OverlapError, match="structure 3"):
        StructureFeatures().fit_transform(mixed)
    features = StructureFeatures(on_error="record").fit(mixed)
    rows = features.transform(mixed)
    assert rows.shape == (len(mixed), 256)
    assert np.isnan(rows[3]).all() and not np.isnan(np.delete(rows, 3, axis=0)).any()
    assert [failure.index for failure in features.table(mixed).failures] == [3]


def test_tags_say_that_the_input_is_no_matrix():
    tags = get_tags(StructureFeatures())
    assert not tags.input_tags.two_d_array
    assert tags.no_validation
    assert not hasattr(StructureFeatures().fit([]), "n_features_in_")


def test_it_works_in_a_pipeline(structures, targets):
    model = make_pipeline(StructureFeatures(), VarianceThreshold(), RandomForestRegressor(20, random_state=0))
    model.fit(structures, targets)
    assert model.score(structures, targets) > 0.9
    assert "mean_Electronegativity" in model[:-1].get_feature_names_out()
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(structures), model.predict(structures))


def test_it_works_in_cross_validation(structures, targets):
    model = make_pipeline(StructureFeatures(), StandardScaler(), RandomForestRegressor(10, random_state=0))
    scores = cross_val_score(model, structures, targets, cv=3, error_score="raise")
    assert scores.shape == (3,) and np.isfinite(scores).all()


def test_it_works_in_a_grid_search_over_its_own_options(structures, targets):
    model = make_pipeline(StructureFeatures(), RandomForestRegressor(5, random_state=0))
    search = GridSearchCV(
        model, {"structurefeatures__symmetry": ["none", "orbits"]}, cv=2, error_score="raise"
    ).fit(structures, targets)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (2,) and np.isfinite(scores).all()


def test_without_scikit_learn_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import seitz\n"
        "try: seitz.StructureFeatures\n"
        "except seitz.errors.MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install scikit-learn" in done.stdout
