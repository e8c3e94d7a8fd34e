"""Dropping old rows: what may go by the policy and the readers, in transactions so small that nobody waits for them.

The feed loses its beginning only, so between its oldest and newest `seq` nothing is missing. What was dropped stays
told: every kept change has the old values, and the view `file_history` takes them back.
"""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.clock import Timestamp, known_time, to_timestamp
from filesync.retention import Keep, Retention
from filesync.store.database import Database

EVERY = timedelta(days=1)  # between two times that old rows are looked for unasked
_BATCH = 500  # rows of one transaction
_NEVER = Timestamp("")  # before all times


@dataclass(frozen=True, slots=True)
class Holder:
    """A reader that has not seen changes which the policy would let go: `changes` of them."""

    reader: str
    kind: str
    seq: int
    changes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, or would go; `is_done` is False when the caller broke off before all had."""

    sync_logs: int
    changes: int
    deleted_files: int
    held_by: Sequence[Holder]
    is_done: bool = True


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Up to which `seq` changes may go: by the policy alone, and for the readers too."""

    wanted: int
    through: int


def is_due(database: Database, now: datetime) -> bool:
    """Tell whether old rows were not looked for since a day, or by a clock that was ahead."""
    with database.reading() as connection:
        last = connection.execute("SELECT pruned_at FROM retention").fetchone()[0]
    pruned_at = known_time(last)
    return pruned_at is None or not timedelta(0) <= now - pruned_at < EVERY


def plan(database: Database, policy: Retention, now: datetime, *, ignore_readers: bool = False) -> Pruned:
    """Tell what `prune` would do; writes nothing."""
    with database.reading() as connection:
        bounds = _bounds(connection, policy, now, ignore_readers=ignore_readers)
        changes = connection.execute("SELECT count(*) FROM changes WHERE seq <= ?", (bounds.through,)).fetchone()[0]
        return Pruned(
            sync_logs=sum(1 for _ in _old_logs(connection, policy, now, bounds.through)),
            changes=changes,
            deleted_files=sum(1 for _ in _old_files(connection, policy, now, bounds.through)),
            held_by=_holders(connection, bounds),
        )


def prune(
    database: Database,
    policy: Retention,
    now: datetime,
    *,
    ignore_readers: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Pruned:
    """Drop what the policy lets go. `go_on` is asked after each transaction; told no, the rest waits."""
    with database.reading() as connection:
        bounds = _bounds(connection, policy, now, ignore_readers=ignore_readers)
        held_by = _holders(connection, bounds)
    crew = _Pruning(database, go_on)
    crew.drop_changes(bounds.through, ignore_readers=ignore_readers)
    with database.reading() as connection:
        logs = array("q", _old_logs(connection, policy, now, bounds.through))
        files = array("q", _old_files(connection, policy, now, bounds.through))
    crew.drop("sync_logs", _DROP_LOGS, logs)
    crew.drop("files", _DROP_FILES, files)
    crew.note_end(to_timestamp(now))
    return Pruned(crew.gone["sync_logs"], crew.gone["changes"], crew.gone["files"], held_by, is_done=crew.goes_on)


class _Pruning:
    """The transactions of one pruning, one after the other, until somebody says stop."""

    def __init__(self, database: Database, go_on: Callable[[], bool]) -> None:
        self._database = database
        self._go_on = go_on
        self.goes_on = True
        self.gone = {"sync_logs": 0, "changes": 0, "files": 0}

    def drop_changes(self, through: int, *, ignore_readers: bool) -> None:
        """Cut the feed's beginning off; a reader that came in the meantime holds what it has not seen."""
        while self.goes_on:
            with self._database.transaction() as connection:
                end = through if ignore_readers else min(through, _slowest(connection, through))
                gone = _cut(connection, end)
            self.gone["changes"] += gone
            if gone < _BATCH:
                return
            self.goes_on = self._go_on()

    def drop(self, table: str, statement: str, ids: "array[int]") -> None:
        for start in range(0, len(ids), _BATCH):
            if not self.goes_on:
                return
            with self._database.transaction() as connection:
                batch = json.dumps(ids[start : start + _BATCH].tolist())
                self.gone[table] += connection.execute(statement, (batch,)).rowcount
            self.goes_on = self._go_on()

    def note_end(self, now: Timestamp) -> None:
        if self.goes_on:
            with self._database.transaction() as connection:
                connection.execute("UPDATE retention SET pruned_at = ?", (now,))


_DROP_LOGS = """
    DELETE FROM sync_logs WHERE id IN (SELECT value FROM json_each(?)) AND status <> 'running'
    AND NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.sync_log_id = sync_logs.id)
"""
_DROP_FILES = "DELETE FROM files WHERE id IN (SELECT value FROM json_each(?)) AND deleted_at IS NOT NULL"


def _cut(connection: sqlite3.Connection, end: int) -> int:
    """Drop the oldest changes up to `end`, at most a batch of them, and remember where the feed begins now."""
    last, newest, gone = connection.execute(
        """SELECT max(seq), max(detected_at), count(*) FROM (
               SELECT seq, detected_at FROM changes WHERE seq <= ? ORDER BY seq LIMIT ?)""",
        (end, _BATCH),
    ).fetchone()
    if gone:
        connection.execute("DELETE FROM changes WHERE seq <= ?", (last,))
        connection.execute(
            "UPDATE retention SET floor_seq = ?, floor_at = max(coalesce(floor_at, ''), ?)", (last, newest)
        )
    return int(gone)


def _bounds(connection: sqlite3.Connection, policy: Retention, now: datetime, *, ignore_readers: bool) -> _Bounds:
    wanted = _old_changes(connection, policy.changes, now, policy.guard)
    return _Bounds(wanted, wanted if ignore_readers else _slowest(connection, wanted))


def _old_changes(connection: sqlite3.Connection, keep: Keep, now: datetime, guard: timedelta) -> int:
    """Tell up to which `seq` the policy lets changes go; 0 for none."""
    if keep.is_all:
        return 0
    by_age = _last_before(connection, now - keep.length) if keep.length is not None else 0
    by_count = 0
    if keep.rows is not None:
        row = connection.execute("SELECT seq FROM changes ORDER BY seq DESC LIMIT 1 OFFSET ?", (keep.rows,)).fetchone()
        by_count = row[0] if row else 0
    return min(max(by_age, by_count), _last_before(connection, now - guard))


def _last_before(connection: sqlite3.Connection, moment: datetime) -> int:
    """Find the last `seq` before the first change that is not older: a clock that ran ahead keeps more, never less."""
    row = connection.execute("SELECT min(seq) FROM changes WHERE detected_at >= ?", (to_timestamp(moment),)).fetchone()
    if row[0] is not None:
        return int(row[0]) - 1
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])


def _slowest(connection: sqlite3.Connection, through: int) -> int:
    row = connection.execute("SELECT min(seq) FROM feed_positions").fetchone()
    return through if row[0] is None else min(through, int(row[0]))


def _holders(connection: sqlite3.Connection, bounds: _Bounds) -> list[Holder]:
    rows = connection.execute(
        """SELECT p.reader, p.kind, p.seq, (SELECT count(*) FROM changes AS c WHERE c.seq > p.seq AND c.seq <= ?1)
           FROM feed_positions AS p WHERE p.seq < ?1 ORDER BY p.seq, p.reader""",
        (bounds.wanted,),
    )
    return [Holder(*row) for row in rows]


def _old_logs(connection: sqlite3.Connection, policy: Retention, now: datetime, through: int) -> Iterator[int]:
    """Name the syncs that may go: too old, too many, or uneventful with a later one on the same day.

    A sync that a change behind `through` belongs to stays.
    """
    rows = connection.execute(
        """WITH quiet AS (
               SELECT id, started_at, substr(started_at, 1, 10) AS day,
                   lead(substr(started_at, 1, 10)) OVER (PARTITION BY endpoint_id ORDER BY id) AS next_day
               FROM sync_logs WHERE status = 'success' AND error_type IS NULL
                   AND files_added = 0 AND files_updated = 0 AND files_removed = 0),
           old AS (
               SELECT id FROM quiet WHERE started_at < :quiet AND day = next_day
               UNION
               SELECT id FROM sync_logs WHERE status <> 'running' AND (started_at < :before OR id <= :last))
           SELECT id FROM old WHERE NOT EXISTS (
               SELECT 1 FROM changes AS c WHERE c.sync_log_id = old.id AND c.seq > :through)
           ORDER BY id""",
        {
            "quiet": _moment(now, policy.uneventful),
            "before": _moment(now, policy.sync_logs.length),
            "last": _last_log(connection, policy.sync_logs.rows),
            "through": through,
        },
    )
    return (row[0] for row in rows)


def _last_log(connection: sqlite3.Connection, rows: int | None) -> int:
    if rows is None:
        return 0
    row = connection.execute("SELECT id FROM sync_logs ORDER BY id DESC LIMIT 1 OFFSET ?", (rows,)).fetchone()
    return int(row[0]) if row else 0


def _old_files(connection: sqlite3.Connection, policy: Retention, now: datetime, through: int) -> Iterator[int]:
    """Name the deleted files that may go: those of which the feed has everything or nothing."""
    keep = policy.deleted_files
    if keep.is_all:
        return iter(())
    last = None
    if keep.rows is not None:
        last = connection.execute(
            """SELECT deleted_at, id FROM files WHERE deleted_at IS NOT NULL
               ORDER BY deleted_at DESC, id DESC LIMIT 1 OFFSET ?""",
            (keep.rows,),
        ).fetchone()
    rows = connection.execute(
        """SELECT id FROM files AS f WHERE deleted_at IS NOT NULL AND deleted_at < :guard
           AND (deleted_at < :before OR (deleted_at, id) <= (:last_at, :last_id))
           AND coalesce((
               SELECT c.kind FROM changes AS c
               WHERE c.endpoint_id = f.endpoint_id AND c.external_file_id = f.external_file_id AND c.seq > :through
               ORDER BY c.seq LIMIT 1), 'created') = 'created'
           ORDER BY id""",
        {
            "guard": to_timestamp(now - policy.guard),
            "before": _moment(now, keep.length),
            "last_at": last[0] if last else _NEVER,
            "last_id": last[1] if last else 0,
            "through": through,
        },
    )
    return (row[0] for row in rows)


def _moment(now: datetime, length: timedelta | None) -> Timestamp:
    return _NEVER if length is None else to_timestamp(now - length)
