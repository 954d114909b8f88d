"""Environment rows and KS2022 statistics as plain NumPy, in the notation of the feature guide."""

from __future__ import annotations

import numpy as np

from seitz import Cell, Tessellation
from seitz.descriptors.schema import PROPERTIES
from seitz.elements import table


def property_rows(cell: Cell) -> np.ndarray:
    """(n_sites, n_properties) p_ij, occupancy-weighted, missing values as zero."""
    values = np.nan_to_num(table().values)
    return np.array(
        [
            sum(amount * values[e] for e, amount in cell.occupancies.get(i, {int(z): 1.0}).items())
            for i, z in enumerate(cell.atomic_numbers)
        ]
    )


def environment_rows(tessellation: Tessellation, p: np.ndarray) -> np.ndarray:
    """(n_sites, 5 + n_properties) coordination, bond length, its variation, volume, inscribed sphere, differences."""
    rows = []
    for i in range(len(tessellation)):
        k = tessellation.faces(i)
        area, distance, neighbour = (
            tessellation.areas[k],
            tessellation.distances[k],
            tessellation.neighbours[k],
        )
        w = area / area.sum()
        length = w @ distance
        rows.append(
            [
                area.sum() ** 2 / (area**2).sum(),
                length,
                w @ np.abs(distance - length) / length,
                area @ distance / 6,
                4 / 3 * np.pi * (distance.min() / 2) ** 3,
                *(w @ np.abs(p[i] - p[neighbour])),
            ]
        )
    return np.array(rows)


def mad(y: np.ndarray) -> float:
    return float(np.mean(np.abs(y - np.mean(y))))


def ks2022(cell: Cell, tessellation: Tessellation) -> dict[str, float]:
    """All features by name."""
    p = property_rows(cell)
    rows = environment_rows(tessellation, p)
    c, length, variation, volume, inscribed = rows[:, :5].T
    amounts = cell.amounts
    x = np.array(list(amounts.values())) / sum(amounts.values())
    elements = list(amounts)
    out: dict[str, float] = {}
    for label, y in (("EffectiveCoordination", c), ("BondLengthVariation", variation)):
        out |= {
            f"mean_{label}": y.mean(),
            f"var_{label}": mad(y),
            f"min_{label}": y.min(),
            f"max_{label}": y.max(),
        }
    relative = length / length.mean()
    out |= {"var_MeanBondLength": mad(relative), "min_MeanBondLength": relative.min()}
    out |= {"max_MeanBondLength": relative.max(), "var_CellVolume": mad(volume) / volume.mean()}
    out["MaxPackingEfficiency"] = inscribed.sum() / cell.volume
    values = np.nan_to_num(table().values)
    most = x > x.max() * (1 - 1e-9)
    for j, prop in enumerate(PROPERTIES[:21]):
        d, q, label = rows[:, 5 + j], p[:, j], prop.label
        out |= {f"mean_NeighDiff_shell1_{label}": d.mean(), f"var_NeighDiff_shell1_{label}": mad(d)}
        out |= {f"min_NeighDiff_shell1_{label}": d.min(), f"max_NeighDiff_shell1_{label}": d.max()}
        out[f"range_NeighDiff_shell1_{label}"] = np.ptp(d)
        out |= {f"mean_{label}": q.mean(), f"maxdiff_{label}": np.ptp(q), f"dev_{label}": mad(q)}
        out |= {f"max_{label}": q.max(), f"min_{label}": q.min()}
        out[f"most_{label}"] = float(
            np.mean([values[e, j] for e, m in zip(elements, most, strict=True) if m])
        )
    out["NComp"] = len(elements)
    out |= {f"Comp_L{q}Norm": float((x**q).sum() ** (1 / q)) for q in (2, 3, 5, 7, 10)}
    electrons = x @ values[elements][:, 8:12]
    out |= {f"frac_{s}Valence": electrons[k] / electrons.sum() for k, s in enumerate("spdf")}
    chi = table().ionic_electronegativity[elements]
    ionic = np.nan_to_num(1 - np.exp(-((chi[:, None] - chi) ** 2) / 4))
    out |= {"MaxIonicChar": ionic.max(), "MeanIonicChar": x @ ionic @ x}
    return out
