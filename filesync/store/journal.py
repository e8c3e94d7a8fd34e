"""The log of syncs: a row before the first request, a heartbeat while it runs, an outcome whatever happens."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from filesync.store.database import Database
from filesync.timestamps import Timestamp, to_timestamp

if TYPE_CHECKING:
    from filesync.store.ledger import Tally

MESSAGE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Usage:
    """What a sync cost so far, and what it waits for."""

    api_requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    waiting_for: str | None = None
    waiting_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sync of one endpoint ended."""

    endpoint: str
    status: str  # success, partial, failed, interrupted
    mode: str
    trigger: str
    started_at: datetime
    finished_at: datetime
    tally: "Tally"
    usage: Usage
    error_type: str | None = None
    error_message: str | None = None

    @property
    def duration_seconds(self) -> float:
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a sync before its first request."""

    endpoint_id: int
    mode: str
    trigger: str
    started_at: Timestamp
    host: str
    pid: int


def begin(connection: sqlite3.Connection, beginning: Beginning) -> int:
    """Write the `running` row of a sync that is about to start; return its id."""
    row = connection.execute(
        """INSERT INTO sync_logs (endpoint_id, status, mode, "trigger", started_at, heartbeat_at, host, pid)
           VALUES (?, 'running', ?, ?, ?, ?, ?, ?) RETURNING id""",
        (
            beginning.endpoint_id,
            beginning.mode,
            beginning.trigger,
            beginning.started_at,
            beginning.started_at,
            beginning.host,
            beginning.pid,
        ),
    ).fetchone()
    if beginning.trigger != "trial":
        connection.execute(
            "UPDATE sync_state SET last_started_at = ? WHERE endpoint_id = ?",
            (beginning.started_at, beginning.endpoint_id),
        )
    return int(row[0])


def note_progress(connection: sqlite3.Connection, log_id: int, tally: "Tally", now: Timestamp) -> None:
    """Let other processes see how far a sync is."""
    connection.execute(
        """UPDATE sync_logs SET heartbeat_at = ?, files_seen = ?, files_added = ?, files_updated = ?,
           files_removed = ?, found_by_reconcile = ?, folders_listed = ? WHERE id = ?""",
        (
            now,
            tally.files_seen,
            tally.files_added,
            tally.files_updated,
            tally.files_removed,
            tally.found_by_reconcile,
            tally.folders_listed,
            log_id,
        ),
    )


def note_usage(database: Database, log_id: int, usage: Usage, now: datetime) -> None:
    """Let other processes see that a sync lives, what it cost, and what it waits for."""
    with database.transaction() as connection:
        connection.execute(
            """UPDATE sync_logs SET heartbeat_at = ?, api_requests = ?, retries = ?, throttled_seconds = ?,
               waiting_for = ?, waiting_until = ? WHERE id = ? AND status = 'running'""",
            (
                to_timestamp(now),
                usage.api_requests,
                usage.retries,
                round(usage.throttled_seconds, 3),
                usage.waiting_for,
                to_timestamp(usage.waiting_until) if usage.waiting_until else None,
                log_id,
            ),
        )


def conclude(
    connection: sqlite3.Connection, endpoint_id: int, log_id: int, outcome: Outcome, next_due_at: datetime | None
) -> None:
    """Close a sync's row and remember the outcome for deciding what is due."""
    message = outcome.error_message[:MESSAGE_LIMIT] if outcome.error_message else None
    finished = to_timestamp(outcome.finished_at)
    connection.execute(
        """UPDATE sync_logs SET status = ?, finished_at = ?, heartbeat_at = ?, duration_seconds = ?,
           files_seen = ?, files_added = ?, files_updated = ?, files_removed = ?, found_by_reconcile = ?,
           folders_listed = ?, folders_skipped = ?, odd_entries = ?, api_requests = ?, retries = ?,
           throttled_seconds = ?,
           error_type = ?, error_message = ?, waiting_for = NULL, waiting_until = NULL WHERE id = ?""",
        (
            outcome.status,
            finished,
            finished,
            round(outcome.duration_seconds, 3),
            *asdict(outcome.tally).values(),
            outcome.usage.api_requests,
            outcome.usage.retries,
            round(outcome.usage.throttled_seconds, 3),
            outcome.error_type,
            message,
            log_id,
        ),
    )
    if outcome.trigger == "trial":
        return
    succeeded = outcome.status in {"success", "partial"}
    connection.execute(
        """UPDATE sync_state SET last_status = ?, last_error_type = ?, last_error_message = ?, last_finished_at = ?,
           last_success_at = CASE WHEN ? THEN ? ELSE last_success_at END,
           last_duration_seconds = ?, last_counts = ?,
           failures_in_a_row = CASE ? WHEN 'failed' THEN failures_in_a_row + 1
                                      WHEN 'interrupted' THEN failures_in_a_row ELSE 0 END,
           next_due_at = ?
           WHERE endpoint_id = ?""",
        (
            outcome.status,
            outcome.error_type,
            message,
            finished,
            outcome.status == "success",
            to_timestamp(outcome.started_at),
            round(outcome.duration_seconds, 3),
            json.dumps(asdict(outcome.tally)) if succeeded else None,
            outcome.status,
            to_timestamp(next_due_at) if next_due_at else None,
            endpoint_id,
        ),
    )


def close_stale(database: Database, is_running: Callable[[int], bool], now: datetime) -> int:
    """Close the rows that dead processes left `running`; `is_running` asks the endpoint's lock. Returns how many."""
    with database.reading() as connection:
        rows = connection.execute("SELECT id, endpoint_id FROM sync_logs WHERE status = 'running'").fetchall()
    dead = [log_id for log_id, endpoint_id in rows if not is_running(endpoint_id)]
    for log_id in dead:
        _close(database, log_id, "died", "the process ended without a word; the next sync goes on from there", now)
    return len(dead)


def close_interrupted(database: Database, log_id: int, now: datetime) -> None:
    """Close the row of a sync that was told to stop and hangs in a request; what it committed stays."""
    _close(database, log_id, "signal", "stopped by a signal", now)


def note_archived(database: Database, log_id: int) -> None:
    """Take a sync that found its project archived for one that was cut short, which is no failure."""
    with database.transaction() as connection:
        row = connection.execute(
            "UPDATE sync_logs SET status = 'interrupted' WHERE id = ? RETURNING endpoint_id", (log_id,)
        ).fetchone()
        connection.execute(
            """UPDATE sync_state SET last_status = 'interrupted', failures_in_a_row = 0, next_due_at = NULL
               WHERE endpoint_id = ?""",
            row,
        )


def _close(database: Database, log_id: int, error_type: str, message: str, now: datetime) -> None:
    with database.transaction() as connection:
        closed = connection.execute(
            """UPDATE sync_logs SET status = 'interrupted', finished_at = ?1,
               duration_seconds = max(0.0, round((julianday(?1) - julianday(started_at)) * 86400, 3)),
               error_type = ?2, error_message = ?3, waiting_for = NULL, waiting_until = NULL
               WHERE id = ?4 AND status = 'running' RETURNING endpoint_id, sync_logs."trigger" AS made_by""",
            (to_timestamp(now), error_type, message, log_id),
        ).fetchone()
        if closed and closed[1] != "trial":
            connection.execute(
                """UPDATE sync_state SET last_status = 'interrupted', last_error_type = ?,
                   last_error_message = ?, last_finished_at = ? WHERE endpoint_id = ?""",
                (error_type, message, to_timestamp(now), closed[0]),
            )
