"""Messages that are still to be delivered, and how deliveries to each target go."""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from filesync.store.database import Database
from filesync.store.stored import object_of
from filesync.timestamps import Timestamp, to_timestamp

READER = "notify:"  # before a target's key: its name among the readers of the feed
_BACKOFF = (timedelta(0), timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=9), timedelta(minutes=14))
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Message:
    """One message in its target's queue."""

    id: int
    target: str
    event: str
    payload: Mapping[str, Any]
    created_at: Timestamp


@dataclass(frozen=True, slots=True)
class Waiting:
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


def look(database: Database, now: datetime) -> Waiting:
    """Look at all queues at once."""
    with database.reading() as connection:
        targets = connection.execute("SELECT DISTINCT target FROM notifications").fetchall()
        readers = connection.execute("SELECT reader, seq FROM feed_positions WHERE kind = 'notify'").fetchall()
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
        resting = connection.execute(  # a clock that jumped back holds nobody up for long
            "SELECT target FROM notify_targets WHERE next_try_at > ? AND next_try_at <= ?",
            (to_timestamp(now), to_timestamp(now + _BACKOFF[-1])),
        )
        return Waiting(
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


def first(database: Database, target: str) -> Message | None:
    """Give the message that a target gets next."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT id, target, event, payload, created_at FROM notifications
               WHERE target = ? ORDER BY id LIMIT 1""",
            (target,),
        ).fetchone()
    return None if row is None else _message(row)


def note_delivered(database: Database, target: str, message_id: int | None, now: datetime) -> None:
    """Take a message that arrived out of the queue (None: it was no message of the queue)."""
    with database.transaction() as connection:
        if message_id is not None:
            connection.execute("DELETE FROM notifications WHERE id = ?", (message_id,))
        connection.execute(
            """INSERT INTO notify_targets (target, last_delivered_at) VALUES (?1, ?2)
               ON CONFLICT (target) DO UPDATE SET failures_in_a_row = 0, next_try_at = NULL, last_error = NULL,
                   last_delivered_at = ?2""",
            (target, to_timestamp(now)),
        )


def note_failed(database: Database, target: str, error: str, now: datetime) -> int:
    """Let a target rest for a while, a little longer each time; gives its failures in a row."""
    with database.transaction() as connection:
        row = connection.execute(
            """INSERT INTO notify_targets (target, failures_in_a_row, last_error) VALUES (?1, 1, ?2)
               ON CONFLICT (target) DO UPDATE SET failures_in_a_row = failures_in_a_row + 1, last_error = ?2
               RETURNING failures_in_a_row""",
            (target, error[:_LONGEST_ERROR]),
        ).fetchone()
        rest = _BACKOFF[min(row[0], len(_BACKOFF)) - 1]
        connection.execute(
            "UPDATE notify_targets SET next_try_at = ? WHERE target = ?", (to_timestamp(now + rest), target)
        )
    return int(row[0])


def failing(database: Database) -> frozenset[str]:
    """Name the targets whose last delivery failed."""
    with database.reading() as connection:
        rows = connection.execute("SELECT target FROM notify_targets WHERE failures_in_a_row > 0").fetchall()
    return frozenset(row[0] for row in rows)


def count(database: Database, target: str) -> int:
    """Count the messages that wait for a target."""
    with database.reading() as connection:
        row = connection.execute("SELECT count(*) FROM notifications WHERE target = ?", (target,)).fetchone()
    return int(row[0])


def drop(database: Database, keep: Mapping[str, timedelta], now: datetime) -> list[Message]:
    """Drop what is too old, or for a target that nobody names any more, and give it.

    What never arrived was not told: when it still holds, it is told anew.
    """
    with database.transaction() as connection:
        dropped = [each for each in _all(connection) if _is_over(each, keep, now)]
        ids = [(each.id,) for each in dropped]
        connection.executemany(
            """DELETE FROM notify_told WHERE (target, endpoint_id, event) IN (
                   SELECT target, coalesce(endpoint_id, 0), event FROM notifications WHERE id = ?)""",
            ids,
        )
        connection.executemany("DELETE FROM notifications WHERE id = ?", ids)
    return dropped


def forget_targets(database: Database, targets: Collection[str]) -> None:
    """Forget targets that nobody names any more, so that no change is kept for them."""
    with database.transaction() as connection:
        for target in targets:
            connection.execute("DELETE FROM feed_positions WHERE reader = ?", (f"{READER}{target}",))
            connection.execute("DELETE FROM notify_targets WHERE target = ?", (target,))
            connection.execute("DELETE FROM notify_told WHERE target = ?", (target,))


def state_of(database: Database, target: str) -> TargetState:
    """Tell how deliveries to a target go."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT failures_in_a_row, next_try_at, last_error, last_delivered_at
               FROM notify_targets WHERE target = ?""",
            (target,),
        ).fetchone()
    return TargetState(*row) if row else TargetState()


def _all(connection: sqlite3.Connection) -> list[Message]:
    rows = connection.execute("SELECT id, target, event, payload, created_at FROM notifications ORDER BY id")
    return [_message(row) for row in rows]


def _is_over(message: Message, keep: Mapping[str, timedelta], now: datetime) -> bool:
    longest = keep.get(message.target)
    return longest is None or message.created_at < to_timestamp(now - longest)


def _message(row: tuple[Any, ...]) -> Message:
    return Message(row[0], row[1], row[2], object_of(row[3]), Timestamp(row[4]))
