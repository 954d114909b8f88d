"""Results: named feature columns, with everything that went wrong beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np

from ._typing import FloatArray, IndexArray, PathLike
from .descriptors import Descriptor
from .errors import DescriptorError, OptionError

if TYPE_CHECKING:
    from pathlib import Path

#: Row numbers, or one truth value per row.
RowChoice = Sequence[int] | np.ndarray

#: Columns of the files that stand beside a table, and their types; each is a field of a failure or warning.
FAILURE_COLUMNS: dict[str, type] = {"index": int, "id": str, "source": str, "error": str, "message": str}
WARNING_COLUMNS: dict[str, type] = {"index": int, "id": str, "source": str, "message": str}

_COMPRESSED = (".gz", ".zst")


class Failure(NamedTuple):
    """A structure that gave no features: its row is NaN."""

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    error: str
    """Name of the error class."""
    message: str
    source: str = ""
    """The file, with the line, block, item or row where it holds several structures; empty for objects in memory."""


class RowWarning(NamedTuple):
    """A structure whose features rest on doubtful input.

    ``kind`` is ``"missing"`` for a missing elemental property, ``"crowded"`` for atoms too close together,
    ``"averaged"`` for sites with averaged occupants, and empty for anything else.
    """

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    message: str
    source: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Feature vectors of a list of structures, in the order they were given.

    ``table["NComp"]`` is one column. ``table[2:5]``, ``table[[4, 0]]`` and ``table[mask]`` are tables of some of the
    rows, with their failures and warnings; rows are counted anew.

    Attributes
    ----------
    values
        (n, n_features) float64; rows of failed structures are NaN.
    descriptor
        The schema of the columns.
    ids
        One identifier per row: file name, record id or position.
    failures, warnings
        Rows that failed, and rows whose features rest on doubtful input.
    """

    values: FloatArray
    descriptor: Descriptor
    ids: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    warnings: tuple[RowWarning, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        trouble = f", {len(self.failures)} failed" if self.failures else ""
        return f"FeatureTable({len(self)} × {len(self.names)} {self.descriptor.name}{trouble})"

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return self.descriptor.names

    @overload
    def __getitem__(self, key: str) -> FloatArray: ...

    @overload
    def __getitem__(self, key: slice | RowChoice) -> FeatureTable: ...

    def __getitem__(self, key: str | slice | RowChoice) -> FloatArray | FeatureTable:
        """(n,) one feature of all structures, by its name; or the table of some rows.

        Rows are chosen with a slice, a list or array of row numbers, or a mask with one truth value per row.

        Raises
        ------
        DescriptorError
            No feature has this name.
        OptionError
            A key that is none of these, such as a single row number.
        IndexError
            A row number outside the table.
        """
        if not isinstance(key, str):
            return self._rows(
                row_numbers(
                    key, len(self), "the features of row 3 are table.values[3]", "the name of one feature, "
                )
            )
        try:
            return self.values[:, self.names.index(key)]
        except ValueError:
            raise DescriptorError(f"{self.descriptor.name} has no feature {key!r}; see .names") from None

    def _rows(self, rows: IndexArray) -> FeatureTable:
        numbers = rows.tolist()
        ids = tuple(self.ids[row] for row in numbers)
        failures, warnings = moved(self.failures, numbers), moved(self.warnings, numbers)
        return FeatureTable(self.values[rows], self.descriptor, ids, failures, warnings)

    @property
    def metadata(self) -> dict[str, str]:
        """Descriptor and digest of its schema: what Parquet and NPZ files carry beside the numbers."""
        return {"seitz.descriptor": self.descriptor.name, "seitz.schema": self.descriptor.digest}

    def to_pandas(self) -> Any:
        """A pandas ``DataFrame``, ids as index; needs pandas."""
        from ._optional import load_optional

        pandas = load_optional("pandas", "pandas")
        index = pandas.Index(list(self.ids), name="id")
        return pandas.DataFrame(self.values.copy(), columns=list(self.names), index=index)

    def to_arrow(self) -> Any:
        """A pyarrow ``Table``: ``id``, then one double column per feature; descriptor and digest as metadata."""
        import pyarrow as pa

        columns = [pa.array(self.ids, pa.string()), *(pa.array(column) for column in self.values.T)]
        return pa.table(columns, names=["id", *self.names]).replace_schema_metadata(self.metadata)

    def write(self, path: PathLike) -> None:
        """Write to Parquet, CSV, NPZ or JSON lines, by the file name; complete or not at all.

        If rows failed, they are listed in a file beside it, ``features.failures.csv`` for ``features.csv``, and
        warnings in ``features.warnings.csv``, as the command does. Such a file of an earlier table is removed where
        there is nothing to list. They appear together, the table last. Only Parquet and NPZ have a place for
        :attr:`metadata`.

        Raises
        ------
        WriteError
            A file cannot be written, or one with the name of a list is of no earlier table; all stay as they were.
        OptionError
            The file name belongs to no format.
        """
        from .io.results import write_results

        write_results(path, self)


def sibling(path: PathLike, kind: str) -> Path:
    """Name of a file beside a table: of its ``"failures"``, its ``"warnings"``, or of another kind.

    Examples
    --------
    >>> sibling("features.csv.gz", "failures").name
    'features.failures.csv.gz'
    """
    from pathlib import Path  # slow to import, and only needed here

    table = Path(path)
    suffix = table.suffix
    if suffix.lower() in _COMPRESSED:
        suffix = Path(table.stem).suffix + suffix
    return table.with_name(f"{table.name.removesuffix(suffix)}.{kind}{suffix}")


def row_numbers(key: slice | RowChoice, n_rows: int, hint: str, also: str = "") -> IndexArray:
    """Rows that a slice, row numbers or a mask choose, counted from the beginning."""
    if isinstance(key, slice):
        return np.arange(n_rows)[key]
    try:
        chosen = np.asarray(key)
    except ValueError:  # lists of different lengths
        chosen = np.asarray(None)
    if chosen.ndim == 1 and not chosen.size:
        return np.empty(0, dtype=np.int64)
    if chosen.ndim != 1 or chosen.dtype.kind not in "biu":
        raise OptionError(f"table[{key!r:.60}]: give {also}a slice, row numbers or a mask of rows; {hint}")
    if chosen.dtype.kind == "b":
        if len(chosen) != n_rows:
            raise OptionError(f"a mask of {len(chosen)} truth values does not fit {n_rows} rows")
        return np.flatnonzero(chosen)
    wrong = (chosen < -n_rows) | (chosen >= n_rows)
    if wrong.any():
        raise IndexError(f"row {chosen[wrong][0]} of {n_rows}")
    numbers = chosen.astype(np.int64)
    return np.where(numbers < 0, numbers + n_rows, numbers)


_Entry = TypeVar("_Entry")


def moved(entries: Sequence[_Entry], rows: Sequence[int]) -> tuple[_Entry, ...]:
    """Failures, warnings or doubts of some rows, in the order of the rows and with their new numbers."""
    if not entries:
        return ()
    by_row: dict[int, list[Any]] = {}
    for entry in entries:
        by_row.setdefault(entry.index, []).append(entry)  # type: ignore[attr-defined]  # all have an index
    return tuple(entry._replace(index=new) for new, old in enumerate(rows) for entry in by_row.get(old, ()))


def concatenate(tables: Sequence[FeatureTable]) -> FeatureTable:
    """One table from consecutive parts of the same descriptor."""
    ids: list[str] = []
    failures: list[Failure] = []
    warnings: list[RowWarning] = []
    for part in tables:
        start = len(ids)
        failures.extend(f._replace(index=f.index + start) for f in part.failures)
        warnings.extend(w._replace(index=w.index + start) for w in part.warnings)
        ids.extend(part.ids)
    values = np.concatenate([part.values for part in tables])
    return FeatureTable(values, tables[0].descriptor, tuple(ids), tuple(failures), tuple(warnings))
