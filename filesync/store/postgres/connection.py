"""Connecting to PostgreSQL: what every connection of ours is like, whoever stands in between."""

import ipaddress
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from filesync.core.errors import StoreAddressError
from filesync.runtime.database_url import PostgresAddress
from filesync.store.postgres.errors import problems_named, require_driver

if TYPE_CHECKING:
    import psycopg  # noqa: TID251  only here and in errors.py

_DEFAULTS: Mapping[str, str] = {
    "connect_timeout": "10",  # seconds for each address of the host
    "keepalives": "1",  # so that a connection that a firewall forgot is noticed: after a minute of silence
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds until what was sent must have arrived
}
_OURS: Mapping[str, str] = {
    "client_encoding": "UTF8",
    "options": "",  # also PGOPTIONS is not sent: poolers refuse or drop it
}
_MUTE = logging.CRITICAL + 1
_UNCHECKED = {"disable", "allow", "prefer", "require", "verify-ca"}
_DEFAULT_SSLMODE = "prefer"  # libpq's


def connect(address: PostgresAddress, *, application_name: str = "filesync") -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect; each statement is its own transaction until BEGIN.

    Nothing is kept in the session, and nothing is prepared: behind a pooler the next transaction may be another
    session's. Raises ConfigError: no driver; StoreAddressError, UnavailableError, StoreError.
    """
    require_driver()
    import psycopg  # noqa: PLC0415, TID251  only an inventory in PostgreSQL needs it

    logging.getLogger("psycopg").setLevel(_MUTE)  # what it warns of is raised, too, and said in our words
    with problems_named(address):
        given = _parameters(address)
        chosen: dict[str, Any] = {**_DEFAULTS, "application_name": application_name, **given, **_OURS}
        try:
            return psycopg.connect(autocommit=True, prepare_threshold=None, **chosen)
        except UnicodeError as exc:  # from asking for its address
            raise StoreAddressError(f"{address.label}: no host can have that name; check DATABASE_URL") from exc


def unchecked_host(address: PostgresAddress) -> str:
    """Name the first host on the network that nobody makes sure it is; '' where there is none."""
    require_driver()
    with problems_named(address):
        given = _parameters(address)
    hosts = [host for host in (given.get("host") or given.get("hostaddr") or "").split(",") if not _is_here(host)]
    return hosts[0] if hosts and given.get("sslmode", _DEFAULT_SSLMODE) in _UNCHECKED else ""


def _parameters(address: PostgresAddress) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415, TID251  as above

    return {name: str(value) for name, value in conninfo_to_dict(address.conninfo).items()}


def _is_here(host: str) -> bool:
    """Tell whether it is this machine: a socket, or loopback; without a host libpq takes a socket."""
    if not host or host[0] in "/@" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
