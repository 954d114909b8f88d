"""Small structures and their text in every format, shared by the tests and the fuzzer."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from seitz.cell import Cell
from seitz.elements import SYMBOLS
from seitz.io import Record, read_structures

#: Properties of files: one folder serves all examples, and the first one imports the libraries.
FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NACL = Cell(
    np.eye(3) * 5.64 + np.array([[0, 0.1, 0], [0, 0, -0.2], [0.3, 0, 0]]),
    [[0, 0, 0], [0.25, 0.5, 0], [0.5, 0.5, 0.5], [0.1, -0.2, 0.7]],
    [11, 11, 17, 8],
)

CIF_SYMMETRIC = """data_NaCl
_symmetry_space_group_name_H-M 'F m -3 m'
_cell_length_a 5.640(2)
_cell_length_b 5.640(2)
_cell_length_c 5.640(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na+ 0 0 0 1
Cl1 Cl- 0.5 0.5 0.5 1.0
"""

#: Pieces of CIF files: an orthogonal cell, the columns of atoms, a symbol of a space group.
CIF_HEAD = """data_a
_cell_length_a 5
_cell_length_b 5
_cell_length_c 5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
"""
CIF_COLUMNS = "loop_\n_atom_site_label\n_atom_site_type_symbol\n" + "".join(
    f"_atom_site_fract_{x}\n" for x in "xyz"
)
CIF_OCCUPIED = CIF_COLUMNS + "_atom_site_occupancy\n"
CIF_SYMBOL = "_symmetry_space_group_name_H-M '{}'\n"


def number(value: float) -> str:
    """Text that reads back as the same double."""
    return repr(float(value))


def vector(values: Sequence[float]) -> str:
    return " ".join(map(number, values))


def poscar_text(cell: Cell) -> str:
    symbols = [SYMBOLS[z] for z in cell.atomic_numbers]
    lines = [
        "title",
        "1.0",
        *map(vector, cell.lattice),
        " ".join(symbols),
        " ".join("1" for _ in symbols),
        "Direct",
    ]
    return "\n".join([*lines, *map(vector, cell.frac_coords)]) + "\n"


def cif_text(cell: Cell, name: str = "block") -> str:
    a, b, c = np.linalg.norm(cell.lattice, axis=1)
    u, v, w = cell.lattice
    angles = [np.degrees(np.arccos(np.dot(p, q) / np.linalg.norm(p) / np.linalg.norm(q))) for p, q in
              ((v, w), (u, w), (u, v))]  # fmt: skip
    lines = [f"data_{name}"]
    lines += [f"_cell_length_{axis} {number(x)}" for axis, x in zip("abc", (a, b, c), strict=True)]
    lines += [
        f"_cell_angle_{axis} {number(x)}" for axis, x in zip(("alpha", "beta", "gamma"), angles, strict=True)
    ]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    for site, (z, x) in enumerate(zip(cell.atomic_numbers, cell.frac_coords, strict=True)):
        lines.append(f"{SYMBOLS[z]}{site} {SYMBOLS[z]} {vector(x)}")
    return "\n".join(lines) + "\n"


def extxyz_text(cell: Cell) -> str:
    lattice = vector(cell.lattice.ravel())
    lines = [str(len(cell)), f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"']
    lines += [f"{SYMBOLS[z]} {vector(x)}" for z, x in zip(cell.atomic_numbers, cell.cart_coords, strict=True)]
    return "\n".join(lines) + "\n"


def plain_dict(cell: Cell) -> dict[str, object]:
    return {
        "lattice": cell.lattice.tolist(),
        "frac_coords": cell.frac_coords.tolist(),
        "atomic_numbers": cell.atomic_numbers.tolist(),
    }


def json_text(cell: Cell) -> str:
    return json.dumps(plain_dict(cell))


def parquet_bytes(cells: Sequence[Cell], *, flat: bool = False, ids: Sequence[str] | None = None) -> bytes:
    columns: dict[str, object] = {
        key: [plain_dict(cell)[key] for cell in cells] for key in plain_dict(cells[0])
    }
    if flat:
        for key in ("lattice", "frac_coords"):
            columns[key] = [np.ravel(value).tolist() for value in columns[key]]  # type: ignore[attr-defined]
    if ids is not None:
        columns["id"] = list(ids)
    return table_bytes(columns)


def table_bytes(columns: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


#: File name and content of one structure in each format.
WRITERS = {
    "poscar": ("POSCAR", lambda cell: poscar_text(cell).encode()),
    "cif": ("a.cif", lambda cell: cif_text(cell).encode()),
    "extxyz": ("a.extxyz", lambda cell: extxyz_text(cell).encode()),
    "json": ("a.json", lambda cell: json_text(cell).encode()),
    "jsonl": ("a.jsonl", lambda cell: (json_text(cell) + "\n").encode()),
    "parquet": ("a.parquet", lambda cell: parquet_bytes([cell])),
}

COMPRESSORS = {
    "": lambda data: data,
    ".gz": lambda data: gzip.compress(data, 1),
    ".zst": lambda data: zstd(data),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def read(folder: Path, name: str, content: str | bytes, **options: object) -> list[Record]:
    """Records of a file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_structures(path, **options))  # type: ignore[arg-type]


def only_cell(records: list[Record]) -> Cell:
    assert len(records) == 1, records
    assert records[0].error is None, records[0].error
    assert records[0].cell is not None
    return records[0].cell


def only_error(records: list[Record]) -> Exception:
    assert len(records) == 1, records
    assert records[0].cell is None
    assert records[0].error is not None
    assert str(records[0].error).startswith(records[0].source)
    return records[0].error


@st.composite
def cells(draw: st.DrawFn, max_sites: int = 8) -> Cell:
    """Cells with lattices far from singular, coordinates of any sign, and no coincident sites."""
    lengths = draw(st.lists(st.floats(1.0, 50.0), min_size=3, max_size=3))
    shear = draw(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3))
    lattice = np.diag(lengths) @ np.array([[1, 0, 0], [shear[0], 1, 0], [shear[1], shear[2], 1]])
    n_sites = draw(st.integers(1, max_sites))
    coords = np.reshape(draw(st.lists(st.floats(-2, 2), min_size=3 * n_sites, max_size=3 * n_sites)), (-1, 3))
    coords[:, 0] = (np.arange(n_sites) + coords[:, 0] / 8) / n_sites  # no two sites at one position
    numbers = draw(st.lists(st.integers(1, 112), min_size=n_sites, max_size=n_sites))
    return Cell(lattice, coords, numbers)
