"""What is to be told about a sync, written in the commit that closes it; and who was told what."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from filesync.core import alerts
from filesync.core.alerts import PING, Alert, Audience, Ended, Event, Notified, Ping, Target, payload
from filesync.core.schedule import TEMPORARY
from filesync.core.timestamps import Timestamp, known_time, to_timestamp
from filesync.store.engine import Database, SqlConnection
from filesync.store.write.sync_log import Outcome

NO_ENDPOINT = 0  # in notify_told


@dataclass(frozen=True, slots=True)
class Closed:
    """A sync whose row is closed."""

    endpoint_id: int
    log_id: int
    host: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell a target, or the end of one; `over` are the events that it ends."""

    target: str
    endpoint_id: int | None
    at: Timestamp
    alert: Alert | None = None
    payload: Mapping[str, Any] | None = None
    over: frozenset[Event] = frozenset()
    subject: int | None = None  # in notify_told, where it is no endpoint


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row of `notifications`."""

    target: str
    endpoint_id: int | None
    event: str
    message: Mapping[str, Any]
    at: Timestamp


def note_ending(database: Database, closed: Closed, audience: Audience) -> None:
    """Write what everybody is to be told about a sync; the caller's commit closes it."""
    if closed.outcome.trigger == "trial" or not audience.targets:
        return
    ended = _ended(database.connection, closed)
    for target in audience.targets:
        if not isinstance(target.way, Ping):
            _alert(database, closed, ended, target, audience.run_id)
        elif target.own:
            _ping(database, closed, target, audience.run_id)


def load_notified(database: Database, events: Iterable[Event]) -> dict[tuple[str, int], list[Notified]]:
    """Tell what targets were told of these events, by target and endpoint (0: none)."""
    with database.reading():
        rows = database.table("notify_told").rows_where(
            "event IN (SELECT value FROM json_each(?))", [json.dumps([*events])]
        )
        told: dict[tuple[str, int], list[Notified]] = {}
        for row in rows:
            told.setdefault((row["target"], row["endpoint_id"]), []).append(Notified(Event(row["event"]), row["cause"]))
        return told


def write(database: Database, notes: Sequence[Note]) -> None:
    """Write messages, that they are told, and what is over, in one commit."""
    with database.transaction():
        for note in notes:
            _write(database, note)


def put_ping(database: Database, target: str, message: Mapping[str, Any], at: Timestamp) -> None:
    """Write a ping that no endpoint is concerned with; an older one of the target would be out of date."""
    with database.transaction():
        _put_ping(database, _Entry(target, None, PING, message, at))


def _alert(database: Database, closed: Closed, ended: Ended, target: Target, run_id: str) -> None:
    key = target.key(closed.endpoint_id)
    verdict = alerts.judge(ended, _told(database, key, closed.endpoint_id), target.events)
    _forget(database, key, closed.endpoint_id, verdict.over)
    for alert in verdict.alerts:
        text = alerts.sentence(alert, closed.outcome.endpoint, ended)
        message = payload(alert.event, to_timestamp(ended.at), text, run_id, **_facts(closed, ended, alert))
        _write(database, Note(key, closed.endpoint_id, to_timestamp(ended.at), alert, message))


def _ping(database: Database, closed: Closed, target: Target, run_id: str) -> None:
    outcome = closed.outcome
    is_temporary = outcome.error_type in TEMPORARY
    result = alerts.ping_result(outcome.status, outcome.error_type, is_temporary=is_temporary)
    if result:
        text = f"{outcome.endpoint}: {outcome.error_message or outcome.status}"
        message = {"result": result, "rid": alerts.to_rid(run_id), "text": text}
        key, at = target.key(closed.endpoint_id), to_timestamp(outcome.finished_at)
        _put_ping(database, _Entry(key, closed.endpoint_id, PING, message, at))


def _put_ping(database: Database, entry: _Entry) -> None:
    database.table("notifications").delete_where("target = ? AND event = ?", [entry.target, PING])
    _put(database, entry)


def _write(database: Database, note: Note) -> None:
    subject = note.endpoint_id or note.subject or NO_ENDPOINT
    _forget(database, note.target, subject, note.over)
    if note.alert is None or note.payload is None:
        return
    _put(database, _Entry(note.target, note.endpoint_id, note.alert.event, note.payload, note.at))
    if note.alert.event is not Event.RECOVERED:  # which nothing ends
        told = {
            "target": note.target,
            "endpoint_id": subject,
            "event": note.alert.event,
            "cause": note.alert.cause,
            "told_at": note.at,
        }
        database.table("notify_told").upsert(told)


def _put(database: Database, entry: _Entry) -> None:
    row = {
        "target": entry.target,
        "endpoint_id": entry.endpoint_id,
        "event": entry.event,
        "payload": json.dumps(entry.message, ensure_ascii=False),
        "created_at": entry.at,
    }
    database.table("notifications").insert(row)


def _told(database: Database, target: str, endpoint_id: int) -> list[Notified]:
    rows = database.table("notify_told").rows_where("target = ? AND endpoint_id = ?", [target, endpoint_id])
    return [Notified(Event(row["event"]), row["cause"]) for row in rows]


def _forget(database: Database, target: str, endpoint_id: int, over: Iterable[Event]) -> None:
    for event in over:
        ended = "target = ? AND endpoint_id = ? AND event = ?"
        database.table("notify_told").delete_where(ended, [target, endpoint_id, event])


def _ended(connection: SqlConnection, closed: Closed) -> Ended:
    outcome = closed.outcome
    failures, since = 0, None
    if outcome.status == "failed":
        failures, since = connection.execute(
            """SELECT s.failures_in_a_row, (
                   SELECT min(l.started_at) FROM sync_logs AS l
                   WHERE l.endpoint_id = s.endpoint_id AND l.status = 'failed' AND l."trigger" <> 'trial'
                       AND l.id > coalesce((
                           SELECT g.id FROM sync_logs AS g WHERE g.endpoint_id = s.endpoint_id
                               AND g.status IN ('success', 'partial') AND g."trigger" <> 'trial'
                           ORDER BY g.id DESC LIMIT 1), 0))
               FROM sync_state AS s WHERE s.endpoint_id = ?""",
            (closed.endpoint_id,),
        ).fetchone()
    return Ended(
        outcome.status,
        outcome.finished_at,
        outcome.error_type,
        outcome.error_message,
        failures,
        known_time(since),
    )


def _facts(closed: Closed, ended: Ended, alert: Alert) -> dict[str, Any]:
    outcome = closed.outcome
    sync = {
        "sync_log_id": closed.log_id,
        "status": outcome.status,
        "mode": outcome.mode,
        "trigger": outcome.trigger,
        "started_at": to_timestamp(outcome.started_at),
        "finished_at": to_timestamp(outcome.finished_at),
        "duration_seconds": round(outcome.duration_seconds, 3),
        **asdict(outcome.tally),
        "api_requests": outcome.usage.api_requests,
        "error_type": outcome.error_type,
        "error_message": outcome.error_message,
    }
    facts: dict[str, Any] = {"host": closed.host, "endpoint": outcome.endpoint, "endpoint_id": closed.endpoint_id}
    if alert.event is Event.RECOVERED:
        facts["recovered_from"] = [*alert.recovered_from]
    if alert.event is Event.FAILURE:
        facts["failures_in_a_row"] = ended.failures
        facts["failing_since"] = to_timestamp(ended.failing_since or ended.at)
    return {**facts, "sync": sync}
