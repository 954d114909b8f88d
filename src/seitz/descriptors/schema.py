"""The column table: one entry per feature, from which code, files, docs and tests take name, unit and meaning.

The compiled reduction returns one block of statistics per structure; a descriptor is a choice of its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from seitz._typing import IndexArray
from seitz.elements import SYMBOLS

from .ionic import ionic_features
from .scale import scale_features

Source = Literal[
    "cell geometry",
    "neighbour differences",
    "site properties",
    "composition",
    "chemical order",
    "scale",
    "ions",
]

#: Where walks over faces may go: never into an atom already visited, or just not back at once.
Walk = Literal["self_avoiding", "no_reversal"]

#: How the kernels number the rules; 0 means that no feature needs walks.
_WALK_CODES: dict[Walk | None, int] = {None: 0, "self_avoiding": 1, "no_reversal": 2}

#: Stands for the electronegativity of the ionic-character features, a column of its own in the element table.
IONIC_ELECTRONEGATIVITY = "IonicElectronegativity"


class Property(NamedTuple):
    """One elemental property: its column in the element table, the label published descriptors use, unit, meaning."""

    name: str
    label: str
    unit: str
    meaning: str


def _same(name: str, unit: str, meaning: str) -> Property:
    return Property(name, name, unit, meaning)


PROPERTIES: tuple[Property, ...] = (
    _same("Number", "1", "atomic number"),
    _same("MendeleevNumber", "1", "Mendeleev number"),
    _same("AtomicWeight", "g/mol", "atomic weight"),
    _same("MeltingT", "K", "melting temperature of the element"),
    _same("Column", "1", "column of the periodic table"),
    _same("Row", "1", "row of the periodic table"),
    _same("CovalentRadius", "pm", "covalent radius"),
    _same("Electronegativity", "1", "Pauling electronegativity"),
    _same("NsValence", "1", "number of s valence electrons"),
    _same("NpValence", "1", "number of p valence electrons"),
    _same("NdValence", "1", "number of d valence electrons"),
    _same("NfValence", "1", "number of f valence electrons"),
    Property(
        "NValence", "NValance", "1", "number of valence electrons"
    ),  # the published label has this spelling
    _same("NsUnfilled", "1", "unfilled s states"),
    _same("NpUnfilled", "1", "unfilled p states"),
    _same("NdUnfilled", "1", "unfilled d states"),
    _same("NfUnfilled", "1", "unfilled f states"),
    _same("NUnfilled", "1", "unfilled valence states"),
    _same("GSvolume_pa", "Å³", "volume per atom of the elemental ground state"),
    _same("GSbandgap", "eV", "band gap of the elemental ground state"),
    _same("GSmagmom", "µB", "magnetic moment per atom of the elemental ground state"),
    _same("SpaceGroupNumber", "1", "space-group number of the elemental ground state"),
)


class Feature(NamedTuple):
    """One column of a descriptor.

    Attributes
    ----------
    name
        Published label.
    unit
        Unit of the values; ``"1"`` for pure numbers.
    formula
        Definition, in the notation of the feature guide.
    source
        What the feature is computed from.
    statistic
        How it is reduced over sites, e.g. ``"mean"`` or ``"MAD"`` (mean absolute deviation).
    quantity
        The reduced quantity: a property of the elements or of the cells.
    properties
        Elemental properties it depends on; an element that lacks one of them touches this feature.
    position
        Index in the compiled block of statistics.
    """

    name: str
    unit: str
    formula: str
    source: Source
    statistic: str
    quantity: str
    properties: tuple[str, ...]
    position: int


@dataclass(frozen=True, eq=False)
class Descriptor:
    """A named, ordered set of features."""

    name: str
    title: str
    reference: str
    features: tuple[Feature, ...]
    walk: Walk | None = None
    """Rule of the walks behind the Warren-Cowley magnitudes, None for a descriptor without them."""

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def positions(self) -> IndexArray:
        """(n_features,) index of every feature in the compiled block."""
        return np.array([feature.position for feature in self.features], dtype=np.int64)

    @cached_property
    def has_scale(self) -> bool:
        """Whether it has columns that need the directions of faces and the scale of lengths."""
        return any(feature.source == "scale" for feature in self.features)

    @cached_property
    def has_ions(self) -> bool:
        """Whether it has columns that need the directions of faces and the positions of all sites."""
        return any(feature.source == "ions" for feature in self.features)

    @property
    def sections(self) -> int:
        """The parts of a block that are wanted, as the kernels number them: walks, plus 4 for scale, 8 for ions."""
        return _WALK_CODES[self.walk] + 4 * self.has_scale + 8 * self.has_ions

    @property
    def by_rows(self) -> bool:
        """Whether it is a statistic of rows, of which a change of some sites leaves those far away as they are."""
        return self.sections == 0

    @cached_property
    def digest(self) -> str:
        """Short hash of names, units and formulas: stored with tables and models, so that a mix-up is noticed."""
        import hashlib  # slow to import, and only needed here

        text = "\n".join(f"{f.name}\t{f.unit}\t{f.formula}" for f in self.features)
        return hashlib.sha256(f"{self.name}\n{text}".encode()).hexdigest()[:16]

    def columns_of(self, element_property: str) -> IndexArray:
        """Columns that depend on an elemental property."""
        return np.array(
            [i for i, f in enumerate(self.features) if element_property in f.properties], dtype=np.int64
        )


# --- the block of statistics, in the order of native/statistics.hpp ----------------------------------------------

_DIFFERENCE_STATISTICS = (
    ("mean", "mean", "mean_i D_i"),
    ("var", "MAD", "mean_i |D_i − mean D|"),
    ("min", "min", "min_i D_i"),
    ("max", "max", "max_i D_i"),
    ("range", "range", "max_i D_i − min_i D_i"),
)
_SITE_STATISTICS = (
    ("mean", "mean", "mean_i p_i"),
    ("maxdiff", "range", "max_i p_i − min_i p_i"),
    ("dev", "MAD", "mean_i |p_i − mean p|"),
    ("max", "max", "max_i p_i"),
    ("min", "min", "min_i p_i"),
    ("most", "most frequent", "p of the most frequent element, the mean over ties"),
)


def _geometry() -> list[tuple[str, str, str, str]]:
    """(name, formula, statistic, quantity) of the features of bare cells; all are pure numbers."""
    coordination, bond, variation = "effective coordination", "mean bond length", "bond-length variation"
    c, b = "C_i = (Σ_k A_ik)² / Σ_k A_ik²", "B_i = Σ_k w_ik |d_ik − L_i| / L_i"
    return [
        ("mean_EffectiveCoordination", f"mean_i C_i, {c}", "mean", coordination),
        ("var_EffectiveCoordination", f"mean_i |C_i − mean C|, {c}", "MAD", coordination),
        ("min_EffectiveCoordination", f"min_i C_i, {c}", "min", coordination),
        ("max_EffectiveCoordination", f"max_i C_i, {c}", "max", coordination),
        ("var_MeanBondLength", "mean_i |L_i − mean L| / mean L, L_i = Σ_k w_ik d_ik", "MAD / mean", bond),
        ("min_MeanBondLength", "min_i L_i / mean L, L_i = Σ_k w_ik d_ik", "min / mean", bond),
        ("max_MeanBondLength", "max_i L_i / mean L, L_i = Σ_k w_ik d_ik", "max / mean", bond),
        ("mean_BondLengthVariation", f"mean_i B_i, {b}", "mean", variation),
        ("var_BondLengthVariation", f"mean_i |B_i − mean B|, {b}", "MAD", variation),
        ("min_BondLengthVariation", f"min_i B_i, {b}", "min", variation),
        ("max_BondLengthVariation", f"max_i B_i, {b}", "max", variation),
        (
            "var_CellVolume",
            "mean_i |V_i − mean V| / mean V, V_i = Σ_k A_ik d_ik / 6",
            "MAD / mean",
            "cell volume",
        ),
        ("MaxPackingEfficiency", "Σ_i (4/3) π (min_k d_ik / 2)³ / V", "sum", "inscribed-sphere volume"),
    ]


def _stoichiometry() -> list[tuple[str, str, str]]:
    """(name, formula, quantity) of the features that do not ask which elements are there; all are pure numbers."""
    norms = [(f"Comp_L{q}Norm", f"(Σ_e x_e^{q})^(1/{q})", "atomic fractions") for q in (2, 3, 5, 7, 10)]
    return [("NComp", "number of elements", "elements"), *norms]


def _electronic() -> list[tuple[str, str, str, tuple[str, ...]]]:
    """(name, formula, quantity, elemental properties) of valence and ionic features; all are pure numbers."""
    electrons = tuple(f"N{shell}Valence" for shell in "spdf")
    valence = [
        (f"frac_{shell}Valence", f"n_{shell} / Σ_l n_l, n_l = Σ_e x_e N_l,e", "valence electrons", electrons)
        for shell in "spdf"
    ]
    character = "I(e, e') = 1 − exp(−(X_e − X_e')² / 4)"
    ionic = (IONIC_ELECTRONEGATIVITY,)
    return [
        *valence,
        ("MaxIonicChar", f"max over e, e' of {character}", "ionic character", ionic),
        ("MeanIonicChar", f"Σ_e Σ_e' x_e x_e' I(e, e'), {character}", "ionic character", ionic),
    ]


_STEPS: dict[Walk, str] = {
    "self_avoiding": "steps 2 and 3 never enter an atom visited before",
    "no_reversal": "steps 2 and 3 never go back through the face just crossed",
}


def _order(walk: Walk) -> list[tuple[str, str, str, str]]:
    """(name, formula, statistic, quantity) of the features that walk over faces, or over oxidation states."""
    magnitude = (
        "mean_i mean_e |1 − q_s(i, e) / x_e|, q_s(i, e) the probability that step s = {} of a walk from site i, each "
        f"through face k with probability ∝ A_k, ends on element e; {_STEPS[walk]}"
    )
    ionic = "1 if the atoms of the cell can take oxidation states that add up to zero, else 0"
    return [
        *(
            (f"mean_WCMagnitude_Shell{s}", magnitude.format(s), "mean", "Warren-Cowley magnitude")
            for s in (1, 2, 3)
        ),
        ("CanFormIonic", ionic, "", "oxidation states"),
    ]


def block_features(walk: Walk = "self_avoiding") -> tuple[Feature, ...]:
    """Every number of the compiled block as a feature, in block order."""
    features: list[Feature] = []

    def add(
        name: str, unit: str, formula: str, source: Source, statistic: str, quantity: str, *needs: str
    ) -> None:
        features.append(Feature(name, unit, formula, source, statistic, quantity, needs, len(features)))

    for name, formula, statistic, quantity in _geometry():
        add(name, "1", formula, "cell geometry", statistic, quantity)
    for p in PROPERTIES:
        for prefix, statistic, formula in _DIFFERENCE_STATISTICS:
            formula += ", D_i = Σ_k w_ik |p_i − p_k|"
            name = f"{prefix}_NeighDiff_shell1_{p.label}"
            add(name, p.unit, formula, "neighbour differences", statistic, p.meaning, p.name)
    for name, formula, quantity in _stoichiometry():
        add(name, "1", formula, "composition", "", quantity)
    for p in PROPERTIES:
        for prefix, statistic, formula in _SITE_STATISTICS:
            add(f"{prefix}_{p.label}", p.unit, formula, "site properties", statistic, p.meaning, p.name)
    for name, formula, quantity, needs in _electronic():
        add(name, "1", formula, "composition", "", quantity, *needs)
    for name, formula, statistic, quantity in _order(walk):
        add(name, "1", formula, "chemical order", statistic, quantity)
    for symbol in SYMBOLS[1:]:
        add(f"frac_{symbol}", "1", f"x_{symbol}", "composition", "", "atomic fraction")
    for name, unit, formula, statistic, quantity, needs in scale_features():
        add(name, unit, formula, "scale", statistic, quantity, *needs)
    for name, unit, formula, statistic, quantity, needs in ionic_features():
        add(name, unit, formula, "ions", statistic, quantity, *needs)
    return tuple(features)


#: Positions of the four properties with a scale, for the compiled contacts.
SCALE_COLUMNS = tuple(
    next(i for i, p in enumerate(PROPERTIES) if p.name == name)
    for name in ("CovalentRadius", "Electronegativity", "GSvolume_pa", "NValence")
)

#: Positions of the s, p, d and f valence electrons among the properties, for the compiled reduction.
VALENCE_COLUMNS = tuple(
    next(i for i, p in enumerate(PROPERTIES) if p.name == f"N{shell}Valence") for shell in "spdf"
)
