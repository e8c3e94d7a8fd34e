"""Which old rows may go, by the policy and by the readers of the feed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from filesync.core.retention import Keep, Retention
from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.store.engine import SqlConnection

if TYPE_CHECKING:
    from array import array

FORGOTTEN = timedelta(days=400)  # after which goes what the policy keeps for ever, though nothing refers to it any more
_NEVER = Timestamp("")  # before all times


@dataclass(frozen=True, slots=True)
class Holder:
    """A reader that has not seen changes which the policy would let go: `changes` of them."""

    reader: str
    kind: str
    seq: int
    changes: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Up to which `seq` changes may go: by the policy alone, and for the readers too."""

    wanted: int
    through: int


def bounds_of(connection: SqlConnection, policy: Retention, now: datetime, *, ignore_readers: bool) -> Bounds:
    wanted = _old_changes(connection, policy.changes, now, policy.guard)
    return Bounds(wanted, wanted if ignore_readers else slowest_reader(connection, wanted))


def _old_changes(connection: SqlConnection, keep: Keep, now: datetime, guard: timedelta) -> int:
    """Tell up to which `seq` the policy lets changes go; 0 for none."""
    if keep.is_all:
        return 0
    by_age = _last_before(connection, now - keep.length) if keep.length is not None else 0
    by_count = 0
    if keep.rows is not None:
        row = connection.execute("SELECT seq FROM changes ORDER BY seq DESC LIMIT 1 OFFSET ?", (keep.rows,)).fetchone()
        by_count = row[0] if row else 0
    return min(max(by_age, by_count), _last_before(connection, now - guard))


def _last_before(connection: SqlConnection, moment: datetime) -> int:
    """Find the last `seq` before the first change that is not older: a clock that ran ahead keeps more, never less."""
    row = connection.execute("SELECT min(seq) FROM changes WHERE detected_at >= ?", (to_timestamp(moment),)).fetchone()
    if row[0] is not None:
        return int(row[0]) - 1
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])


def slowest_reader(connection: SqlConnection, through: int) -> int:
    row = connection.execute("SELECT min(seq) FROM feed_positions").fetchone()
    return through if row[0] is None else min(through, int(row[0]))


def holders_of(connection: SqlConnection, bounds: Bounds) -> list[Holder]:
    rows = connection.execute(
        """SELECT p.reader, p.kind, p.seq, (SELECT count(*) FROM changes AS c WHERE c.seq > p.seq AND c.seq <= :wanted)
           FROM feed_positions AS p WHERE p.seq < :wanted ORDER BY p.seq, p.reader""",
        {"wanted": bounds.wanted},
    )
    return [Holder(*row) for row in rows]


def old_logs(connection: SqlConnection, policy: Retention, now: datetime, through: int) -> Iterator[int]:
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


def _last_log(connection: SqlConnection, rows: int | None) -> int:
    if rows is None:
        return 0
    row = connection.execute("SELECT id FROM sync_logs ORDER BY id DESC LIMIT 1 OFFSET ?", (rows,)).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Going:
    """Rows of a table that may go: which, and what must still be so when they do."""

    table: str
    still: str
    values: Mapping[str, object]
    chosen: str = "TRUE"  # more that is so of them, and takes long to find out

    def ids(self, connection: SqlConnection) -> Iterator[int]:
        sql = f"SELECT id FROM {self.table} AS t WHERE {self.still} AND {self.chosen} ORDER BY id"  # noqa: S608  our own words
        return (row[0] for row in connection.execute(sql, self.values))

    @property
    def delete(self) -> str:
        ids = "id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids))"
        return f"DELETE FROM {self.table} AS t WHERE {ids} AND {self.still}"  # noqa: S608  our own words


def files_that_go(connection: SqlConnection, policy: Retention, now: datetime, through: int) -> Going:
    """Describe the deleted files that may go: those of which the feed has everything or nothing."""
    keep, last = policy.deleted_files, None
    if keep.rows is not None:
        last = connection.execute(
            """SELECT deleted_at, id FROM files WHERE deleted_at IS NOT NULL
               ORDER BY deleted_at DESC, id DESC LIMIT 1 OFFSET ?""",
            (keep.rows,),
        ).fetchone()
    return Going(
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


def folders_that_go(policy: Retention, now: datetime, files: "array[int] | None" = None) -> Going:
    """Describe the deleted folders that may go: those that nothing refers to, once these files are gone.

    Whatever hangs in a folder needs it, and all above it: the feed names the uppermost folder of those that went.
    """
    length = min(policy.deleted_files.length or FORGOTTEN, FORGOTTEN)
    return Going(
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
        {"before": to_timestamp(now - max(length, policy.guard)), "files": json.dumps(files.tolist() if files else [])},
        f"(endpoint_id, external_folder_id) NOT IN ({_NEEDED})",
    )


_GOING_FILES = "SELECT CAST(value AS BIGINT) FROM json_each(:files)"
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


def _moment(now: datetime, length: timedelta | None) -> Timestamp:
    return _NEVER if length is None else to_timestamp(now - length)
