"""The section of the block that has a length scale, in the order of native/scale.hpp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class ScaleFeature(NamedTuple):
    """One number of the section; fields as in ``Feature``."""

    name: str
    unit: str
    formula: str
    statistic: str
    quantity: str
    properties: tuple[str, ...] = ()


class _Column(NamedTuple):
    """A number of each site, of which four statistics are taken."""

    name: str
    unit: str
    formula: str
    quantity: str
    properties: tuple[str, ...] = ()


_RADIUS, _NEGATIVITY, _VOLUME, _ELECTRONS = (
    ("CovalentRadius",), ("Electronegativity",), ("GSvolume_pa",), ("NValence",),
)  # fmt: skip
_ANGLE = "ω_ik = (A_ik / d_ik²) / Σ_k A_ik / d_ik²"
_RATIO = "ρ_ik = d_ik / (r_i + r_k)"

_TOTALS = (
    ScaleFeature("VolumePerAtom", "Å³", "v = V / N", "", "volume per atom"),
    ScaleFeature("LogVolumePerAtom", "1", "ln(v / Å³)", "", "volume per atom"),
    ScaleFeature("ElementVolumeRatio", "1", "Σ_e x_e V⁰_e / v", "", "volume of the elements", _VOLUME),
    ScaleFeature("CovalentPacking", "1", "Σ_e x_e (4/3) π r_e³ / v", "", "covalent spheres", _RADIUS),
    ScaleFeature("ValenceElectronDensity", "1/Å³", "Σ_e x_e N_e / v", "", "valence electrons", _ELECTRONS),
    ScaleFeature("MixingEntropy", "1", "−Σ_e x_e ln x_e", "", "ideal entropy of mixing, in k_B"),
)

_SHAPES = (
    _Column("BondLength", "Å", "Σ_k w_ik d_ik", "mean bond length"),
    _Column("CellSize", "Å", "V_i^(1/3)", "size of the cell"),
    _Column("NearestDistance", "Å", "min_k d_ik", "distance of the nearest neighbour"),
    _Column("AngularCoordination", "1", f"1 / Σ_k ω_ik², {_ANGLE}", "effective coordination by solid angle"),
    *(
        _Column(
            f"BondOrder{order}",
            "1",
            f"(Σ_k Σ_k' w_ik w_ik' P_{order}(cos θ_ikk'))^(1/2)",
            f"bond-order parameter of degree {order}",
        )
        for order in (2, 3, 4, 5, 6, 8)
    ),
)

_CONTACTS = (
    _Column("ContactRatio", "1", f"Σ_k w_ik ρ_ik, {_RATIO}", "bond length in covalent radii", _RADIUS),
    _Column("ClosestContact", "1", f"min_k ρ_ik, {_RATIO}", "closest contact in covalent radii", _RADIUS),
    _Column("AngularContactRatio", "1", f"Σ_k ω_ik ρ_ik, {_RATIO}, {_ANGLE}",
            "bond length in covalent radii by solid angle", _RADIUS),
    _Column("Polarity", "1", "Σ_k w_ik (X_k − X_i)", "signed difference of electronegativity", _NEGATIVITY),
    _Column("AngularPolarity", "1", f"Σ_k ω_ik (X_k − X_i), {_ANGLE}",
            "signed difference of electronegativity by solid angle", _NEGATIVITY),
    _Column("AngularContrast", "1", f"Σ_k ω_ik |X_k − X_i|, {_ANGLE}",
            "difference of electronegativity by solid angle", _NEGATIVITY),
    _Column("LikeNeighbours", "1", "Σ_k w_ik δ_ik, δ_ik = 1 for equal species", "share of like neighbours"),
    _Column("AngularLikeNeighbours", "1", f"Σ_k ω_ik δ_ik, δ_ik = 1 for equal species, {_ANGLE}",
            "share of like neighbours by solid angle"),
    _Column("FieldStrength", "1/Å", "Σ_k w_ik |X_k − X_i| / d_ik",
            "difference of electronegativity over distance", _NEGATIVITY),
    _Column("BondEnergy", "1/Å", "Σ_k w_ik (X_k − X_i)² / d_ik",
            "squared difference of electronegativity over distance", _NEGATIVITY),
    _Column("ElementVolumeStrain", "1", "V_i / V⁰_i", "cell volume in that of the element", _VOLUME),
)  # fmt: skip

_STATISTICS = (
    ("mean", "mean", "mean_i y_i"),
    ("var", "MAD", "mean_i |y_i − mean y|"),
    ("min", "min", "min_i y_i"),
    ("max", "max", "max_i y_i"),
)


def scale_features() -> Iterator[ScaleFeature]:
    """All numbers of the section."""
    yield from _TOTALS
    for column in (*_SHAPES, *_CONTACTS):
        for prefix, statistic, formula in _STATISTICS:
            yield ScaleFeature(
                f"{prefix}_{column.name}",
                column.unit,
                f"{formula}, y_i = {column.formula}",
                statistic,
                column.quantity,
                column.properties,
            )
