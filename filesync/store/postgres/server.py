"""What a server says of itself and of our login: version, connections, clock, TLS, rights, what stands in between."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from filesync.runtime.database_url import PostgresAddress
from filesync.store.postgres.connection import connect
from filesync.store.postgres.errors import problems_named

if TYPE_CHECKING:
    import psycopg  # noqa: TID251  for its types

    Raw = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Rights:
    """What our login may do; tables are named where a right is missing, and all is given where there is no schema."""

    user: str
    has_schema: bool
    may_create_schema: bool
    may_create: bool  # tables in the schema, as a migration does
    unreadable: Sequence[str]
    unwritable: Sequence[str]


@dataclass(frozen=True, slots=True)
class ConnectionCount:
    """How many connections the whole server has now, and how many it takes at most."""

    in_use: int
    most: int


class DatabaseServer:
    """One connection to a server, for questions about itself."""

    def __init__(self, address: PostgresAddress, raw: "Raw") -> None:
        self._address = address
        self._raw = raw

    def version(self) -> str:
        """Return its version, such as 15.18."""
        return str(self._value("SELECT current_setting('server_version')")).split()[0]

    def clock_offset(self, now: Callable[[], datetime]) -> timedelta:
        """Return by how much its clock is ahead of ours, as exactly as half the way there and back allows."""
        before = now()
        there = self._value("SELECT clock_timestamp()")
        after = now()
        return cast("datetime", there) - before - (after - before) / 2

    def connections(self) -> ConnectionCount:
        row = self._row(
            "SELECT count(*)::int, current_setting('max_connections')::int FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' OR backend_type IS NULL"  # NULL: another's, which is not shown
        )
        return ConnectionCount(int(str(row[0])), int(str(row[1])))

    def has_tls(self) -> bool:
        """Tell whether TLS is in use between us and whoever answers."""
        return bool(self._raw.pgconn.ssl_in_use)

    def rights(self) -> Rights:
        schema = self._address.schema
        user, may_create_schema, has_schema = self._row(
            "SELECT current_user::text, has_database_privilege(current_database(), 'CREATE'),"
            " EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)",
            schema,
        )
        may_create = bool(has_schema) and bool(self._value("SELECT has_schema_privilege(%s, 'CREATE')", schema))
        lacking = "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        lacking += " WHERE n.nspname = %s AND c.relkind = 'r' AND NOT ({}) ORDER BY 1"
        usage = "has_schema_privilege(n.oid, 'USAGE')"
        writes = " AND ".join(f"has_table_privilege(c.oid, '{each}')" for each in ("INSERT", "UPDATE", "DELETE"))
        return Rights(
            str(user),
            bool(has_schema),
            bool(may_create_schema),
            may_create,
            self._names(lacking.format(f"{usage} AND has_table_privilege(c.oid, 'SELECT')"), schema),
            self._names(lacking.format(f"{usage} AND {writes}"), schema),
        )

    def takes_pipeline(self) -> bool:
        """Tell whether statements that are sent without waiting for answers arrive, and in their order."""
        with self._raw.pipeline():
            asked = [self._raw.execute("SELECT %s::int", (number,)) for number in range(3)]
            return [each.fetchone() for each in asked] == [(0,), (1,), (2,)]

    def is_pooled(self) -> bool:
        """Tell whether somebody in between answers for the server: then the session is not the one we opened."""
        return self._raw.info.backend_pid != self._value("SELECT pg_backend_pid()")

    def keeps_prepared(self) -> bool:
        """Tell whether a prepared statement is still there in the next transaction."""
        name = f"filesync_{secrets.token_hex(8)}".encode()  # nobody else's, for it may stay in a pooler's session
        made = self._raw.pgconn.prepare(name, b"SELECT 1")
        ran = self._raw.pgconn.exec_prepared(name, None)
        return not made.error_message and not ran.error_message

    def _value(self, sql: str, *values: object) -> object:
        return self._row(sql, *values)[0]

    def _row(self, sql: str, *values: object) -> tuple[object, ...]:
        with problems_named(self._address):
            row = self._raw.execute(sql, values).fetchone()
        return cast("tuple[object, ...]", row)  # none of these asks for what may be missing

    def _names(self, sql: str, *values: object) -> list[str]:
        with problems_named(self._address):
            return [str(row[0]) for row in self._raw.execute(sql, values)]


@contextlib.contextmanager
def server_at(address: PostgresAddress) -> Iterator[DatabaseServer]:
    """Connect to ask a server about itself. Raises StoreError."""
    with problems_named(address), contextlib.closing(connect(address)) as raw:
        yield DatabaseServer(address, raw)
