"""One model looked at from all sides, before somebody relies on it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from seitz.errors import ModelError

from .predictions import predict
from .registry import load


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found out about a model that is sound.

    Attributes
    ----------
    model
        Its name.
    sha256
        Digest of the file.
    bound
        Whether graph and weights were compared with a digest: the one in the card, or that of the first download.
        Without one, nothing says whether they are those that the card was written for.
    n_structures, n_doubtful
        Prototypes it was run on, and how many of them it doubts.
    """

    model: str
    sha256: str
    bound: bool
    n_structures: int
    n_doubtful: int


def verify(model: str | os.PathLike[str]) -> Verified:
    """Audit a model, compare its digest, open it, and run it on the bundled prototypes.

    Parameters
    ----------
    model
        Name or file, as for :func:`seitz.models.load`.

    Raises
    ------
    ModelError
        A file that is refused, that is another than the one first downloaded, or that does not run; or values that
        are no numbers.
    CardError
        Features that this version has not, or a graph that is not the one the card was written for.
    """
    from seitz.prototypes import prototypes

    found = load(model)
    table = predict(sorted(prototypes()), model=found)
    if not np.isfinite(table.value).all():
        wrong = int((~np.isfinite(table.value.reshape(len(table), -1)).all(axis=1)).sum())
        raise ModelError(f"{found.card.name}: no number for {wrong} of {len(table)} prototypes")
    return Verified(found.card.name, found.digest, found.bound, len(table), len(table.doubts))
