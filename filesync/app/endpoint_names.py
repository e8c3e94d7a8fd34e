"""Choosing endpoints by name; a name that does not exist is answered with the nearest one that does."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from filesync.core.errors import UsageError
from filesync.core.sanitize import did_you_mean

if TYPE_CHECKING:
    from filesync.config import Endpoint
    from filesync.store.engine import Database
    from filesync.store.read.queries import KnownEndpoint


def check_names(names: Iterable[str], known: Sequence[str], listed_by: str = "filesync endpoints") -> None:
    """Raise UsageError for the first name that is not known; it says which command lists them."""
    for name in names:
        if name not in known:
            raise UsageError(_unknown(name, known, listed_by))


def chosen_endpoints(database: "Database", names: Sequence[str] | None) -> "list[KnownEndpoint]":
    """Return the endpoints of those names, in the order of all names; without names every active one."""
    from filesync.store.read import queries  # noqa: PLC0415  a start with nothing due asks for no names

    known = queries.endpoints(database)
    if not names:
        return [endpoint for endpoint in known if endpoint.is_active]
    check_names(names, [endpoint.name for endpoint in known])
    return [endpoint for endpoint in known if endpoint.name in names]


def chosen_ids(database: "Database", names: Sequence[str] | None) -> tuple[int, ...] | None:
    """Return the ids of the endpoints of those names; None, which is all, without names."""
    return tuple(endpoint.id for endpoint in chosen_endpoints(database, names)) if names else None


def _unknown(name: str, known: Sequence[str], listed_by: str) -> str:
    return f"no endpoint is named {name[:200]!r}; {did_you_mean(name, known)}{listed_by} lists them"


def set_of(endpoint: "Endpoint") -> str | None:
    return endpoint.membership.set_name if endpoint.membership else None
