"""The `endpoints` table, brought in line with connector.yaml: known by type and service ids, not by name."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from filesync.schedule import History
from filesync.store.database import Database
from filesync.timestamps import LONG_AGO, Timestamp, known_time

if TYPE_CHECKING:
    from filesync.model import State


@dataclass(frozen=True, slots=True)
class Declared:
    """An endpoint as the configuration declares it; `scope` are the service ids that identify it.

    A member of a set (`is_member`) is known by its ids alone. `state` is what its provider need not ask.
    """

    name: str
    endpoint_type: str
    scope: Mapping[str, Any]
    project_id: str | None
    user_id: str | None
    details: Mapping[str, Any]  # as written: ${NAME} unexpanded
    schedule: Mapping[str, Any]
    is_active: bool
    is_member: bool = False
    archived_at: Timestamp | None = None
    state: "State" = field(default_factory=dict)

    def row(self) -> tuple[object, ...]:
        return (
            self.name,
            self.endpoint_type,
            self.project_id,
            self.user_id,
            _to_json(self.details),
            _to_json(self.schedule),
            self.archived_at,
            int(self.is_active),
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """An endpoint's row and what deciding about it needs."""

    id: int
    row: tuple[object, ...]
    scope: str
    created_at: Timestamp
    last_started_at: Timestamp | None
    last_finished_at: Timestamp | None
    last_status: str | None
    last_error_type: str | None
    failures_in_a_row: int
    completed_at: Timestamp | None
    next_due_at: Timestamp | None
    owed_since: Timestamp | None

    @property
    def name(self) -> str:
        return str(self.row[0])

    def started(self) -> datetime | None:
        return known_time(self.last_started_at)

    def history(self) -> History:
        """Lay out what deciding about the next start needs."""
        return History(
            known_time(self.created_at) or LONG_AGO,
            self.started(),
            known_time(self.last_finished_at),
            self.last_status,
            self.last_error_type,
            self.failures_in_a_row,
            known_time(self.owed_since),
        )

    @property
    def endpoint_type(self) -> str:
        return str(self.row[1])

    @property
    def archived_at(self) -> object:
        return self.row[-2]


_SELECT = """
    SELECT e.id, e.name, e.endpoint_type, e.project_id, e.user_id, e.endpoint_details, e.schedule, e.archived_at,
           e.is_active, s.scope, e.created_at, s.last_started_at, s.last_finished_at, s.last_status, s.last_error_type,
           s.failures_in_a_row, s.completed_at, s.next_due_at, s.owed_since
    FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id
"""


def load(database: Database) -> list[Stored]:
    """Read every endpoint, active or not."""
    with database.reading() as connection:
        return _read(connection)


def _read(connection: sqlite3.Connection) -> list[Stored]:
    return [_to_stored(row) for row in connection.execute(_SELECT)]


def _to_stored(row: Sequence[Any]) -> Stored:
    return Stored(row[0], tuple(row[1:9]), *row[9:])


def find(database: Database, endpoint_id: int) -> Stored:
    """Read one endpoint as it stands now."""
    with database.reading() as connection:
        row = connection.execute(f"{_SELECT} WHERE e.id = ?", (endpoint_id,)).fetchone()
    return _to_stored(row)


def bring_in_line(database: Database, declared: Sequence[Declared], now: Timestamp) -> dict[str, Stored]:
    """Make the table say what the file says, and return the declared endpoints by name; writes only what differs."""
    stored = load(database)
    if _is_in_line(declared, stored):
        names = {endpoint.name for endpoint in declared}
        return {row.name: row for row in stored if row.name in names}
    with database.transaction() as connection:
        _rewrite(connection, declared, _read(connection), now)  # read again: another start may have been faster
    names = {endpoint.name for endpoint in declared}
    return {row.name: row for row in load(database) if row.name in names}


def wake(database: Database, endpoints: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Let these endpoints (type, service ids) be due again that failed for want of a login."""
    with database.transaction() as connection:
        connection.executemany(
            """UPDATE sync_state SET last_status = 'interrupted', failures_in_a_row = 0,
                   last_error_message = 'somebody logged in since; the next start goes on'
               WHERE last_status = 'failed' AND last_error_type = 'login' AND scope = ?
                   AND endpoint_id IN (SELECT id FROM endpoints WHERE endpoint_type = ?)""",
            [(_to_json(scope), endpoint_type) for endpoint_type, scope in endpoints],
        )


def note_start(database: Database, now: Timestamp) -> None:
    """Remember that `filesync sync` was started in this home."""
    with database.transaction() as connection:
        connection.execute(
            """INSERT INTO scheduler (id, last_start_at) VALUES (1, ?)
               ON CONFLICT (id) DO UPDATE SET last_start_at = excluded.last_start_at, last_exit_code = NULL""",
            (now,),
        )


def note_end(database: Database, started: Timestamp, exit_code: int) -> None:
    """Remember how that start ended, unless there was another one since."""
    with database.transaction() as connection:
        connection.execute("UPDATE scheduler SET last_exit_code = ? WHERE last_start_at = ?", (exit_code, started))


def last_start(database: Database) -> tuple[str | None, int | None]:
    """Tell when `filesync sync` was last started in this home, and its exit code: None until it ends."""
    with database.reading() as connection:
        row = connection.execute("SELECT last_start_at, last_exit_code FROM scheduler").fetchone()
    return row or (None, None)


def _is_in_line(declared: Sequence[Declared], stored: Sequence[Stored]) -> bool:
    rows = {(row.row, row.scope) for row in stored}
    wanted = {(endpoint.row(), _to_json(endpoint.scope)) for endpoint in declared}
    others_inactive = all(not row.row[-1] for row in stored if (row.row, row.scope) not in wanted)
    return wanted <= rows and others_inactive


def _rewrite(
    connection: sqlite3.Connection, declared: Sequence[Declared], stored: Sequence[Stored], now: Timestamp
) -> None:
    matches = _match(declared, stored)
    kept = {row.id for row in matches.values()}
    names = {endpoint.name for endpoint in declared}
    for row in stored:
        _step_aside(connection, row, now, wanted=row.name in names, kept=row.id in kept)
    for endpoint in declared:
        old = matches.get(endpoint.name)
        if old is None:
            _insert(connection, endpoint, now)
        else:
            _update(connection, old, endpoint, now)
    for row in stored:
        if row.name in names and row.id not in kept:
            _call_former(connection, row)


def _match(declared: Sequence[Declared], stored: Sequence[Stored]) -> dict[str, Stored]:
    """Find each endpoint's row: by its service ids, else (its scope was changed) by its name."""
    by_scope = {(row.endpoint_type, row.scope): row for row in stored}
    found = {
        endpoint.name: row
        for endpoint in declared
        if (row := by_scope.get((endpoint.endpoint_type, _to_json(endpoint.scope))))
    }
    taken = {row.id for row in found.values()}
    by_name = {(row.endpoint_type, row.name): row for row in stored if row.id not in taken}
    for endpoint in declared:
        row = by_name.get((endpoint.endpoint_type, endpoint.name))
        if endpoint.name not in found and row is not None and not endpoint.is_member:
            found[endpoint.name] = row
    return found


def _step_aside(connection: sqlite3.Connection, row: Stored, now: Timestamp, *, wanted: bool, kept: bool) -> None:
    """Free a name for whoever declares it now; an endpoint that left the file becomes inactive, its rows stay."""
    if wanted:
        aside = f"\x1f{row.id}"  # until all have their names: one that nobody can declare, for those are printable
        connection.execute("UPDATE endpoints SET name = ? WHERE id = ?", (aside, row.id))
    if not kept:
        connection.execute(
            "UPDATE endpoints SET is_active = 0, updated_at = ? WHERE id = ? AND is_active", (now, row.id)
        )


def _call_former(connection: sqlite3.Connection, row: Stored) -> None:
    """Name an endpoint whose name another one has now, by a name that is free."""
    taken = {name for (name,) in connection.execute("SELECT name FROM endpoints")}
    plain = row.name.removesuffix(f" (formerly, {row.id})")
    names = chain([f"{plain} (formerly, {row.id})"], (f"{plain} (formerly, {row.id}, {n})" for n in count(2)))
    free = next(name for name in names if name not in taken)
    connection.execute("UPDATE endpoints SET name = ? WHERE id = ?", (free, row.id))


def _insert(connection: sqlite3.Connection, endpoint: Declared, now: Timestamp) -> None:
    row = connection.execute(
        """INSERT INTO endpoints (name, endpoint_type, project_id, user_id, endpoint_details, schedule, archived_at,
                                  is_active, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id""",
        (*endpoint.row(), now, now),
    ).fetchone()
    owed_since = now if endpoint.is_member else None
    connection.execute(
        "INSERT INTO sync_state (endpoint_id, scope, provider_state, owed_since) VALUES (?, ?, ?, ?)",
        (row[0], _to_json(endpoint.scope), _to_json(endpoint.state), owed_since),
    )


def _update(connection: sqlite3.Connection, old: Stored, endpoint: Declared, now: Timestamp) -> None:
    connection.execute("UPDATE endpoints SET name = ? WHERE id = ?", (endpoint.name, old.id))
    if old.row != endpoint.row():
        connection.execute(
            """UPDATE endpoints SET name = ?, endpoint_type = ?, project_id = ?, user_id = ?, endpoint_details = ?,
               schedule = ?, archived_at = ?, is_active = ?, updated_at = ? WHERE id = ?""",
            (*endpoint.row(), now, old.id),
        )
        _tell_anew(connection, old, endpoint, now)
    if old.scope != _to_json(endpoint.scope):
        _change_scope(connection, old.id, _to_json(endpoint.scope), now)


def _tell_anew(connection: sqlite3.Connection, old: Stored, endpoint: Declared, now: Timestamp) -> None:
    """Let a member's provider know what changed about it; one that is back is owed a sync."""
    if endpoint.state:
        connection.execute(
            "UPDATE sync_state SET provider_state = json_patch(provider_state, ?) WHERE endpoint_id = ?",
            (_to_json(endpoint.state), old.id),
        )
    if old.archived_at and not endpoint.archived_at:
        connection.execute("UPDATE sync_state SET owed_since = ? WHERE endpoint_id = ?", (now, old.id))


def _change_scope(connection: sqlite3.Connection, endpoint_id: int, scope: str, now: Timestamp) -> None:
    """Ask for a full listing of the new scope; what lies outside leaves as out_of_scope at its end."""
    # Everything is listed anew, and what the old scope decided is no more so in the new one.
    for table in ("seen", "candidates", "owed"):
        connection.execute(f"DELETE FROM {table} WHERE endpoint_id = ?", (endpoint_id,))  # noqa: S608  our own words
    connection.execute(
        """UPDATE sync_state SET scope = ?, provider_state = '{}', root_id = NULL, full_begun_at = ?, track_seen = 1,
           folders_known_at = NULL,
           rescoping = completed_at IS NOT NULL OR live_files > 0, last_started_at = NULL, next_due_at = NULL
           WHERE endpoint_id = ?""",
        (scope, now, endpoint_id),
    )
    connection.execute(
        """UPDATE folders SET folder_path = NULL, depth = NULL, relist = 2, listed_stamp = NULL, readable = 1
           WHERE endpoint_id = ? AND deleted_at IS NULL""",
        (endpoint_id,),
    )


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
