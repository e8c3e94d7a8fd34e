"""Keep a database of the present schema as SQL: python -m tests.adversarial.upgrade.schemas.make tests/adversarial/upgrade/schemas/000N.sql

Do it once for each schema version, with the program of that version, and again only until that version is released;
from then on the file is what people have, and is never made anew. To make that of an older version, run this file with
PYTHONPATH set to a work tree of the last commit that had it.
"""

import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.adversarial.upgrade.schemas.scene import Scene, run_syncs

# The mark of a step that only a newer program has.
A_STEP_MORE = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('filesync', 'later', '')"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\ufffd]")


def statements(connection: sqlite3.Connection) -> Iterator[str]:
    """Give the SQL that makes this database again, one row a line; indexes of text are built anew."""
    made = connection.execute(
        "SELECT m.type, m.name, m.sql, coalesce(t.type, '') FROM sqlite_master AS m"
        " LEFT JOIN pragma_table_list AS t ON t.name = m.name AND t.schema = 'main' WHERE m.sql IS NOT NULL"
    ).fetchall()
    plain = [(name, sql) for kind, name, sql, sort in made if kind == "table" and sort == "table"]
    for name, sql in plain:
        if not name.startswith("sqlite_"):
            yield f"{sql};"
    for name, _ in plain:
        if name.startswith("sqlite_"):
            yield f"DELETE FROM {name};"
        for row in connection.execute(f"SELECT * FROM {name}"):
            yield f"INSERT INTO {name} VALUES ({', '.join(map(_literal, row))});"
    yield from (f"{sql};" for kind, _, sql, _ in made if kind == "index")
    for _, name, sql, sort in made:
        if sort == "virtual":
            yield f"{sql};"
            yield f"INSERT INTO {name} ({name}) VALUES ('rebuild');"
    yield from (f"{sql};" for kind, _, sql, _ in made if kind in {"trigger", "view"})


def load(dump: str, path: Path) -> None:
    """Make the database that was kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"BEGIN; {dump}; COMMIT;")
    connection.close()


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if _CONTROL.search(value):
            return f"CAST(x'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    assert isinstance(value, int | float), value
    return repr(value)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Scene(Path(folder)) as scene:
        scene.live(run_syncs(scene))
        connection = sqlite3.connect(scene.home.database)
        connection.execute("UPDATE sync_logs SET host = 'worker', pid = 1")
        text = "\n".join(statements(connection))
        connection.close()
        for address in (scene.acc.base_url, scene.drive.base_url):
            text = text.replace(address, "http://127.0.0.1:1")  # the port was of this run only
    target.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
