"""What is known of the inventory's database: where it is, which engine, how large, and how its server stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filesync.app.home import Home
from filesync.doctor.database import check_database, check_server
from filesync.doctor.findings import Finding, Skipped
from filesync.runtime.database_url import PostgresAddress
from filesync.store.copying import TABLES
from filesync.store.engine import Database
from filesync.store.postgres.server import ConnectionCount, server_at
from filesync.store.read.diagnostics import sqlite_version


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """An inventory's database; `size` in bytes, `clock_offset` in seconds by which the server's clock is ahead."""

    database: str
    engine: str
    engine_version: str
    schema_version: int
    size: int
    tables: Mapping[str, int]  # rows
    clock_offset: float | None = None
    connections: ConnectionCount | None = None


def facts_of(home: Home) -> DatabaseFacts:
    """Ask the database. Raises StoreError: there is none, or it cannot be reached."""
    address = home.database_address
    with home.reading() as database:
        size = sum(database.sizes())
        known = (database.schema_version(), size, _rows(database))
    if isinstance(address, Path):
        return DatabaseFacts(str(address), "sqlite", ".".join(map(str, sqlite_version())), *known)
    return _of_server(home, address, known)


def check(home: Home) -> Iterator[Finding | Skipped]:
    """Make the checks of the database; nothing is changed."""
    address = home.database_address
    if isinstance(address, Path):
        yield from check_database(address, home.clock)
    else:
        yield from check_server(address, home.clock)


def _of_server(home: Home, address: PostgresAddress, known: tuple[int, int, Mapping[str, int]]) -> DatabaseFacts:
    with server_at(address) as server:
        return DatabaseFacts(
            str(address),
            "postgresql",
            server.version(),
            *known,
            clock_offset=round(server.clock_offset(home.clock.now).total_seconds(), 3),
            connections=server.connections(),
        )


def _rows(database: Database) -> Mapping[str, int]:
    counted = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)  # noqa: S608  our own words
    return dict(zip(TABLES, database.fetch(f"SELECT {counted}")[0], strict=True))
