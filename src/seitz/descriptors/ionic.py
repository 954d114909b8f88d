"""The section of the block that takes a crystal for ions, in the order of native/ionic.hpp."""

from __future__ import annotations

from collections.abc import Iterator

from .scale import ScaleFeature

#: Formal charges q: of all choices of usual oxidation states (the most electronegative element negative, the least one
#: positive) the one with the lowest 3 |P − N| / max(P, N) + Σ_e x_e (p_e + 0.3 q_e (X_e − mean X)), where P and −N are
#: the sums of positive and of negative charges and p_e is 0.3 for a rare state; positive ones then scaled to balance.
_NEEDS = ("Electronegativity",)
_BOND_NEEDS = ("Electronegativity", "CovalentRadius")

_DUE = (
    "b_i = q_i + Σ_j q_j u_ji / Σ_k u_jk, over faces between charges of unlike sign, "
    "u_ij = exp((r_i + r_j − d_ij) / 0.37 Å)"
)
_EXCESS = (
    "e_i = Σ_k s_ik − |q_i|, s_ik = exp((R_ik − d_ik) / 0.37 Å) over faces between charges of unlike sign"
)
_VECTOR = (
    "g_i = |Σ_k s_ik n_ik|, s_ik = exp((R_ik − d_ik) / 0.37 Å) over faces between charges of unlike sign"
)


def _balance() -> Iterator[ScaleFeature]:
    """Pauling's electrostatic valence rule."""
    quantity = "charge balance by Pauling's rule"
    for role in ("Cation", "Anion"):
        mean = f"mean over {role.lower()}s of"
        for prefix, formula, statistic in (
            ("rms", f"({mean} b_i²)^(1/2)", "rms"),
            ("size", f"{mean} |b_i|", "mean of sizes"),
            ("max", f"max over {role.lower()}s of |b_i|", "max of sizes"),
            (
                "within",
                "mean_i |b_i − mean of b over sites of its element|, b = 0 for others",
                "MAD within elements",
            ),
            ("cov", f"mean_i b_i (q_i − {mean} q), b = 0 for others", "covariance with charge"),
        ):
            yield ScaleFeature(
                f"{prefix}_{role}Balance", "1", f"{formula}, {_DUE}", statistic, quantity, _BOND_NEEDS
            )


def _valences() -> Iterator[ScaleFeature]:
    """Bond valences; the first is the global instability index (Salinas-Sanchez et al., 1992)."""

    def add(name: str, formula: str, statistic: str) -> ScaleFeature:
        return ScaleFeature(name, "1", f"{formula}, {_EXCESS}", statistic, "bond-valence excess", _BOND_NEEDS)

    yield add("GlobalInstability", "(mean_i e_i²)^(1/2)", "rms")
    yield add("mean_ValenceExcess", "mean_i e_i", "mean")
    for role in ("Cation", "Anion"):
        over = f"over {role.lower()}s of"
        yield add(f"mean_{role}ValenceExcess", f"mean {over} e_i", "mean")
        yield add(f"rms_{role}ValenceExcess", f"(mean {over} e_i²)^(1/2)", "rms")
        yield add(f"var_{role}ValenceExcess", f"mean {over} |e_i − mean e|", "MAD")
        yield add(f"max_{role}ValenceExcess", f"max {over} e_i", "max")
        yield add(f"min_{role}ValenceExcess", f"min {over} e_i", "min")
    yield add(
        "within_ValenceExcess", "mean_i |e_i − mean of e over sites of its element|", "MAD within elements"
    )


def _vectors() -> Iterator[ScaleFeature]:
    quantity = "bond-valence vector"
    for role in ("Cation", "Anion"):
        over = f"over {role.lower()}s of"
        yield ScaleFeature(
            f"mean_{role}ValenceVector", "1", f"mean {over} g_i, {_VECTOR}", "mean", quantity, _BOND_NEEDS
        )
        yield ScaleFeature(
            f"var_{role}ValenceVector",
            "1",
            f"mean {over} |g_i − mean g|, {_VECTOR}",
            "MAD",
            quantity,
            _BOND_NEEDS,
        )
    yield ScaleFeature("mean_ValenceVector", "1", f"mean_i g_i, {_VECTOR}", "mean", quantity, _BOND_NEEDS)


def _potentials(charges: str, meaning: str) -> Iterator[ScaleFeature]:
    potential = f"φ_i = k Σ_j Q_j / r_ij by Ewald's sum, k = 14.3996 eV Å, Q the {meaning}"
    scale = "l = (V / N)^(1/3)"

    def add(name: str, unit: str, formula: str, statistic: str) -> ScaleFeature:
        return ScaleFeature(
            name, unit, f"{formula}, {potential}", statistic, f"electrostatic potential of {meaning}", _NEEDS
        )

    yield add(f"{charges}MadelungEnergy", "eV", "E = mean_i Q_i φ_i / 2", "mean")
    yield add(
        f"{charges}MadelungConstant", "1", f"E l / (k mean_i Q_i²), E = mean_i Q_i φ_i / 2, {scale}", "mean"
    )
    for role, sign in (("Positive", "Q_i > 0"), ("Negative", "Q_i < 0")):
        yield add(f"mean_{role}{charges}Potential", "eV", f"mean of φ_i over {sign}", "mean")
        yield add(f"var_{role}{charges}Potential", "eV", f"mean of |φ_i − mean φ| over {sign}", "MAD")
    within = "mean_i |φ_i − mean of φ over sites of its element|"
    yield add(f"within_{charges}Potential", "eV", within, "MAD within elements")
    yield add(f"rms_{charges}Potential", "eV", "(mean_i (φ_i − mean φ)²)^(1/2)", "rms")
    yield add(f"worst_{charges}Potential", "1", f"max over Q_i ≠ 0 of sign(Q_i) φ_i l / k, {scale}", "max")
    rest = "(mean_i (φ_i − mean φ − c Q_i)²)^(1/2) l, c = mean_i Q_i φ_i / mean_i Q_i²"
    yield add(f"rest_{charges}Potential", "eV Å", f"{rest}, {scale}", "rms")


def ionic_features() -> Iterator[ScaleFeature]:
    """All numbers of the section."""
    yield from _balance()
    yield from _valences()
    yield from _vectors()
    yield from _potentials("Formal", "formal charges")
    yield from _potentials("Polar", "lack of electronegativity, mean X − X_i")
