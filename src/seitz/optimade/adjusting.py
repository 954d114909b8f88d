"""From a filter to a tuned model."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seitz._typing import PathLike
from seitz.errors import OptionError

from .fetching import fetch
from .provider import Provider, Target, TargetLike, as_provider, chosen_databases, chosen_target
from .table import OptimadeTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from seitz.models.card import ModelCard
    from seitz.tune import Tuned

_log = logging.getLogger(__name__)


def adjust(
    provider: str | Provider,
    filter: str,
    target: TargetLike | None = None,
    *,
    model: Any = "default",
    database: str | Sequence[str] | None = None,
    mix: bool = False,
    unit: str | None = None,
    base_url: str | None = None,
    limit: int | None = None,
    cache: PathLike | None = None,
    refresh: bool = False,
    page_limit: int = 100,
    timeout: float = 120.0,
    retries: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Tuned:
    """Adjust a model to what a provider has for a filter.

    The same as :func:`fetch`, and then :func:`adjust_to` with its table, whose warnings are logged.

    Parameters
    ----------
    provider, filter, target, database, mix, unit, base_url, limit, cache, refresh, page_limit, timeout, retries
        As for :func:`fetch`.
    model
        Name, file or object of an ONNX model of a dense network.
    progress
        Called as ``progress(what, done, total)``.
    **options
        Further ones of ``seitz.tune.adjust``, such as ``test``, ``networks`` or ``random_state``.

    Returns
    -------
    Tuned
        A model, with filter, provider and publications among its references, and a report.

    Raises
    ------
    OptimadeError
        As for :func:`fetch`.
    TuneError
        As for ``seitz.tune.adjust``.
    OptionError
        The unit of the targets is not known, or is not that of the model.
    """

    def told(done: int, total: int | None) -> None:
        if progress is not None:
            progress("fetching", done, max(done, total or 0))

    from seitz.models.predictions import as_model
    from seitz.tune.verbs import check

    check(**options)
    found = as_model(model)
    for entry in chosen_databases(as_provider(provider, base_url), database, mix=mix):
        _check_unit(chosen_target(entry, target, unit), found.card)
    table = fetch(
        provider, filter, target, database=database, mix=mix, unit=unit, base_url=base_url, limit=limit, cache=cache,
        refresh=refresh, page_limit=page_limit, timeout=timeout, retries=retries, progress=told,
    )  # fmt: skip
    for warning in table.warnings:
        _log.warning("%s", warning)
    return adjust_to(table, model=found, progress=progress, **options)


def adjust_to(table: OptimadeTable, *, model: Any = "default", **options: Any) -> Tuned:
    """Adjust a model to a fetched table, as ``seitz.tune.adjust`` does.

    Parameters
    ----------
    table
        What :func:`fetch` or :func:`read` gave.
    model, **options
        As for ``seitz.tune.adjust``; ids are those of the table, and its references come before yours.

    Raises
    ------
    OptionError
        The unit of the targets is not known, or is not that of the model.
    """
    from seitz import tune
    from seitz.models.predictions import as_model

    found = as_model(model)
    _check_unit(table.target, found.card)
    given = {"ids": _unique(table)} | options
    cited = given.get("references", ())
    if not isinstance(cited, str):  # which is refused there, and not taken for a list of letters
        given["references"] = tuple(dict.fromkeys((*references(table), *cited)))
    return tune.adjust(found, table.structures, table.targets, **given)


def references(table: OptimadeTable) -> Iterator[str]:
    """Where the values of a table are from: one line for each database, then the publications, most used first."""
    for source in table.provenance.sources:
        facts = [f"{table.provenance.provider} {source.database} ({source.base_url})", str(table.target)]
        facts += [source.functional] if source.functional else []
        facts += [f"filter {table.provenance.filter}"] if table.provenance.filter else []
        number = f"{source.n_received} records of {source.date}"
        if source.n_announced not in (None, source.n_received):
            number = f"{source.n_received} of {source.n_announced} records of {source.date}"
        yield ", ".join((*facts, f"{number}, sha256 {source.digest}"))
    counts = Counter(reference for cited in table.references for reference in cited)
    yield from (reference for reference, _ in counts.most_common())


def _check_unit(target: Target, card: ModelCard) -> None:
    if not target.path:
        raise OptionError("structures alone have no targets: fetch them with one")
    if not target.unit:
        raise OptionError(
            f"the unit of {target} is not known: name it as unit, {card.unit!r} if it is the model's"
        )
    if target.unit != card.unit:
        raise OptionError(
            f"{card.name} predicts in {card.unit}, and {target} is in {target.unit}: fetch a table, and transfer the "
            "model to its property"
        )


def _unique(table: OptimadeTable) -> tuple[str, ...]:
    """Ids of the provider, with the database where several are mixed."""
    if len(table.provenance.sources) == 1:
        return table.ids
    pairs = zip(table.databases, table.ids, strict=True)
    return tuple(f"{database}/{identifier}" for database, identifier in pairs)
