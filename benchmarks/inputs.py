"""Fixed inputs, built in code from published lattice parameters; random ones from fixed seeds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seitz import Cell

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

AL, SI, CA, TI, CR, FE, CU, ZR, W, O = 13, 14, 20, 22, 24, 26, 29, 40, 74, 8  # noqa: E741
#: Elements for random decorations: neighbours of iron, all with complete data.
PALETTE = np.array([24, 25, 26, 27, 28], dtype=np.int32)


def fcc() -> Cell:
    """Aluminium, conventional cell, 4 sites."""
    sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Cell(np.eye(3) * 4.0495, sites, np.full(4, AL))


def bcc() -> Cell:
    """Tungsten, conventional cell, 2 sites."""
    return Cell(np.eye(3) * 3.1652, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.full(2, W))


def diamond() -> Cell:
    """Silicon, primitive cell, 2 sites."""
    return Cell((1 - np.eye(3)) * 5.4310 / 2, np.array([[0, 0, 0], [0.25, 0.25, 0.25]]), np.full(2, SI))


def perovskite() -> Cell:
    """CaTiO3, Pbnm, 20 sites (Sasaki, Prewitt, Bass & Schulze, Acta Cryst. C43, 1668, 1987)."""
    ca, o1, o2 = (0.9933, 0.0360, 0.25), (0.0714, 0.4838, 0.25), (0.7108, 0.2888, 0.0371)
    titanium = [(0, 0.5, 0), (0.5, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5)]
    half = [
        ((x, y, z), (-x, -y, z + 0.5), (0.5 - x, 0.5 + y, 0.5 - z), (0.5 + x, 0.5 - y, -z))
        for x, y, z in (ca, o1, o2)
    ]
    sites = np.concatenate([half[0], titanium, half[1], half[2], -np.array(half[2])])
    return Cell(np.diag([5.3796, 5.4423, 7.6401]), sites, np.repeat([CA, TI, O], [4, 4, 12]))


def sigma() -> Cell:
    """Cr8Fe22, P4_2/mnm, 30 sites; parameters of Fe-Cr (Yakel, Acta Cryst. B39, 20, 1983), Cr on one 8i position."""
    sites = [(0, 0, 0), (0.5, 0.5, 0.5)]
    sites += _orbit(0.39864, 0.39864, 0.0)[:4]
    sites += _orbit(0.46349, 0.13122, 0.0)
    sites += _orbit(0.73933, 0.06609, 0.0)
    sites += _orbit(0.18267, 0.18267, 0.25202)
    return Cell(np.diag([8.7995, 8.7995, 4.5442]), np.array(sites), np.repeat([FE, CR, FE], [6, 8, 16]))


def _orbit(x: float, y: float, z: float) -> list[tuple[float, float, float]]:
    """Positions 4f, 8i and 8j of P4_2/mnm, duplicates removed."""
    h = 0.5
    images = [
        (x, y, z), (-x, -y, z), (h - y, h + x, h + z), (h + y, h - x, h + z),
        (h - x, h + y, h - z), (h + x, h - y, h - z), (y, x, -z), (-y, -x, -z),
        (-x, -y, -z), (x, y, -z), (h + y, h - x, h - z), (h - y, h + x, h - z),
        (h + x, h - y, h + z), (h - x, h + y, h + z), (-y, -x, z), (y, x, z),
    ]  # fmt: skip
    distinct: dict[tuple[float, ...], tuple[float, float, float]] = {}
    for image in images:
        distinct.setdefault(tuple(round(u % 1.0, 6) % 1.0 for u in image), image)
    return list(distinct.values())


def slab() -> Cell:
    """Aluminium (001), 2 × 2 × 4 layers under 15 Å of vacuum, 16 sites."""
    a, layer = 4.0495 / np.sqrt(2), 4.0495 / 2
    height = 3 * layer + 15.0
    sites = [
        ((i + 0.5 * (k % 2)) / 2, (j + 0.5 * (k % 2)) / 2, k * layer / height)
        for k in range(4)
        for i in range(2)
        for j in range(2)
    ]
    return Cell(np.diag([2 * a, 2 * a, height]), np.array(sites), np.full(16, AL))


def glass(n_sites: int, *, seed: int = 0) -> Cell:
    """Zr-Cu-like random packing: no two sites closer than 0.8 of the mean spacing, 17 Å^3 per site."""
    rng = np.random.default_rng(seed)
    edge = (17.0 * n_sites) ** (1 / 3)
    numbers = rng.choice(np.array([CU, ZR], dtype=np.int32), n_sites)
    return Cell(np.eye(3) * edge, random_packing(n_sites, rng), numbers)


def random_packing(n_sites: int, rng: np.random.Generator) -> FloatArray:
    """Fractional coordinates in a cube: random points, pushed apart until they keep 0.8 of the mean spacing."""
    from scipy.spatial import cKDTree

    spacing = n_sites ** (-1 / 3)
    diameter = 0.95 * spacing
    points = rng.random((n_sites, 3))
    for _ in range(200):
        pairs = cKDTree(points, boxsize=1.0).query_pairs(diameter, output_type="ndarray")
        apart = points[pairs[:, 1]] - points[pairs[:, 0]]
        apart -= np.round(apart)
        distance = np.maximum(np.sqrt(np.einsum("ij,ij->i", apart, apart)), 1e-9)
        if distance.min(initial=diameter) > 0.8 * spacing:
            break
        push = apart * (0.5 * (diameter - distance) / distance)[:, None]
        for axis in range(3):
            points[:, axis] += np.bincount(pairs[:, 1], push[:, axis], n_sites)
            points[:, axis] -= np.bincount(pairs[:, 0], push[:, axis], n_sites)
        points %= 1.0
        points[points >= 1.0] = 0.0
    return points


def rattled(cell: Cell, rng: np.random.Generator, amplitude: float = 0.05) -> Cell:
    """Every site moved by a normal vector (Å): no symmetry is left."""
    moves = rng.normal(scale=amplitude, size=(len(cell), 3))
    return cell.replace(frac_coords=cell.frac_coords + moves @ np.linalg.inv(cell.lattice))


def rattled_sigmas(n: int, *, seed: int = 1) -> list[Cell]:
    """Rattled σ phases, P1, 30 sites, each with a random ternary decoration."""
    rng = np.random.default_rng(seed)
    parent = sigma()
    cells = (rattled(parent, rng) for _ in range(n))
    return [cell.replace(atomic_numbers=rng.choice(PALETTE[:3], len(cell))) for cell in cells]


def decorations(n: int, n_sites: int, n_elements: int, *, seed: int = 2) -> IntArray:
    """(n, n_sites) random atomic numbers."""
    chosen = np.random.default_rng(seed).integers(n_elements, size=(n, n_sites))
    return np.asarray(PALETTE[chosen], dtype=np.int32)


def small_cells(n: int, *, seed: int = 3) -> Iterator[Cell]:
    """A stream of rattled cells of 4 to 8 sites, made one at a time."""
    rng = np.random.default_rng(seed)
    corners = np.array([[i, j, k] for i in (0, 0.5) for j in (0, 0.5) for k in (0, 0.5)])
    for _ in range(n):
        n_sites = int(rng.integers(4, 9))
        coords = corners[:n_sites] + rng.uniform(-0.05, 0.05, (n_sites, 3))
        yield Cell(np.diag(rng.uniform(5.0, 5.6, 3)), coords, rng.choice(PALETTE, n_sites))


#: What the kernel is timed on.
KERNEL_SET = {
    "fcc Al (4)": fcc,
    "bcc W (2)": bcc,
    "diamond Si (2)": diamond,
    "perovskite CaTiO3 (20)": perovskite,
    "σ Cr8Fe22 (30)": sigma,
    "glass Zr-Cu (500)": lambda: glass(500),
    "slab with vacuum (16)": slab,
}
