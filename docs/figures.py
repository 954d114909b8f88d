"""Figures of the documentation, drawn with the package itself: ``python docs/figures.py`` writes ``docs/assets/*.svg``.

Convex cells need no 3-D renderer: faces that look at the reader never hide one another, and the cells of a tessellation
lie behind one another in the order of their sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

import seitz

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, Polygon

Array = NDArray[np.float64]

ASSETS = Path(__file__).parent / "assets"
BLUE, ORANGE, GREEN, PURPLE, GOLD = "#4C78A8", "#E4803A", "#54A37A", "#9C6BB0", "#D8A72E"
BALL = 5.2  # Å
WINDOW = 6.4  # of the two-dimensional pictures
GREY = "#8a8f98"  # legible on white and on black
STYLE: dict[str, Any] = {
    "svg.hashsalt": "seitz",
    "svg.fonttype": "path",
    "font.size": 10,
    "text.color": GREY,
    "savefig.transparent": True,
}


# --- polyhedra ---------------------------------------------------------------------------------------------------


class Side(NamedTuple):
    """One face of a cell: its corners around the site, its outward normal, and the site behind it."""

    corners: Array
    normal: Array
    neighbour: int


def sides(tessellation: seitz.Tessellation, site: int) -> list[Side]:
    """Polygons of one Wigner-Seitz cell, with the site at the origin."""
    chosen = tessellation.faces(site)
    neighbours = tessellation.neighbours[chosen]
    ends = tessellation.frac_coords[neighbours] + tessellation.images[chosen]
    vectors = (ends - tessellation.frac_coords[site]) @ tessellation.lattice
    half = tessellation.distances[chosen] / 2
    normals = vectors / (2 * half)[:, None]
    size = 20 * half.max()
    result = []
    for k, normal in enumerate(normals):
        first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        first /= np.linalg.norm(first)
        second = np.cross(normal, first)
        square = np.array([first + second, second - first, -first - second, first - second])
        corners = half[k] * normal + size * square
        for other in np.delete(np.arange(len(normals)), k):
            corners = clip(corners, normals[other], half[other])
        if len(corners) > 2:
            result.append(Side(corners, normal, int(neighbours[k])))
    return result


def clip(polygon: Array, normal: Array, offset: float) -> Array:
    """Part of a convex polygon (any dimension) on the inner side of a plane or line."""
    depth = polygon @ normal - offset
    kept: list[Array] = []
    for a, b, da, db in zip(polygon, np.roll(polygon, -1, 0), depth, np.roll(depth, -1), strict=True):
        if da <= 1e-9:
            kept.append(a)
        if (da <= 1e-9) != (db <= 1e-9):
            kept.append(a + da / (da - db) * (b - a))
    return np.array(kept)


def camera(azimuth: float, elevation: float) -> Array:
    """Rows: right, up and towards the reader."""
    a, e = np.radians([azimuth, elevation])
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return np.array([right, np.cross(towards, right), towards])


def shaded(colour: str, normal: Array, view: Array) -> tuple[float, float, float]:
    """Colour of a face lit from the upper left."""
    light = np.array([-0.45, 0.65, 0.62])
    strength = max(0.0, float(view @ normal @ light) / float(np.linalg.norm(light)))
    base = np.array(to_rgb(colour)) * (0.70 + 0.38 * strength)
    r, g, b = np.clip(base + 0.22 * strength**2, 0, 1).tolist()
    return r, g, b


def draw_cell(
    axes: Axes, cell: Sequence[Side], centre: Array, view: Array, colours: Sequence[str], *, size: float = 1.0
) -> None:
    """The faces of one cell that look at the reader."""
    for side, colour in zip(cell, colours, strict=True):
        if view[2] @ side.normal > 1e-9:
            points = (centre + size * side.corners) @ view[:2].T
            face = shaded(colour, side.normal, view)
            edge = tuple(0.5 * np.array(face))
            axes.add_patch(Polygon(points, facecolor=face, edgecolor=edge, linewidth=0.7, joinstyle="round"))


def frame(axes: Axes, reach: float | None = None) -> None:
    """Equal scales, no frame; limits around everything, or at a distance from the origin."""
    axes.set_aspect("equal")
    axes.autoscale_view()
    if reach is not None:
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.axis("off")


def demo(name: str) -> seitz.Cell:
    """One of the bundled crystals."""
    with as_file(files("seitz") / "data" / "demo" / name) as path:
        return seitz.as_cell(path)


# --- figures -----------------------------------------------------------------------------------------------------


def sigma_block(axes: Axes) -> None:
    """The cells of a ball of the σ phase, pulled apart, one colour per orbit."""
    cell = demo("Cr8Fe22_sigma.POSCAR")
    tessellation = seitz.tessellate(cell)
    orbits = seitz.symmetry.site_orbits(cell).orbit_of_site
    palette = (ORANGE, BLUE, GREEN, GOLD, PURPLE)
    view = camera(-68, 28)
    images = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), -1).reshape(-1, 1, 3)
    positions = (cell.frac_coords + images) @ cell.lattice
    chosen = np.argwhere(np.linalg.norm(positions, axis=2) < BALL)
    for image, site in sorted(chosen.tolist(), key=lambda pair: positions[*pair] @ view[2]):
        polygons = sides(tessellation, site)
        colours = [palette[orbits[site]]] * len(polygons)
        draw_cell(axes, polygons, positions[image, site], view, colours, size=0.88)
    frame(axes)


def single_cells(axes: Sequence[Axes]) -> None:
    """Cells that every materials scientist knows, faces coloured by the neighbour."""
    copper = seitz.Cell(np.eye(3) * 3.61, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], [29] * 4)
    shown = (
        ("fcc", copper, 0),
        ("bcc", demo("Fe_bcc.json"), 0),
        ("hcp", demo("Mg_hcp.POSCAR"), 0),
        ("diamond", demo("Si_diamond.cif"), 0),
        ("rock salt", demo("NaCl.cif"), 0),
        ("perovskite, O", demo("SrTiO3_perovskite.vasp"), 3),
    )
    view = camera(-63, 24)
    for place, (name, cell, site) in zip(axes, shown, strict=True):
        tessellation = seitz.tessellate(cell)
        polygons = sides(tessellation, site)
        own = int(cell.atomic_numbers[site])
        others = sorted({int(z) for z in cell.atomic_numbers} - {own}, reverse=True)
        palette = dict(zip([own, *others], (BLUE, ORANGE, GREEN), strict=False))
        colours = [palette[int(cell.atomic_numbers[side.neighbour])] for side in polygons]
        draw_cell(place, polygons, np.zeros(3), view, colours)
        frame(place, 1.02 * max(float(np.linalg.norm(side.corners, axis=1).max()) for side in polygons))
        coordination = tessellation.environments(cell.atomic_numbers)["EffectiveCoordination"][site]
        label = f"{name}\n{len(polygons)} faces, C = {coordination:.2f}"
        place.text(0.5, -0.03, label, transform=place.transAxes, fontsize=10, ha="center", va="top")


def cells() -> None:
    """The picture of README and first page."""
    figure = plt.figure(figsize=(10, 4.6))
    sigma_block(figure.add_axes((0.0, 0.0, 0.44, 1.0)))
    width, height = 0.165, 0.165 * 10 / 4.6
    places = [
        figure.add_axes((0.465 + 0.18 * column, 0.62 - 0.5 * row, width, height))
        for row in range(2)
        for column in range(3)
    ]
    single_cells(places)
    save(figure, "cells")


def plane_crystal() -> tuple[Array, Array]:
    """A two-dimensional crystal for the pictures of the algorithm: lattice, and the atoms around its first site."""
    lattice = np.array([[4.0, 0.0], [1.1, 3.2]])
    frac = np.array([[0.0, 0.0], [0.52, 0.10], [0.30, 0.55], [0.80, 0.62]])
    images = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 2), -1).reshape(-1, 1, 2)
    atoms = ((frac + images) @ lattice).reshape(-1, 2)
    atoms = atoms[np.abs(atoms).max(axis=1) < WINDOW]
    return lattice, atoms[np.argsort(np.linalg.norm(atoms, axis=1))][1:]


def start_cell(lattice: Array) -> Array:
    """Parallelogram between the bisectors of the site and its own nearest images."""
    polygon = 50 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    for vector in (*lattice, *-lattice):
        polygon = bisected(polygon, vector)
    return polygon


def bisected(polygon: Array, atom: Array) -> Array:
    """The part of a cell that is nearer to the origin than to an atom."""
    length = float(np.linalg.norm(atom))
    return clip(polygon, atom / length, length / 2)


def clipping() -> None:
    """How one cell is cut: the start, the first cuts, the end."""
    lattice, atoms = plane_crystal()
    polygon = start_cell(lattice)
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9))
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.88, wspace=0.04)
    steps = (0, 1, 3, len(atoms))
    titles = ("start: own images", "nearest atom cuts", "the next two", "stop: all others too far")
    done = 0
    for place, upto, title in zip(axes, steps, titles, strict=True):
        for atom in atoms[done:upto]:
            polygon = bisected(polygon, atom)
        done = upto
        radius = 2 * float(np.linalg.norm(polygon, axis=1).max())
        place.add_patch(Circle((0, 0), radius, facecolor=GREY, alpha=0.10, edgecolor="none"))
        place.add_patch(
            Circle((0, 0), radius, fill=False, edgecolor=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        )
        place.add_patch(Polygon(polygon, facecolor=BLUE, alpha=0.55, edgecolor="none"))
        place.add_patch(Polygon(polygon, fill=False, edgecolor=BLUE, linewidth=1.6, joinstyle="round"))
        inside = np.linalg.norm(atoms, axis=1) < radius
        used = np.arange(len(atoms)) < upto
        place.scatter(*atoms[~inside].T, s=16, color=GREY, alpha=0.45, linewidths=0)
        place.scatter(*atoms[inside & ~used].T, s=22, color=GREY, linewidths=0)
        place.scatter(*atoms[inside & used].T, s=26, color=ORANGE, linewidths=0)
        place.scatter(0, 0, s=30, color=BLUE, linewidths=0)
        place.set_title(title, fontsize=11, color=GREY)
        frame(place, WINDOW)
    save(figure, "clipping")


def void() -> None:
    """Beside a void: the sphere of all possible cutters, and the ball around one far vertex."""
    lattice = np.array([[3.0, 0.0], [0.4, 15.0]])
    frac = np.array([[0.0, 0.0], [0.45, 0.07], [0.05, 0.15], [0.55, -0.08], [0.1, -0.17]])
    images = np.stack(np.meshgrid(np.arange(-9, 10), np.arange(-2, 3)), -1).reshape(-1, 1, 2)
    around = ((frac + images - frac[2]) @ lattice).reshape(-1, 2)
    around = around[(np.abs(around) < (21, 16)).all(axis=1)]
    around = around[np.argsort(np.linalg.norm(around, axis=1))][1:]
    polygon = start_cell(lattice)
    for atom in around:
        polygon = bisected(polygon, atom)
    far = polygon[np.argmax(np.linalg.norm(polygon, axis=1))]
    reach = float(np.linalg.norm(far))
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.12))
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.92, wspace=0.03)
    balls = ((np.zeros(2), 2 * reach), (far, reach))
    titles = ("who could cut this cell", "who could cut off its farthest vertex")
    for place, (centre, radius), title in zip(axes, balls, titles, strict=True):
        place.add_patch(Circle(tuple(centre), radius, facecolor=ORANGE, alpha=0.14, edgecolor="none"))
        place.add_patch(Circle(tuple(centre), radius, fill=False, edgecolor=ORANGE, linewidth=1.0))
        place.add_patch(Polygon(polygon, facecolor=BLUE, alpha=0.55, edgecolor="none"))
        place.add_patch(Polygon(polygon, fill=False, edgecolor=BLUE, linewidth=1.6, joinstyle="round"))
        near = np.linalg.norm(around - centre, axis=1) < radius * 1.0000001
        place.scatter(*around[~near].T, s=12, color=GREY, alpha=0.6, linewidths=0)
        place.scatter(*around[near].T, s=16, color=ORANGE, linewidths=0)
        place.scatter(0, 0, s=26, color=BLUE, linewidths=0)
        place.scatter(*far, s=26, facecolor="none", edgecolor=BLUE, linewidth=1.4, zorder=3)
        place.set_title(title, fontsize=11, color=GREY)
        place.set_aspect("equal")
        place.set(xlim=(-20, 20), ylim=(-8, 15))
        place.axis("off")
    save(figure, "void")


def save(figure: Any, name: str) -> None:
    figure.savefig(ASSETS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    ASSETS.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        cells()
        clipping()
        void()


if __name__ == "__main__":
    main()
