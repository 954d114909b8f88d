"""Providers of OPTIMADE data: where they are, and what their own fields mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from seitz.errors import OptionError

#: A target: the way to it from the record downwards, or the same as text with slashes; empty for none.
TargetLike = str | Sequence[str]

_VERSION = re.compile(r"/v\d+(\.\d+){0,2}$")
_ROOT = "attributes"


def target_path(target: TargetLike) -> tuple[str, ...]:
    """The parts of a target's path, from the record downwards.

    Examples
    --------
    >>> target_path("_mp_stability/r2scan")
    ('attributes', '_mp_stability', 'r2scan')
    """
    if not isinstance(target, str | Sequence):
        raise OptionError(f"target={target!r:.200}: give the path of a number, as '_prefix_field/part'")
    parts = tuple(target.strip("/").split("/")) if isinstance(target, str) else tuple(target)
    if parts in ((), ("",)):
        return ()
    if parts[0] != _ROOT:
        parts = (_ROOT, *parts)
    if len(parts) < 2 or not all(isinstance(part, str) and part for part in parts):
        raise OptionError(f"target {target!r}: give the path of a number, as '_prefix_field/part'")
    if not re.fullmatch(r"\w+", parts[1]):
        raise OptionError(f"target {target!r}: {parts[1]!r} cannot be the name of a field")
    return parts


@dataclass(frozen=True, slots=True)
class Target:
    """A number in the records of a database, and what it is.

    Attributes
    ----------
    path
        The way to it from the record downwards; its second part is the field that is asked for.
    property, unit
        What it is, and in which unit; empty if nobody has said.
    functional
        Exchange and correlation behind it, or another origin.
    absent
        Numbers that the provider writes where it has none.
    """

    path: tuple[str, ...]
    property: str = ""
    unit: str = ""
    functional: str = ""
    absent: tuple[float, ...] = ()

    def __post_init__(self) -> None:  # a text is a way with slashes in it, and no tuple of letters
        object.__setattr__(self, "path", target_path(self.path))

    def __str__(self) -> str:
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a provider: records of one kind at one address. The first of its targets is the default."""

    name: str
    base_url: str
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider and its databases, which are never mixed unasked.

    Examples
    --------
    >>> own = Provider("lab", (Database("lab", "http://127.0.0.1:5000"),))
    >>> own.databases[0].base_url
    'http://127.0.0.1:5000'
    """

    name: str
    databases: tuple[Database, ...]
    title: str = ""


def _formation_energy(*path: str, functional: str, absent: tuple[float, ...] = ()) -> Target:
    return Target((_ROOT, *path), "formation energy", "eV/atom", functional, absent)


_PROVIDERS = (
    Provider(
        "mp",
        (
            Database(
                "mp",
                "https://optimade.materialsproject.org",
                tuple(
                    _formation_energy(
                        "_mp_stability", kind, "formation_energy_per_atom", functional=functional
                    )
                    for kind, functional in (
                        ("gga_gga+u", "PBE and PBE+U, corrections of 2020"),
                        ("gga_gga+u_r2scan", "PBE, PBE+U and r2SCAN, mixed"),
                        ("r2scan", "r2SCAN"),
                    )
                ),
            ),
        ),
        "Materials Project",
    ),
    Provider(
        "alexandria",
        (
            Database(
                "pbe",
                "https://alexandria.icams.rub.de/pbe",
                (_formation_energy("_alexandria_formation_energy_per_atom", functional="PBE"),),
            ),
            Database(
                "pbesol",
                "https://alexandria.icams.rub.de/pbesol",
                (_formation_energy("_alexandria_formation_energy_per_atom", functional="PBEsol"),),
            ),
            Database(
                "scan",
                "https://alexandria.icams.rub.de/pbesol",
                (
                    _formation_energy(
                        "_alexandria_scan_formation_energy_per_atom",
                        functional="SCAN on structures of PBEsol",
                    ),
                ),
            ),
        ),
        "Alexandria",
    ),
    Provider(
        "jarvis",
        (
            Database(
                "jarvis",
                "https://jarvis.nist.gov/optimade/jarvisdft",
                (
                    _formation_energy(
                        "_jarvis_formation_energy_peratom", functional="OptB88vdW", absent=(-99999.0,)
                    ),
                ),
            ),
        ),
        "JARVIS-DFT",
    ),
    Provider(
        "oqmd",
        (
            Database(
                "oqmd",
                "https://oqmd.org/optimade",
                (_formation_energy("_oqmd_delta_e", functional="PBE and PBE+U, references of OQMD"),),
            ),
        ),
        "Open Quantum Materials Database",
    ),
    Provider(
        "mpdd",
        (
            Database(
                "mpdd",
                "http://mpddoptimade.phaseslab.org",
                (
                    _formation_energy(
                        "_mpdd_formationenergy_sipfenn_krajewski2020_novelmaterialsmodel",
                        functional="predicted by SIPFENN_Krajewski2020_NN20, not computed",
                    ),
                ),
            ),
        ),
        "Material-Property-Descriptor Database",
    ),
)


def providers() -> dict[str, Provider]:
    """The providers that are known by name.

    Examples
    --------
    >>> [database.name for database in providers()["alexandria"].databases]
    ['pbe', 'pbesol', 'scan']
    """
    return {provider.name: provider for provider in _PROVIDERS}


def as_provider(provider: str | Provider, base_url: str | None = None) -> Provider:
    """A provider by its name or base URL, or what is one already; with its address replaced if another is given.

    Raises
    ------
    OptionError
        Neither a known name nor a base URL, or another address for a provider with several databases.
    """
    if isinstance(provider, Provider):
        found = provider
    elif not isinstance(provider, str):
        raise OptionError(
            f"provider={provider!r:.200}: give a name, a base URL, or a seitz.optimade.Provider"
        )
    elif provider in providers():
        found = providers()[provider]
    elif base_url is not None or "://" in provider:
        address = base_address(base_url or provider)
        name = provider if base_url is not None else _VERSION.sub("", address.partition("://")[2])
        return Provider(name, (Database(name, address),))
    else:
        raise OptionError(
            f"no provider is called {provider!r}: give one of {', '.join(providers())}, or the base URL of another one"
        )
    if base_url is None:
        return found
    address = base_address(base_url)
    return replace(found, databases=tuple(replace(known, base_url=address) for known in found.databases))


def chosen_databases(
    provider: Provider, database: str | Sequence[str] | None, *, mix: bool
) -> tuple[Database, ...]:
    """The databases to ask.

    Raises
    ------
    OptionError
        An unknown one; none where there are several; or several without ``mix``.
    """
    known = {entry.name: entry for entry in provider.databases}
    if database is None:
        names = list(known)
        if len(names) != 1:
            raise OptionError(
                f"{provider.name} has several databases, whose values differ: name one of "
                f"{', '.join(names)} as database"
            )
    else:
        try:
            names = [database] if isinstance(database, str) else list(dict.fromkeys(database))
        except TypeError:
            raise OptionError(f"database={database!r:.200}: give a name, or several") from None
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        shown = ", ".join(map(repr, unknown)) or "''"
        raise OptionError(f"database {shown}: {provider.name} has {', '.join(known) or 'none'}")
    if len(names) > 1 and not mix:
        raise OptionError(f"values of {', '.join(names)} do not belong together unless you say so: mix=True")
    return tuple(known[name] for name in names)


def chosen_target(database: Database, target: TargetLike | None, unit: str | None) -> Target:
    """The target of a database, with what is known of it; one with an empty path where none is wanted.

    Raises
    ------
    OptionError
        No target where none is known, one that cannot be a path, or another unit than its own.
    """
    if target is None:
        if not database.targets:
            raise OptionError(
                f"what to fetch from {database.name} is not known: name the path of a number as target, "
                "as '_prefix_field' or '_prefix_field/part', or target=() for structures alone"
            )
        found = database.targets[0]
    else:
        path = target_path(target)
        found = next(
            (known for known in database.targets if known.path == path),
            Target(path, path[-1] if path else ""),
        )
    if unit and found.unit and unit != found.unit:
        raise OptionError(f"{found} is in {found.unit}, not in {unit}, and nothing is converted")
    return replace(found, unit=unit) if unit else found


def base_address(text: str) -> str:
    """A base URL with its version, whatever of the address of the structures was given.

    Examples
    --------
    >>> base_address("https://example.org/optimade/"), base_address("http://example.org/v1/structures")
    ('https://example.org/optimade/v1', 'http://example.org/v1')

    Raises
    ------
    OptionError
        No address of a web server, or one with a query or a password in it.
    """
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise OptionError(
            f"base_url {text!r}: give the address of a provider, as 'https://example.org/optimade'"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise OptionError(f"base_url: leave out password, query and fragment of {parts.hostname}'s address")
    path = parts.path.rstrip("/").removesuffix("/structures").rstrip("/")
    if not _VERSION.search(path):
        path += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
