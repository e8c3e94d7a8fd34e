"""The log of syncs: a row before the first request, a heartbeat while it runs, an outcome whatever happens."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from filesync.core.errors import UnavailableError
from filesync.core.timestamps import LONG_AGO, Timestamp, known_time, to_timestamp
from filesync.store.engine import Database, Question, SqlConnection

if TYPE_CHECKING:
    from filesync.store.write.change_writer import Tally

MESSAGE_LIMIT = 2000
_SILENCE = timedelta(minutes=5)  # a heartbeat comes every few seconds, and clocks of hosts are not the same
_WAITS_FOR_NOTHING = {"waiting_for": None, "waiting_until": None}


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


def begin(database: Database, beginning: Beginning) -> int:
    """Write the `running` row of a sync that is about to start, in the caller's transaction; return its id."""
    row = {**asdict(beginning), "status": "running", "heartbeat_at": beginning.started_at}
    log_id = database.insert("sync_logs", row)
    if beginning.trigger != "trial":
        database.table("sync_state").update(beginning.endpoint_id, {"last_started_at": beginning.started_at})
    return log_id


def note_progress(connection: SqlConnection, log_id: int, tally: "Tally", now: Timestamp) -> None:
    """Let other processes see how far a sync is; by a plain statement, for it is part of every commit."""
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
    with database.transaction():
        if _find_running(database, log_id) is not None:
            until = to_timestamp(usage.waiting_until) if usage.waiting_until else None
            waiting = {"waiting_for": usage.waiting_for, "waiting_until": until}
            row = {"heartbeat_at": to_timestamp(now), **_cost(usage), **waiting}
            database.table("sync_logs").update(log_id, row)


def conclude(database: Database, endpoint_id: int, log_id: int, outcome: Outcome, next_due_at: datetime | None) -> None:
    """Close a sync's row and remember the outcome for deciding what is due, in the caller's transaction."""
    finished, duration = to_timestamp(outcome.finished_at), round(outcome.duration_seconds, 3)
    message = outcome.error_message[:MESSAGE_LIMIT] if outcome.error_message else None
    row = {
        "status": outcome.status,
        "finished_at": finished,
        "heartbeat_at": finished,
        "duration_seconds": duration,
        **asdict(outcome.tally),
        **_cost(outcome.usage),
        "error_type": outcome.error_type,
        "error_message": message,
        **_WAITS_FOR_NOTHING,
    }
    database.table("sync_logs").update(log_id, row)
    if outcome.trigger == "trial":
        return
    state = {
        "last_status": outcome.status,
        "last_error_type": outcome.error_type,
        "last_error_message": message,
        "last_finished_at": finished,
        "last_duration_seconds": duration,
        "last_counts": json.dumps(asdict(outcome.tally)) if outcome.status in {"success", "partial"} else None,
        "next_due_at": to_timestamp(next_due_at) if next_due_at else None,
    }
    if outcome.status == "success":
        state["last_success_at"] = to_timestamp(outcome.started_at)
    if outcome.status != "interrupted":  # which is no failure, and proves none to be over
        database.connection.execute(
            """UPDATE sync_state SET failures_in_a_row = CASE WHEN :failed THEN failures_in_a_row + 1 ELSE 0 END
               WHERE endpoint_id = :endpoint""",
            {"failed": outcome.status == "failed", "endpoint": endpoint_id},
        )
    database.table("sync_state").update(endpoint_id, state)


def close_stale(
    database: Database, is_running: Callable[[int], bool], now: datetime, others_than: str | None = None
) -> int:
    """Close the rows that dead processes left `running`; `is_running` asks the endpoint's lock. Return how many.

    `others_than`: rows of other hosts than this one, whose locks are not here, are dead when they were silent for long.
    """
    rows = database.fetch("SELECT id, endpoint_id, host, heartbeat_at FROM sync_logs WHERE status = 'running'")
    silent = to_timestamp(now - _SILENCE)
    dead = [
        log_id
        for log_id, endpoint_id, host, heartbeat in rows
        if not (is_running(endpoint_id) or (others_than not in {None, host} and heartbeat > silent))
    ]
    for log_id in dead:
        _close(database, log_id, "died", "the process ended without a word; the next sync goes on from there", now)
    return len(dead)


def running_elsewhere(database: Database, host: str, now: datetime) -> dict[int, str]:
    """Return the endpoints that another host syncs: id -> host. One that was silent for long is taken for dead."""
    rows = database.fetch(*_elsewhere("", (host, to_timestamp(now - _SILENCE))))
    return {row[0]: row[1] for row in rows}


def claim(database: Database, endpoint_id: int, host: str, now: Timestamp) -> None:
    """Make sure, in the caller's transaction, that no other host has just begun the same; whoever comes second waits.

    Raises UnavailableError when one has.
    """
    database.connection.execute("UPDATE sync_state SET scope = scope WHERE endpoint_id = ?", (endpoint_id,))
    silent = to_timestamp((known_time(now) or LONG_AGO) - _SILENCE)
    row = database.connection.execute(*_elsewhere("AND endpoint_id = ?", (host, silent, endpoint_id))).fetchone()
    if row is not None:
        raise UnavailableError(f"{row[1]} syncs this endpoint; only one host at a time can")


def _elsewhere(more: str, parameters: tuple[object, ...]) -> Question:
    return (
        f"""SELECT endpoint_id, host FROM sync_logs
            WHERE status = 'running' AND host <> ? AND heartbeat_at > ? {more}""",  # noqa: S608  our own words
        parameters,
    )


def close_interrupted(database: Database, log_id: int, now: datetime) -> None:
    """Close the row of a sync that was told to stop and hangs in a request; what it committed stays."""
    _close(database, log_id, "signal", "stopped by a signal", now)


def note_archived(database: Database, log_id: int) -> None:
    """Take a sync that found its project archived for one that was cut short, which is no failure."""
    with database.transaction():
        logs = database.table("sync_logs")
        logs.update(log_id, {"status": "interrupted"})
        state = {"last_status": "interrupted", "failures_in_a_row": 0, "next_due_at": None}
        database.table("sync_state").update(logs.get(log_id)["endpoint_id"], state)


def _close(database: Database, log_id: int, error_type: str, message: str, now: datetime) -> None:
    with database.transaction():
        row = _find_running(database, log_id)
        if row is None:
            return  # it was closed meanwhile
        began = known_time(row["started_at"])
        duration = round(max(0.0, (now - began).total_seconds()), 3) if began else None
        closed = {"status": "interrupted", "finished_at": to_timestamp(now), "duration_seconds": duration}
        why = {"error_type": error_type, "error_message": message}
        database.table("sync_logs").update(log_id, {**closed, **why, **_WAITS_FOR_NOTHING})
        if row["trigger"] != "trial":
            why = {"last_error_type": error_type, "last_error_message": message}
            state = {"last_status": "interrupted", **why, "last_finished_at": to_timestamp(now)}
            database.table("sync_state").update(row["endpoint_id"], state)


def _find_running(database: Database, log_id: int) -> dict[str, Any] | None:
    return next(database.table("sync_logs").rows_where("id = ? AND status = 'running'", [log_id]), None)


def _cost(usage: Usage) -> dict[str, Any]:
    throttled = round(usage.throttled_seconds, 3)
    return {"api_requests": usage.api_requests, "retries": usage.retries, "throttled_seconds": throttled}
