"""Structure files of every format, for the command to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import inputs

from seitz import Cell
from seitz.elements import SYMBOLS


def as_dict(cell: Cell, identifier: str) -> dict[str, object]:
    """The plain dictionary form."""
    return {
        "id": identifier,
        "lattice": cell.lattice.tolist(),
        "frac_coords": cell.frac_coords.tolist(),
        "atomic_numbers": cell.atomic_numbers.tolist(),
    }


def write_poscars(folder: Path, cells: Sequence[Cell]) -> Path:
    """One POSCAR file per cell, sites grouped by element, as VASP writes them."""
    folder.mkdir()
    for k, cell in enumerate(cells):
        order = cell.atomic_numbers.argsort(kind="stable")
        numbers = cell.atomic_numbers[order].tolist()
        kinds = sorted(set(numbers))
        vectors = [" ".join(f"{x:21.16f}" for x in row) for row in cell.lattice.tolist()]
        sites = [" ".join(f"{x:19.16f}" for x in row) for row in cell.frac_coords[order].tolist()]
        symbols, counts = " ".join(SYMBOLS[z] for z in kinds), " ".join(str(numbers.count(z)) for z in kinds)
        lines = [cell.formula, "1.0", *vectors, symbols, counts, "Direct", *sites]
        (folder / f"{k:05d}.vasp").write_text("\n".join(lines) + "\n")
    return folder


_CIF_HEAD = """data_{name}
_symmetry_space_group_name_H-M   '{group}'
_cell_length_a   {a:.8f}
_cell_length_b   {b:.8f}
_cell_length_c   {c:.8f}
_cell_angle_alpha   90.00000000
_cell_angle_beta   90.00000000
_cell_angle_gamma   90.00000000
_symmetry_Int_Tables_number   {number}
_chemical_formula_structural   {name}
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
{operations}
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
"""
_P1 = ["x, y, z"]
_P42_MNM = [
    "x, y, z", "-x, -y, z", "-y+1/2, x+1/2, z+1/2", "y+1/2, -x+1/2, z+1/2",
    "-x+1/2, y+1/2, -z+1/2", "x+1/2, -y+1/2, -z+1/2", "y, x, -z", "-y, -x, -z",
    "-x, -y, -z", "x, y, -z", "y+1/2, -x+1/2, -z+1/2", "-y+1/2, x+1/2, -z+1/2",
    "x+1/2, -y+1/2, z+1/2", "-x+1/2, y+1/2, z+1/2", "-y, -x, z", "y, x, z",
]  # fmt: skip


def write_cifs(folder: Path, cells: Sequence[Cell]) -> Path:
    """One CIF file per cell with orthogonal axes, all sites written out."""
    folder.mkdir()
    for k, cell in enumerate(cells):
        text = _cif(cell, "P 1", 1, _P1, range(len(cell)))
        (folder / f"{k:05d}.cif").write_text(text)
    return folder


def write_symmetric_cifs(folder: Path, n: int) -> Path:
    """σ phases with other elements: five sites and sixteen operations, 30 sites when expanded."""
    folder.mkdir()
    parent = inputs.sigma()
    first = (0, 2, 6, 14, 22)
    for k, five in enumerate(inputs.decorations(n, 5, 5)):
        numbers = parent.atomic_numbers.copy()
        numbers[list(first)] = five
        text = _cif(parent.replace(atomic_numbers=numbers), "P 42/m n m", 136, _P42_MNM, first)
        (folder / f"{k:05d}.cif").write_text(text)
    return folder


def _cif(cell: Cell, group: str, number: int, operations: Sequence[str], sites: Iterable[int]) -> str:
    a, b, c = cell.lattice.diagonal()
    numbered = "\n".join(f"  {k}  '{text}'" for k, text in enumerate(operations, start=1))
    head = _CIF_HEAD.format(name=cell.formula, group=group, number=number, a=a, b=b, c=c, operations=numbered)
    rows = []
    for site in sites:
        symbol = SYMBOLS[int(cell.atomic_numbers[site])]
        x, y, z = cell.frac_coords[site].tolist()
        rows.append(f"  {symbol}  {symbol}{site}  1  {x:.8f}  {y:.8f}  {z:.8f}  1")
    return head + "\n".join(rows) + "\n"


def write_jsonl(path: Path, cells: Iterable[Cell]) -> Path:
    """One line per cell."""
    with path.open("w") as file:
        for k, cell in enumerate(cells):
            file.write(json.dumps(as_dict(cell, f"s{k}")) + "\n")
    return path


def write_parquet(path: Path, cells: Sequence[Cell]) -> Path:
    """One row per cell, lists of numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    triples = pa.list_(pa.list_(pa.float64()))
    kinds = [("id", pa.string()), ("lattice", triples), ("frac_coords", triples)]
    schema = pa.schema([*kinds, ("atomic_numbers", pa.list_(pa.int32()))])
    rows = [as_dict(cell, f"s{k}") for k, cell in enumerate(cells)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
    return path
