"""What an examination asks of the database: whether it is whole, and whether its parts agree with each other.

Nothing is written. A question that takes too long is broken off, and then its answer is None: nobody knows.
"""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database
from filesync.store.feed import lineage
from filesync.store.feed.lineage import FeedPlace
from filesync.store.row_codec import from_json

OLDEST_SQLITE = (3, 39, 0)  # IS DISTINCT FROM

_MOST_PROBLEMS = 10
_SAMPLE = 100  # files whose names are looked up in the search
IsOver = Callable[[], bool]

# What a person can do about it, in SQLite's own words.
USE_WAL = "PRAGMA journal_mode = wal"
INDEX_AGAIN = "INSERT INTO files_search (files_search) VALUES ('rebuild')"
COUNT_AGAIN = (
    "UPDATE sync_state SET live_files = (SELECT count(*) FROM files WHERE files.endpoint_id = sync_state.endpoint_id "
    "AND deleted_at IS NULL)"
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two numbers of one endpoint that should be the same: what was counted before, and what there is."""

    endpoint: str
    counted: int
    there: int


@dataclass(frozen=True, slots=True)
class Beyond:
    """A reader of the feed that has read what is not in it: ahead of its end, or what a restore took back.

    `end` is where a reader is that has read everything.
    """

    reader: str
    kind: str  # consumer, notify
    seq: int
    is_taken_back: bool
    end: FeedPlace


@dataclass(frozen=True, slots=True)
class Open:
    """A sync whose row is not closed."""

    endpoint_id: int
    endpoint: str
    started_at: str
    heartbeat_at: str
    waiting_until: str | None
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """Files and folders of an endpoint that wait to be removed."""

    endpoint_id: int
    endpoint: str
    count: int
    since: str


@dataclass(frozen=True, slots=True)
class Odd:
    """How many entries of an endpoint have something odd in them, and one of them."""

    endpoint: str
    count: int
    path: str
    odd: str


def sqlite_version() -> tuple[int, ...]:
    return sqlite3.sqlite_version_info


def journal_mode(database: Database) -> str:
    return str(database.connection.execute("PRAGMA journal_mode").fetchone()[0])


def damage(database: Database, is_over: IsOver) -> Sequence[str] | None:
    """List what is wrong with the file's pages, tables and indexes, as far as SQLite's quick check looks."""
    rows = _asked(database, f"PRAGMA quick_check({_MOST_PROBLEMS})", is_over)
    return None if rows is None else [str(row[0]) for row in rows if row[0] != "ok"]


def broken_references(database: Database, is_over: IsOver) -> Mapping[str, int] | None:
    """Count the rows, by table, that refer to a row that is not there."""
    sql = 'SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1'
    rows = _asked(database, sql, is_over)
    return None if rows is None else dict(rows)


def search_gaps(database: Database, is_over: IsOver) -> int | None:
    """Count the files that the search does not know, or knows and should not, and a sample that it does not find."""
    sql = """SELECT (SELECT count(*) FROM files WHERE id NOT IN (SELECT id FROM files_search_docsize))
                  + (SELECT count(*) FROM files_search_docsize WHERE id NOT IN (SELECT id FROM files))"""
    rows = _asked(database, sql, is_over)
    if rows is None or rows[0][0]:
        return int(rows[0][0]) if rows else None
    names = _asked(database, "SELECT id, file_name FROM files ORDER BY id DESC LIMIT ?", is_over, _SAMPLE) or []
    return sum(not _is_found(database, *row) for row in names)


def wrong_totals(database: Database, is_over: IsOver) -> Sequence[Disagreement] | None:
    """Compare how many live files each endpoint is said to have with how many there are."""
    sql = """SELECT e.name, s.live_files, (
                 SELECT count(*) FROM files AS f WHERE f.endpoint_id = e.id AND f.deleted_at IS NULL) AS live
             FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id ORDER BY 1"""
    rows = _asked(database, sql, is_over)
    return None if rows is None else [Disagreement(*row) for row in rows if row[1] != row[2]]


def wrong_feed(database: Database, is_over: IsOver) -> Sequence[Disagreement] | None:
    """Compare how many live files the feed leaves of each endpoint with how many there are; nothing of a cut feed."""
    sql = """SELECT e.name, coalesce(c.files_left, 0) AS told, (
                 SELECT count(*) FROM files AS f WHERE f.endpoint_id = e.id AND f.deleted_at IS NULL) AS there
             FROM endpoints AS e LEFT JOIN (
                 SELECT endpoint_id, sum(CASE WHEN kind IN ('created', 'restored') THEN 1
                     WHEN kind = 'deleted' THEN -1 ELSE 0 END) AS files_left
                 FROM changes GROUP BY endpoint_id) AS c ON c.endpoint_id = e.id
             WHERE (SELECT floor_seq FROM retention) = 0 ORDER BY 1"""
    rows = _asked(database, sql, is_over)
    return None if rows is None else [Disagreement(*row) for row in rows if row[1] != row[2]]


def readers_beyond(database: Database) -> Sequence[Beyond]:
    """Find readers whose place is not in the feed: they are ahead of it, or a restore took back what they have read.

    A receiver of notifications is told by each message of which feed it is, and may be anywhere below the end.
    """
    with database.reading() as connection:
        known = lineage.read(connection)
        rows = connection.execute("SELECT reader, kind, seq FROM feed_positions ORDER BY 1").fetchall()
    return [
        Beyond(reader, kind, seq, known.took_back(seq), known.end)
        for reader, kind, seq in rows
        if (not known.holds(FeedPlace(seq)) if kind == "consumer" else seq > max(known.given, known.end.seq))
    ]


def growth(database: Database, is_over: IsOver) -> dict[str, int] | None:
    """Count the rows of what grows with every sync, by what they are, and the live files."""
    sql = """SELECT (SELECT coalesce(sum(live_files), 0) FROM sync_state),
                    (SELECT count(*) FROM files WHERE deleted_at IS NOT NULL),
                    (SELECT count(*) FROM folders WHERE deleted_at IS NOT NULL),
                    (SELECT count(*) FROM changes), (SELECT count(*) FROM sync_logs),
                    (SELECT count(*) FROM set_members WHERE archived_at IS NOT NULL),
                    (SELECT count(*) FROM notify_told)"""
    rows = _asked(database, sql, is_over)
    names = ("live files", "deleted files", "deleted folders", "changes", "syncs", "archived members", "things told")
    return None if rows is None else dict(zip(names, rows[0], strict=True))


def open_syncs(database: Database) -> Sequence[Open]:
    """Read the rows of syncs that have not ended, the newest of each endpoint."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT e.id, e.name, l.started_at, l.heartbeat_at, l.waiting_until, l.host, l.pid
               FROM sync_logs AS l JOIN endpoints AS e ON e.id = l.endpoint_id
               WHERE l.status = 'running' ORDER BY e.name, l.id"""
        )
        return [Open(*row) for row in rows]


def scheduled_starts(database: Database, since: Timestamp) -> int:
    """Count the starts since then that synced what nobody asked for by name; a container's may all have one pid."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT count(DISTINCT host || ' ' || pid || ' ' || substr(started_at, 1, 10)) FROM sync_logs
               WHERE "trigger" = 'schedule' AND started_at >= ?""",
            (since,),
        ).fetchone()
    return int(row[0])


def waiting_removals(database: Database) -> Sequence[WaitingWork]:
    """Count what waits to be removed, by endpoint."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT e.id, e.name, count(*), min(c.found_at) FROM candidates AS c
               JOIN endpoints AS e ON e.id = c.endpoint_id WHERE e.is_active GROUP BY e.id ORDER BY e.name"""
        )
        return [WaitingWork(*row) for row in rows]


def odd_entries(database: Database) -> Sequence[Odd]:
    """Count the entries of which the service says something that cannot be so, by endpoint."""
    with database.reading() as connection:
        rows = connection.execute(
            """WITH found AS (
                   SELECT o.endpoint_id, coalesce(f.file_path, d.folder_path, o.external_id) AS path, o.odd
                   FROM odd_entries AS o
                   LEFT JOIN files AS f ON f.endpoint_id = o.endpoint_id AND f.external_file_id = o.external_id
                   LEFT JOIN folders AS d ON d.endpoint_id = o.endpoint_id AND d.external_folder_id = o.external_id),
               counted AS (
                   SELECT endpoint_id, path, odd, count(*) OVER (PARTITION BY endpoint_id) AS many,
                       row_number() OVER (PARTITION BY endpoint_id ORDER BY path, odd) AS place
                   FROM found)
               SELECT e.name, c.many, c.path, c.odd FROM counted AS c JOIN endpoints AS e ON e.id = c.endpoint_id
               WHERE e.is_active AND c.place = 1 ORDER BY e.name"""
        )
        return [Odd(*row) for row in rows]


def all_withheld(database: Database) -> Mapping[str, int]:
    """Count, for each active endpoint whose filters leave out every file that was seen, those files."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT e.name, count(*) FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id
               JOIN withheld_files AS w ON w.endpoint_id = e.id
               WHERE e.is_active AND s.live_files = 0 GROUP BY e.id ORDER BY e.name"""
        )
        return dict(rows.fetchall())


def left_out(database: Database) -> Mapping[str, Sequence[str]]:
    """Give what each active endpoint's last complete sync left out on purpose, in words."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT e.name, s.left_out FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id
               WHERE e.is_active AND s.left_out <> '[]' ORDER BY e.name"""
        )
        return {name: from_json(text) for name, text in rows}


def _asked(database: Database, sql: str, is_over: IsOver, *values: object) -> list[tuple[Any, ...]] | None:
    """Ask one question; None when time was over first."""
    with database.reading() as connection:
        return connection.ask(sql, is_over, values)


def _is_found(database: Database, row_id: int, name: str) -> bool:
    """Tell whether the search finds a file by its name; a name without a letter or digit has nothing to find."""
    if not any(unicodedata.category(char)[0] in "LN" for char in name):
        return True
    phrase = 'file_name : "{}"'.format(name.replace('"', '""').replace("\0", " "))
    found = _asked(
        database,
        "SELECT 1 FROM files_search WHERE files_search MATCH ? AND rowid = ?",
        lambda: False,
        phrase,
        row_id,
    )
    return bool(found)
