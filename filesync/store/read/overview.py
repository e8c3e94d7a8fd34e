"""What a monitor asks of the database, in one go and without waiting long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filesync.runtime.database_url import Address
from filesync.store.database import damage_named, open_for_reading
from filesync.store.engine import Database
from filesync.store.read.queries import ChangeFilter, Row, logs, newest_changes


@dataclass(frozen=True, slots=True)
class Overview:
    """The database at one moment; sizes are bytes, `files` counts live files.

    `totals` has one row for each endpoint and outcome: the columns of sync_totals, with the endpoint's name and type.
    `syncs` are the newest first, `changes` too.
    """

    schema_version: int
    files: int
    size: int
    wal_size: int
    last_start_at: str | None
    last_exit_code: int | None
    totals: Sequence[Row]
    syncs: Sequence[Row]
    changes: Sequence[Row]


def read_overview(address: Address, *, busy_seconds: float, rows: int) -> Overview:
    """Read it, with that many syncs and changes. Raises StoreError, whatever is wrong with the file."""
    with damage_named(address):
        database = open_for_reading(address, busy_seconds=busy_seconds)
        try:
            return _read(database, rows)
        finally:
            database.close()


def _read(database: Database, rows: int) -> Overview:
    size, wal_size = database.sizes()
    start = _first(database, "SELECT last_start_at, last_exit_code FROM scheduler")
    return Overview(
        schema_version=database.schema_version(),
        files=_first(database, "SELECT coalesce(sum(live_files), 0) FROM sync_state")[0],
        size=size,
        wal_size=wal_size,
        last_start_at=start[0] if start else None,
        last_exit_code=start[1] if start else None,
        totals=_totals(database),
        syncs=logs(database, None, limit=rows),
        changes=newest_changes(database, ChangeFilter(), rows)[::-1],
    )


def _totals(database: Database) -> list[Row]:
    with database.reading() as connection:
        # decision 26: no sums over sync_logs, whose rows are pruned
        cursor = connection.execute(
            """SELECT e.name AS endpoint, e.endpoint_type, t.* FROM sync_totals AS t
               JOIN endpoints AS e ON e.id = t.endpoint_id ORDER BY e.name, t.status"""
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor]


def _first(database: Database, sql: str) -> Any:
    with database.reading() as connection:
        return connection.execute(sql).fetchone()
