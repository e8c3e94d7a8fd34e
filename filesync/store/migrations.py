"""The schema's history: each step is one SQL file, applied once; all that are missing are one transaction.

A step that rewrites tables (copies, changes or drops rows that are there) says so in its head, `-- rewrites: files`.
Then the database is kept as it was before, nobody else may write to it meanwhile, and foreign keys are checked at the
end instead of at each statement, so that a table may be dropped and put back.
"""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterator
from importlib import resources

from filesync.errors import StoreError

_STEPS = (
    "0001_first.sql",
    "0002_sets.sql",
    "0003_totals.sql",
    "0004_retention.sql",
    "0005_notify.sql",
    "0006_set_identity.sql",
    "0007_search.sql",
    "0008_doubts.sql",
)
CURRENT = len(_STEPS)
_REWRITES = "-- rewrites:"


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the current schema, or leave it as it is. Raises StoreError when its rows do not fit.

    The connection is in no transaction.
    """
    from sqlite_utils import Database, Migrations  # noqa: PLC0415, TID251  costs 0.2 s: only a new schema needs it

    steps = Migrations("filesync")
    for number, name in enumerate(_STEPS, start=1):
        steps(name=name)(_step(number, name))
    rewrites = bool(rewriting(connection.execute("PRAGMA user_version").fetchone()[0]))
    connection.execute(f"PRAGMA foreign_keys = {'OFF' if rewrites else 'ON'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        steps.apply(Database(connection))
        if rewrites and connection.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError("rows refer to others that are not there, so it cannot be migrated; nothing was changed")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends one by itself when the disk fails
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def rewriting(version: int) -> list[str]:
    """Name the steps behind that version which rewrite tables."""
    return [name for name in _STEPS[version:] if is_rewriting(_read(name))]


def is_rewriting(script: str) -> bool:
    """Tell whether a step says in its head that it rewrites tables."""
    head = script.split("\n\n", 1)[0]
    return any(line.startswith(_REWRITES) for line in head.splitlines())


def _step(number: int, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  sqlite-utils' own function type
    def apply(database) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        for statement in _statements(_read(name)):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number}")

    return apply


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements; a trigger's body stays whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
