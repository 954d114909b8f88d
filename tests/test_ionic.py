"""The descriptor ``seitz_ionic``: charges, bond valences and potentials against plain NumPy and known constants."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erfc

from seitz import Cell, descriptors, featurize, tessellate
from seitz.descriptors.ionic import ionic_features
from seitz.elements import SYMBOLS
from seitz.ions import ions
from structures import fcc, perovskite, random_cell, rocksalt, sigma_phase

IONIC = [f.name for f in ionic_features()]
COULOMB = 14.3996448
FLUORITE = Cell(
    np.eye(3) * 5.46,
    [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0],
     *([x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75))],
    [20] * 4 + [9] * 8,
)  # fmt: skip
ZINCBLENDE = Cell(
    np.eye(3) * 5.41,
    [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0],
     [0.25, 0.25, 0.25], [0.25, 0.75, 0.75], [0.75, 0.25, 0.75], [0.75, 0.75, 0.25]],
    [30] * 4 + [16] * 4,
)  # fmt: skip
CSCL = Cell(np.eye(3) * 4.12, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])


def oxyfluoride(seed: int) -> Cell:
    """A random arrangement of V3O4F2 and Li."""
    return random_cell(np.random.default_rng(seed), 10).replace(
        atomic_numbers=[3, 23, 23, 23, 8, 8, 8, 8, 9, 9]
    )


CELLS = {
    "fcc": fcc(),
    "rocksalt": rocksalt(),
    "fluorite": FLUORITE,
    "perovskite": perovskite(),
    "sigma": sigma_phase(),
    **{f"oxyfluoride {k}": oxyfluoride(k) for k in range(3)},
    **{f"random {k}": random_cell(np.random.default_rng(k), 3 + 2 * k) for k in range(3)},
}


# --- the readable twin ---------------------------------------------------------------------------------------------


def formal_charges(amounts: dict[int, int]) -> dict[int, float]:
    """Charges by element: the cheapest choice of all."""
    numbers = sorted(amounts)
    x = np.array([amounts[z] for z in numbers]) / sum(amounts.values())
    table = ions()
    chi = table.values[numbers, 0]
    top, bottom = int(np.argmax(chi)), len(numbers) - 1 - int(np.argmin(chi[::-1]))
    if len(numbers) == 1:
        return {numbers[0]: 0.0}
    options = []
    for e, z in enumerate(numbers):
        mine = slice(table.offsets[z], table.offsets[z + 1])
        known = dict(zip(table.charges[mine].tolist(), table.costs[mine].tolist(), strict=True))
        if e == top:
            known = {q: p for q, p in known.items() if q < 0}
            if not known:
                return dict.fromkeys(numbers, 0.0)
        elif e == bottom:
            known = {q: p for q, p in known.items() if q > 0} or {1: 0.0}
        options.append(list((known or {0: 0.0}).items()))
    best, lowest = None, np.inf
    for choice in product(*options):
        q, rare = np.array([c[0] for c in choice], dtype=float), np.array([c[1] for c in choice])
        positive, negative = (x * q)[q > 0].sum(), -(x * q)[q < 0].sum()
        cost = 3 * abs(positive - negative) / max(positive, negative)
        cost += (x * (rare + 0.3 * q * (chi - chi.mean()))).sum()
        if cost < lowest - 1e-12:
            lowest, best = cost, np.where(q > 0, q * negative / positive, q)
    return dict(zip(numbers, best.tolist(), strict=True))


def potentials(cell: Cell, charges: np.ndarray) -> np.ndarray:
    """Ewald's sums, with another width and farther than the kernel goes."""
    lattice, n = cell.lattice, len(cell)
    width = 2.2 / np.cbrt(cell.volume / n)
    reach, highest = 6.0 / width, 12.0 * width
    count = np.ceil(reach * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int) + 1
    images = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in count), indexing="ij"), -1).reshape(-1, 3)
    reciprocal = 2 * np.pi * np.linalg.inv(lattice).T
    count = np.ceil(highest * np.linalg.norm(lattice, axis=1) / (2 * np.pi)).astype(int)
    waves = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in count), indexing="ij"), -1).reshape(-1, 3)
    g = waves @ reciprocal
    waves, g = waves[(g**2).sum(1) > 1e-9], g[(g**2).sum(1) > 1e-9]
    weight = 4 * np.pi / cell.volume * np.exp(-(g**2).sum(1) / (4 * width**2)) / (g**2).sum(1)
    phase = np.exp(2j * np.pi * waves @ cell.frac_coords.T)
    found = (phase * (weight * (phase.conj() @ charges))[:, None]).sum(0).real
    for i in range(n):
        d = np.linalg.norm((cell.frac_coords - cell.frac_coords[i] + images[:, None]) @ lattice, axis=-1)
        d[d < 1e-6] = np.inf
        found[i] += (erfc(width * d) / d @ charges).sum() - 2 * width / np.sqrt(np.pi) * charges[i]
    return COULOMB * found


def ionic_section(cell: Cell) -> np.ndarray:
    z, faces, n = cell.atomic_numbers, tessellate(cell), len(cell)
    by_element = formal_charges({int(e): int((z == e).sum()) for e in set(z.tolist())})
    q = np.array([by_element[int(e)] for e in z])
    chi, radius, bond, soft = ions().values[z].T
    i, k = faces.sites, faces.neighbours
    unlike = q[i] * q[k] < 0
    u = np.where(unlike, np.exp((radius[i] + radius[k] - faces.distances) / 0.37), 0.0)
    total = np.bincount(i, u, n)
    due = q + np.bincount(k, q[i] * u / np.where(total > 0, total, 1.0)[i], n)
    single = bond[i] + bond[k]
    single -= (
        bond[i]
        * bond[k]
        * (np.sqrt(soft[i]) - np.sqrt(soft[k])) ** 2
        / (soft[i] * bond[i] + soft[k] * bond[k])
    )
    s = np.where(unlike, np.exp((single - faces.distances) / 0.37), 0.0)
    excess = np.where(q == 0, 0.0, np.bincount(i, s, n) - np.abs(q))
    vector = np.linalg.norm([np.bincount(i, s * faces.directions[:, c], n) for c in range(3)], axis=0)

    mean = lambda y, of=slice(None): y[of].mean() if len(y[of]) else 0.0  # noqa: E731
    rms = lambda y, of=slice(None): np.sqrt(mean(y**2, of))  # noqa: E731
    mad = lambda y, of: mean(np.abs(y - mean(y, of)), of)  # noqa: E731
    most = lambda y, of: y[of].max() if of.any() else 0.0  # noqa: E731
    within = lambda y: mean(np.abs(y - np.array([mean(y, z == e) for e in z])))  # noqa: E731
    cations, anions = q > 0, q < 0
    out = []
    for role in (cations, anions):
        b = np.where(role, due, 0.0)
        out += [
            rms(b, role),
            mean(np.abs(b), role),
            most(np.abs(b), role),
            within(b),
            mean(b * (q - mean(q, role))),
        ]
    out += [rms(excess), mean(excess)]
    for role in (cations, anions):
        out += [
            mean(excess, role),
            rms(excess, role),
            mad(excess, role),
            most(excess, role),
            -most(-excess, role),
        ]
    out += [within(excess)]
    for role in (cations, anions):
        out += [mean(vector, role), mad(vector, role)]
    out += [mean(vector)]
    length = np.cbrt(cell.volume / n)
    for charge in (q, chi.mean() - chi):
        charge = np.where(np.abs(charge) < 1e-9, 0.0, charge)
        phi, square = potentials(cell, charge), mean(charge**2)
        energy = mean(charge * phi) / 2
        out += [energy, energy * length / (COULOMB * square) if square else 0.0]
        for role in (charge > 0, charge < 0):
            out += [mean(phi, role), mad(phi, role)]
        slope = 2 * energy / square if square else 0.0
        out += [
            within(phi),
            rms(phi - mean(phi)),
            most(np.sign(charge) * phi, charge != 0) * length / COULOMB,
        ]
        out += [rms(phi - mean(phi) - slope * charge) * length]
    return np.array(out)


# --- tests ---------------------------------------------------------------------------------------------------------


def test_the_schema():
    found = descriptors()["seitz_ionic"]
    assert len(found) == 494 and len(set(found.names)) == 494
    assert found.names[:446] == descriptors()["seitz"].names
    assert found.names[446:] == tuple(IONIC)
    assert all(f.formula and f.quantity for f in found.features)


@pytest.mark.parametrize("name", CELLS)
def test_every_number_is_that_of_plain_numpy(name):
    found = featurize(CELLS[name], descriptor="seitz_ionic").values[0]
    assert_allclose(found[446:], ionic_section(CELLS[name]), rtol=2e-6, atol=2e-5)
    assert_array_equal(found[:446], featurize(CELLS[name], descriptor="seitz").values[0])


@pytest.mark.parametrize(
    ("cell", "distance", "constant"),
    [
        (rocksalt(), rocksalt().lattice[0, 0] / 2, 1.7475646),
        (CSCL, 4.12 * np.sqrt(3) / 2, 1.7626748),
        (ZINCBLENDE, 5.41 * np.sqrt(3) / 4, 1.6380550),
        (FLUORITE, 5.46 * np.sqrt(3) / 4, 2.5193938),
    ],
)
def test_known_madelung_constants(cell, distance, constant):
    """Energy per formula unit: constant · |z₊ z₋| · k / d."""
    row = featurize(cell, descriptor="seitz_ionic")
    q = formal_charges({int(z): int(n) for z, n in cell.amounts.items()})
    per_formula = row["FormalMadelungEnergy"][0] * len(cell) / min(cell.amounts.values())
    assert_allclose(-per_formula, constant * -np.prod(list(q.values())) * COULOMB / distance, rtol=1e-6)


@pytest.mark.parametrize(
    ("composition", "charges"),
    [
        ("V3 O4 F2", {"V": 10 / 3, "O": -2, "F": -1}),
        ("Fe3 O4", {"Fe": 8 / 3, "O": -2}),
        ("K1 N1 O3", {"K": 1, "N": 5, "O": -2}),
        ("Ca1 C1 O3", {"Ca": 2, "C": 4, "O": -2}),
        ("Mg1 H2", {"Mg": 2, "H": -1}),
        ("Na1 Cl1", {"Na": 1, "Cl": -1}),
        ("Ni3 Al1", {"Ni": 0, "Al": 0}),
    ],
)
def test_charges_of_known_compounds(composition, charges):
    amounts = {
        SYMBOLS.index(part.rstrip("0123456789")): int(
            part.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        )
        for part in composition.split()
    }
    found = formal_charges(amounts)
    assert {SYMBOLS[z]: pytest.approx(q) for z, q in found.items()} == charges


def test_a_composition_of_very_many_elements_is_balanced_too():
    """Beyond what all choices can be tried of: still neutral, anions negative, and the same however it is written."""
    numbers = [*range(21, 31), *range(39, 49), *range(57, 72), *[8] * 60]
    cell = random_cell(np.random.default_rng(3), len(numbers)).replace(atomic_numbers=numbers)
    order = np.random.default_rng(1).permutation(len(cell))
    same = Cell(cell.lattice, cell.frac_coords[order], cell.atomic_numbers[order])
    one, other = featurize([cell, same], descriptor="seitz_ionic").values
    assert np.isfinite(one).all() and one[446 + IONIC.index("FormalMadelungEnergy")] != 0.0
    assert_allclose(other, one, rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_one_row_whatever_the_description(name):
    cell = CELLS[name]
    row = featurize(cell, descriptor="seitz_ionic").values[0]
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    order = np.random.default_rng(1).permutation(len(cell))
    skew = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])
    same = [
        cell.replace(
            lattice=cell.lattice @ rotation, frac_coords=cell.frac_coords + np.array([0.1, 0.7, 0.3])
        ),
        Cell(cell.lattice, cell.frac_coords[order], cell.atomic_numbers[order]),
        cell.supercell((2, 1, 1)),
        cell.supercell((3, 3, 3)),  # other sums: bins, and chunks of sites
        Cell(skew @ cell.lattice, cell.frac_coords @ np.linalg.inv(skew), cell.atomic_numbers),
    ]
    for values in featurize(same, descriptor="seitz_ionic").values:
        assert_allclose(values, row, rtol=2e-6, atol=2e-5)
    orbits = featurize(cell, descriptor="seitz_ionic", symmetry="orbits").values[0]
    assert_allclose(orbits, row, rtol=2e-6, atol=2e-5)


def test_energies_go_down_with_length_and_constants_stay():
    cell = perovskite()
    one, wide = featurize([cell, cell.replace(lattice=cell.lattice * 1.1)], descriptor="seitz_ionic").values[
        :, 446:
    ]
    for charges in ("Formal", "Polar"):
        energy, constant = IONIC.index(f"{charges}MadelungEnergy"), IONIC.index(f"{charges}MadelungConstant")
        assert_allclose(wide[energy], one[energy] / 1.1, rtol=1e-7)
        assert_allclose(wide[constant], one[constant], rtol=1e-7)


def test_which_sites_anions_take_is_seen_only_here():
    """Potentials of one element differ by site only where the anions around do."""
    base = rocksalt().supercell((2, 2, 1))
    anions = np.flatnonzero(base.atomic_numbers == 17)
    first = base.atomic_numbers.copy()
    first[anions[::2]] = 9
    table = featurize([base, base.replace(atomic_numbers=first)], descriptor="seitz_ionic", symmetry="none")
    assert table["within_PolarPotential"][0] == pytest.approx(0.0, abs=1e-6)
    assert table["within_PolarPotential"][1] > 0.01


def test_decorations_and_threads_give_the_bytes_of_whole_structures():
    cell = perovskite()
    faces = tessellate(cell)
    numbers = np.array([cell.atomic_numbers, np.roll(cell.atomic_numbers, 2)])
    found = faces.featurize(numbers, descriptor="seitz_ionic")
    whole = featurize([cell.replace(atomic_numbers=n) for n in numbers], descriptor="seitz_ionic")
    assert_allclose(found.values, whole.values, rtol=1e-8, atol=1e-6)
    large = perovskite().supercell((8, 8, 8))
    one, three = (featurize(large, descriptor="seitz_ionic", n_threads=n).values for n in (1, 3))
    assert_array_equal(one, three)


def test_elements_without_an_electronegativity_are_told_and_never_infinite():
    helium = Cell(np.eye(3) * 3.0, [[0, 0, 0], [0.5, 0.5, 0.5]], [2, 105])
    found = featurize(helium, descriptor="seitz_ionic")
    assert np.isfinite(found.values).all()
    assert "Electronegativity" in found.warnings[0].message
    blank = featurize(helium, descriptor="seitz_ionic", missing="nan")
    assert np.isnan(blank["PolarMadelungEnergy"][0])


def test_shared_sites_have_the_mean_of_their_occupants():
    cell = rocksalt().replace(occupancies={0: {11: 0.5, 19: 0.5}})
    row = featurize(cell, descriptor="seitz_ionic", occupancy="average")
    assert np.isfinite(row.values).all()
    assert row["FormalMadelungConstant"][0] == pytest.approx(-0.8737823, abs=1e-6)  # both are +1


@pytest.mark.parametrize("height", [30.0, 1e3, 1e5])
def test_sheets_in_vacuum(height):
    """Potentials of a sheet settle to those of the sheet alone, up to the constant that neutral slabs may have."""
    sheet = Cell(np.diag([3.0, 3.0, height]), [[0, 0, 0], [0.5, 0.5, 0]], [3, 9])
    row = featurize(sheet, descriptor="seitz_ionic")
    assert row["FormalMadelungEnergy"][0] == pytest.approx(
        -1.6155426 / 2 * COULOMB / (3.0 / np.sqrt(2)), rel=1e-6
    )
