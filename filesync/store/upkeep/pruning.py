"""Dropping old rows: what may go by the policy and the readers, in transactions so small that nobody waits for them.

The feed loses its beginning only, so between its oldest and newest `seq` nothing is missing. What was dropped stays
told: every kept change has the old values, and the view `file_history` takes them back.
"""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.core.retention import Retention
from filesync.core.timestamps import Timestamp, known_time, to_timestamp
from filesync.store.engine import Database, Delete, SqlConnection
from filesync.store.upkeep.expiry import (
    FORGOTTEN,
    Holder,
    bounds_of,
    files_that_go,
    folders_that_go,
    holders_of,
    old_logs,
    slowest_reader,
)
from filesync.store.upkeep.forgetting import FORGOTTEN_SCOPE

EVERY = timedelta(days=1)  # between two times that old rows are looked for unasked
_BATCH = 500  # rows of one transaction


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


def is_due(database: Database, now: datetime) -> bool:
    """Tell whether old rows were not looked for since a day, or by a clock that was ahead."""
    with database.reading() as connection:
        last = connection.execute("SELECT pruned_at FROM retention").fetchone()[0]
    pruned_at = known_time(last)
    return pruned_at is None or not timedelta(0) <= now - pruned_at < EVERY


def plan(database: Database, policy: Retention, now: datetime, *, ignore_readers: bool = False) -> Pruned:
    """Tell what `prune` would do; writes nothing."""
    with database.reading() as connection:
        bounds = bounds_of(connection, policy, now, ignore_readers=ignore_readers)
        changes = connection.execute("SELECT count(*) FROM changes WHERE seq <= ?", (bounds.through,)).fetchone()[0]
        files = files_that_go(connection, policy, now, bounds.through)
        going = array("q", files.ids(connection))
        folders = folders_that_go(policy, now, going)
        return Pruned(
            sync_logs=sum(1 for _ in old_logs(connection, policy, now, bounds.through)),
            changes=changes,
            deleted_files=len(going),
            held_by=holders_of(connection, bounds),
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
        bounds = bounds_of(connection, policy, now, ignore_readers=ignore_readers)
        held_by = holders_of(connection, bounds)
    crew = _Pruning(database, go_on)
    crew.drop_changes(bounds.through, ignore_readers=ignore_readers)
    with database.reading() as connection:
        logs = array("q", old_logs(connection, policy, now, bounds.through))
        files = files_that_go(connection, policy, now, bounds.through)
        going = array("q", files.ids(connection))
    crew.drop("sync_logs", _DROP_LOGS, logs)
    crew.drop("files", files.delete, going, files.values)
    folders = folders_that_go(policy, now)
    with database.reading() as connection:
        going = array("q", folders.ids(connection))
    crew.drop("folders", folders.delete, going, folders.values)
    crew.drop_forgotten()
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
                end = through if ignore_readers else min(through, slowest_reader(connection, through))  # decision 29
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

    def drop_forgotten(self) -> None:
        """Drop the forgotten endpoints of which no row is left that a reader could ask for."""
        if not self.goes_on:
            return
        with self._database.transaction() as connection:
            ids = [row[0] for row in connection.execute(_FORGOTTEN_ENDPOINTS, (FORGOTTEN_SCOPE,))]
            for table, key in _OF_AN_ENDPOINT:
                connection.write_many(Delete(table, (key,)), [(id_,) for id_ in ids])

    def forget(self, table: str, condition: str, now: datetime) -> None:
        """Drop what nobody asked for or was told since so long that it is forgotten."""
        gone = _BATCH
        while gone == _BATCH and self.goes_on:
            with self._database.transaction() as connection:
                gone = connection.execute(
                    f"""DELETE FROM {condition.split(maxsplit=1)[0]} WHERE ({_KEYS[table]}) IN (
                            SELECT {_KEYS[table]} FROM {condition} LIMIT {_BATCH})""",  # noqa: S608  our own words
                    {"before": to_timestamp(now - FORGOTTEN)},
                ).rowcount
            self.gone[table] += gone
            self.goes_on = self._go_on()

    def note_end(self, now: Timestamp) -> None:
        if self.goes_on:
            with self._database.transaction():
                self._database.table("retention").update(1, {"pruned_at": now})


_FORGOTTEN_ENDPOINTS = """
    SELECT endpoint_id FROM sync_state AS s WHERE scope = ?
    AND NOT EXISTS (SELECT 1 FROM files WHERE endpoint_id = s.endpoint_id)
    AND NOT EXISTS (SELECT 1 FROM folders WHERE endpoint_id = s.endpoint_id)
    AND NOT EXISTS (SELECT 1 FROM changes WHERE endpoint_id = s.endpoint_id)
    AND NOT EXISTS (SELECT 1 FROM sync_logs WHERE endpoint_id = s.endpoint_id)
"""
_OF_AN_ENDPOINT = (  # children first
    *((table, "endpoint_id") for table in ("sync_totals", "notifications", "notify_told", "sync_state")),
    ("endpoints", "id"),
)
_DROP_LOGS = """
    DELETE FROM sync_logs WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids)) AND status <> 'running'
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


def _cut(connection: SqlConnection, end: int) -> int:
    """Drop the oldest changes up to `end`, at most a batch of them, and remember where the feed begins now."""
    last, newest, gone = connection.execute(
        """SELECT max(seq), max(detected_at), count(*) FROM (
               SELECT seq, detected_at FROM changes WHERE seq <= ? ORDER BY seq LIMIT ?) AS oldest""",
        (end, _BATCH),
    ).fetchone()
    if gone:
        connection.execute("DELETE FROM changes WHERE seq <= ?", (last,))  # decision 27: only its beginning
        connection.execute(
            """UPDATE retention SET floor_seq = :last,
               floor_at = CASE WHEN floor_at > :newest THEN floor_at ELSE :newest END""",
            {"last": last, "newest": newest},
        )
    return int(gone)


def _count(connection: SqlConnection, condition: str, now: datetime) -> int:
    sql = f"SELECT count(*) FROM {condition}"  # noqa: S608  our own words
    return int(connection.execute(sql, {"before": to_timestamp(now - FORGOTTEN)}).fetchone()[0])
