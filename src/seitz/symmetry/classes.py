"""Groups of sites, whatever makes them equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seitz._typing import FloatArray, IndexArray


@dataclass(frozen=True, slots=True, eq=False)
class SiteClasses:
    """Sites of a structure in classes; one site of each stands for the others.

    Attributes
    ----------
    labels
        (n_sites,) lowest site index of each site's class.
    """

    labels: IndexArray

    def __len__(self) -> int:
        return len(self.representatives)

    @property
    def representatives(self) -> IndexArray:
        """(n_classes,) lowest site index of each class, ascending."""
        return np.unique(self.labels)

    @property
    def multiplicities(self) -> IndexArray:
        """(n_classes,) number of sites of each class."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def class_of_site(self) -> IndexArray:
        """(n_sites,) index into :attr:`representatives`."""
        return np.unique(self.labels, return_inverse=True)[1]

    @property
    def weights(self) -> FloatArray:
        """(n_sites,) multiplicity on representatives, zero elsewhere."""
        return np.bincount(self.labels, minlength=len(self.labels)).astype(np.float64)
