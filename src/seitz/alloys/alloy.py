"""Random solid solutions: from lattices and compositions to vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from seitz._typing import FloatArray, IntArray
from seitz.batch import ErrorPolicy
from seitz.descriptors import Descriptor
from seitz.descriptors import descriptor as find_descriptor
from seitz.errors import DescriptorError, OptionError, SeitzError
from seitz.missing import MissingPolicy, apply_policy
from seitz.table import Failure, FeatureTable
from seitz.tessellation import thread_count

from .composition import Composition, as_composition
from .exact import exact_features
from .lattice import AlloyLattice, as_alloy_lattice
from .result import RandomAlloy, RandomAlloys
from .sampled import Criteria, Ensemble, sample
from .tables import TableRow, naming

Mode = Literal["sampled", "exact"]


class _Options(NamedTuple):
    mode: Mode
    descriptor: Descriptor
    criteria: Criteria
    n_sites: int | None
    missing: MissingPolicy
    seed: Any


class _Job(NamedTuple):
    number: int
    id: str
    lattice: AlloyLattice | SeitzError
    composition: Any


def featurize_random(
    lattice: Any,
    composition: Any,
    *,
    mode: Mode = "sampled",
    seed: int | None = None,
    descriptor: str | Descriptor = "ks2022",
    minimum_sites_per_expansion: int = 50,
    composition_criterion: float = 0.01,
    minimum_occurrences: int = 10,
    feature_criterion: float = 0.005,
    max_expansions: int = 2000,
    n_sites: int | None = None,
    missing: MissingPolicy = "zero",
    names: Sequence[str] | None = None,
    on_error: ErrorPolicy = "raise",
    n_threads: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Any:
    """Feature vectors of random solid solutions on a lattice (section 5 of Comput. Mater. Sci. 247, 113495).

    Parameters
    ----------
    lattice
        Name of a prototype, a prototype, or any structure, whose species are ignored; or a list of them.
    composition
        A formula (``"Hf2.5Zr1Ti25"``), amounts by element, a pymatgen ``Composition``; or a mapping from the lattice's
        sublattices (``"2a"``, ``"8i1"``) to such compositions; or a list of any of them; or a mapping from names to
        them as :func:`read_compositions` returns. Lists are combined, every lattice with every composition.
    mode
        ``"sampled"`` grows an ensemble of random fillings until every criterion is met. ``"exact"`` gives the limit of
        an infinite ensemble, without noise.
    seed
        Makes a sampled result repeatable, whatever the number of threads.
    descriptor
        ``"ks2022"``, or another one without walks.
    minimum_sites_per_expansion
        The lattice is doubled along its axes in turn until it has so many sites, and no site is its own neighbour or
        another's neighbour twice.
    composition_criterion
        Largest mean deviation of the ensemble's fractions from the target's.
    minimum_occurrences
        How often every element of the target must have occurred.
    feature_criterion
        Largest change of any feature over the last three ensembles, in units of its range over known materials.
    max_expansions
        Where sampling ends without having met the criteria; the result says so.
    n_sites
        In exact mode, report the extremes of neighbour differences expected among so many sites, as models know them
        from finite cells, instead of their limits.
    missing, n_threads
        As for :func:`seitz.featurize`.
    names
        What to call the compositions of a list in ``ids`` and messages; by default their formulas.
    on_error
        For lists: ``"raise"`` stops at the first alloy that fails; ``"record"`` lists it in ``failures``.
    progress
        Called as ``progress(done, total)`` after every alloy of a list.

    Returns
    -------
    RandomAlloy or RandomAlloys
        The latter where a list was given.

    Raises
    ------
    CompositionError
        A composition that is empty, negative, or does not fit the sublattices.
    OccupancyError
        A lattice with partially occupied sites.
    OptionError
        A criterion that is not positive.

    Examples
    --------
    >>> alloy = featurize_random("fcc", "Fe50Ni50", mode="exact")
    >>> round(alloy["mean_NeighDiff_shell1_Number"], 6), round(alloy["var_NeighDiff_shell1_Number"], 5)
    (1.0, 0.22559)
    """
    criteria = _checked(
        Criteria(
            minimum_sites_per_expansion,
            composition_criterion,
            minimum_occurrences,
            feature_criterion,
            max_expansions,
        )
    )
    if mode not in get_args(Mode):
        raise OptionError(f"mode={mode!r}: choose one of {', '.join(get_args(Mode))}")
    if on_error not in get_args(ErrorPolicy):
        raise OptionError(f"on_error={on_error!r}: choose one of {', '.join(get_args(ErrorPolicy))}")
    if missing not in get_args(MissingPolicy):
        raise OptionError(f"missing={missing!r}: choose one of {', '.join(get_args(MissingPolicy))}")
    chosen = find_descriptor(descriptor)
    if not chosen.by_rows:
        raise DescriptorError(
            f"{chosen.name} has features that need one structure with a length scale or walks: use ks2022"
        )
    _positive("n_sites", 1 if n_sites is None else n_sites, whole=True)
    if n_sites is not None and mode == "sampled":
        raise OptionError("n_sites: a sample has the extremes of its own size; give it with mode='exact'")
    options = _Options(mode, chosen, criteria, n_sites, missing, _entropy(seed))
    threads = thread_count(n_threads)
    lattices = list(lattice) if _is_list(lattice) else [lattice]
    compositions, is_many = _listed(composition, names, lattices)
    if not _is_list(lattice) and not is_many:
        return _run(_Job(0, "", as_alloy_lattice(lattice), compositions[0][1]), options, threads)
    jobs = _jobs(lattices, compositions, on_error)
    return _run_all(jobs, options, threads, on_error, progress)


# --- what is asked for -------------------------------------------------------------------------------------------


def _is_list(thing: Any) -> bool:
    return isinstance(thing, list | tuple) and not isinstance(thing, Composition | TableRow)


def _listed(
    composition: Any, names: Sequence[str] | None, lattices: Sequence[Any]
) -> tuple[list[tuple[str, Any]], bool]:
    """Named compositions, and whether a list was given."""
    if isinstance(names, str) or not (names is None or isinstance(names, Iterable)):
        raise OptionError(f"names={names!r}: give a list with one name per composition")
    if _is_list(composition):
        titles = [""] * len(composition) if names is None else list(map(str, names))
        if len(titles) != len(composition):
            raise OptionError(f"names: {len(titles)} were given for {len(composition)} compositions")
        return list(zip(titles, composition, strict=True)), True
    if names is not None:
        raise OptionError("names: give them with a list of compositions")
    named = isinstance(composition, Mapping) and any(isinstance(v, Composition) for v in composition.values())
    if named and not any(_are_sublattices(place, composition) for place in lattices):
        return list(composition.items()), True
    return [("", composition)], False


def _are_sublattices(lattice: Any, composition: Mapping[Any, Any]) -> bool:
    try:
        return set(composition) <= set(as_alloy_lattice(lattice).names)
    except SeitzError:
        return False  # said where the lattice is used


def _jobs(lattices: list[Any], compositions: list[tuple[str, Any]], on_error: ErrorPolicy) -> list[_Job]:
    jobs: list[_Job] = []
    for place in lattices:
        try:
            found: AlloyLattice | SeitzError = as_alloy_lattice(place)
        except SeitzError as error:
            if on_error == "raise":
                raise
            found = error
        title = found.name if isinstance(found, AlloyLattice) else str(place)
        for name, composition in compositions:
            jobs.append(_Job(len(jobs), f"{name or _title(composition)}@{title}", found, composition))
    return jobs


def _title(composition: Any) -> str:
    try:
        return as_composition(composition).formula
    except SeitzError:
        return str(composition)


def _checked(criteria: Criteria) -> Criteria:
    _positive("minimum_sites_per_expansion", criteria.minimum_sites, whole=True)
    _positive("composition_criterion", criteria.composition)
    _positive("minimum_occurrences", criteria.minimum_occurrences, whole=True)
    _positive("feature_criterion", criteria.feature)
    _positive("max_expansions", criteria.max_expansions, whole=True)
    if criteria.minimum_sites > 1_000_000:
        raise OptionError("minimum_sites_per_expansion: give at most 1000000")
    return criteria


def _positive(name: str, value: Any, *, whole: bool = False) -> None:
    kinds = int | np.integer if whole else int | float | np.integer | np.floating
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value <= 1e18:
        raise OptionError(f"{name}={value!r}: give a positive {'integer' if whole else 'number'}")


def _entropy(seed: Any) -> Any:
    try:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer | None):
            raise TypeError
        return np.random.SeedSequence(seed).entropy
    except (TypeError, ValueError):
        raise OptionError(f"seed={seed!r}: give an integer of at least 0, or None") from None


# --- the work ----------------------------------------------------------------------------------------------------


def _run(job: _Job, options: _Options, n_threads: int, cancelled: Event | None = None) -> RandomAlloy:
    if isinstance(job.lattice, SeitzError):
        raise job.lattice
    lattice, chosen = job.lattice, options.descriptor
    target, fractions, numbers = _fractions(lattice, job.composition)
    blank = np.empty((0, len(chosen)))
    if options.mode == "exact":
        values = exact_features(
            lattice, fractions, numbers, chosen,
            n_sites=options.n_sites, n_threads=n_threads, cancelled=cancelled,
        )  # fmt: skip
        result = RandomAlloy(
            lattice.name, target, "exact", chosen, values, np.zeros(len(chosen)), True, "exact", target, 0,
            blank, FeatureTable(blank, chosen, ()), np.empty(0), (),
        )  # fmt: skip
    else:
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(job.number,)))
        ensemble = sample(lattice, fractions, numbers, chosen, options.criteria, rng, n_threads, cancelled)
        result = _of_ensemble(lattice, target, chosen, ensemble, n_threads)
    return _with_missing(result, numbers, options.missing)


def _fractions(lattice: AlloyLattice, composition: Any) -> tuple[Composition, FloatArray, IntArray]:
    if not isinstance(composition, TableRow):
        return lattice.fractions(composition)
    with naming(composition):
        return lattice.fractions(composition.given)


def _of_ensemble(
    lattice: AlloyLattice, target: Composition, chosen: Descriptor, ensemble: Ensemble, n_threads: int
) -> RandomAlloy:
    elements, counts = np.unique(ensemble.numbers, return_counts=True)
    amounts = dict(zip(elements.tolist(), counts.tolist(), strict=True))
    return RandomAlloy(
        lattice=lattice.name,
        target=target,
        mode="sampled",
        descriptor=chosen,
        values=ensemble.history[-1].copy(),
        standard_error=ensemble.standard_error,
        converged=ensemble.converged,
        status=ensemble.status,
        composition=as_composition({z: amounts.get(z, 0) for z in [*target.fractions, *amounts]}),
        n_sites=int(ensemble.numbers.size),
        history=ensemble.history,
        expansions=ensemble.tessellation.featurize(ensemble.numbers, descriptor=chosen, n_threads=n_threads),
        largest_change=ensemble.largest_change,
        worst_feature=ensemble.worst_feature,
    )


def _with_missing(alloy: RandomAlloy, numbers: IntArray, missing: MissingPolicy) -> RandomAlloy:
    """The same after the policy for elements that lack a property."""
    import dataclasses

    values = alloy.values[None, :].copy()
    starts = np.array([0, len(numbers)], dtype=np.int64)
    warnings, _ = apply_policy(
        values, alloy.descriptor, numbers, starts, lambda _: alloy.id, missing, on_error="raise"
    )
    if not warnings:
        return alloy
    unknown = np.isnan(values[0])

    def blanked(array: FloatArray) -> FloatArray:
        return np.where(unknown, np.nan, array)

    expansions = dataclasses.replace(alloy.expansions, values=blanked(alloy.expansions.values), warnings=())
    return dataclasses.replace(
        alloy,
        values=values[0],
        standard_error=blanked(alloy.standard_error),
        history=blanked(alloy.history),
        expansions=expansions,
        warnings=tuple(warning.message for warning in warnings),
    )


def _run_all(
    jobs: list[_Job],
    options: _Options,
    n_threads: int,
    on_error: ErrorPolicy,
    progress: Callable[[int, int | None], None] | None,
) -> RandomAlloys:
    """All alloys, several at a time: each is one thread's work, so the result does not depend on their number."""

    def attempt(job: _Job) -> RandomAlloy | SeitzError:
        try:
            return _run(job, options, 1, pool.cancelled)
        except SeitzError as error:
            return error

    results: list[RandomAlloy | None] = []
    failures: list[Failure] = []
    with _Pool(min(n_threads, max(1, len(jobs)))) as pool:
        for job, outcome in zip(jobs, pool.map(attempt, jobs), strict=True):
            if isinstance(outcome, SeitzError):
                if on_error == "raise":
                    raise type(outcome)(f"{job.id}: {outcome}") from None
                failures.append(Failure(job.number, job.id, type(outcome).__name__, str(outcome)))
                results.append(None)
            else:
                results.append(outcome)
            if progress is not None:
                progress(len(results), len(jobs))
    return RandomAlloys(tuple(results), tuple(job.id for job in jobs), options.descriptor, tuple(failures))


class _Pool(ThreadPoolExecutor):
    """Threads that give up when an error or Ctrl-C ends the work."""

    def __init__(self, n_threads: int) -> None:
        super().__init__(n_threads)
        self.cancelled = Event()

    def __exit__(self, *details: Any) -> None:
        self.cancelled.set()
        self.shutdown(wait=True, cancel_futures=True)
