"""Tables of features with targets from files, arrays and structures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from seitz._typing import FloatArray
from seitz.descriptors import Descriptor, Walk
from seitz.descriptors import descriptor as find_descriptor
from seitz.elements import SYMBOLS
from seitz.errors import ReadError, TuneError
from seitz.table import FeatureTable

from .records import structures_in, unit_in, values_of
from .targets import Listed, number

#: Endings of tables.
TABLES = (".parquet", ".csv", ".npz", ".jsonl", ".csv.gz", ".csv.zst", ".jsonl.gz", ".jsonl.zst")
_VALUES = (".npy", ".txt", ".csv")


class Found(NamedTuple):
    """What was given, as a table."""

    table: FeatureTable
    targets: Any
    """Values or a mapping, still to be checked."""
    fractions: FloatArray | None
    """(n, 112) atomic fractions, where known."""
    remarks: tuple[str, ...] = ()
    """What to be careful with."""
    unit: str = ""
    """Of the targets, if a file says it."""


def as_table(given: Any, targets: Any, descriptor: str | Descriptor, walk: Walk | None) -> Found:
    """Features and targets of whatever was given.

    Raises
    ------
    TuneError
        Features of another schema, a missing column, or shapes that do not fit.
    ReadError
        A file that cannot be read.
    """
    if isinstance(given, FeatureTable):
        if descriptor:
            _check_schema(given, find_descriptor(descriptor, walk))
        return Found(given, _values_of(targets), _fractions(given))
    if isinstance(given, str | os.PathLike) and os.fspath(given).lower().endswith((*TABLES, ".npy")):
        if not Path(given).is_file():
            raise ReadError(f"{os.fspath(given)}: no such file")
        return _of_file(os.fspath(given), targets, descriptor, walk)
    if not descriptor:
        raise TuneError("say which features these are, as with descriptor='seitz'")
    chosen = find_descriptor(descriptor, walk)
    if isinstance(given, np.ndarray) and given.dtype.kind in "fiu":
        table = _of_array(given, chosen)
        return Found(table, _values_of(targets), _fractions(table))
    return _of_structures(given, targets, chosen)


def _values_of(targets: Any) -> Any:
    """Targets as they are, or those of a file of values."""
    if targets is None:
        raise TuneError("no targets: give an array, a mapping from ids to values, or the name of a column")
    if not isinstance(targets, str | os.PathLike):
        return targets
    if not _is_values(targets):
        raise TuneError(
            f"targets={os.fspath(targets)!r}: there is no such file of values ({', '.join(_VALUES)}); a column can be "
            f"named only of a file of rows ({', '.join(TABLES)})"
        )
    path = os.fspath(targets)
    if path.lower().endswith(".csv") and (column := _only_column(path)):
        return targets_from(path, column)
    return _arrays(path) if path.lower().endswith(".npy") else _lines_of(path)


def _only_column(path: str) -> str:
    """The column beside ``id`` in a CSV file; empty if its first line does not name such."""
    try:
        first = Path(path).read_text(encoding="utf-8-sig").partition("\n")[0]
    except (OSError, ValueError):
        return ""
    names = [name.strip() for name in first.split(",")]
    if "id" in names and len(names) > 2:
        raise TuneError(
            f"{path} has the columns {', '.join(map(repr, names))}: give the values of one, by id"
        )
    return next((name for name in names if name != "id"), "") if "id" in names else ""


def _lines_of(path: str) -> Any:
    """Values of a text file, one row a line, below a line of names if there is one.

    Lines that begin with # are none; one that is empty is a row without a value, unless only such ones follow.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig").rstrip()
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: no readable values: {error}") from None
    lines = [line.split(",") for line in text.splitlines() if not line.lstrip().startswith("#")]
    return lines[1:] if lines and all(map(_is_name, lines[0])) else lines


def _is_name(word: str) -> bool:
    """Whether a word is the name of a column, rather than a value that is missing or no finite number."""
    return word.strip().lower().lstrip("+-") not in ("", "nan", "inf", "infinity") and np.isnan(number(word))


def _is_values(targets: Any) -> bool:
    """Whether targets are the name of a file of values, rather than that of a column."""
    path = Path(targets) if isinstance(targets, str | os.PathLike) else Path()
    return path.suffix.lower() in _VALUES and path.is_file()


def _arrays(path: str) -> Any:
    """An array, or a mapping of arrays, of a file of NumPy."""
    try:
        with Path(path).open("rb") as stream:
            found = np.load(stream, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else dict(found.items())
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, BadZipFile):  # whose words speak of pickles
        raise ReadError(f"{path}: no arrays of numbers in the format of its name") from None


def _of_array(values: FloatArray, descriptor: Descriptor) -> FeatureTable:
    if values.ndim != 2 or values.shape[1] != len(descriptor):
        raise TuneError(
            f"features of shape {values.shape}: {descriptor.name} has {len(descriptor)} columns, give "
            f"(n, {len(descriptor)})"
        )
    ids = tuple(str(k) for k in range(len(values)))
    plain = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)  # what is masked is not known
    return FeatureTable(np.ascontiguousarray(plain), descriptor, ids)


def _of_file(path: str, targets: Any, descriptor: str | Descriptor, walk: Walk | None) -> Found:
    if path.lower().endswith(".npy"):
        return as_table(np.asarray(_arrays(path)), targets, descriptor, walk)
    records = structures_in(path) if descriptor else None
    if records is not None:
        named = isinstance(targets, str) and not _is_values(targets)
        values = values_of(path, records, targets) if named else targets
        ids = [str(record.get("id", k)) for k, record in enumerate(records)]
        found = _of_structures(records, values, find_descriptor(descriptor, walk), ids)
        return found._replace(unit=unit_in(path, targets) if named else "")
    ids, columns, metadata, extra = _columns(path)
    said, schema = metadata.get("seitz.descriptor", ""), metadata.get("seitz.schema", "")
    if not descriptor and not said:
        raise TuneError(f"{path} does not say which features it holds: descriptor='seitz', for example")
    chosen = find_descriptor(descriptor or said, walk)
    if schema and schema != chosen.digest:
        raise TuneError(
            f"{path} holds {said} of schema {schema}, not {chosen.name} of schema {chosen.digest}: featurize the "
            "structures again"
        )
    missing = [name for name in chosen.names if name not in columns]
    if len(missing) == len(chosen):
        raise TuneError(
            f"{path} holds neither structures nor features: none of its columns is one of {chosen.name}; "
            "'seitz featurize' makes a table of structures"
        )
    if missing:
        raise TuneError(f"{path} lacks {len(missing)} of {len(chosen)} {chosen.name} columns: {missing[0]!r}")
    features = np.column_stack([_as_numbers(columns[name]) for name in chosen.names])
    table = FeatureTable(features, chosen, tuple(ids))
    remarks = () if schema else (
        f"{path} does not say its schema: columns were taken for those of {chosen.name} by their names",
    )  # fmt: skip
    if isinstance(targets, str) and (targets in columns or targets in extra):
        return Found(table, columns.get(targets, extra.get(targets)), _fractions(table), remarks)
    if isinstance(targets, str) and not Path(targets).is_file():
        others = [name for name in (*columns, *extra) if name not in set(chosen.names)]
        raise TuneError(f"{path} has no column {targets!r}; there is {', '.join(others[:20]) or 'no other'}")
    return Found(table, _values_of(targets), _fractions(table), remarks)


def _columns(path: str) -> tuple[list[str], Mapping[str, Any], dict[str, str], Mapping[str, Any]]:
    """Ids, columns by name, metadata, and further arrays of a file."""
    from seitz.io.tables import read_table

    name = path.lower()
    if name.endswith(".npz"):
        arrays = _arrays(path)
        return _of_arrays(path, arrays if isinstance(arrays, dict) else {})
    if name.endswith(".parquet"):
        return _of_parquet(path)
    if ".csv" in name:
        return _of_csv(path)
    table = read_table(path)
    return table.ids, dict(zip(table.names, table.values.T, strict=True)), table.metadata, {}


def _of_arrays(
    path: str, arrays: Mapping[str, Any]
) -> tuple[list[str], Mapping[str, Any], dict[str, str], Mapping[str, Any]]:
    """An NPZ file of seitz, maybe with arrays of targets added; or one of others, with ``features``."""
    import json

    values = arrays.get("values", arrays.get("features"))
    if values is None or values.ndim != 2 or "names" not in arrays or len(arrays["names"]) != values.shape[1]:
        raise TuneError(f"{path} needs arrays 'values' (n, n_features) and 'names' (n_features,)")
    ids = [str(name) for name in np.atleast_1d(arrays.get("ids", np.arange(len(values))))]
    if len(ids) != len(values):
        raise TuneError(f"{path}: {len(ids)} ids do not fit {len(values)} rows")
    _check_single(path, [str(name) for name in arrays["names"]])
    columns = dict(zip((str(name) for name in arrays["names"]), values.T, strict=True))
    try:
        metadata = json.loads(str(arrays["metadata"])) if "metadata" in arrays else {}
    except ValueError:
        metadata = {}
    if not isinstance(metadata, dict):
        metadata = {}
    known = {"values", "features", "names", "ids", "metadata"}
    extra = {
        name: array
        for name, array in arrays.items()
        if name not in known and array.shape[:1] == (len(values),)
    }
    return ids, columns, metadata, extra


def _of_parquet(path: str) -> tuple[list[str], Mapping[str, Any], dict[str, str], Mapping[str, Any]]:
    """Numeric columns of a Parquet file, and others as they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        _check_single(path, pq.read_schema(path).names)  # which reading would fail of, at length
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ReadError(f"{path}: no readable table: {error}") from None
    metadata = {
        k.decode(errors="replace"): v.decode(errors="replace")
        for k, v in (table.schema.metadata or {}).items()
    }
    columns = {
        field.name: table.column(field.name).to_numpy().astype(np.float64)
        for field in table.schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    # What is no number is read as it is, so that its rows are set aside with what they say.
    extra = {
        field.name: np.array(table.column(field.name).to_pylist(), dtype=object)
        for field in table.schema
        if field.name not in columns and field.name != "id" and not pa.types.is_nested(field.type)
    }
    ids = table.column("id").to_pylist() if "id" in table.column_names else range(table.num_rows)
    return [str(name) for name in ids], columns, metadata, extra


def _of_csv(
    path: str, *, needs_ids: bool = False
) -> tuple[list[str], Mapping[str, Any], dict[str, str], Mapping[str, Any]]:
    """Columns of a CSV file; text that is no number is NaN, so that its row is set aside and counted."""
    import csv
    import io

    from seitz.io.streams import open_stream

    try:
        with open_stream(path) as stream:
            text = stream.read().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ReadError(f"{path}: no text in UTF-8: save it as such") from None
    except (ValueError, csv.Error) as error:
        raise ReadError(f"{path}: no readable table: {error}") from None
    header, body = ([name.strip() for name in rows[0]], rows[1:]) if rows else ([], [])
    if len(header) == 1 and (separators := set(header[0]) & set(";\t|")):
        raise ReadError(
            f"{path}: columns are separated by {min(separators)!r}: commas are needed, and points in numbers"
        )
    if any(len(row) != len(header) for row in body):
        line = next(k for k, row in enumerate(body) if len(row) != len(header))
        raise ReadError(f"{path}: row {line + 1} has {len(body[line])} fields, the header {len(header)}")
    if not header:
        raise ReadError(f"{path}: empty, not even a header")
    if needs_ids and "id" not in header:
        raise TuneError(
            f"{path} has no column 'id'; there is {', '.join(map(repr, header))}: whose values they are is not said"
        )
    _check_single(path, header)
    columns = {name: _floats([row[k] for row in body]) for k, name in enumerate(header) if name != "id"}
    ids = [row[header.index("id")] for row in body] if "id" in header else [str(k) for k in range(len(body))]
    return ids, columns, {}, {}


def _floats(texts: Sequence[str]) -> Any:
    """Numbers; the texts themselves where one is none, so that its row is set aside with what it says."""
    values = np.array([number(text) for text in texts])
    return np.array(texts, dtype=object) if np.isnan(values).any() else values


def _as_numbers(values: Any) -> FloatArray:
    """(n,) numbers of a column; NaN for text."""
    return np.array([number(v) for v in values] if values.dtype == object else values, dtype=np.float64)


def _check_single(path: str, names: Sequence[str]) -> None:
    """Refuse a table in which two columns have one name: which one is meant cannot be known."""
    twice = [name for name, n in Counter(names).items() if n > 1 and name]
    if twice:
        raise ReadError(f"{path}: two columns are called {twice[0]!r}: rename or remove one")


def _of_structures(
    structures: Any, targets: Any, descriptor: Descriptor, ids: Sequence[str] | None = None
) -> Found:
    """Features of structures; those that fail keep their row, which is set aside later."""
    from seitz.featurize import featurize
    from seitz.models.contents import with_contents

    values = _values_of(targets)  # before the work
    wide = featurize(structures, descriptor=with_contents(descriptor), on_error="record", ids=ids)
    own = FeatureTable(
        np.ascontiguousarray(wide.values[:, : len(descriptor)]),
        descriptor,
        wide.ids,
        wide.failures,
        wide.warnings,
    )
    return Found(own, values, wide.values[:, len(descriptor) : -1])


def _fractions(table: FeatureTable) -> FloatArray | None:
    """(n, 112) atomic fractions, if the descriptor has them."""
    known = {f.name: k for k, f in enumerate(table.descriptor.features) if f.quantity == "atomic fraction"}
    if not known:
        return None
    found = np.zeros((len(table), len(SYMBOLS) - 1))
    positions = sorted(known.values())
    found[:, : len(positions)] = table.values[:, positions]
    return found


def _check_schema(table: FeatureTable, wanted: Descriptor) -> None:
    if table.descriptor.digest != wanted.digest:
        raise TuneError(
            f"the table holds {table.descriptor.name} (schema {table.descriptor.digest}), the model takes "
            f"{wanted.name} (schema {wanted.digest})"
        )


def targets_from(path: str, column: str) -> Listed:
    """Values by id from a CSV file with a column ``id``; what is no number is left to its row to be set aside.

    Raises
    ------
    TuneError
        No such column.
    ReadError
        A file that cannot be read.
    """
    ids, columns, _, _ = _of_csv(path, needs_ids=True)
    if column not in columns:
        raise TuneError(f"{path} has no column {column!r}; there is {', '.join(columns) or 'no other'}")
    return Listed(ids, columns[column].tolist())
