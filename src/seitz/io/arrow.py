"""Arrow arrays from buffers: pyarrow's own constructor would first import pandas, where that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seitz._typing import FloatArray


def string_array(values: Sequence[str | None]) -> Any:
    """A string array; None is null."""
    import pyarrow as pa

    encoded = [b"" if text is None else text.encode() for text in values]
    ends = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=ends[1:])
    buffers = [_validity(values), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def float_array(values: FloatArray) -> Any:
    """An array of double precision, without nulls."""
    import pyarrow as pa

    return pa.Array.from_buffers(
        pa.float64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
    )


def array_of(values: Sequence[Any], kind: type) -> Any:
    """An array of ``str``, ``int``, ``float`` or ``bool``; None is null."""
    import pyarrow as pa

    if kind is str:
        return string_array(values)
    whole = np.array([kind() if value is None else kind(value) for value in values])
    if kind is bool:
        type_, data = pa.bool_(), np.packbits(whole.astype(bool), bitorder="little")
    else:
        type_, dtype = {int: (pa.int64(), np.int64), float: (pa.float64(), np.float64)}[kind]
        data = whole.astype(dtype)
    return pa.Array.from_buffers(type_, len(values), [_validity(values), pa.py_buffer(data.tobytes())])


def _validity(values: Sequence[Any]) -> Any:
    """One bit for each value, or nothing where there are no nulls."""
    import pyarrow as pa

    present = np.array([value is not None for value in values], dtype=bool)
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little").tobytes())
