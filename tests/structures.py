"""Crystals by hand and random cells for the tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seitz import Cell

FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


def cubic(a: float, coords: list[list[float]], numbers: list[int]) -> Cell:
    return Cell(np.eye(3) * a, coords, numbers)


def fcc(z: int = 29, a: float = 3.61) -> Cell:
    return cubic(a, FCC, [z] * 4)


def bcc(z: int = 26, a: float = 2.87) -> Cell:
    return cubic(a, [[0, 0, 0], [0.5, 0.5, 0.5]], [z] * 2)


def simple_cubic(z: int = 84, a: float = 3.35) -> Cell:
    return cubic(a, [[0, 0, 0]], [z])


def hcp(z: int = 12, a: float = 3.21, ratio: float = 1.624) -> Cell:
    lattice = np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, ratio]]) * a
    return Cell(lattice, [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]], [z] * 2)


def diamond(z: int = 14, a: float = 5.431) -> Cell:
    shifted = (np.array(FCC) + 0.25).tolist()
    return cubic(a, FCC + shifted, [z] * 8)


def rocksalt(cation: int = 11, anion: int = 17, a: float = 5.64) -> Cell:
    shifted = (np.array(FCC) + np.array([0.5, 0, 0])).tolist()
    return cubic(a, FCC + shifted, [cation] * 4 + [anion] * 4)


def perovskite(a: float = 3.905) -> Cell:
    coords = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return cubic(a, coords, [38, 22, 8, 8, 8])


def fluorite(a: float = 5.46) -> Cell:
    anions = [[x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
    return cubic(a, FCC + anions, [20] * 4 + [9] * 8)


def caesium_chloride(a: float = 4.12) -> Cell:
    return cubic(a, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])


def nickel_oxide(a: float = 4.177) -> Cell:
    """NiO in the cell of its antiferromagnet: moments of Ni alternate along [111]; sites are Ni, Ni, O, O."""
    lattice = (np.ones((3, 3)) + np.eye(3)) * a / 2
    return Cell(lattice, [[x] * 3 for x in (0, 0.5, 0.25, 0.75)], [28, 28, 8, 8])


def sigma_phase(
    numbers: tuple[int, int, int, int, int] = (26, 24, 24, 26, 26), a: float = 8.8, c: float = 4.56
) -> Cell:
    """The 30-atom σ phase, P4_2/mnm: 2a, 4f, 8i, 8i, 8j (Bergman & Shoemaker, Acta Cryst. 7, 857, 1954)."""
    xf, (x1, y1), (x2, y2), (xj, zj) = 0.3986, (0.4635, 0.1312), (0.7393, 0.0661), (0.1827, 0.2520)
    sites: list[tuple[list[float], int]] = [([0, 0, 0], 0), ([0.5, 0.5, 0.5], 0)]
    for s in (xf, -xf):
        sites += [([s, s, 0], 1), ([0.5 + s, 0.5 - s, 0.5], 1)]
    for kind, x, y in ((2, x1, y1), (3, x2, y2)):
        for u, v in ((x, y), (-x, -y), (y, x), (-y, -x)):
            sites += [([u, v, 0], kind), ([0.5 - u, 0.5 + v, 0.5], kind)]
    for s in (xj, -xj):
        for z in (zj, -zj):
            sites += [([s, s, z], 4), ([0.5 + s, 0.5 - s, 0.5 + z], 4)]
    coords = [position for position, _ in sites]
    return Cell(np.diag([a, a, c]), coords, [numbers[kind] for _, kind in sites])


HIGH_SYMMETRY = {
    "sc": simple_cubic(),
    "bcc": bcc(),
    "fcc": fcc(),
    "hcp": hcp(),
    "ideal hcp": hcp(ratio=np.sqrt(8 / 3)),
    "diamond": diamond(),
    "rocksalt": rocksalt(),
    "perovskite": perovskite(),
    "fluorite": fluorite(),
    "CsCl": caesium_chloride(),
    "sigma": sigma_phase(),
}


def supercell(cell: Cell, multiples: tuple[int, int, int]) -> Cell:
    shifts = np.array(list(np.ndindex(multiples)))
    coords = (cell.frac_coords[:, None, :] + shifts[None]).reshape(-1, 3) / multiples
    return Cell(np.diag(multiples) @ cell.lattice, coords, np.repeat(cell.atomic_numbers, len(shifts)))


def random_cell(
    rng: np.random.Generator, n_sites: int, elements: tuple[int, ...] = (3, 8, 13, 26, 57)
) -> Cell:
    """Random lattice and positions at a density of about 12 Å³ per atom, no two atoms closer than 0.3 Å."""
    while True:
        lattice = np.eye(3) + rng.uniform(-0.35, 0.35, (3, 3))
        volume = abs(np.linalg.det(lattice))
        if volume > 0.2:
            break
    lattice *= (12.0 * n_sites / volume) ** (1 / 3)
    coords = rng.random((n_sites, 3))
    for _ in range(100):
        d = coords[:, None] - coords
        d = (d - np.round(d)) @ lattice
        near = np.argwhere(np.triu(np.linalg.norm(d, axis=2) < 0.3, 1))
        if not len(near):
            break
        coords[near[:, 1]] = rng.random((len(near), 3))
    return Cell(lattice, coords, rng.choice(elements, n_sites))


@st.composite
def cells(draw: st.DrawFn, max_sites: int = 12) -> Cell:
    """Random cells: generic ones, and ones on a coarse grid, where vertices coincide."""
    n_sites = draw(st.integers(1, max_sites))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cell = random_cell(rng, n_sites)
    if draw(st.booleans()):
        grid = np.array(draw(st.tuples(*[st.integers(2, 5)] * 3)))
        points = np.unique(np.round(cell.frac_coords * grid) % grid, axis=0) / grid
        lattice = np.diag(np.linalg.norm(cell.lattice, axis=1)) if draw(st.booleans()) else cell.lattice
        cell = Cell(lattice, points, cell.atomic_numbers[: len(points)])
    return cell


def rotations() -> st.SearchStrategy[np.ndarray]:
    """Proper rotations."""

    def orthogonal(values: np.ndarray) -> np.ndarray:
        q, r = np.linalg.qr(values + np.eye(3) * 0.01)
        q = q * np.sign(np.diag(r) + (np.diag(r) == 0))
        return q * np.sign(np.linalg.det(q))

    return hnp.arrays(np.float64, (3, 3), elements=st.floats(-1, 1)).map(orthogonal)


def unimodular() -> st.SearchStrategy[np.ndarray]:
    """Integer changes of basis that keep the lattice."""

    def build(parts: tuple[list[int], list[int]]) -> np.ndarray:
        upper, lower = np.eye(3, dtype=int), np.eye(3, dtype=int)
        upper[np.triu_indices(3, 1)] = parts[0]
        lower[np.tril_indices(3, -1)] = parts[1]
        return upper @ lower

    numbers = st.lists(st.integers(-4, 4), min_size=3, max_size=3)
    return st.tuples(numbers, numbers).map(build)
