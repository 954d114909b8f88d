"""Recognises results: tables of features or predictions, with the lists and pictures beside them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from seitz.descriptors import descriptors
from seitz.table import FAILURE_COLUMNS, WARNING_COLUMNS

#: Endings of the names that results have.
RESULT_NAMES = (
    ".parquet",
    ".npz",
    ".csv",
    ".csv.gz",
    ".csv.zst",
    ".jsonl",
    ".jsonl.gz",
    ".jsonl.zst",
    ".svg",
)

#: By this, pictures are known that were drawn beside a table.
PICTURE_MARK = 'data-from="seitz"'

_SIBLINGS = {".failures.": tuple(FAILURE_COLUMNS), ".warnings.": tuple(WARNING_COLUMNS)}
_PREDICTIONS = re.compile(r"id,(value|value_0(,value_\d+)+),lower,upper,in_domain,doubt")
_HEAD_BYTES = 65536
_SHOWN_NAMES = 3  # feature names in a row that leave no doubt


def holds_results(path: str) -> bool:
    """Whether a file is a table of features or predictions, or a list of failures or warnings or a picture of one."""
    name = os.path.basename(path).lower()  # noqa: PTH119  # unlike Path, it takes any name
    suffix = next((known for known in RESULT_NAMES if name.endswith(known)), None)
    if suffix is None or not os.path.isfile(path):  # noqa: PTH113  # opening a pipe would wait for its writer
        return False
    mark = max(_SIBLINGS, key=name.rfind)  # the last: o.failures.csv may have a list of warnings, too
    columns = _SIBLINGS[mark] if mark in name else ()
    try:
        return _LOOK_INSIDE[suffix.split(".")[1]](path, columns)
    except Exception:  # whatever is wrong with the file, reading it as an input says it
        return False


def _in_parquet(path: str, columns: tuple[str, ...]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    if (columns and tuple(schema.names) == columns) or _are_of_predictions(schema.names):
        return True
    # Structures that somebody put beside the features would be columns of another type.
    numbers = all(field.name == "id" or pa.types.is_float64(field.type) for field in schema)
    return numbers and b"seitz.descriptor" in (schema.metadata or {})


def _in_npz(path: str, columns: tuple[str, ...]) -> bool:
    import numpy as np

    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:  # noqa: PTH123
        arrays = [name for name in archive.files if name != "metadata"]
        if (columns and set(archive.files) == set(columns)) or _are_of_predictions(arrays):
            return True
        if set(archive.files) != {"ids", "names", "values", "metadata"}:
            return False
        small = archive.zip.getinfo("metadata.npy").file_size <= _HEAD_BYTES
        return small and '"seitz.descriptor"' in str(archive["metadata"])


def _in_csv(path: str, columns: tuple[str, ...]) -> bool:
    header = _first_line(path).rstrip(b"\r\n")
    if (columns and header == ",".join(columns).encode()) or _are_of_predictions(
        [header.decode(errors="replace")]
    ):
        return True
    return any(
        header.startswith(",".join(["id", *known.names[:_SHOWN_NAMES]]).encode() + b",")
        for known in descriptors().values()
    )


def _in_jsonl(path: str, columns: tuple[str, ...]) -> bool:
    line = _first_line(path)
    if columns and _object_with(columns).fullmatch(line.rstrip()):
        return True
    if line.startswith(b'{"id": ') and _are_of_predictions(json.loads(line)):
        return True
    return any(
        _object_with(("id", *known.names[:_SHOWN_NAMES]), more=True).match(line)
        for known in descriptors().values()
    )


def _in_svg(path: str, columns: tuple[str, ...]) -> bool:
    return PICTURE_MARK.encode() in _first_line(path)


def _are_of_predictions(names: Iterable[str]) -> bool:
    return _PREDICTIONS.fullmatch(",".join(names)) is not None


def _first_line(path: str) -> bytes:
    from .streams import open_stream

    with open_stream(path) as stream:
        return stream.readline(_HEAD_BYTES)


@cache
def _object_with(keys: tuple[str, ...], *, more: bool = False) -> re.Pattern[bytes]:
    """Beginning of a JSON object with these keys in this order, and plain values."""
    value = r'(?:"(?:[^"\\]|\\.)*"|[^",{}\[\]]+)'
    pairs = r"\s*,\s*".join(rf'"{re.escape(key)}"\s*:\s*{value}' for key in keys)
    return re.compile((r"\{\s*" + pairs + (r"\s*," if more else r"\s*\}")).encode())


_LOOK_INSIDE: dict[str, Callable[[str, Any], bool]] = {
    "parquet": _in_parquet,
    "npz": _in_npz,
    "csv": _in_csv,
    "jsonl": _in_jsonl,
    "svg": _in_svg,
}
