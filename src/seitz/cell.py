"""The periodic cell: the one form in which structures enter the package, checked once and then trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ._typing import FloatArray, IntArray
from .elements import MAX_Z, SYMBOLS, atomic_number, electronegativity
from .errors import ElementError, OccupancyError, OptionError, StructureError
from .lattices import check_lattice, rows_where, volume_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: What to do with partially occupied sites: refuse them, or average their elements' properties.
OccupancyPolicy = Literal["raise", "average"]

#: One site's content: an atomic number, or occupancies by atomic number.
SiteSpecies = int | Mapping[int, float]

_MOST_SITES = 100_000_000
_MAX_FRACTIONAL = 1e6  # beyond it a double keeps fewer than ten digits of the position inside the cell
_FULL = 1e-6  # occupancies closer to one than this are full
_DOUBLE = np.dtype(np.float64)
_NEVER_MASKED = (np.ndarray, list, tuple)
_ORDERED: Mapping[int, Mapping[int, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Periodic arrangement of atoms.

    Parameters
    ----------
    lattice
        (3, 3) lattice vectors as rows, in Å; left-handed sets are fine.
    frac_coords
        (n_sites, 3) fractional coordinates; values outside [0, 1) are fine.
    atomic_numbers
        (n_sites,) atomic numbers, 1 to 112, or chemical symbols; kept as numbers.
    occupancies
        For sites that are shared or partially occupied, the occupancy of each element:
        ``{site: {atomic_number: occupancy}}``. Their properties are averaged with these weights.

    Raises
    ------
    StructureError
        Wrong shapes, no site, masked, complex or non-finite numbers, or lattice vectors that span no volume.
    ElementError
        An atomic number or symbol without data; the message names the site.
    OccupancyError
        Occupancies that make no sense; the message names the site.

    Examples
    --------
    >>> Cell(np.eye(3) * 2.87, [[0, 0, 0], [0.5, 0.5, 0.5]], [26, 26]).formula
    'Fe2'
    >>> Cell(np.eye(3) * 2.88, [[0, 0, 0], [0.5, 0.5, 0.5]], ["Ni", "Al"]).atomic_numbers.tolist()
    [28, 13]
    """

    lattice: FloatArray
    frac_coords: FloatArray
    atomic_numbers: IntArray
    occupancies: Mapping[int, Mapping[int, float]] = field(default_factory=lambda: _ORDERED)

    def __post_init__(self) -> None:
        lattice = matrix(self.lattice, "lattice")
        coords = matrix(self.frac_coords, "frac_coords")
        numbers = _atomic_numbers(self.atomic_numbers)
        check_lattice(lattice)
        _check_coords(coords)
        if len(numbers) != len(coords):
            raise StructureError(f"{len(coords)} positions but {len(numbers)} atomic numbers")
        for array in (lattice, coords, numbers):
            array.setflags(write=False)
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "frac_coords", coords)
        object.__setattr__(self, "atomic_numbers", numbers)
        if self.occupancies is not _ORDERED:
            checked = _checked_occupancies(self.occupancies, len(numbers))
            object.__setattr__(self, "occupancies", MappingProxyType(checked) if checked else _ORDERED)

    def __reduce__(self) -> tuple[type[Cell], tuple[Any, ...]]:
        # Through the constructor, so that a copy is checked and read-only too: the kernels trust every cell.
        occupancies = {site: dict(content) for site, content in self.occupancies.items()}
        return Cell, (self.lattice, self.frac_coords, self.atomic_numbers, occupancies)

    def __len__(self) -> int:
        return len(self.atomic_numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cell):
            return NotImplemented
        return (
            np.array_equal(self.lattice, other.lattice)
            and np.array_equal(self.frac_coords, other.frac_coords)
            and np.array_equal(self.atomic_numbers, other.atomic_numbers)
            and self.occupancies == other.occupancies
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays: equality is by value, so no hash

    def __repr__(self) -> str:
        return f"Cell({self.formula}, {len(self)} sites, {self.volume:.2f} Å³)"

    @property
    def volume(self) -> float:
        """Volume in Å³."""
        return volume_of(self.lattice)

    @property
    def cart_coords(self) -> FloatArray:
        """(n_sites, 3) Cartesian positions in Å."""
        return self.frac_coords @ self.lattice

    @property
    def is_ordered(self) -> bool:
        """Whether every site is fully occupied by one element."""
        return not self.occupancies

    @property
    def amounts(self) -> dict[int, float]:
        """Number of atoms of each element, by atomic number in order of first occurrence."""
        amounts: dict[int, float] = {}
        for site, z in enumerate(self.atomic_numbers.tolist()):
            for element, amount in self.occupancies.get(site, {z: 1.0}).items():
                amounts[element] = amounts.get(element, 0.0) + amount
        return amounts

    @property
    def formula(self) -> str:
        """Chemical formula of the cell, the most electropositive element first."""
        return _formula(self.amounts)

    @property
    def formula_unit(self) -> tuple[str, int]:
        """The smallest formula with the same proportions, and how many of it the cell holds."""
        contents = Counter(self.atomic_numbers.tolist()) - Counter(
            int(self.atomic_numbers[site]) for site in self.occupancies
        )
        mixed = Counter(format_occupants(content) for content in self.occupancies.values())
        units = math.gcd(*contents.values(), *mixed.values())
        return _formula({z: round(amount / units, 4) for z, amount in self.amounts.items()}), units

    def supercell(self, multiples: Sequence[int]) -> Cell:
        """The cell repeated along its three vectors; the first ``len(cell)`` sites are those of the cell itself.

        Raises
        ------
        OptionError
            ``multiples`` are not three positive integers.
        """
        try:
            counts = tuple(_whole(value) or 0 for value in multiples)
        except TypeError:
            counts = ()
        if len(counts) != 3 or min(counts) < 1:
            raise OptionError(f"multiples={multiples!r}: give three positive integers")
        if counts == (1, 1, 1):
            return self
        if math.prod(counts) * len(self) > _MOST_SITES:
            raise OptionError(f"multiples={counts}: more than {_MOST_SITES:,} sites")
        shifts = np.array(list(np.ndindex(counts)))
        coords = (self.frac_coords[None, :, :] + shifts[:, None, :]).reshape(-1, 3) / counts
        occupancies = {
            image * len(self) + site: content
            for image in range(len(shifts))
            for site, content in self.occupancies.items()
        }
        lattice = self.lattice * np.array(counts)[:, None]
        return Cell(lattice, coords, np.tile(self.atomic_numbers, len(shifts)), occupancies)

    def replace(self, **changes: Any) -> Cell:
        """A new cell with some of the four constructor arguments changed."""
        current = {name: getattr(self, name) for name in self.__slots__}
        return Cell(**(current | changes))


def build_cell(
    lattice: ArrayLike,
    frac_coords: ArrayLike,
    species: Sequence[SiteSpecies],
    *,
    occupancy: OccupancyPolicy = "raise",
) -> Cell:
    """Cell from sites that may be shared or partially occupied: the one place where that policy is applied.

    Parameters
    ----------
    lattice, frac_coords
        As for :class:`Cell`.
    species
        Per site an atomic number, or occupancies by atomic number.
    occupancy
        ``"raise"`` refuses any site that is not one whole atom; ``"average"`` accepts the published
        behaviour: properties averaged over the occupants.

    Raises
    ------
    OccupancyError
        A partially occupied site under ``occupancy="raise"``, or occupancies that make no sense.
    """
    if occupancy not in get_args(OccupancyPolicy):
        raise OptionError(f"occupancy={occupancy!r}: choose one of {', '.join(get_args(OccupancyPolicy))}")
    if not any(issubclass(kind, Mapping) for kind in set(map(type, species))):
        return Cell(lattice, frac_coords, species)  # type: ignore[arg-type]  # validated in __post_init__
    numbers: list[int] = []
    shared: dict[int, Mapping[int, float]] = {}
    for site, content in enumerate(species):
        if not isinstance(content, Mapping):
            numbers.append(content)
            continue
        content = _checked_content(site, content)
        main = max(content.items(), key=lambda item: item[1])[0]
        numbers.append(main)
        if len(content) > 1 or abs(content[main] - 1.0) > _FULL:
            shared[site] = content
    if shared and occupancy == "raise":
        site, occupants = next(iter(shared.items()))
        raise OccupancyError(
            f"site {site} is partially occupied ({format_occupants(occupants)}); {len(shared)} such site(s). "
            'Order the structure, or pass occupancy="average" to average the properties of the occupants'
        )
    return Cell(lattice, frac_coords, numbers, shared)  # type: ignore[arg-type]  # validated in __post_init__


def _formula(amounts: Mapping[int, float]) -> str:
    parts = sorted(amounts.items(), key=lambda part: (electronegativity(part[0]), part[0]))
    return "".join(f"{SYMBOLS[z]}{'' if amount == 1 else format(amount, 'g')}" for z, amount in parts)


def format_occupants(content: Mapping[int, float]) -> str:
    """Occupants of a site as in ``Fe0.5 Ni0.5``."""
    return " ".join(f"{SYMBOLS[z] if 0 < z <= MAX_Z else z}{amount:g}" for z, amount in content.items())


def matrix(values: ArrayLike, name: str) -> FloatArray:
    """Copy of ``"lattice"``, ``"frac_coords"`` or ``"cart_coords"`` as rows of three doubles, which may be infinite.

    Raises
    ------
    StructureError
        Another shape, no row, or masked or complex values.
    """
    try:
        array = np.array(values, order="C")
        if array.dtype is not _DOUBLE:
            if array.dtype.kind == "c":  # NumPy would drop the imaginary parts
                raise TypeError("complex values")
            array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise StructureError(f"{name} holds something that is no number: {error}") from None
    if name != "lattice" and array.size == 0:
        raise StructureError("the structure is empty: it has no site")
    if array.ndim != 2 or array.shape[1] != 3 or (name == "lattice" and array.shape[0] != 3):
        raise StructureError(
            f"{name} must have shape {'(3, 3)' if name == 'lattice' else '(n_sites, 3)'}, not {array.shape}"
        )
    if type(values) not in _NEVER_MASKED and (masked := _masked(values, array)).any():
        where = "lattice vector(s)" if name == "lattice" else "the coordinates of site(s)"
        raise StructureError(
            f"{where} {rows_where(masked)} are masked: give every number, or leave the site out"
        )
    return array


def _masked(values: ArrayLike, array: np.ndarray) -> np.ndarray:
    """Which entries of a masked array have no value; None of them in anything else."""
    mask = getattr(values, "mask", None) if hasattr(values, "filled") else None
    return np.broadcast_to(np.asarray(False if mask is None else mask, dtype=bool), array.shape)


def _atomic_numbers(values: ArrayLike) -> IntArray:
    """Checked copy of atomic numbers, or the numbers of chemical symbols."""
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise ElementError(f"atomic_numbers must be a flat list of integers: {error}") from None
    if raw.ndim != 1:
        raise ElementError(f"atomic_numbers must be a flat list of integers, not of shape {raw.shape}")
    if type(values) not in _NEVER_MASKED and (masked := _masked(values, raw)).any():
        raise ElementError(
            f"site(s) {rows_where(masked[:, None])} have a masked atomic number: give every number"
        )
    if raw.dtype.kind not in "iu" or _hides_truth(values):
        raw = whole_numbers(raw, raw.tolist() if isinstance(values, np.ndarray) else list(values))  # type: ignore[arg-type]
    if raw.size and not 1 <= raw.min() <= raw.max() <= MAX_Z:
        site = int(np.flatnonzero((raw < 1) | (raw > MAX_Z))[0])
        raise ElementError(f"site {site} has atomic number {raw[site]}: there is data for 1 to {MAX_Z} only")
    return raw.astype(np.int32)


def _hides_truth(values: object) -> bool:
    """Whether a list of integers holds truth values, which NumPy takes for 0 and 1."""
    return isinstance(values, list | tuple) and any(type(value) is bool for value in values)


def whole_numbers(raw: np.ndarray, entries: Sequence[object]) -> np.ndarray:
    """(n_sites,) whole numbers behind floats, symbols or Python objects; ElementError for anything else."""
    if raw.dtype.kind == "f" and (np.trunc(raw) == raw).all():
        return raw
    are_symbols = len(entries) > 0 and isinstance(entries[0], str)
    numbers: list[int] = []
    for site, entry in enumerate(entries):
        number = atomic_number(entry, f"site {site}: ") if are_symbols else _whole(entry)  # type: ignore[arg-type]
        if number is None:
            raise ElementError(f"site {site}: {entry!r} is no integer atomic number")
        numbers.append(number)
    return np.array(numbers)


def _whole(value: object) -> int | None:
    """The integer that a number is; None for fractions, truth values, and what is no number."""
    if isinstance(value, int | np.integer):
        return None if isinstance(value, bool) else int(value)
    if isinstance(value, float | np.floating) and value.is_integer():
        return int(value)
    return None


def _check_coords(coords: FloatArray) -> None:
    largest = float(np.abs(coords).max())
    if largest <= _MAX_FRACTIONAL:
        return
    if not np.isfinite(coords).all():
        raise StructureError(f"non-finite coordinates at site(s) {rows_where(~np.isfinite(coords))}")
    raise StructureError(
        f"fractional coordinate {largest:g} at site(s) {rows_where(np.abs(coords) > _MAX_FRACTIONAL)} is too far from "
        "the cell to be exact: wrap the coordinates, or check that they are not Cartesian"
    )


def _checked_occupancies(
    occupancies: Mapping[int, Mapping[int, float]], n_sites: int
) -> dict[int, Mapping[int, float]]:
    if not isinstance(occupancies, Mapping):
        raise OccupancyError(
            f"occupancies must be {{site: {{atomic_number: occupancy}}}}, not {type(occupancies).__name__!r}"
        )
    checked: dict[int, Mapping[int, float]] = {}
    for key, content in occupancies.items():
        site = _whole(key)
        if site is None or not 0 <= site < n_sites:
            raise OccupancyError(f"occupancies name site {key!r}, but the sites are 0 to {n_sites - 1}")
        checked[site] = MappingProxyType(_checked_content(site, content))
    return checked


def _checked_content(site: int, content: Mapping[int, float]) -> dict[int, float]:
    """Occupancies of one site by atomic number."""
    if not isinstance(content, Mapping):
        raise OccupancyError(
            f"site {site}: occupancies must be {{atomic_number: occupancy}}, not {type(content).__name__!r}"
        )
    if not content:
        raise OccupancyError(f"site {site} is empty: remove it, or give its occupants")
    checked: dict[int, float] = {}
    for key, amount in content.items():
        z = _whole(key)
        if z is None:
            raise OccupancyError(f"site {site}: occupant {key!r} is no atomic number")
        if not 1 <= z <= MAX_Z:
            raise ElementError(f"site {site} holds atomic number {z}: there is data for 1 to {MAX_Z} only")
        try:
            checked[z] = math.nan if isinstance(amount, bool | str | bytes) else float(amount)
        except (TypeError, ValueError, OverflowError):
            checked[z] = math.nan
        if not 0 < checked[z] <= 1 + _FULL:
            raise OccupancyError(f"site {site}: occupancy {amount!r} of {SYMBOLS[z]} is no number in (0, 1]")
    total = sum(checked.values())
    if total > 1.01:  # files round to two decimals
        raise OccupancyError(f"site {site}: occupancies sum to {total:g} ({format_occupants(checked)})")
    return checked
