"""Crystals in space: Wigner-Seitz cells, atoms and the unit cell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from seitz._typing import FloatArray, StructureLike
from seitz.adapters import as_cell
from seitz.cell import Cell, format_occupants
from seitz.elements import SYMBOLS
from seitz.elements import table as element_table
from seitz.errors import OptionError
from seitz.symmetry import SYMPREC, Orbits, site_orbits
from seitz.tessellation import Tessellation, tessellate

from .meshes import Mesh, balls, cell_edges, cell_mesh, joined, lattice_edges
from .polyhedra import polyhedron
from .style import GREY, INK, colours, new_figure, plotly, rgb
from .views import HEIGHT, MARGIN, WIDTH, frame, legend_width, light_of, turn_of, view

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Site numbers, or all of them; None for one site per orbit.
SiteChoice = Sequence[int] | np.ndarray | Literal["all"] | None

_MAX_CELLS = 2000
#: The shading is in the colours: how plotly lights a mesh depends on the browser.
_FLAT: dict[str, Any] = {
    "flatshading": True,
    "lighting": {"ambient": 1.0, "diffuse": 0.0, "specular": 0.0, "fresnel": 0.0},
}
_LEGEND = "orbit × sites"
_OFF = 0.06  # of the letters from the tips of the vectors, in lengths of the longest
_LIFT = 1.004  # of the edges over the faces, which would hide half of each line


class _Scene(NamedTuple):
    """What is drawn, and the names of its orbits."""

    cell: Cell
    tessellation: Tessellation
    orbits: Orbits
    labels: tuple[str, ...]
    colours: list[str]
    light: FloatArray


def cells(
    structure: StructureLike,
    *,
    sites: SiteChoice = None,
    gap: float = 0.02,
    opacity: float = 1.0,
    atoms: bool = True,
    symprec: float = SYMPREC,
) -> Figure:
    """Wigner-Seitz cells of a crystal in space, one colour per orbit.

    Parameters
    ----------
    structure
        Anything :func:`seitz.as_cell` takes; shared sites are shown with their occupants.
    sites
        Whose cells are drawn: by default one site per orbit; ``"all"``; or site numbers.
    gap
        How far cells draw back from their faces, as a part of their size, 0 to 0.9.
    opacity
        Of the cells, 0 to 1; below 1 the atoms inside are seen.
    atoms
        Whether all atoms of the unit cell are drawn, as balls of a third of the covalent radius.
    symprec
        Tolerance of the symmetry search, Å.

    Raises
    ------
    OptionError
        A site that is not there, more than 2000 cells, or a number outside its limits.
    SymmetryError
        No symmetry was found at this tolerance.
    """
    for name, value, limit in (("gap", gap, 0.9), ("opacity", opacity, 1.0)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= limit:
            raise OptionError(f"{name}={value!r}: give a number from 0 to {limit:g}")
    cell = as_cell(structure, occupancy="average")
    orbits = site_orbits(cell, symprec=symprec)
    chosen = _chosen(sites, orbits, len(cell))
    go = plotly()
    turn = turn_of(cell.lattice)
    scene = _Scene(
        cell, tessellate(cell), orbits, _labels(cell, orbits), colours(len(orbits)), light_of(turn)
    )
    traces: list[Any] = []
    for orbit in range(len(orbits)):
        members = np.flatnonzero(orbits.orbit_of_site == orbit)
        drawn = [site for site in chosen if orbits.orbit_of_site[site] == orbit]
        if drawn:
            traces += _cell_traces(go, scene, orbit, drawn, 1.0 - gap, opacity)
        if atoms:
            traces.append(_atom_trace(go, scene, orbit, members.tolist(), shown=not drawn))
    traces.append(_unit_cell_trace(go, cell.lattice))
    letters = _letters(cell.lattice)
    points = [np.column_stack([trace.x, trace.y, trace.z]) for trace in traces]
    points.append(np.array([[letter[axis] for axis in "xyz"] for letter in letters]))
    legend = legend_width(scene.labels, _LEGEND)
    space, needed = view(np.concatenate(points), turn, frame(WIDTH, HEIGHT, legend))
    return new_figure(
        traces,
        f"{cell.formula}, {orbits.symbol} ({orbits.space_group})",
        scene=space | {"annotations": letters},
        legend={"title": {"text": _LEGEND}, "itemsizing": "constant", "x": 1.0, "y": 0.95},
        margin=MARGIN,
        meta={"seitz_frame": [needed, legend]},  # so that a narrower picture can be fitted, too
    )


def _chosen(sites: SiteChoice, orbits: Orbits, n_sites: int) -> list[int]:
    """Checked site numbers, each once."""
    if sites is None:
        chosen: list[int] = orbits.representatives.tolist()
    elif isinstance(sites, str) and sites == "all":
        chosen = list(range(n_sites))
    elif isinstance(sites, str) or not hasattr(sites, "__iter__"):
        raise OptionError(f"sites={sites!r}: give a list of site numbers, or 'all'")
    else:
        chosen = []
        for site in list(sites):
            if isinstance(site, bool | np.bool) or not isinstance(site, int | np.integer):
                raise OptionError(f"sites: {site!r} is no site number")
            if not 0 <= site < n_sites:
                raise OptionError(f"sites: {site} is not there, the sites are 0 to {n_sites - 1}")
            chosen.append(int(site))
        chosen = list(dict.fromkeys(chosen))
    if len(chosen) > _MAX_CELLS:
        raise OptionError(f"{len(chosen)} cells are too many to draw: choose up to {_MAX_CELLS} with sites=")
    return chosen


def _labels(cell: Cell, orbits: Orbits) -> tuple[str, ...]:
    """Element, Wyckoff letter and number of sites of every orbit; numbered where several look alike."""
    heads = [f"{_occupants(cell, site)} {orbits.wyckoffs[site]}" for site in orbits.representatives.tolist()]
    seen: Counter[str] = Counter()
    labels = []
    for head, multiplicity in zip(heads, orbits.multiplicities.tolist(), strict=True):
        seen[head] += 1
        number = str(seen[head]) if heads.count(head) > 1 else ""
        labels.append(f"{head}{number} × {multiplicity}")
    return tuple(labels)


def _occupants(cell: Cell, site: int) -> str:
    content = cell.occupancies.get(site)
    return SYMBOLS[int(cell.atomic_numbers[site])] if content is None else format_occupants(content)


def _position(cell: Cell, site: int) -> FloatArray:
    """Cartesian position inside the unit cell; coordinates a rounding error below 1 count as 0."""
    frac = cell.frac_coords[site] % 1.0
    position: FloatArray = np.where(frac > 1.0 - 1e-9, 0.0, frac) @ cell.lattice
    return position


def _cell_traces(
    go: Any, scene: _Scene, orbit: int, sites: list[int], size: float, opacity: float
) -> list[Any]:
    """Cells of one orbit: their faces, and their edges."""
    meshes, lines, texts = [], [], []
    for site in sites:
        faces = polyhedron(scene.tessellation, site)
        centre = _position(scene.cell, site)
        meshes.append(cell_mesh(faces, centre, size))
        lines.append(cell_edges(faces, centre, size * _LIFT))
        texts += [_hover(scene, orbit, site)] * len(meshes[-1].vertices)
    ends = np.concatenate(lines)
    return [
        _mesh(
            go, joined(meshes), scene.colours[orbit], scene.light, name=scene.labels[orbit], showlegend=True,
            opacity=opacity, hovertext=texts, legendgroup=str(orbit),
        ),
        go.Scatter3d(
            x=ends[:, 0], y=ends[:, 1], z=ends[:, 2], mode="lines", line={"color": INK, "width": 2.5},
            hoverinfo="skip", showlegend=False, legendgroup=str(orbit), name=f"edges of {scene.labels[orbit]}",
        ),
    ]  # fmt: skip


def _hover(scene: _Scene, orbit: int, site: int) -> str:
    faces = scene.tessellation.faces(site)
    areas = scene.tessellation.areas[faces]
    coordination = areas.sum() ** 2 / (areas**2).sum()
    volume = float(scene.tessellation.sub_volumes[faces].sum())
    return (
        f"<b>{scene.labels[orbit]}</b>, site {site}<br>volume {volume:.3f} Å³<br>"
        f"{len(areas)} faces, effective coordination {coordination:.2f}<br>"
        f"nearest neighbour {scene.tessellation.distances[faces].min():.3f} Å"
    )


def _atom_trace(go: Any, scene: _Scene, orbit: int, sites: list[int], *, shown: bool) -> Any:
    """Atoms of one orbit; in the legend only where none of their cells is drawn."""
    centres = np.array([_position(scene.cell, site) for site in sites])
    radii = np.array([_radius(int(z)) for z in scene.cell.atomic_numbers[sites]])
    mesh = balls(centres, radii)
    per_ball = len(mesh.vertices) // len(sites)
    return _mesh(
        go, mesh, scene.colours[orbit], scene.light, name=scene.labels[orbit], showlegend=shown, legendgroup=str(orbit),
        hovertext=[_hover(scene, orbit, site) for site in sites for _ in range(per_ball)],
    )  # fmt: skip


def _radius(atomic_number: int) -> float:
    """A third of the covalent radius, Å."""
    known = element_table()
    radius = float(known.values[atomic_number, known.names.index("CovalentRadius")]) / 100
    return (1.5 if math.isnan(radius) else radius) / 3


def _mesh(go: Any, mesh: Mesh, colour: str, light: FloatArray, **options: Any) -> Any:
    x, y, z = mesh.vertices.astype(np.float32).T
    i, j, k = mesh.triangles.astype(np.int32).T
    return go.Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, color=colour, facecolor=_shades(mesh, colour, light), hoverinfo="text",
        **_FLAT, **options,
    )  # fmt: skip


def _shades(mesh: Mesh, colour: str, light: FloatArray) -> list[str]:
    """Colour of every triangle under a light from there."""
    a, b, c = mesh.vertices[mesh.triangles].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    facing = normals @ light / np.where(lengths > 0, lengths, 1.0)
    base = np.array(rgb(colour))
    dimmed = base * (0.80 + 0.20 * facing[:, None])
    lit = dimmed + 0.45 * np.maximum(facing, 0.0)[:, None] ** 2 * (255 - dimmed)
    return ["#" + bytes(row).hex() for row in lit.round().astype(np.uint8)]


def _unit_cell_trace(go: Any, lattice: FloatArray) -> Any:
    """Outline of the unit cell."""
    ends = lattice_edges(lattice)
    return go.Scatter3d(
        x=ends[:, 0], y=ends[:, 1], z=ends[:, 2], mode="lines", name="unit cell", hoverinfo="skip",
        line={"color": GREY, "width": 4}, showlegend=False,
    )  # fmt: skip


def _letters(lattice: FloatArray) -> list[dict[str, Any]]:
    """Names of the vectors of the unit cell at their tips, in front of everything."""
    lengths = np.linalg.norm(lattice, axis=1)
    tips = lattice * (1.0 + _OFF * lengths.max() / lengths)[:, None]
    return [
        {
            **dict(zip("xyz", tip, strict=True)),
            "text": f"<i>{name}</i>",
            "hovertext": f"{name} = {length:.3f} Å",
            "showarrow": False,
            "font": {"size": 17, "color": INK},
            "bgcolor": "rgba(255,255,255,0.6)",
            "borderpad": 0,
        }
        for name, tip, length in zip("abc", tips.tolist(), lengths.tolist(), strict=True)
    ]
