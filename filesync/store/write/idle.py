"""Whether a start has nothing to do: what the last full start recorded, and the state that this depends on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database

# Whatever decides when an endpoint or a set is due, and whom a start has to notify or forget.
_STATE = (
    """SELECT e.id, e.schedule, e.archived_at, e.is_active, e.created_at, s.last_started_at, s.last_finished_at,
              s.last_status, s.last_error_type, s.failures_in_a_row, s.owed_since
       FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id ORDER BY e.id""",
    "SELECT id, asked_at, error_type, failures_in_a_row FROM set_sources ORDER BY id",
    """SELECT EXISTS (SELECT 1 FROM feed_positions WHERE kind = 'notify')
           OR EXISTS (SELECT 1 FROM notify_targets)
           OR EXISTS (SELECT 1 FROM notify_told)
           OR EXISTS (SELECT 1 FROM notifications)""",
)


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is due from the last start until then, as long as `basis` holds."""

    since: Timestamp
    until: Timestamp
    basis: Mapping[str, Any]


def load(database: Database) -> Idle | None:
    """Read what the last full start recorded; None when it had something left to do."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT last_start_at, idle_until, idle_basis FROM scheduler WHERE idle_until IS NOT NULL"
        ).fetchone()
    return Idle(row[0], row[1], json.loads(row[2])) if row else None


def record(database: Database, until: Timestamp, basis: Mapping[str, Any]) -> None:
    """Let the starts that follow end at once until then, as long as `basis` holds."""
    with database.transaction() as connection:
        connection.execute("UPDATE scheduler SET idle_until = ?, idle_basis = ?", (until, json.dumps(basis)))


def record_start(database: Database, now: Timestamp) -> None:
    """Record a start that had nothing to do, as any other start is recorded."""
    with database.transaction() as connection:
        connection.execute("UPDATE scheduler SET last_start_at = ?, last_exit_code = 0", (now,))


def state(database: Database) -> str:
    """Return what being due depends on, as text."""
    with database.reading() as connection:
        return repr([connection.execute(query).fetchall() for query in _STATE])


def running(database: Database) -> list[int]:
    """Return the endpoints of which a sync runs, or died without a word."""
    with database.reading() as connection:
        rows = connection.execute("SELECT endpoint_id FROM sync_logs WHERE status = 'running'")
        return [endpoint_id for (endpoint_id,) in rows]


def is_anybody_known(database: Database) -> bool:
    """Tell whether any target of notifications has a place in the feed, a message, a failure or an open alert."""
    with database.reading() as connection:
        return bool(connection.execute(_STATE[-1]).fetchone()[0])
