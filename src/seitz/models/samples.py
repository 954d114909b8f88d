"""Feature vectors for users without data: crystals built from the prototypes, as near as can be to real ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seitz._typing import FloatArray
from seitz.errors import OptionError

from .runtime import OnnxModel

if TYPE_CHECKING:
    from seitz.cell import Cell

_N = 1000  # vectors to calibrate with, and as many others to compare on
_CANDIDATES = 6000  # where the model can tell which of them are near the crystals it knows
_HEAVIEST = 83  # of the elements of a model that does not name its own


class Sample(NamedTuple):
    """Rows to calibrate with and other rows to compare on, in single precision."""

    calibration: FloatArray
    comparison: FloatArray


def given_rows(model: OnnxModel, rows: FloatArray, *, calibrated: bool) -> Sample:
    """The user's rows: all to compare on, or half of them where the others are needed to calibrate with.

    Raises
    ------
    OptionError
        Rows of another shape, too few, or with what is no number.
    """
    table: FloatArray = np.asarray(rows, dtype=np.float32)
    least = 2 if calibrated else 1
    if table.ndim != 2 or len(table) < least or model.n_features not in (None, table.shape[1]):
        raise OptionError(
            f"rows of shape {table.shape}: {model.card.name} takes {model.n_features} features, and at least {least} "
            "rows are needed"
        )
    if not np.isfinite(table).all():
        raise OptionError(f"row {np.flatnonzero(~np.isfinite(table).all(axis=1))[0]} holds what is no number")
    return Sample(table[::2], table[1::2]) if calibrated else Sample(table, table)


def own_rows(model: OnnxModel) -> Sample:
    """A thousand rows for each purpose.

    Of a model that knows how far a row is from its training data, the nearest of many candidates.
    """
    from seitz.descriptors import descriptor
    from seitz.featurize import featurize

    chosen = descriptor(model.card.descriptor, model.card.walk or None)  # type: ignore[arg-type]
    judges = any(port.name == "distance" for port in model.outputs)
    cells = list(_variants(model.card.elements, _CANDIDATES if judges else 2 * _N))
    table = featurize(cells, descriptor=chosen).values
    distance = model.answer(table).distance if judges else None
    if distance is not None:
        nearest = np.argsort(distance, kind="stable")[: 2 * _N]
        table = table[np.sort(nearest)]
    rows: FloatArray = np.asarray(table, dtype=np.float32)
    return Sample(rows[::2], rows[1::2])


def _variants(symbols: tuple[str, ...], n: int) -> Iterator[Cell]:
    """Prototypes with other elements in the order of electronegativity, atoms about as close as before, strained."""
    from seitz.elements import SYMBOLS, table
    from seitz.prototypes import prototypes

    generator = np.random.default_rng(0)
    elements = table()
    radius, negativity = (
        np.nan_to_num(column, nan=float(np.nanmedian(column)))
        for column in (
            elements.values[:, elements.names.index(n)] for n in ("CovalentRadius", "Electronegativity")
        )
    )
    allowed = np.array([SYMBOLS.index(symbol) for symbol in symbols] or range(1, _HEAVIEST + 1))
    parents = [known.cell for known in prototypes().values()]
    for k in range(n):
        parent = parents[k % len(parents)]
        own, place = np.unique(parent.atomic_numbers, return_inverse=True)
        drawn = generator.choice(allowed, size=len(own), replace=len(allowed) < len(own))
        new = np.empty_like(own)
        new[np.argsort(negativity[own])] = drawn[np.argsort(negativity[drawn])]
        numbers = new[place]
        stretch = radius[numbers].mean() / radius[parent.atomic_numbers].mean() * generator.normal(1.0, 0.03)
        strain = stretch * np.eye(3) + generator.normal(0.0, 0.01, (3, 3))
        yield parent.replace(atomic_numbers=numbers, lattice=parent.lattice @ strain)
