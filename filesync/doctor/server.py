"""The way to a PostgreSQL server, and what it lets us do: TLS, clocks, pipelines, a pooler in between, rights."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from filesync.auth.clock_skew import in_words
from filesync.core.errors import StoreError
from filesync.doctor.findings import Finding, fail, named, ok, warn
from filesync.runtime.clock import Clock
from filesync.runtime.database_url import PostgresAddress
from filesync.store.postgres.connection import unchecked_host
from filesync.store.postgres.server import DatabaseServer

_TOO_FAR = timedelta(seconds=2)


def check_server(server: DatabaseServer, address: PostgresAddress, clock: Clock) -> Iterator[Finding]:
    """Make the checks that need a connection, and no inventory yet."""
    checks: dict[str, Callable[[], Finding]] = {
        "tls": lambda: _tls(server, address),
        "clock": lambda: _clock(server, clock),
        "pipeline": lambda: _pipeline(server),
        "pooler": lambda: _pooler(server),
        "rights": lambda: _rights(server, address),
    }
    for name, check in checks.items():
        try:
            yield check()
        except StoreError as error:
            yield fail("database", name, str(error), "do what it says, then: filesync db check")


def _tls(server: DatabaseServer, address: PostgresAddress) -> Finding:
    unchecked = unchecked_host(address)
    if unchecked:
        said = f"in use, but nobody makes sure that it is {unchecked}" if server.has_tls() else "not in use"
        fix = (
            "write sslmode=verify-full&sslrootcert=FILE in DATABASE_URL, FILE being the certificate of the server's "
            "authority"
        )
        return warn("database", "tls", f"{said}: whoever stands in between could read along", fix)
    if server.has_tls():
        return ok("database", "tls", "in use")
    return ok("database", "tls", "not in use, and not needed: the server is on this machine")


def _clock(server: DatabaseServer, clock: Clock) -> Finding:
    ahead = server.clock_offset(clock.now)
    if abs(ahead) > _TOO_FAR:
        fix = "set this machine's clock, and let it be kept right (timedatectl set-ntp true)"
        return warn("database", "clock", f"this machine's clock is {in_words(-ahead)} the server's", fix)
    return ok("database", "clock", f"agrees with the server's ({ahead.total_seconds():+.3f} s)")


def _pipeline(server: DatabaseServer) -> Finding:
    if server.takes_pipeline():
        return ok("database", "pipeline", "statements need not wait for each other's answers")
    detail = "statements that are sent at once are answered wrongly"
    return fail("database", "pipeline", detail, "name another address of the server: past the pooler")


def _pooler(server: DatabaseServer) -> Finding:
    kept = "are kept" if server.keeps_prepared() else "are not kept"
    who = "a pooler stands in between" if server.is_pooled() else "none"
    return ok("database", "pooler", f"{who}; prepared statements {kept}, which is not needed")


def _rights(server: DatabaseServer, address: PostgresAddress) -> Finding:
    found, schema = server.rights(), address.schema
    if not found.has_schema:
        if found.may_create_schema:
            return ok("database", "rights", f"{found.user} may create the schema {schema}")
        fix = f"let the database's owner run: CREATE SCHEMA {schema} AUTHORIZATION {found.user}"
        return fail("database", "rights", f"there is no schema {schema}, and {found.user} may not create it", fix)
    grants = f"let the schema's owner run what filesync db grants --schema {schema} prints"
    if found.unreadable:
        return fail("database", "rights", f"{found.user} may not read {named(found.unreadable)}", grants)
    if found.unwritable:
        detail = f"{found.user} reads, and may not write {named(found.unwritable)}: nothing can be synced"
        return warn("database", "rights", detail, grants)
    migrates = "" if found.may_create else "; who owns the schema migrates it"
    return ok("database", "rights", f"{found.user} reads and writes{migrates}")
