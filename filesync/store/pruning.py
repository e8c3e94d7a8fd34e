"""Dropping old rows: what may go by the policy and the readers, in transactions so small that nobody waits for them.

The feed loses its beginning only, so between its oldest and newest `seq` nothing is missing. What was dropped stays
told: every kept change has the old values, and the view `file_history` takes them back.
"""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.retention import Keep, Retention
from filesync.store.database import Database
from filesync.timestamps import Timestamp, known_time, to_timestamp

EVERY = timedelta(days=1)  # between two times that old rows are looked for unasked
_BATCH = 500  # rows of one transaction
_FORGOTTEN = timedelta(
    days=400
)  # after which goes what the policy keeps for ever, though nothing refers to it any more
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
    deleted_folders: int = 0
    set_members: int = 0
    notify_told: int = 0
    is_done: bool = True

    @property
    def rows(self) -> Mapping[str, int]:
        """Count the rows by what they are of."""
        return {
            "sync_logs": self.sync_logs,
            "changes": self.changes,
            "deleted_files": self.deleted_files,
            "deleted_folders": self.deleted_folders,
            "set_members": self.set_members,
            "notify_told": self.notify_told,
        }


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
        files = _files_that_go(connection, policy, now, bounds.through)
        going = array("q", files.ids(connection))
        folders = _folders_that_go(policy, now, going)
        return Pruned(
            sync_logs=sum(1 for _ in _old_logs(connection, policy, now, bounds.through)),
            changes=changes,
            deleted_files=len(going),
            held_by=_holders(connection, bounds),
            deleted_folders=sum(1 for _ in folders.ids(connection)),
            set_members=_count(connection, _MEMBERS, now),
            notify_told=_count(connection, _TOLD, now),
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
        files = _files_that_go(connection, policy, now, bounds.through)
        going = array("q", files.ids(connection))
    crew.drop("sync_logs", _DROP_LOGS, logs)
    crew.drop("files", files.delete, going, files.values)
    folders = _folders_that_go(policy, now)
    with database.reading() as connection:
        going = array("q", folders.ids(connection))
    crew.drop("folders", folders.delete, going, folders.values)
    crew.forget("set_members", _MEMBERS, now)
    crew.forget("set_sources", _SOURCES, now)
    crew.forget("notify_told", _TOLD, now)
    crew.note_end(to_timestamp(now))
    gone = crew.gone
    return Pruned(
        gone["sync_logs"],
        gone["changes"],
        gone["files"],
        held_by,
        gone["folders"],
        gone["set_members"],
        gone["notify_told"],
        is_done=crew.goes_on,
    )


class _Pruning:
    """The transactions of one pruning, one after the other, until somebody says stop."""

    def __init__(self, database: Database, go_on: Callable[[], bool]) -> None:
        self._database = database
        self._go_on = go_on
        self.goes_on = True
        self.gone = Counter[str]()

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

    def drop(self, table: str, statement: str, ids: "array[int]", values: Mapping[str, object] | None = None) -> None:
        """Drop these rows by a statement that looks once more whether each may go: things happen meanwhile."""
        for start in range(0, len(ids), _BATCH):
            if not self.goes_on:
                return
            with self._database.transaction() as connection:
                batch = json.dumps(ids[start : start + _BATCH].tolist())
                self.gone[table] += connection.execute(statement, {**(values or {}), "ids": batch}).rowcount
            self.goes_on = self._go_on()

    def forget(self, table: str, condition: str, now: datetime) -> None:
        """Drop what nobody asked for or was told since so long that it is forgotten."""
        gone = _BATCH
        while gone == _BATCH and self.goes_on:
            with self._database.transaction() as connection:
                gone = connection.execute(
                    f"""DELETE FROM {condition.split(maxsplit=1)[0]} WHERE ({_KEYS[table]}) IN (
                            SELECT {_KEYS[table]} FROM {condition} LIMIT {_BATCH})""",  # noqa: S608  our own words
                    {"before": to_timestamp(now - _FORGOTTEN)},
                ).rowcount
            self.gone[table] += gone
            self.goes_on = self._go_on()

    def note_end(self, now: Timestamp) -> None:
        if self.goes_on:
            with self._database.transaction() as connection:
                connection.execute("UPDATE retention SET pruned_at = ?", (now,))


_DROP_LOGS = """
    DELETE FROM sync_logs WHERE id IN (SELECT value FROM json_each(:ids)) AND status <> 'running'
    AND NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.sync_log_id = sync_logs.id)
"""
# Each is a table with a condition. A member that was archived so long ago is in no answer either: being named by one
# takes that back.
_MEMBERS = """set_members WHERE archived_at < :before OR source_id IN (
    SELECT id FROM set_sources WHERE coalesce(asked_at, answered_at, '') < :before)"""
_SOURCES = """set_sources WHERE coalesce(asked_at, answered_at, '') < :before
    AND NOT EXISTS (SELECT 1 FROM set_members WHERE source_id = set_sources.id)"""
_TOLD = "notify_told WHERE told_at < :before"
_KEYS = {
    "set_members": "source_id, external_id",
    "set_sources": "id",
    "notify_told": "endpoint_id, target, event, cause",
}


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


@dataclass(frozen=True, slots=True)
class _Going:
    """Rows of a table that may go: which, and what must still be so when they do."""

    table: str
    still: str
    values: Mapping[str, object]
    chosen: str = "TRUE"  # more that is so of them, and takes long to find out

    def ids(self, connection: sqlite3.Connection) -> Iterator[int]:
        sql = f"SELECT id FROM {self.table} AS t WHERE {self.still} AND {self.chosen} ORDER BY id"  # noqa: S608  our own words
        return (row[0] for row in connection.execute(sql, self.values))

    @property
    def delete(self) -> str:
        ids = "id IN (SELECT value FROM json_each(:ids))"
        return f"DELETE FROM {self.table} AS t WHERE {ids} AND {self.still}"  # noqa: S608  our own words


def _files_that_go(connection: sqlite3.Connection, policy: Retention, now: datetime, through: int) -> _Going:
    """Describe the deleted files that may go: those of which the feed has everything or nothing."""
    keep, last = policy.deleted_files, None
    if keep.rows is not None:
        last = connection.execute(
            """SELECT deleted_at, id FROM files WHERE deleted_at IS NOT NULL
               ORDER BY deleted_at DESC, id DESC LIMIT 1 OFFSET ?""",
            (keep.rows,),
        ).fetchone()
    return _Going(
        "files",
        """deleted_at IS NOT NULL AND deleted_at < :guard
           AND (deleted_at < :before OR (deleted_at, id) <= (:last_at, :last_id))
           AND coalesce((
               SELECT c.kind FROM changes AS c
               WHERE c.endpoint_id = t.endpoint_id AND c.external_file_id = t.external_file_id AND c.seq > :through
               ORDER BY c.seq LIMIT 1), 'created') = 'created'""",
        {
            "guard": to_timestamp(now - policy.guard),
            "before": _moment(now, keep.length),
            "last_at": last[0] if last else _NEVER,
            "last_id": last[1] if last else 0,
            "through": through,
        },
    )


def _folders_that_go(policy: Retention, now: datetime, files: "array[int] | None" = None) -> _Going:
    """Describe the deleted folders that may go: those that nothing refers to, once these files are gone.

    Whatever hangs in a folder needs it, and all above it: the feed names the uppermost folder of those that went.
    """
    length = min(policy.deleted_files.length or _FORGOTTEN, _FORGOTTEN)
    return _Going(
        "folders",
        f"""deleted_at IS NOT NULL AND deleted_at < :before
            AND NOT EXISTS (SELECT 1 FROM sync_logs WHERE endpoint_id = t.endpoint_id AND status = 'running')
            AND NOT EXISTS (SELECT 1 FROM files AS f WHERE f.endpoint_id = t.endpoint_id
                AND f.parent_external_id = t.external_folder_id AND f.id NOT IN ({_GOING_FILES}))
            AND NOT EXISTS (SELECT 1 FROM withheld_files AS w WHERE w.endpoint_id = t.endpoint_id
                AND w.parent_external_id = t.external_folder_id)
            AND NOT EXISTS (SELECT 1 FROM folders AS f WHERE f.endpoint_id = t.endpoint_id
                AND f.parent_external_id = t.external_folder_id AND f.deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM candidates AS c WHERE c.endpoint_id = t.endpoint_id
                AND c.external_id = t.external_folder_id)""",  # noqa: S608  our own words
        {
            "before": to_timestamp(now - max(length, policy.guard)),
            "files": json.dumps(files.tolist() if files else []),
        },
        f"(endpoint_id, external_folder_id) NOT IN ({_NEEDED})",
    )


_GOING_FILES = "SELECT value FROM json_each(:files)"
_NEEDED = f"""
    WITH RECURSIVE needed (endpoint_id, id) AS (
        SELECT endpoint_id, parent_external_id FROM files
        WHERE parent_external_id IS NOT NULL AND id NOT IN ({_GOING_FILES})
        UNION SELECT endpoint_id, parent_external_id FROM withheld_files WHERE parent_external_id IS NOT NULL
        UNION SELECT endpoint_id, external_id FROM candidates
        UNION SELECT endpoint_id, parent_external_id FROM folders
        WHERE parent_external_id IS NOT NULL AND (deleted_at IS NULL OR deleted_at >= :before)
        UNION SELECT f.endpoint_id, f.parent_external_id FROM needed CROSS JOIN folders AS f
            ON f.endpoint_id = needed.endpoint_id AND f.external_folder_id = needed.id
        WHERE f.parent_external_id IS NOT NULL)
    SELECT endpoint_id, id FROM needed
"""  # noqa: S608  our own words


def _count(connection: sqlite3.Connection, condition: str, now: datetime) -> int:
    sql = f"SELECT count(*) FROM {condition}"  # noqa: S608  our own words
    return int(connection.execute(sql, {"before": to_timestamp(now - _FORGOTTEN)}).fetchone()[0])


def _moment(now: datetime, length: timedelta | None) -> Timestamp:
    return _NEVER if length is None else to_timestamp(now - length)
