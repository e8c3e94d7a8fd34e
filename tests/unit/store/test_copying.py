"""What a copy takes along: every table and column that both engines have."""

import sqlite3
from contextlib import closing
from pathlib import Path

from filesync.store.copying import DERIVED, TABLES
from filesync.store.postgres.dialect import column_types, script
from filesync.store.sqlite.database import open_for_writing

OF_ONE_ENGINE = {"schema_migrations", "feed_counter"}


def test_a_copy_takes_every_table_and_column_of_both_engines(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    open_for_writing(path).close()
    with closing(sqlite3.connect(path)) as connection:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        tables = {name for name in found if not name.startswith(("files_search", "sqlite_", "_sqlite"))}
        columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables}
        keys = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[5]] for name in tables}
    ours = {name for name in column_types() if f"CREATE TABLE {name} " in script()}
    assert tables == set(TABLES) == ours - OF_ONE_ENGINE
    for name, key in TABLES.items():
        assert set(column_types()[name]) - set(DERIVED) == set(columns[name]), name
        assert set(key) == set(keys[name]), name
