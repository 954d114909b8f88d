"""Ward2017: the published vectors, Ward's original ones, and what walks and oxidation states mean."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reference import walks as twin
from seitz import Cell, FeatureTable, featurize, only_structural, tessellate, ward_to_ks
from seitz.errors import DescriptorError, OptionError
from structures import HIGH_SYMMETRY, bcc, diamond, random_cell, rocksalt, sigma_phase, simple_cubic

SHELLS = [f"mean_WCMagnitude_Shell{s}" for s in (1, 2, 3)]


def shells(table: FeatureTable) -> np.ndarray:
    return np.stack([table[name] for name in SHELLS], axis=1)


def test_stored_vectors_are_reproduced(reference):
    records = [r for r in reference if r.get("ward2017")]
    expected = np.array([r["ward2017"] for r in records], dtype=np.float64)
    known = ~np.isnan(expected)
    table = featurize(records, descriptor="ward2017", walk="no_reversal")
    error = np.abs(table.values - expected) / np.maximum(1.0, np.abs(expected))
    assert len(records) == 221
    assert error[known].max() < 1e-6
    assert np.isfinite(table.values).all()


def test_the_original_program_is_reproduced(shared_records):
    labels, *records = shared_records("reference/ward2017_original.jsonl.gz")
    expected = np.array([r["ward2017"] for r in records], dtype=np.float64)
    table = featurize(records, descriptor="ward2017")
    assert list(table.names) == labels["labels"]
    digits = np.maximum(6e-7, 6e-8 * np.abs(expected))  # as many as the source gives
    wrong = np.argwhere(np.abs(table.values - expected) > digits)
    # Known: later lists of oxidation states allow Pb8O12.
    assert [(table.names[c], records[r]["name"]) for r, c in wrong] == [("CanFormIonic", "9-Pb8O12.POSCAR")]
    assert_allclose(shells(table), expected[:, 12:15], atol=6e-7)


@pytest.mark.parametrize("walk", ["self_avoiding", "no_reversal"])
@pytest.mark.parametrize("seed", range(20))
def test_walks_agree_with_listing_them_all(seed, walk):
    rng = np.random.default_rng(seed)
    cell = random_cell(rng, 1 + seed % 5)
    if seed % 4 == 0:  # corners where many cells meet, and sites that see images of themselves
        cell = [bcc(), rocksalt(), simple_cubic(), diamond(), HIGH_SYMMETRY["perovskite"]][seed // 4]
    numbers = rng.choice([8, 26, 57], len(cell))
    cell = cell.replace(atomic_numbers=numbers)
    found = shells(featurize(cell, descriptor="ward2017", walk=walk))[0]
    assert_allclose(found, twin.magnitudes(tessellate(cell), numbers, walk), rtol=1e-10, atol=1e-10)


def test_rules_differ_in_the_third_shell_only():
    tables = [
        featurize(sigma_phase(), descriptor="ward2017", walk=w) for w in ("self_avoiding", "no_reversal")
    ]
    assert_array_equal(np.flatnonzero(tables[0].values[0] != tables[1].values[0]), [14])
    assert tables[0].descriptor.digest != tables[1].descriptor.digest


def test_one_element_has_no_order_and_a_shared_one_neither():
    assert (shells(featurize(bcc(), descriptor="ward2017")) == 0).all()
    mixed = bcc().replace(occupancies={site: {26: 0.7, 28: 0.3} for site in (0, 1)})
    found = shells(featurize(mixed, descriptor="ward2017", occupancy="average"))
    assert_allclose(found, 0.0, atol=1e-14)


def test_decorations_of_one_tessellation_are_the_same():
    rng = np.random.default_rng(3)
    cell = sigma_phase()
    numbers = rng.choice([22, 24, 26, 28], (7, len(cell)))
    many = tessellate(cell).featurize(numbers, descriptor="ward2017")
    one_by_one = featurize([cell.replace(atomic_numbers=n) for n in numbers], descriptor="ward2017")
    assert_allclose(many.values, one_by_one.values, rtol=1e-11, atol=1e-12)


def test_orbits_and_threads_change_nothing():
    cell = sigma_phase()
    every_site = featurize(cell, descriptor="ward2017")
    orbits = featurize(cell, descriptor="ward2017", symmetry="orbits")
    assert_allclose(orbits.values, every_site.values, rtol=1e-9, atol=1e-10)
    large = random_cell(np.random.default_rng(1), 2500)
    one, three = (featurize(large, descriptor="ward2017", n_threads=n).values for n in (1, 3))
    assert_array_equal(one, three)


def test_ionic_formation_agrees_with_trying_every_assignment():
    rng = np.random.default_rng(11)
    common = [1, 3, 8, 9, 11, 13, 16, 17, 19, 20, 22, 26, 30, 53, 57]
    line = np.linspace(0, 1, 9)[:8, None] * [1, 0, 0]
    formulas = []
    for _ in range(500):
        elements = rng.choice(common, rng.integers(2, 5), replace=False)
        formulas.append(rng.choice(elements, rng.integers(1, 9)))
    cells = [Cell(np.diag([30.0, 4, 4]), line[: len(f)], f) for f in formulas]
    found = featurize(cells, descriptor="ward2017")["CanFormIonic"]
    expected = [twin.can_form_ionic(f.tolist()) for f in formulas]
    assert 0.1 < np.mean(expected) < 0.9
    assert_array_equal(found, expected)


def test_ionic_formation_depends_on_the_cell_as_published():
    primitive = Cell(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.8, [[0, 0, 0]], [6])
    assert featurize(primitive, descriptor="ward2017")["CanFormIonic"] == 0
    assert featurize(diamond(z=6), descriptor="ward2017")["CanFormIonic"] == 1


def test_ionic_formation_of_shared_sites_is_that_of_a_large_cell():
    neutral = rocksalt().replace(occupancies={0: {11: 0.5, 19: 0.5}})
    cations = bcc(11).replace(occupancies={0: {11: 0.5, 19: 0.5}})
    table = featurize([neutral, cations], descriptor="ward2017", occupancy="average")
    assert table["CanFormIonic"].tolist() == [1.0, 0.0]


def test_ks2022_and_its_structural_part_are_columns():
    cells = [rocksalt(), sigma_phase()]
    ward, ks = (featurize(cells, descriptor=name) for name in ("ward2017", "ks2022"))
    picked = ward_to_ks(ward)
    assert picked.names == ks.names
    assert_allclose(picked.values, ks.values, rtol=1e-12, atol=1e-12)
    assert_array_equal(ward_to_ks(ward.values), picked.values)
    expected = np.concatenate([ks.values[:, 0:68], ks.values[:, 73:93], ks.values[:, 98:113]], axis=1)
    assert_array_equal(only_structural(ks).values, expected)
    assert_array_equal(only_structural(ks.values[0]), expected[0])
    assert_allclose(only_structural(ward.values), expected, rtol=1e-12, atol=1e-12)
    assert_array_equal(featurize(cells, descriptor="ks2022_structural").values, expected)


def test_wrong_choices_are_named():
    with pytest.raises(OptionError, match="ks2022 has no features that walk"):
        featurize(bcc(), walk="no_reversal")
    with pytest.raises(OptionError, match="walk='drunken': choose one of self_avoiding, no_reversal"):
        featurize(bcc(), descriptor="ward2017", walk="drunken")
    with pytest.raises(DescriptorError, match="the table holds ks2022, not ward2017"):
        ward_to_ks(featurize(bcc()))
    with pytest.raises(DescriptorError, match=r"shape \(3,\) was given: the last axis must be 271"):
        ward_to_ks(np.zeros(3))
