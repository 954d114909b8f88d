"""Feed damaged files to the readers: only records may come out, and soon.

Run as ``python tests/io/fuzz_readers.py --format cif --seconds 300``. Exit code 0: nothing found. Otherwise
the input that failed is kept, and its path and the traceback are printed. A crash of the interpreter or a
hang inside compiled code keeps it too, since it is on the disk before it is read.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType

import numpy as np
from samples import (
    CIF_SYMMETRIC,
    COMPRESSORS,
    NACL,
    cif_text,
    extxyz_text,
    json_text,
    parquet_bytes,
    plain_dict,
    poscar_text,
    table_bytes,
)

from seitz.cell import Cell
from seitz.errors import SeitzError
from seitz.io import read_structures

HANG_SECONDS = 10
MEMORY_BYTES = 4 * 2**30

_NAMES = {
    "poscar": "POSCAR",
    "cif": "a.cif",
    "extxyz": "a.extxyz",
    "json": "a.json",
    "jsonl": "a.jsonl",
    "parquet": "a.parquet",
}
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][+-]?\d+)?")
_VALUES = (
    b"0", b"-1", b"1", b"nan", b"NaN", b"inf", b"-Infinity", b"1e400", b"-1e308", b"1e-320", b"999999999999",
    b"99999999999999999999999", b"1.0D+00", b"?", b".", b"1_0", b"0.333", b"T", b"null", b"[]", b"{}", b'""',
    b"'", b'"', b"Fe", b"X", b"Og", b"\xff", b"\x00", b"1(2)", b"2.5(", b"--1", b"0x10", b"4294967296",
    b"-0.0", b"120", b"1/3", b"2/3", b"0.667(2)",
)  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """Valid files of one format, with as many of its features as possible."""
    big = Cell(np.eye(3) * 9.0, np.random.default_rng(1).random((20, 3)), [26] * 20)
    if name == "poscar":
        text = poscar_text(NACL)
        moves = text.replace("Direct", "Selective dynamics\nCartesian").replace("\n0.", " T T F\n0.")
        old = re.sub(r"^(title)(.*)\nNa Na Cl O\n", r"Na Na Cl O\2\n", text, flags=re.DOTALL)
        extra = text.replace("1.0\n", "-100.0\n").replace("Na", "Na_pv/1a2b") + "\n0 0 0\n0 0 0\n"
        labelled = re.sub(r"(Direct\n)(.*)\n(.*)\n(.*)\n(.*)\n", r"\1\2 Na\n\3 Na1\n\4 Cl\n\5 O2-\n", text)
        texts = [text, moves, old, extra, labelled, text.replace("1.0\n", "1.0 2.0 0.5\n"), poscar_text(big)]
    elif name == "cif":
        operations = (
            "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,-y,-z'\n'x+1/2,y+1/2,z'\n'-x+1/2,-y+1/2,-z'\n"
        )
        named = CIF_SYMMETRIC.replace("'F m -3 m'", "'P m -3 m'")
        shared = named + "Fe1 Fe 0.5 0 0 0.5\nNi1 Ni 0.5 0 0 0.4\n"
        hexagonal = named.replace("'P m -3 m'", "'R -3 m :H'").replace("gamma 90", "gamma 120")
        number_only = CIF_SYMMETRIC.replace(
            "_symmetry_space_group_name_H-M 'F m -3 m'", "_space_group_IT_number 225"
        )
        texts = [cif_text(NACL), CIF_SYMMETRIC, shared, hexagonal, number_only, cif_text(big)]
        rounded = CIF_SYMMETRIC.replace("'F m -3 m'", "'P 63/m m c'").replace("gamma 90", "gamma 120")
        texts += [rounded + "Mg1 Mg 0.333 0.667 0.25 0.5\nMg2 Mg 1/3 2/3 0.2500 0.4\n"]
        texts += [cif_text(NACL) + operations, cif_text(NACL, "one") + CIF_SYMMETRIC]
    elif name == "extxyz":
        frame = extxyz_text(NACL)
        nested = re.sub(r'Lattice="(.*?)"', "Lattice=[[5,0,0],[0,5,0],[0,0,5]] id='x y'", frame)
        other = "2\nProperties=Z:I:1:tag:S:2:pos:R:3 Lattice={5 0 0 0 5 0 0 0 5} e=-1.5\n"
        other += "26 a b 0 0 0\n8 c d 1 2 3\n"
        texts = [frame, frame + frame, nested, other + frame, extxyz_text(big), frame + "\n\n"]
    elif name in ("json", "jsonl"):
        items = [plain_dict(NACL), plain_dict(big) | {"id": "x"}, *_other_dictionaries()]
        joined = "\n".join(map(json.dumps, items)) if name == "jsonl" else json.dumps(items)
        named = json.dumps({"a": items[0], "b": items[2]})
        texts = [json_text(NACL), *map(json.dumps, items), joined, json.dumps({"data": items[2:]}), named]
    else:
        rows = [NACL, big, NACL]
        plain = [parquet_bytes(rows), parquet_bytes(rows, flat=True, ids=["a", "b", "c"])]
        structures = [json.dumps(item) for item in _other_dictionaries()]
        texts_and_ids = {"structure": structures, "id": [str(index) for index in range(len(structures))]}
        nested = {"structure": [plain_dict(NACL), None], "material_id": [1, 2]}
        return [*plain, table_bytes(texts_and_ids), table_bytes(nested)]
    return [text.encode() for text in texts]


def _other_dictionaries() -> list[dict[str, object]]:
    sites = [{"species": [{"element": "Fe", "occu": 1}], "abc": [0, 0, 0.5]}]
    sites += [
        {"species": [{"element": "Ni", "occu": 0.5}, {"element": "Co", "occu": 0.5}], "abc": [0.5, 0, 0]}
    ]
    attributes = {
        "lattice_vectors": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
        "cartesian_site_positions": [[0, 0, 0], [1.5, 1.5, 1.5]],
        "species_at_sites": ["Fe", "mix"],
        "species": [
            {"name": "Fe", "chemical_symbols": ["Fe"], "concentration": [1.0]},
            {"name": "mix", "chemical_symbols": ["Ni", "vacancy"], "concentration": [0.5, 0.5]},
        ],
    }
    return [
        {"@class": "Structure", "lattice": {"matrix": [[3, 0, 0], [0, 3, 0], [0, 0, 3]]}, "sites": sites},
        {"id": "odbx/1", "type": "structures", "attributes": attributes},
        {"structure": {"lattice": {"matrix": np.eye(3).tolist()}, "sites": sites}, "material_id": "mp-1"},
        {"lattice": np.eye(3).tolist(), "cart_coords": [[0, 0, 0]], "symbols": ["Fe"]},
    ]


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A few random changes of one input."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        size = len(data)
        at, to = sorted((rng.randint(0, size), rng.randint(0, size)))
        kind = rng.randrange(9)
        if kind == 0 and size:  # flip one bit
            position = rng.randrange(size)
            data = data[:position] + bytes([data[position] ^ 1 << rng.randrange(8)]) + data[position + 1 :]
        elif kind == 1:  # cut the end
            data = data[:to]
        elif kind == 2:  # remove or repeat a piece
            data = data[:at] + data[at:to] * rng.choice((0, 0, 2, 3)) + data[to:]
        elif kind == 3:  # splice
            other = rng.choice(others)
            data = data[:at] + other[rng.randint(0, len(other)) :]
        elif kind in (4, 5):  # replace a number
            found = list(_NUMBER.finditer(data))
            if found:
                match = rng.choice(found)
                data = data[: match.start()] + rng.choice(_VALUES) + data[match.end() :]
        elif kind == 6:  # insert
            data = data[:at] + rng.choice((*_VALUES, bytes([rng.randrange(256)]), b"\n", b" ")) + data[at:]
        elif kind == 7:  # exchange lines
            lines = data.split(b"\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i] if rng.random() < 0.5 else lines[j]
            data = b"\n".join(lines)
        elif size:  # overwrite a few bytes
            position = rng.randrange(size)
            noise = rng.randbytes(rng.choice((1, 2, 4, 8)))
            data = data[:position] + noise + data[position + len(noise) :]
    return data[:100_000]


def check(path: Path, occupancy: str) -> None:
    """Read one file; AssertionError or any other exception is a finding."""
    for record in read_structures(path, occupancy=occupancy):  # type: ignore[arg-type]
        if record.error is None:
            assert isinstance(record.cell, Cell)
            assert len(record.cell) > 0
            assert np.isfinite(record.cell.volume)
        else:
            assert record.cell is None
            assert isinstance(record.error, SeitzError)
            assert str(record.error).startswith(record.source)
        record.id.encode()
        record.source.encode()


def _on_alarm(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no result after {HANG_SECONDS} s")


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> tuple[int, Path | None]:
    """Number of executions, and the input that failed or None."""
    rng = random.Random(seed)
    corpus = seeds(name)
    base = folder / _NAMES[name]
    deadline = time.monotonic() + seconds
    executions = 0
    signal.signal(signal.SIGALRM, _on_alarm)
    while time.monotonic() < deadline:
        data = rng.choice(corpus) if executions >= len(corpus) else corpus[executions]
        if executions >= len(corpus):
            data = mutate(data, corpus, rng)
        suffix = rng.choice(tuple(COMPRESSORS)) if rng.random() < 0.1 else ""
        if suffix:
            data = COMPRESSORS[suffix](data)
            data = mutate(data, corpus, rng) if rng.random() < 0.5 else data
        path = base.with_name(base.name + suffix)
        path.write_bytes(data)
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        faulthandler.dump_traceback_later(3 * HANG_SECONDS, exit=True)
        try:
            check(path, rng.choice(("raise", "average")))
        except Exception:
            traceback.print_exc()
            return executions, path
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        executions += 1
        path.unlink()
    return executions, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=[*_NAMES, "all"], default="all")
    parser.add_argument("--seconds", type=float, default=60.0, help="per format")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    faulthandler.enable()
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    failures = 0
    for name in _NAMES if options.format == "all" else [options.format]:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        sys.stdout.write(f"{name}: seed {seed}, inputs in {folder}\n")
        sys.stdout.flush()
        executions, failed = fuzz(name, options.seconds, seed, folder)
        sys.stdout.write(
            f"{name}: {executions} executions, {'failed: ' + str(failed) if failed else 'no finding'}\n"
        )
        if failed is None:
            folder.rmdir()
        failures += failed is not None
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
