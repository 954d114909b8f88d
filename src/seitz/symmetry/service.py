"""Anything per site, computed only once per class of equal sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from seitz._typing import IndexArray, StructureLike
from seitz.adapters import as_cell
from seitz.errors import StructureError
from seitz.finders import SYMPREC, Finder

from .classes import SiteClasses
from .labels import SiteLabels
from .orbits import site_orbits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def over_orbits(
    function: Callable[[Any, IndexArray], ArrayLike],
    structure: StructureLike,
    *,
    finder: Finder = "moyopy",
    symprec: float = SYMPREC,
    labels: SiteLabels | None = None,
    classes: SiteClasses | None = None,
) -> NDArray[Any]:
    """Evaluate any per-site function on one site per orbit, and copy its rows to all equivalent sites.

    Parameters
    ----------
    function
        ``function(structure, sites)`` returns one row per site in ``sites``. It must not depend on orientation, as no
        descriptor of a local environment does, nor on anything but elements, positions and ``labels``.
    structure
        Passed on as it is; anything :func:`seitz.as_cell` takes.
    finder, symprec
        As for :func:`site_orbits`.
    labels
        (n_sites,) what else the function depends on: without it, sites that differ only in magnetic moment, charge
        or a tag are one orbit. As for :func:`site_orbits`.
    classes
        Groups of sites to use in place of orbits: for a function of the first shell's species, distances and areas,
        those of :func:`environment_classes` are fewer and need no symmetry.

    Returns
    -------
    NDArray
        (n_sites, ...) rows of all sites.

    Raises
    ------
    StructureError
        The function returned another number of rows than it was asked for, or rows of different lengths; or
        ``classes`` are those of a structure of another size.

    Examples
    --------
    With DScribe: ``over_orbits(lambda atoms, sites: soap.create(atoms, centers=sites.tolist()), atoms)``.
    """
    if classes is None:
        orbits: SiteClasses = site_orbits(structure, finder=finder, symprec=symprec, labels=labels)
    else:
        orbits, n_sites = classes, len(as_cell(structure, occupancy="average"))
        if len(orbits.labels) != n_sites:
            raise StructureError(f"classes of {len(orbits.labels)} sites do not fit a structure of {n_sites}")
    returned = function(structure, orbits.representatives)
    try:
        rows = np.asarray(returned)
    except ValueError as error:
        raise StructureError(f"the function returned rows of different lengths or shapes: {error}") from None
    if rows.ndim == 0 or len(rows) != len(orbits):
        raise StructureError(
            f"the function returned an array of shape {rows.shape} for {len(orbits)} sites: "
            "it must return one row per site"
        )
    return rows[orbits.class_of_site]
