"""The `endpoints` table, brought in line with connector.yaml: known by type and service ids, not by name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from filesync.core.schedule import History
from filesync.core.timestamps import LONG_AGO, Timestamp, known_time
from filesync.store.engine import Database, SqlConnection
from filesync.store.row_codec import object_of

if TYPE_CHECKING:
    from filesync.core.model import State


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
        """Lay out what the configuration says, in the order of _DECLARED."""
        return (
            self.name,
            self.endpoint_type,
            self.project_id,
            self.user_id,
            _to_json(self.details),
            _to_json(self.schedule),
            self.archived_at,
            self.is_active,
        )


@dataclass(frozen=True, slots=True)
class EndpointRow:
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

    @property
    def is_active(self) -> bool:
        return bool(self.row[-1])


_DECLARED = (
    "name",
    "endpoint_type",
    "project_id",
    "user_id",
    "endpoint_details",
    "schedule",
    "archived_at",
    "is_active",
)
# Every start asks, so by a plain statement: one with nothing due imports no sqlite-utils.
_SELECT = f"""
    SELECT e.id, {", ".join(f"e.{name}" for name in _DECLARED)}, s.scope, e.created_at, s.last_started_at,
           s.last_finished_at, s.last_status, s.last_error_type, s.failures_in_a_row, s.completed_at, s.next_due_at,
           s.owed_since
    FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id
"""  # noqa: S608  column names are ours


def load(database: Database) -> list[EndpointRow]:
    """Read every endpoint, active or not."""
    return [_to_stored(row) for row in database.fetch(_SELECT)]


def _read(connection: SqlConnection) -> list[EndpointRow]:
    return [_to_stored(row) for row in connection.execute(_SELECT)]


def _to_stored(row: Sequence[Any]) -> EndpointRow:
    return EndpointRow(row[0], tuple(row[1:9]), *row[9:])


def find(database: Database, endpoint_id: int) -> EndpointRow:
    """Read one endpoint as it stands now."""
    return _to_stored(database.fetch(f"{_SELECT} WHERE e.id = ?", (endpoint_id,))[0])


def bring_in_line(database: Database, declared: Sequence[Declared], now: Timestamp) -> dict[str, EndpointRow]:
    """Make the table say what the file says, and return the declared endpoints by name; writes only what differs."""
    stored = load(database)
    if _is_in_line(declared, stored):
        names = {endpoint.name for endpoint in declared}
        return {row.name: row for row in stored if row.name in names}
    with database.transaction() as connection:
        _rewrite(database, declared, _read(connection), now)  # read again: another start may have been faster
    names = {endpoint.name for endpoint in declared}
    return {row.name: row for row in load(database) if row.name in names}


def wake(database: Database, endpoints: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Let these endpoints (type, service ids) be due again that failed for want of a login."""
    woken = {
        "last_status": "interrupted",
        "failures_in_a_row": 0,
        "last_error_message": "somebody logged in since; the next start goes on",
    }
    with database.transaction():
        states = database.table("sync_state")
        of_type = "endpoint_id IN (SELECT id FROM endpoints WHERE endpoint_type = :type) AND scope = :scope"
        refused = f"{of_type} AND last_status = 'failed' AND last_error_type = 'login'"
        for endpoint_type, scope in endpoints:
            rows = states.rows_where(refused, {"type": endpoint_type, "scope": _to_json(scope)}, select="endpoint_id")
            for row in list(rows):
                states.update(row["endpoint_id"], woken)


def note_start(database: Database, now: Timestamp) -> None:
    """Remember that `filesync sync` was started in this home; by a plain statement, for every start does."""
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


def _is_in_line(declared: Sequence[Declared], stored: Sequence[EndpointRow]) -> bool:
    rows = {(row.row, row.scope) for row in stored}
    wanted = {(endpoint.row(), _to_json(endpoint.scope)) for endpoint in declared}
    others_inactive = all(not row.is_active for row in stored if (row.row, row.scope) not in wanted)
    return wanted <= rows and others_inactive


def _rewrite(database: Database, declared: Sequence[Declared], stored: Sequence[EndpointRow], now: Timestamp) -> None:
    matches = _match(declared, stored)
    kept = {row.id for row in matches.values()}
    names = {endpoint.name for endpoint in declared}
    endpoints = database.table("endpoints")
    for row in stored:
        if (
            row.name in names
        ):  # free for whoever has it now; until then one that nobody can declare: those are printable
            endpoints.update(row.id, {"name": f"\x1f{row.id}"})
        if row.id not in kept and row.is_active:  # it left the file, or another has its name: its rows stay
            endpoints.update(row.id, {"is_active": False, "updated_at": now})
    for endpoint in declared:
        old = matches.get(endpoint.name)
        if old is None:
            _insert(database, endpoint, now)
        else:
            _update(database, old, endpoint, now)
    for row in stored:
        if row.name in names and row.id not in kept:
            endpoints.update(row.id, {"name": former_name(database, row)})


def _match(declared: Sequence[Declared], stored: Sequence[EndpointRow]) -> dict[str, EndpointRow]:
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


def former_name(database: Database, row: EndpointRow) -> str:
    """Give an endpoint whose name another one has now a name that is free."""
    taken = {each["name"] for each in database.table("endpoints").rows_where(select="name")}
    plain = row.name.removesuffix(f" (formerly, {row.id})")
    names = chain([f"{plain} (formerly, {row.id})"], (f"{plain} (formerly, {row.id}, {n})" for n in count(2)))
    return next(name for name in names if name not in taken)


def _insert(database: Database, endpoint: Declared, now: Timestamp) -> None:
    row = dict(zip(_DECLARED, endpoint.row(), strict=True)) | {"created_at": now, "updated_at": now}
    state = {
        "endpoint_id": database.insert("endpoints", row),
        "scope": _to_json(endpoint.scope),
        "provider_state": _to_json(endpoint.state),
        "owed_since": now if endpoint.is_member else None,  # a set's new project waits for no slot
    }
    database.table("sync_state").insert(state)


def _update(database: Database, old: EndpointRow, endpoint: Declared, now: Timestamp) -> None:
    endpoints, scope = database.table("endpoints"), _to_json(endpoint.scope)
    if old.row == endpoint.row():
        endpoints.update(old.id, {"name": endpoint.name})  # it may have stepped aside
    else:
        endpoints.update(old.id, dict(zip(_DECLARED, endpoint.row(), strict=True)) | {"updated_at": now})
        _tell_anew(database, old, endpoint, now)
    if old.scope != scope:
        _change_scope(database, old.id, scope, now)


def _tell_anew(database: Database, old: EndpointRow, endpoint: Declared, now: Timestamp) -> None:
    """Let a member's provider know what changed about it; one that is back is owed a sync."""
    states = database.table("sync_state")
    if endpoint.state:
        known = object_of(states.get(old.id)["provider_state"])
        states.update(old.id, {"provider_state": _to_json({**known, **endpoint.state})})
    if old.archived_at and not endpoint.archived_at:
        states.update(old.id, {"owed_since": now})


def _change_scope(database: Database, endpoint_id: int, scope: str, now: Timestamp) -> None:
    """Ask for a full listing of the new scope; what lies outside leaves as out_of_scope at its end."""
    # Everything is listed anew, and what the old scope decided is no more so in the new one.
    for name in ("seen", "candidates", "owed"):
        database.table(name).delete_where("endpoint_id = ?", [endpoint_id])
    states = database.table("sync_state")
    known = states.get(endpoint_id)
    states.update(
        endpoint_id,
        {
            "scope": scope,
            "provider_state": "{}",
            "root_id": None,
            "full_begun_at": now,
            "full_owed": False,
            "track_seen": True,
            "folders_known_at": None,
            "rescoping": known["completed_at"] is not None or known["live_files"] > 0,
            "last_started_at": None,
            "next_due_at": None,
        },
    )
    database.connection.execute(
        """UPDATE folders SET folder_path = NULL, depth = NULL, relist = 2, listed_stamp = NULL, readable = TRUE
           WHERE endpoint_id = ? AND deleted_at IS NULL""",
        (endpoint_id,),
    )


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
