"""Wigner-Seitz tessellation of a structure: geometry only, made once, decorated as often as wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._typing import FloatArray, IndexArray, IntArray, StructureLike
from .adapters import as_cell
from .cell import Cell, whole_numbers
from .descriptors import Descriptor, Walk
from .descriptors import descriptor as find_descriptor
from .elements import MAX_Z
from .environments import Environments, element_species
from .errors import ElementError, OptionError, OverlapError, SeitzError, StructureError, TessellationError
from .lattices import volume_of
from .missing import MissingPolicy, apply_policy
from .table import FeatureTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Tessellation:
    """Wigner-Seitz (Voronoi) cells of all sites, exact and periodic, without any cutoff.

    The faces of all cells stand one after the other: those of site ``i`` are ``offsets[i]:offsets[i + 1]``. Nothing
    here depends on the elements. All arrays are read-only; the object pickles.

    Attributes
    ----------
    lattice
        (3, 3) lattice vectors as rows, Å.
    frac_coords
        (n_sites, 3) fractional coordinates, as given.
    offsets
        (n_sites + 1,) first face of each site.
    neighbours
        (n_faces,) site behind each face.
    images
        (n_faces, 3) lattice translation of that site: it sits at ``(frac_coords[neighbour] + image) @ lattice``.
    areas
        (n_faces,) face areas, Å².
    distances
        (n_faces,) distances between the two sites, Å; the face lies half-way.
    """

    lattice: FloatArray
    frac_coords: FloatArray
    offsets: IndexArray
    neighbours: IntArray
    images: IntArray
    areas: FloatArray
    distances: FloatArray

    def __post_init__(self) -> None:
        for name in self.__slots__:
            getattr(self, name).setflags(write=False)

    def __reduce__(self) -> tuple[type[Tessellation], tuple[Any, ...]]:
        # Through the constructor, so that arrays are read-only again after unpickling.
        return Tessellation, tuple(getattr(self, name) for name in self.__slots__)

    def __len__(self) -> int:
        return len(self.frac_coords)

    def __repr__(self) -> str:
        return f"Tessellation({len(self)} sites, {len(self.areas)} faces, {self.volume:.2f} Å³)"

    @property
    def volume(self) -> float:
        """Volume of the periodic cell, Å³; the cell volumes add up to it."""
        return volume_of(self.lattice)

    @property
    def sub_volumes(self) -> FloatArray:
        """(n_faces,) volume of the pyramid from the site to each face, Å³: area · distance / 6."""
        return self.areas * self.distances / 6.0

    @property
    def cell_volumes(self) -> FloatArray:
        """(n_sites,) Wigner-Seitz cell volumes, Å³."""
        return np.add.reduceat(self.sub_volumes, self.offsets[:-1])

    @property
    def surface_areas(self) -> FloatArray:
        """(n_sites,) surface of each cell, Å²."""
        return np.add.reduceat(self.areas, self.offsets[:-1])

    @property
    def n_faces(self) -> IndexArray:
        """(n_sites,) number of faces of each cell."""
        return np.diff(self.offsets)

    @property
    def sites(self) -> IndexArray:
        """(n_faces,) site whose cell each face bounds."""
        return np.repeat(np.arange(len(self)), self.n_faces)

    @property
    def directions(self) -> FloatArray:
        """(n_faces, 3) unit vector from the site to the neighbour behind each face: the normal of the face."""
        to = self.frac_coords[self.neighbours] - self.frac_coords[self.sites] + self.images
        vectors: FloatArray = to @ self.lattice / self.distances[:, None]
        return vectors

    def faces(self, site: int) -> slice:
        """Where the faces of one site stand in the face arrays."""
        if not -len(self) <= site < len(self):
            raise IndexError(f"site {site} of {len(self)}")
        site %= len(self)
        return slice(int(self.offsets[site]), int(self.offsets[site + 1]))

    def environments(self, atomic_numbers: ArrayLike) -> Environments:
        """Local chemical environments of one decoration, one row per site.

        Parameters
        ----------
        atomic_numbers
            (n_sites,) element on every site.
        """
        species = decorations(atomic_numbers, len(self))
        if len(species) != 1:
            raise OptionError(f"environments() takes one decoration, not {len(species)}")
        return Environments(_core.environment_rows(self._faces(), species[0], element_species()))

    def featurize(
        self,
        atomic_numbers: ArrayLike,
        *,
        descriptor: str | Descriptor = "ks2022",
        walk: Walk | None = None,
        missing: MissingPolicy = "zero",
        n_threads: int | None = None,
    ) -> FeatureTable:
        """Feature vectors of decorations of this geometry.

        Parameters
        ----------
        atomic_numbers
            (n_sites,) one decoration, or (n, n_sites) many.
        descriptor, walk
            The descriptor and, for Ward2017, the rule of its walks; see :func:`seitz.featurize`.
        missing
            What to do where an element lacks a property, see :func:`seitz.featurize`.
        n_threads
            Threads over decorations; all processors by default. The result does not depend on it.

        Returns
        -------
        FeatureTable
            One row per decoration.

        Raises
        ------
        ElementError
            Wrong shape, or an atomic number without data.
        """
        chosen = find_descriptor(descriptor, walk)
        species = decorations(atomic_numbers, len(self))
        blocks = _core.featurize_decorations(
            self._faces(),
            (self.lattice, self.frac_coords) if chosen.has_ions else None,
            self.directions if chosen.has_scale or chosen.has_ions else None,
            species,
            element_species(),
            chosen.sections,
            thread_count(n_threads),
        )
        ids = tuple(map(str, range(len(species))))
        values = blocks[:, chosen.positions]
        starts = np.arange(len(species) + 1, dtype=np.int64) * len(self)
        warnings, _ = apply_policy(
            values, chosen, species.ravel(), starts, ids.__getitem__, missing, on_error="raise"
        )
        return FeatureTable(values, chosen, ids, warnings=warnings)

    def _faces(self) -> tuple[float, IndexArray, IntArray, IntArray, FloatArray, FloatArray]:
        return self.volume, self.offsets, self.neighbours, self.images, self.areas, self.distances


def tessellate(structure: StructureLike, *, n_threads: int | None = None) -> Tessellation:
    """Exact periodic Wigner-Seitz cells of all sites of a structure.

    Parameters
    ----------
    structure
        Anything :func:`seitz.as_cell` takes; partial occupancies do not matter here.
    n_threads
        Threads over the sites of large structures; all processors by default. The result does not depend on it.

    Raises
    ------
    OverlapError
        Two sites are closer than 1e-3 Å; the message names both.

    Examples
    --------
    >>> from seitz import Cell, tessellate
    >>> fcc = Cell(np.eye(3) * 3.6, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], [29] * 4)
    >>> tessellate(fcc).n_faces.tolist()
    [12, 12, 12, 12]
    """
    cell = as_cell(structure, occupancy="average")
    status, offsets, neighbours, images, areas, distances = _core.tessellate(
        cell.lattice, cell.frac_coords, thread_count(n_threads)
    )
    error = kernel_error(status, cell)
    if error is not None:
        raise error
    return Tessellation(cell.lattice, cell.frac_coords, offsets, neighbours, images, areas, distances)


def thread_count(n_threads: int | None) -> int:
    """Number of threads to use: as asked, or the processors this process may run on."""
    if n_threads is None:
        affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if (
        isinstance(n_threads, bool)
        or not isinstance(n_threads, int | np.integer)
        or not 1 <= n_threads <= 4096
    ):
        raise OptionError(
            f"n_threads={n_threads!r}: give an integer from 1 to 4096, or None for all processors"
        )
    return int(n_threads)


def decorations(atomic_numbers: ArrayLike, n_sites: int) -> IntArray:
    """Checked (n, n_sites) atomic numbers; ElementError names the first that has no data."""
    if np.ma.is_masked(atomic_numbers):
        raise ElementError("decorations hold masked atomic numbers: give every number")
    raw = np.asarray(atomic_numbers)
    if raw.ndim == 1:
        raw = raw[None, :]
    if raw.ndim != 2 or raw.shape[1] != n_sites:
        raise ElementError(
            f"decorations of shape {np.shape(atomic_numbers)} do not fit a tessellation of {n_sites} sites"
        )
    if raw.dtype.kind not in "iu":
        raw = whole_numbers(raw.ravel(), raw.ravel().tolist()).reshape(raw.shape)
    wrong = np.argwhere((raw < 1) | (raw > MAX_Z))
    if wrong.size:
        row, site = wrong[0].tolist()
        raise ElementError(
            f"decoration {row}, site {site}: atomic number {raw[row, site]} is not in 1 to {MAX_Z}"
        )
    return np.ascontiguousarray(raw, dtype=np.int32)


def kernel_error(status: tuple[int, int, int], cell: Cell) -> SeitzError | None:
    """The error behind a kernel's status code, None for success."""
    code, site, other = status
    if code == 0:
        return None
    if code == 1:
        if site == other:
            return OverlapError(f"site {site} is within 0.001 Å of its own periodic image: check the lattice")
        first, second = sorted((site, other))
        difference = cell.frac_coords[second] - cell.frac_coords[first]
        distance = float(np.linalg.norm((difference - np.round(difference)) @ cell.lattice))
        return OverlapError(
            f"sites {first} and {second} are {distance:.2g} Å apart, closer than 0.001 Å: remove one of them"
        )
    if code == 2:
        return TessellationError(
            f"the Wigner-Seitz cell of site {site} could not be closed: please report it"
        )
    if code == 4:
        return StructureError(
            f"the lattice vectors are so skewed that neighbours of site {site} are more than 500 million cells away: "
            "give a reduced lattice"
        )
    return TessellationError("the Wigner-Seitz cells do not fill the volume: please report this structure")
