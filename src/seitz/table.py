"""Results: named feature columns, with everything that went wrong beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._typing import FloatArray, PathLike
from .descriptors import Descriptor
from .errors import DescriptorError


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
    """A structure whose features rest on a missing elemental property."""

    index: int  # type: ignore[assignment]  # a row number, not tuple.index
    id: str
    message: str
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Feature vectors of a list of structures, in the order they were given.

    Attributes
    ----------
    values
        (n, n_features) float64; rows of failed structures are NaN.
    descriptor
        The schema of the columns.
    ids
        One identifier per row: file name, record id or position.
    failures, warnings
        Rows that failed, and rows touched by missing elemental properties.
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

    def __getitem__(self, name: str) -> FloatArray:
        """(n,) one feature of all structures."""
        try:
            return self.values[:, self.names.index(name)]
        except ValueError:
            raise DescriptorError(f"{self.descriptor.name} has no feature {name!r}; see .names") from None

    @property
    def metadata(self) -> dict[str, str]:
        """What files carry beside the numbers: descriptor and digest of its schema."""
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

        Raises
        ------
        WriteError
            The file cannot be written; an existing one is left as it was.
        """
        from .io import open_sink

        with open_sink(path, names=self.names, metadata=self.metadata) as sink:
            sink.append(self.ids, self.values)


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
