"""What was fetched: structures with their targets, where they are from, and what is not among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from seitz._optional import load_optional
from seitz._typing import FloatArray, PathLike
from seitz.cell import Cell
from seitz.featurize import featurize
from seitz.table import FeatureTable

from .provider import Target
from .records import Skipped, counted


class Source(NamedTuple):
    """One database as it was when it was asked."""

    database: str
    base_url: str
    functional: str
    """Exchange and correlation behind the targets, or another origin; empty if it is not known."""
    date: str
    """Day (UTC) on which the first page came."""
    api_version: str
    n_received: int
    """Records that came, also those that were skipped."""
    n_announced: int | None
    """Records that match, as the provider says."""
    digest: str
    """SHA-256 of the records as they came."""


class Provenance(NamedTuple):
    """Where a table is from."""

    provider: str
    filter: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OptimadeTable:
    """Structures of a provider, with the values of one property, in the provider's order.

    Attributes
    ----------
    structures
        (n,) cells.
    targets
        (n,) float64, in ``unit``; NaN if no target was asked for.
    target
        What the targets are: path, property, unit, functional; empty where nobody has said.
    ids, databases
        Of each record, as the provider says; ids are unique within a database.
    references
        DOIs of the publications behind each record, often none.
    skipped
        Records that came and are not here, each with the reason.
    warnings
        What the provider had to say, and where the list is not what it announced.
    provenance
        Where all this is from.
    """

    structures: tuple[Cell, ...]
    targets: FloatArray
    target: Target
    ids: tuple[str, ...]
    databases: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.structures)

    def __repr__(self) -> str:
        what = ", ".join(filter(None, (self.target.property, self.unit))) or "structures"
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"OptimadeTable({len(self)} × {what}, from {self.provenance.provider}{skipped})"

    @property
    def unit(self) -> str:
        """Unit of the targets; empty if nobody has said it."""
        return self.target.unit

    @property
    def names(self) -> tuple[str, ...]:
        """(n,) reduced formula and id, as ``NaCl-mp-22862``."""
        pairs = zip(self.structures, self.ids, strict=True)
        return tuple(f"{cell.formula_unit[0]}-{identifier}" for cell, identifier in pairs)

    @property
    def reasons(self) -> dict[str, int]:
        """How many records were skipped for each reason, most first."""
        return counted(self.skipped)

    def featurize(self, *, descriptor: str = "ks2022", **options: Any) -> FeatureTable:
        """Feature vectors of the structures, one row each; those that fail keep their row.

        Parameters
        ----------
        descriptor, **options
            As for :func:`seitz.featurize`; failures are listed in the table unless ``on_error="raise"``.
        """
        chosen: dict[str, Any] = {"on_error": "record", "ids": self.ids} | options
        return featurize(self.structures, descriptor=descriptor, **chosen)

    def to_pandas(self) -> Any:
        """A pandas ``DataFrame`` with a row for each structure, which it holds too; ids as index; needs pandas."""
        pandas = load_optional("pandas", "pandas")
        columns = {
            "name": self.names,
            "database": self.databases,
            "structure": self.structures,
            "target": self.targets.copy(),
            "references": self.references,
        }
        index = pandas.Index(list(self.ids), name="id")
        return pandas.DataFrame(
            {k: pandas.Series(list(v), index=index) for k, v in columns.items()}, index=index
        )

    def to_arrow(self) -> Any:
        """A pyarrow ``Table``: what :meth:`write` puts into Parquet."""
        from .files import to_arrow

        return to_arrow(self)

    def write(self, path: PathLike) -> None:
        """Write to Parquet, which holds everything, or to CSV, which has no structures; complete or not at all.

        :func:`seitz.optimade.read` gives the table of a Parquet file back, and :func:`seitz.featurize`, ``seitz
        featurize`` and ``seitz predict`` take it as a file of structures. CSV also lists the records that were
        skipped, with the reason.

        Raises
        ------
        WriteError
            The file cannot be written; an older one stays as it was.
        OptionError
            The file name belongs to no such format.
        """
        from .files import write

        write(path, self)
