"""Equality of sites for a representation that sees a cell and what lies behind its faces, and nothing further."""

from __future__ import annotations

import math

import numpy as np

from seitz._typing import FloatArray, IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.errors import OptionError

from .classes import SiteClasses
from .labels import SiteLabels, site_kinds

#: Tolerance on distances, Å: far above rounding, far below any coordinate that is written down.
TOLERANCE = 1e-8


def environment_classes(
    structure: StructureLike, *, tolerance: float = TOLERANCE, labels: SiteLabels | None = None
) -> SiteClasses:
    """Sites with equal local environments: the same species, and as many faces of each kind.

    A face's kind is the species behind it, its distance and its area. Where the faces stand is not compared, so these
    are the classes of representations that do not know angles, such as those of this package, and not of SOAP.

    Sites of one orbit are always in one class; sites of different orbits may be, and sites of a supercell with a defect
    are wherever the defect is out of reach. Faces are compared as they are, not rounded, so that no two different
    environments are merged.

    Parameters
    ----------
    structure
        Anything :func:`seitz.as_cell` takes; shared sites are equal if their occupants are.
    tolerance
        Distances of faces that differ by less are equal, Å, and areas likewise relative to the cell's scale. Relaxed
        or rounded structures may want more, such as 1e-4.
    labels
        (n_sites,) what else tells sites apart, as for :func:`site_orbits`.

    Returns
    -------
    SiteClasses
        For any function of species, distances and areas: ``over_orbits(function, structure, classes=...)``.

    Raises
    ------
    OptionError
        A tolerance that is no positive length, or labels that do not fit the sites.

    Examples
    --------
    >>> import numpy as np
    >>> from seitz import Cell
    >>> chain = Cell(np.diag([3.0, 3, 24]), [[0, 0, k / 8] for k in range(8)], [26] * 7 + [13])
    >>> environment_classes(chain).labels.tolist()
    [0, 1, 1, 1, 1, 1, 0, 7]
    """
    from seitz.tessellation import tessellate

    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise OptionError(f"tolerance={tolerance!r}: give a positive length in Å")
    cell = as_cell(structure, occupancy="average")
    kinds = np.unique(np.array(site_kinds(cell, labels)), return_inverse=True)[1]
    faces = tessellate(cell)
    scale = float((cell.volume / len(cell)) ** (1 / 3))
    kept = faces.areas > tolerance * scale
    sites = faces.sites[kept]
    columns = np.stack(
        [
            sites,
            kinds[faces.neighbours[kept]],
            _levels(faces.distances[kept], tolerance),
            _levels(faces.areas[kept], tolerance * scale),
        ]
    )
    columns = columns[:, np.lexsort(columns[::-1])]
    starts = np.searchsorted(columns[0], np.arange(len(cell) + 1))
    first: dict[tuple[int, bytes], int] = {}
    found = [
        first.setdefault((int(kinds[site]), columns[1:, starts[site] : starts[site + 1]].tobytes()), site)
        for site in range(len(cell))
    ]
    return SiteClasses(np.array(found, dtype=np.int64))


def _levels(values: FloatArray, tolerance: float) -> IndexArray:
    """A number per value that is the same for values without a gap between them."""
    order = np.argsort(values)
    steps = np.diff(values[order]) > tolerance
    levels = np.empty(len(values), dtype=np.int64)
    levels[order] = np.concatenate([[0], np.cumsum(steps)])
    return levels
