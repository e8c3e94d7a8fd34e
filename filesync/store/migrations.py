"""The schema's history: each step is one SQL file, applied once, in a transaction of its own."""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterator
from importlib import resources

_STEPS = (
    "0001_first.sql",
    "0002_sets.sql",
    "0003_totals.sql",
    "0004_retention.sql",
    "0005_notify.sql",
    "0006_set_identity.sql",
)
CURRENT = len(_STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the current schema; a stopped migration goes on with the step it stopped in."""
    from sqlite_utils import Database, Migrations  # noqa: PLC0415, TID251  costs 0.2 s: only a new schema needs it

    steps = Migrations("filesync")
    for number, name in enumerate(_STEPS, start=1):
        steps(name=name)(_step(number, name))
    steps.apply(Database(connection))


def _step(number: int, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  sqlite-utils' own function type
    def apply(database) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        for statement in _statements(resources.files(__package__).joinpath(name).read_text(encoding="utf-8")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number}")

    return apply


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements; a trigger's body stays whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
