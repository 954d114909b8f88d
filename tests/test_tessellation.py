from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from seitz import Cell, tessellate
from seitz.errors import DescriptorError, ElementError, MissingPropertyError, OptionError
from structures import HIGH_SYMMETRY, bcc, fcc, random_cell, sigma_phase

ARRAYS = ("lattice", "frac_coords", "offsets", "neighbours", "images", "areas", "distances")


def test_bcc_has_eight_hexagons_and_six_squares():
    tessellation = tessellate(bcc(a=2.0))
    assert tessellation.n_faces.tolist() == [14, 14]
    first = tessellation.faces(0)
    nearest = np.isclose(tessellation.distances[first], np.sqrt(3))
    assert nearest.sum() == 8
    assert_allclose(tessellation.areas[first][nearest], 3 * np.sqrt(3) / 2 * 0.5)  # regular, edge 1/√2
    assert_allclose(tessellation.areas[first][~nearest], 0.5)
    assert_allclose(tessellation.cell_volumes, 4.0)


def test_sums_over_faces_are_volumes_and_surfaces():
    tessellation = tessellate(sigma_phase())
    assert_allclose(tessellation.sub_volumes.sum(), tessellation.volume, rtol=1e-12)
    assert_allclose(tessellation.surface_areas.sum(), tessellation.areas.sum(), rtol=1e-12)
    assert tessellation.n_faces.sum() == len(tessellation.areas)
    assert tessellation.sites.tolist() == np.repeat(np.arange(30), tessellation.n_faces).tolist()
    assert "30 sites" in repr(tessellation)
    assert len(tessellation) == 30


def test_images_lead_to_the_neighbour():
    cell = random_cell(np.random.default_rng(3), 9)
    moved = Cell(
        cell.lattice, cell.frac_coords + [[5, -7, 2]] * 9 + np.arange(9)[:, None], cell.atomic_numbers
    )
    tessellation = tessellate(moved)
    to = (
        moved.frac_coords[tessellation.neighbours]
        + tessellation.images
        - moved.frac_coords[tessellation.sites]
    )
    assert_allclose(np.linalg.norm(to @ moved.lattice, axis=1), tessellation.distances, rtol=1e-9)


def test_arrays_are_read_only_before_and_after_pickling():
    tessellation = tessellate(fcc())
    for version in (tessellation, pickle.loads(pickle.dumps(tessellation))):
        for name in ARRAYS:
            assert np.array_equal(getattr(version, name), getattr(tessellation, name))
            with pytest.raises(ValueError, match="read-only"):
                getattr(version, name)[...] = 0


def test_faces_of_a_site_that_is_not_there():
    tessellation = tessellate(bcc())
    assert tessellation.faces(-1) == tessellation.faces(1)
    with pytest.raises(IndexError, match="site 2 of 2"):
        tessellation.faces(2)


def test_one_decoration_is_one_row_and_many_are_many():
    tessellation = tessellate(bcc())
    one, many = tessellation.featurize([26, 28]), tessellation.featurize([[26, 28], [26, 26], [28, 26]])
    assert one.values.shape == (1, 256)
    assert many.values.shape == (3, 256)
    assert np.array_equal(many.values[0], one.values[0])
    assert_allclose(many.values[2], one.values[0], rtol=1e-12)
    assert many["NComp"].tolist() == [2, 1, 2]
    assert many.ids == ("0", "1", "2")


def test_no_decoration_is_an_empty_table():
    assert tessellate(bcc()).featurize(np.empty((0, 2), dtype=int)).values.shape == (0, 256)


def test_decorations_are_the_same_for_any_number_of_threads():
    numbers = np.random.default_rng(0).integers(1, 90, (200, 30))
    tessellation = tessellate(sigma_phase())
    one = tessellation.featurize(numbers, n_threads=1).values
    assert tessellation.featurize(numbers, n_threads=5).values.tobytes() == one.tobytes()


@pytest.mark.parametrize(
    ("numbers", "match"),
    [
        ([26], "do not fit"),
        ([[26, 26, 26]], "do not fit"),
        (26, "do not fit"),
        ([26.5, 28.0], "26.5 is no integer"),
        ([["Fe", "Xx"]], "'Xx' is no chemical element"),
        ([[True, False]], "True is no integer"),
        ([[26, 26], [26, 0]], "decoration 1, site 1"),
        ([[26, 113]], "decoration 0, site 1"),
        ([[26, 2**40]], "decoration 0, site 1"),
    ],
)
def test_decorations_that_do_not_fit_are_refused(numbers, match):
    with pytest.raises(ElementError, match=match):
        tessellate(bcc()).featurize(numbers)


def test_missing_properties_follow_the_policy_in_decorations():
    tessellation = tessellate(bcc())
    numbers = [[26, 26], [2, 26]]  # helium has no electronegativity
    assert [w.index for w in tessellation.featurize(numbers).warnings] == [1]
    blanked = tessellation.featurize(numbers, missing="nan")
    assert np.isfinite(blanked.values[0]).all()
    assert np.isnan(blanked["mean_Electronegativity"][1])
    with pytest.raises(MissingPropertyError, match="He has no"):
        tessellation.featurize(numbers, missing="raise")


def test_options_are_checked():
    with pytest.raises(DescriptorError):
        tessellate(bcc()).featurize([26, 26], descriptor="nothing")
    for n_threads in (0, -1, 1.5, True, "2"):
        with pytest.raises(OptionError, match="n_threads"):
            tessellate(bcc(), n_threads=n_threads)


def test_environments_give_one_row_per_site():
    environments = tessellate(HIGH_SYMMETRY["CsCl"]).environments([55, 17])
    assert environments.values.shape == (2, 27)
    assert len(environments) == 2
    assert_allclose(environments["CellVolume"], 4.12**3 / 2)
    assert (environments["NeighDiff_shell1_Number"] < 38).all()
    with pytest.raises(DescriptorError, match="no column 'CN'"):
        environments["CN"]
    with pytest.raises(OptionError, match="one decoration"):
        tessellate(bcc()).environments([[26, 26], [26, 28]])


def test_decorations_may_be_symbols_and_whole_floats():
    tessellation = tessellate(bcc())
    expected = tessellation.featurize([[26, 28], [13, 28]]).values
    assert_array_equal(tessellation.featurize([["Fe", "Ni"], ["Al", "Ni"]]).values, expected)
    assert_array_equal(tessellation.featurize([[26.0, 28.0], [13.0, 28.0]]).values, expected)
    assert_array_equal(
        tessellation.environments(["Fe", "Ni"]).values, tessellation.environments([26, 28]).values
    )
