"""Opening an inventory in PostgreSQL, and bringing its schema up to date: one process does it, the others wait."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from filesync.core.errors import NoInventoryError, StoreError
from filesync.runtime.database_url import PostgresAddress
from filesync.store.postgres.database import Pool, PostgresDatabase
from filesync.store.postgres.dialect import script
from filesync.store.postgres.errors import problems_named

if TYPE_CHECKING:
    from filesync.store.postgres.database import Raw

CURRENT = 1
_LOCK = 0x66_73_79_6E_63  # a number of ours, for whoever migrates


def open_for_writing(
    address: PostgresAddress, is_stopped: Callable[[], bool] = lambda: False, pool: Pool | None = None
) -> PostgresDatabase:
    """Open the inventory; its schema is created or migrated when it is not the present one.

    Threads that write share a `pool`. Raises StoreError: no server, no rights, newer than this program.
    """
    used = pool or Pool(address)
    try:
        with problems_named(address), used.borrowed(is_stopped) as raw:
            version = _version(raw, address.schema)
            if version < CURRENT:
                version = _migrate(raw, address.schema)
        _refuse_newer(address, version)
    except BaseException:
        used.close_unless_used()
        raise
    return PostgresDatabase(used, is_stopped)


def open_for_reading(address: PostgresAddress) -> PostgresDatabase:
    """Open an existing inventory without ever writing to it. Raises StoreError."""
    pool = Pool(address)
    try:
        with problems_named(address), pool.borrowed(lambda: False) as raw:
            version = _version(raw, address.schema)
        if not version:
            raise NoInventoryError(f"{address.label}: there is no inventory yet; run: filesync sync")
        _refuse_newer(address, version)
        if version < CURRENT:
            raise StoreError(
                f"{address.label}: has schema version {version}, older than this filesync; run: filesync sync"
            )
    except BaseException:
        pool.close()
        raise
    return PostgresDatabase(pool)


def exists(address: PostgresAddress) -> bool:
    """Tell whether there is an inventory. Raises StoreError when the server cannot be asked."""
    pool = Pool(address)
    try:
        with problems_named(address), pool.borrowed(lambda: False) as raw:
            return _version(raw, address.schema) > 0
    finally:
        pool.close()


def _refuse_newer(address: PostgresAddress, version: int) -> None:
    if version > CURRENT:
        raise StoreError(f"{address.label}: has schema version {version}, newer than this filesync; upgrade filesync")


def _version(raw: "Raw", schema: str) -> int:
    """Return the schema's version; 0 where there is none."""
    from psycopg.errors import InvalidSchemaName, UndefinedTable  # noqa: PLC0415, TID251  imported by whoever has a connection

    table = f'"{schema}".schema_migrations'
    sql = f"SELECT coalesce(max(version), 0), row_security_active('{table}') FROM {table}"  # noqa: S608  a checked name
    try:
        row = raw.execute(sql).fetchone()
    except (InvalidSchemaName, UndefinedTable):
        return 0
    version, is_filtered = row or (0, False)
    if (
        is_filtered and not version
    ):  # rows are hidden without an error: https://github.com/supabase/supabase/issues/22323
        raise StoreError(
            f"the schema {schema} shows this user no rows: row-level security; let its owner run: "
            f"GRANT {schema}_writer TO the user, or {schema}_reader for who only reads (filesync db grants makes both)"
        )
    return int(version)


def _migrate(raw: "Raw", schema: str) -> int:
    """Apply what is missing in one transaction; whoever comes second finds it done. Return the version then."""
    with raw.transaction():
        raw.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if raw.execute("SELECT to_regclass(%s)", (f'"{schema}".schema_migrations',)).fetchone() != (None,):
            row = raw.execute(f'SELECT coalesce(max(version), 0) FROM "{schema}".schema_migrations').fetchone()  # noqa: S608  as above
            version = int(row[0]) if row else 0
        else:
            version = 0
        if version >= CURRENT:
            return version
        raw.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        raw.execute(f'SET LOCAL search_path = "{schema}"')
        raw.execute(script())
        raw.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (CURRENT,))
    return CURRENT
