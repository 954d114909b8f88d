"""Structures straight into a scikit-learn pipeline.

The target is a toy that needs no data set: Pauling's ionic bond energy, 96.5 kJ/mol · (χ_A − χ_B)², of AB compounds in
the rock-salt and caesium-chloride structures.

Needs scikit-learn: pip install 'seitz[sklearn]'
"""

from __future__ import annotations

from itertools import product

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import seitz
from seitz.elements import atomic_number, table

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ti", "Mn", "Ni", "Zn", "Ag")
NONMETALS = ("N", "O", "F", "S", "Cl", "Se", "Br", "I")


def compound(metal: int, nonmetal: int, *, caesium_chloride: bool) -> seitz.Cell:
    """AB in one of two structures, with touching covalent spheres."""
    radius = table().values[:, table().names.index("CovalentRadius")] / 100.0
    bond = float(radius[metal] + radius[nonmetal])
    if caesium_chloride:
        return seitz.Cell(np.eye(3) * bond * 2 / 3**0.5, [[0, 0, 0], [0.5, 0.5, 0.5]], [metal, nonmetal])
    lattice = (np.ones((3, 3)) - np.eye(3)) * bond
    return seitz.Cell(lattice, [[0, 0, 0], [0.5, 0.5, 0.5]], [metal, nonmetal])


def main() -> None:
    pairs = [(atomic_number(a), atomic_number(b)) for a, b in product(METALS, NONMETALS)]
    structures = [compound(a, b, caesium_chloride=cscl) for a, b in pairs for cscl in (False, True)]
    chi = table().values[:, table().names.index("Electronegativity")]
    energies = np.array([96.5 * (chi[a] - chi[b]) ** 2 for a, b in pairs for _ in range(2)])

    model = make_pipeline(
        seitz.StructureFeatures(),
        VarianceThreshold(),
        RandomForestRegressor(n_estimators=100, random_state=0),
    )
    groups = np.arange(len(structures)) // 2 % 5  # both structures of a compound in the same fold
    folds = [(np.flatnonzero(groups != k), np.flatnonzero(groups == k)) for k in range(5)]
    scores = cross_val_score(model, structures, energies, cv=folds, scoring="r2")
    print(f"{len(structures)} structures, R² of {len(folds)} folds: {scores.round(3).tolist()}")

    model.fit(structures, energies)
    names = model[:-1].get_feature_names_out()
    best = np.argsort(model[-1].feature_importances_)[::-1][:5]
    print("most used:", ", ".join(f"{names[k]} ({model[-1].feature_importances_[k]:.2f})" for k in best))


if __name__ == "__main__":
    main()
