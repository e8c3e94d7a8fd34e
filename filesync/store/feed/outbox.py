"""Messages that are still to be delivered, and how deliveries to each target go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.store.engine import Database
from filesync.store.row_codec import object_of

READER = "notify:"  # before a target's key: its name among the readers of the feed
_BACKOFF = (timedelta(0), timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=9), timedelta(minutes=14))
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One message in its target's queue."""

    id: int
    target: str
    event: str
    payload: Mapping[str, Any]
    created_at: Timestamp


@dataclass(frozen=True, slots=True)
class Outbox:
    """What there is to deliver: targets with messages, how far each has read the feed, and the feed's last `seq`.

    `resting` are targets whose last delivery failed and that are not tried yet.
    """

    targets: frozenset[str]
    positions: Mapping[str, int]
    last_seq: int
    resting: frozenset[str]


@dataclass(frozen=True, slots=True)
class TargetState:
    """How deliveries to one target go."""

    failures_in_a_row: int = 0
    next_try_at: Timestamp | None = None
    last_error: str | None = None
    last_delivered_at: Timestamp | None = None


def look(database: Database, now: datetime) -> Outbox:
    """Look at all queues at once; by plain statements, for every start does."""
    with database.reading() as connection:
        targets = connection.execute("SELECT DISTINCT target FROM notifications").fetchall()
        readers = connection.execute("SELECT reader, seq FROM feed_positions WHERE kind = 'notify'").fetchall()
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
        resting = connection.execute(  # a clock that jumped back holds nobody up for long
            "SELECT target FROM notify_targets WHERE next_try_at > ? AND next_try_at <= ?",
            (to_timestamp(now), to_timestamp(now + _BACKOFF[-1])),
        )
        return Outbox(
            frozenset(row[0] for row in targets),
            {reader.removeprefix(READER): seq for reader, seq in readers},
            int(last[0]),
            frozenset(row[0] for row in resting),
        )


def known_targets(database: Database) -> frozenset[str]:
    """Name every target that anything is remembered of."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT substr(reader, ?) FROM feed_positions WHERE kind = 'notify'
               UNION SELECT target FROM notify_targets UNION SELECT target FROM notify_told
               UNION SELECT target FROM notifications""",
            (len(READER) + 1,),
        ).fetchall()
    return frozenset(row[0] for row in rows)


def first(database: Database, target: str) -> QueuedMessage | None:
    """Give the message that a target gets next."""
    with database.reading():
        row = next(database.table("notifications").rows_where("target = ?", [target], order_by="id", limit=1), None)
    return None if row is None else _message(row)


def note_delivered(database: Database, target: str, message_id: int | None, now: datetime) -> None:
    """Take a message that arrived out of the queue (None: it was no message of the queue)."""
    with database.transaction():
        database.table("notifications").delete_where("id = ?", [message_id])
        well = {"failures_in_a_row": 0, "next_try_at": None, "last_error": None, "last_delivered_at": to_timestamp(now)}
        database.table("notify_targets").upsert({"target": target, **well})


def note_failed(database: Database, target: str, error: str, now: datetime) -> int:
    """Let a target rest for a while, a little longer each time; gives its failures in a row."""
    with database.transaction():
        targets = database.table("notify_targets")
        known = next(targets.rows_where("target = ?", [target]), None)
        failures: int = 1 + (known["failures_in_a_row"] if known else 0)
        rest = _BACKOFF[min(failures, len(_BACKOFF)) - 1]
        row = {"failures_in_a_row": failures, "next_try_at": to_timestamp(now + rest)}
        targets.upsert({"target": target, **row, "last_error": error[:_LONGEST_ERROR]})
    return failures


def failing(database: Database) -> frozenset[str]:
    """Name the targets whose last delivery failed."""
    with database.reading():
        return frozenset(
            each["target"] for each in database.table("notify_targets").rows_where("failures_in_a_row > 0")
        )


def count(database: Database, target: str) -> int:
    """Count the messages that wait for a target."""
    with database.reading():
        return database.table("notifications").count_where("target = ?", [target])


def drop(database: Database, keep: Mapping[str, timedelta], now: datetime) -> list[QueuedMessage]:
    """Drop what is too old, or for a target that nobody names any more, and give it.

    What never arrived was not told: when it still holds, it is told anew.
    """
    with database.transaction():
        notifications = database.table("notifications")
        dropped = [each for each in map(_message, notifications.rows_where(order_by="id")) if _is_over(each, keep, now)]
        for each in dropped:
            told = """(target, endpoint_id, event) IN (
                SELECT target, coalesce(endpoint_id, 0), event FROM notifications WHERE id = ?)"""
            database.table("notify_told").delete_where(told, [each.id])
            notifications.delete(each.id)
    return dropped


def forget_targets(database: Database, targets: Collection[str]) -> None:
    """Forget targets that nobody names any more, so that no change is kept for them."""
    with database.transaction():
        for target in targets:
            database.table("feed_positions").delete_where("reader = ?", [f"{READER}{target}"])
            database.table("notify_targets").delete_where("target = ?", [target])
            database.table("notify_told").delete_where("target = ?", [target])


def state_of(database: Database, target: str) -> TargetState:
    """Tell how deliveries to a target go."""
    with database.reading():
        row = next(database.table("notify_targets").rows_where("target = ?", [target]), None)
    if row is None:
        return TargetState()
    del row["target"]
    return TargetState(**row)


def _is_over(message: QueuedMessage, keep: Mapping[str, timedelta], now: datetime) -> bool:
    longest = keep.get(message.target)
    return longest is None or message.created_at < to_timestamp(now - longest)


def _message(row: Mapping[str, Any]) -> QueuedMessage:
    payload = object_of(row["payload"])
    return QueuedMessage(row["id"], row["target"], row["event"], payload, Timestamp(row["created_at"]))
