"""Which format a file has: by its name first, by what it begins with where the name says nothing."""

# Called for every file of large folders, with names that may be undecodable: plain strings, no Path.
# ruff: noqa: PTH119, PTH120, PTH122

from __future__ import annotations

import os
import re
from typing import Literal, get_args

FormatName = Literal["poscar", "cif", "extxyz", "json", "jsonl", "parquet"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)

#: Bytes of a file that are enough to recognise its content.
SNIFFED_BYTES = 65536

_COMPRESSION = re.compile(r"\.(gz|zst|zstd|bz2|xz)$", re.IGNORECASE)
_BY_SUFFIX: dict[str, FormatName] = {
    ".cif": "cif",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".poscar": "poscar",
    ".contcar": "poscar",
    ".vasp": "poscar",
}
_CIF = re.compile(rb"^[ \t]*data_.*^[ \t]*_cell_length_a\s", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_EXTXYZ = re.compile(rb"\A\s*\d+[ \t]*\r?\n[^\n]*\bLattice\s*=", re.IGNORECASE)


def format_by_name(path: str) -> FormatName | None:
    """Format that the file name declares, under any compression suffix; None if it declares none.

    Examples
    --------
    >>> format_by_name("0-Cr8Fe18Ni4.POSCAR"), format_by_name("CONTCAR_relaxed.gz"), format_by_name("OUTCAR")
    ('poscar', 'poscar', None)
    """
    name = _COMPRESSION.sub("", os.path.basename(path)).lower()
    by_suffix = _BY_SUFFIX.get(os.path.splitext(name)[1])
    if by_suffix is not None:
        return by_suffix
    if name.startswith(("poscar", "contcar")) or name.endswith(("poscar", "contcar")):
        return "poscar"
    return None


def format_by_content(head: bytes) -> FormatName | None:
    """Format of a file from its first bytes, only where they leave no doubt."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if _EXTXYZ.search(head):
        return "extxyz"
    if _CIF.search(head):
        return "cif"
    return None


def stem(path: str) -> str:
    """File name without the suffixes of compression and format; a bare POSCAR or CONTCAR keeps its folder's name.

    Examples
    --------
    >>> stem("runs/NaCl.cif.gz"), stem("POSCAR.1"), stem("runs/7/POSCAR")
    ('NaCl', 'POSCAR.1', '7/POSCAR')
    """
    name = _COMPRESSION.sub("", os.path.basename(path))
    if name.lower() in ("poscar", "contcar"):  # one folder per calculation: there the folder is the name
        folder = os.path.basename(os.path.dirname(path))
        return f"{folder}/{name}" if folder else name
    base, suffix = os.path.splitext(name)
    return base if suffix.lower() in _BY_SUFFIX else name
