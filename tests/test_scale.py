"""The descriptor ``seitz``: contacts, shapes and scale against plain NumPy, along every path that computes them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import sph_harm_y

from seitz import Cell, Tessellation, descriptors, featurize, host_plan, tessellate
from seitz.descriptors.scale import scale_features
from seitz.elements import SYMBOLS, table
from structures import fcc, perovskite, random_cell, rocksalt, sigma_phase, simple_cubic

SCALE = [f.name for f in scale_features()]
CELLS = {
    "fcc": fcc(),
    "rocksalt": rocksalt(),
    "perovskite": perovskite(),
    "sigma": sigma_phase(),
    **{f"random {k}": random_cell(np.random.default_rng(k), 3 + 2 * k) for k in range(6)},
}


def bond_order(directions: np.ndarray, weights: np.ndarray, degree: int) -> float:
    """sqrt(4π / (2l + 1) Σ_m |Σ_k w_k Y_lm(k)|²), with the spherical harmonics themselves."""
    theta, phi = np.arccos(np.clip(directions[:, 2], -1, 1)), np.arctan2(directions[:, 1], directions[:, 0])
    moments = [weights @ sph_harm_y(degree, m, theta, phi) for m in range(-degree, degree + 1)]
    return float(np.sqrt(4 * np.pi / (2 * degree + 1) * np.sum(np.abs(moments) ** 2)))


def scale_rows(cell: Cell, faces: Tessellation) -> np.ndarray:
    """(n_sites, 21) shapes, then contacts."""
    elements = table()
    radius, chi, natural = (
        np.nan_to_num(elements.values[:, elements.names.index(n)])
        for n in ("CovalentRadius", "Electronegativity", "GSvolume_pa")
    )
    rows = []
    for i, z in enumerate(cell.atomic_numbers):
        k = faces.faces(i)
        d, area, other = faces.distances[k], faces.areas[k], cell.atomic_numbers[faces.neighbours[k]]
        w, angle = area / area.sum(), area / d**2 / (area / d**2).sum()
        volume = area @ d / 6
        ratio, dx, like = d / (radius[z] + radius[other]) * 100, chi[other] - chi[z], other == z
        orders = [bond_order(faces.directions[k], w, degree) for degree in (2, 3, 4, 5, 6, 8)]
        contacts = [w @ ratio, ratio.min(), angle @ ratio, w @ dx, angle @ dx, angle @ np.abs(dx)]
        contacts += [w @ like, angle @ like, w @ (np.abs(dx) / d), w @ (dx**2 / d), volume / natural[z]]
        rows.append([w @ d, np.cbrt(volume), d.min(), 1 / (angle**2).sum(), *orders, *contacts])
    return np.array(rows)


def scale_section(cell: Cell) -> np.ndarray:
    elements, n = table(), len(cell)
    column = lambda name: np.nan_to_num(elements.values[:, elements.names.index(name)])  # noqa: E731
    z, v = cell.atomic_numbers, cell.volume
    x = np.array(list(cell.amounts.values())) / n
    totals = [v / n, np.log(v / n), column("GSvolume_pa")[z].sum() / v]
    totals += [(4 / 3 * np.pi * (column("CovalentRadius")[z] / 100) ** 3).sum() / v]
    totals += [column("NValence")[z].sum() / v, -(x * np.log(x)).sum()]
    y = scale_rows(cell, tessellate(cell))
    mad = np.abs(y - y.mean(axis=0)).mean(axis=0)
    return np.concatenate([totals, np.stack([y.mean(axis=0), mad, y.min(axis=0), y.max(axis=0)], 1).ravel()])


def test_the_schema():
    found = descriptors()["seitz"]
    assert len(found) == 446 and len(set(found.names)) == 446
    assert found.names[:256] == descriptors()["ks2022"].names
    assert found.names[256:356] == tuple(f"frac_{s}" for s in SYMBOLS[1:101])
    assert found.names[356:] == tuple(SCALE)


@pytest.mark.parametrize("name", CELLS)
def test_every_number_is_that_of_plain_numpy(name):
    cell = CELLS[name]
    found = featurize(cell, descriptor="seitz")
    # A square root of cancelled terms: rounding of 1e-16 shows as 1e-8 where a parameter vanishes by symmetry.
    assert_allclose(found.values[0, 356:], scale_section(cell), rtol=1e-9, atol=3e-8)
    assert_array_equal(found.values[:, :256], featurize(cell).values)
    fractions = {SYMBOLS[z]: n / len(cell) for z, n in cell.amounts.items()}
    assert_allclose(found.values[0, 256:356], [fractions.get(s, 0.0) for s in SYMBOLS[1:101]])


@pytest.mark.parametrize(
    ("cell", "four", "six"), [(fcc(), 0.19094065, 0.57452426), (simple_cubic(), 0.76376262, 0.35355339)]
)
def test_known_bond_order_parameters(cell, four, six):
    row = featurize(cell, descriptor="seitz")
    assert_allclose([row["mean_BondOrder4"][0], row["mean_BondOrder6"][0]], [four, six], rtol=1e-7)


@pytest.mark.parametrize("name", CELLS)
def test_one_row_whatever_the_description(name):
    cell = CELLS[name]
    row = featurize(cell, descriptor="seitz").values[0]
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    order = np.random.default_rng(1).permutation(len(cell))
    same = [
        cell.replace(
            lattice=cell.lattice @ rotation, frac_coords=cell.frac_coords + np.array([0.1, 0.7, 0.3])
        ),
        Cell(cell.lattice, cell.frac_coords[order], cell.atomic_numbers[order]),
        cell.supercell((2, 1, 1)),
        cell.supercell((1, 2, 3)),
        Cell(
            np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]]) @ cell.lattice,
            cell.frac_coords @ np.linalg.inv([[1, 0, 0], [2, 1, 0], [-1, 1, 1]]),
            cell.atomic_numbers,
        ),
    ]
    for values in featurize(same, descriptor="seitz").values:
        assert_allclose(values, row, rtol=1e-8, atol=1e-7)
    orbits = featurize(cell, descriptor="seitz", symmetry="orbits").values[0]
    assert_allclose(orbits, row, rtol=1e-6, atol=1e-5)


def test_a_stretched_crystal_is_told_from_the_relaxed_one():
    cell = sigma_phase()
    wide = cell.replace(lattice=cell.lattice * 1.1)
    one, other = featurize([cell, wide], descriptor="seitz").values
    assert_allclose(other[:356], one[:356], rtol=1e-9, atol=1e-9)
    names = list(descriptors()["seitz"].names)
    for name, power in (("VolumePerAtom", 3), ("mean_BondLength", 1), ("mean_FieldStrength", -1)):
        assert_allclose(other[names.index(name)], one[names.index(name)] * 1.1**power, rtol=1e-9)


def test_decorations_and_threads_give_the_bytes_of_whole_structures():
    cell = sigma_phase()
    faces = tessellate(cell)
    numbers = np.array([cell.atomic_numbers, np.roll(cell.atomic_numbers, 3)])
    found = faces.featurize(numbers, descriptor="seitz")
    whole = featurize([cell.replace(atomic_numbers=n) for n in numbers], descriptor="seitz")
    assert_allclose(found.values, whole.values, rtol=1e-9, atol=1e-7)
    large = sigma_phase().supercell((5, 5, 5))
    one, three = (featurize(large, descriptor="seitz", n_threads=n).values for n in (1, 3))
    assert_array_equal(one, three)


def test_defects_are_those_of_the_changed_structures():
    plan = host_plan(sigma_phase())
    found = plan.featurize([{0: "Al"}, {4: None}], descriptor="seitz")
    whole = featurize([plan.changed({0: "Al"}), plan.changed({4: None})], descriptor="seitz")
    assert_array_equal(found.values, whole.values)
    assert found.ids == ("Al@0", "vacancy@4")
    everywhere = plan.all_substitutions(["Al"], descriptor="seitz")
    assert_array_equal(everywhere.values[0], found.values[0])


def test_unknown_properties_are_told_and_never_infinite():
    helium = Cell(np.eye(3) * 3.0, [[0, 0, 0], [0.5, 0.5, 0.5]], [2, 105])
    found = featurize(helium, descriptor="seitz")
    assert np.isfinite(found.values).all()
    assert "Electronegativity" in found.warnings[0].message
    blank = featurize(helium, descriptor="seitz", missing="nan")
    assert np.isnan(blank["mean_Polarity"][0]) and np.isfinite(blank["mean_BondLength"][0])


def test_shared_sites_have_the_mean_of_their_occupants():
    cell = rocksalt().replace(occupancies={0: {11: 0.5, 19: 0.5}})
    row = featurize(cell, descriptor="seitz", occupancy="average")
    assert_allclose(row["frac_K"], 0.5 / len(cell))
    assert np.isfinite(row.values).all()
