"""One query: the address of its first page, and of every further one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit

from seitz.errors import OptimadeError

#: What a cell is made of.
_STRUCTURE_FIELDS = (
    "lattice_vectors", "cartesian_site_positions", "species_at_sites", "species", "structure_features", "nsites",
    "dimension_types",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one database.

    Attributes
    ----------
    base_url
        Address with the version.
    filter
        In the language of OPTIMADE; empty for everything.
    field
        The field with the target, empty for structures alone.
    page_limit
        Records on a page.
    is_sorted
        Whether an order is asked for, so that pages cannot overlap.
    """

    base_url: str
    filter: str
    field: str
    page_limit: int
    is_sorted: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of each record that are asked for."""
        return (*_STRUCTURE_FIELDS, *([self.field] if self.field not in ("", *_STRUCTURE_FIELDS) else []))

    @property
    def first(self) -> str:
        """Address of the first page."""
        return f"{self.base_url}/structures?{urlencode(self._parameters)}"

    @property
    def key(self) -> str:
        """Name of a folder for the pages: equal for equal questions."""
        asked = json.dumps([self.base_url, self.filter, self.fields, self.page_limit])
        digest = hashlib.sha256(asked.encode()).hexdigest()
        host = urlsplit(self.base_url).hostname or ""
        return f"{host.replace(':', '-')}-{digest[:24]}"

    def asked(self, *, is_sorted: bool) -> Query:
        """The same question, with or without an order."""
        return replace(self, is_sorted=is_sorted)

    def after(self, page: str, link: str) -> str:
        """Address of the page that a link on another page leads to.

        Some providers leave parameters of the question out of the link, which are added again, and some forget that
        they are asked through https.

        Raises
        ------
        OptimadeError
            The link leads to another server.
        """
        try:
            target, own = urlsplit(urljoin(page, link)), urlsplit(self.base_url)
            same = same_place(target, own)
        except ValueError:
            raise OptimadeError(f"the link to the next page is no address: {link[:200]!r}") from None
        if not same:
            raise OptimadeError(
                f"the link to the next page leads to another server, {target.scheme}://{target.netloc}: "
                "if that is the provider's own, give its address as base_url"
            )
        present = {name for name, _ in parse_qsl(target.query, keep_blank_values=True)}
        lost = {name: value for name, value in self._parameters.items() if name not in present}
        query = "&".join(filter(None, (target.query, urlencode(lost))))
        return target._replace(scheme=own.scheme, netloc=own.netloc, query=query, fragment="").geturl()

    @property
    def _parameters(self) -> dict[str, str]:
        asked = {"filter": self.filter, "response_fields": ",".join(self.fields)}
        asked |= {"page_limit": str(self.page_limit), "sort": "id" if self.is_sorted else ""}
        return {name: value for name, value in asked.items() if value}


def same_place(one: SplitResult, other: SplitResult) -> bool:
    """Whether two addresses are of one server, be it through http or https."""
    return _place(one) == _place(other)


def _place(address: SplitResult) -> tuple[str | None, int | None]:
    return address.hostname, None if address.port in (None, 80, 443) else address.port
