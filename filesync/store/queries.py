"""What people ask of the database: the commands' read queries, page by page, so that nobody collects all rows.

Rows are dictionaries with the column names of the schema; JSON columns arrive as objects.
"""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filesync.clock import Timestamp
from filesync.errors import FeedCutError, StoreError
from filesync.globs import Glob
from filesync.model import Identity
from filesync.store.database import Database
from filesync.store.stored import from_json, identity_of

Row = dict[str, Any]

FILE_COLUMNS = (
    "id", "endpoint_id", "external_file_id", "file_name", "file_path", "file_link", "file_size", "file_type",
    "mime_type", "version", "version_number", "checksum", "checksum_algorithm", "parent_external_id", "created_by",
    "modified_by", "modified_by_id", "created_at", "updated_at", "first_seen_at", "changed_at", "deleted_at",
    "deleted_reason", "extra",
)  # fmt: skip
_PAGE = 1000  # rows that are read at once; between two pages no transaction is open
_SEARCH_PAGE = 20_000  # each page of a search looks the words up again
_PENDING = """
    WITH RECURSIVE below (id, fate, found_at) AS (
        SELECT external_id, fate, found_at FROM candidates WHERE endpoint_id = :endpoint_id AND is_folder
        UNION
        SELECT f.external_folder_id, below.fate, below.found_at FROM below
        JOIN folders AS f ON f.endpoint_id = :endpoint_id AND f.parent_external_id = below.id
        WHERE f.deleted_at IS NULL),
    waiting (external_file_id, fate, found_at) AS (
        SELECT external_id, fate, found_at FROM candidates WHERE endpoint_id = :endpoint_id AND NOT is_folder
        UNION ALL
        SELECT f.external_file_id, below.fate, below.found_at FROM below
        JOIN files AS f ON f.endpoint_id = :endpoint_id AND f.parent_external_id = below.id),
    pending (external_file_id, pending_reason, missing_since) AS (
        SELECT external_file_id, max(fate), min(found_at) FROM waiting GROUP BY external_file_id)
"""


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint that has rows."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are asked for. `search` are words: each must begin a word of the name or path."""

    name: Glob | None = None
    search: str | None = None
    file_types: tuple[str, ...] = ()
    modified_since: Timestamp | None = None
    deleted: bool = False
    pending_removal: bool = False


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes are asked for: after `seq`, or detected since, or all there are; of all endpoints when None.

    The kind `modified` means every change of content, whatever its kind; without `kinds` all but `touched`.
    """

    after_seq: int | None = None
    detected_since: Timestamp | None = None
    endpoint_ids: tuple[int, ...] | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """How much of an endpoint is known."""

    folders: int
    files: int


def endpoints(database: Database) -> list[KnownEndpoint]:
    """Name every endpoint that the database knows, in the order of their names."""
    with database.reading() as connection:
        rows = connection.execute("SELECT id, name, is_active FROM endpoints ORDER BY name")
        return [KnownEndpoint(row[0], row[1], bool(row[2])) for row in rows]


def files(database: Database, endpoint: KnownEndpoint, wanted: FileFilter, most: int | None = None) -> Iterator[Row]:
    """Read an endpoint's files in the order of their paths; `most` is how many the caller will take."""
    if wanted.name is not None:
        _offer_glob(database, wanted.name)
    sql, parameters = _file_query(wanted)
    size = _page_size(wanted, most)
    last: tuple[str, int] = ("", 0)
    while True:
        values = {**parameters, "endpoint_id": endpoint.id, "path": last[0], "id": last[1], "page": size}
        page = _rows(database, sql, values)
        for row in page:
            row["extra"] = _from_json(row["extra"])
            yield {"endpoint": endpoint.name, **row}
        if len(page) < size:
            return
        last = (page[-1]["file_path"], page[-1]["id"])


def changes(database: Database, wanted: ChangeFilter) -> Iterator[Row]:
    """Read the feed in the order of `seq`. Raises FeedCutError when some of what is asked for was dropped."""
    seq = _start(database, wanted)
    where, parameters = _change_condition(wanted)
    sql = f"{_CHANGES} WHERE c.seq > :seq AND {where} ORDER BY c.seq LIMIT {_PAGE}"
    while True:
        page = [_change(row) for row in _whole_page(database, sql, {**parameters, "seq": seq})]
        yield from page
        if len(page) < _PAGE:
            return
        seq = page[-1]["seq"]


def latest_changes(database: Database, wanted: ChangeFilter, count: int) -> list[Row]:
    """Read the end of the feed, in the order of `seq`."""
    return [_change(row) for row in newest_changes(database, wanted, count)]


def newest_changes(database: Database, wanted: ChangeFilter, count: int) -> list[Row]:
    """Read the end of the feed, in the order of `seq`; `before` and `after` are JSON text."""
    where, parameters = _change_condition(wanted)
    sql = f"{_CHANGES} WHERE {where} ORDER BY c.seq DESC LIMIT :count"
    return _rows(database, sql, {**parameters, "count": count})[::-1]


def logs(database: Database, endpoint_ids: Sequence[int] | None, *, limit: int, only_failed: bool = False) -> list[Row]:
    """Read past and running syncs, the newest first."""
    where = ["1"]
    if endpoint_ids is not None:
        where.append("l.endpoint_id IN (SELECT value FROM json_each(:endpoints))")
    if only_failed:
        where.append("l.status = 'failed'")
    sql = f"""SELECT e.name AS endpoint, l.* FROM sync_logs AS l JOIN endpoints AS e ON e.id = l.endpoint_id
              WHERE {" AND ".join(where)} ORDER BY l.id DESC LIMIT :limit"""  # noqa: S608  our own words
    return _rows(database, sql, {"endpoints": json.dumps(endpoint_ids), "limit": limit})


def statuses(database: Database) -> list[Row]:
    """Read the view `endpoint_status` and what deciding about an endpoint needs besides, in the order of names."""
    sql = """SELECT v.*, e.created_at, s.scope, s.completed_at, s.last_finished_at, s.owed_since
             FROM endpoint_status AS v JOIN endpoints AS e ON e.id = v.endpoint_id
             JOIN sync_state AS s ON s.endpoint_id = v.endpoint_id ORDER BY v.name"""
    rows = _rows(database, sql, {})
    for row in rows:
        row["schedule"] = _if_readable(row["schedule"])
        row["scope"] = _if_readable(row["scope"])
        row["is_active"] = bool(row["is_active"])
    return rows


def identities(database: Database) -> list[tuple[str, Row, Identity]]:
    """Tell as whom every endpoint was read that was: type, service ids, identity."""
    sql = """SELECT e.endpoint_type, s.scope, s.identity FROM endpoints AS e
             JOIN sync_state AS s ON s.endpoint_id = e.id WHERE s.identity IS NOT NULL"""
    rows = _rows(database, sql, {})
    return [(r["endpoint_type"], from_json(r["scope"]), identity_of(r["identity"])) for r in rows]


def sizes(database: Database) -> dict[str, Size]:
    """Count folders and files, also those outside the filters, of every endpoint that was listed: name -> size."""
    sql = """SELECT e.name,
               (SELECT count(*) FROM folders AS f WHERE f.endpoint_id = e.id AND f.deleted_at IS NULL) AS folders,
               s.live_files + (SELECT count(*) FROM withheld_files AS w WHERE w.endpoint_id = e.id) AS files
             FROM endpoints AS e JOIN sync_state AS s ON s.endpoint_id = e.id WHERE s.completed_at IS NOT NULL"""
    return {row["name"]: Size(row["folders"], row["files"]) for row in _rows(database, sql, {})}


def _page_size(wanted: FileFilter, most: int | None) -> int:
    size = _PAGE if wanted.search is None else _SEARCH_PAGE
    return size if most is None else max(1, min(size, most))


def _file_query(wanted: FileFilter) -> tuple[str, dict[str, Any]]:
    conditions = ["f.endpoint_id = :endpoint_id", "(f.file_path, f.id) > (:path, :id)"]
    conditions.append(f"f.deleted_at IS {'NOT ' if wanted.deleted else ''}NULL")
    parameters: dict[str, Any] = {}
    if wanted.name is not None:
        conditions.append("glob_matches(f.file_name)")
    if wanted.search is not None:
        conditions.append("f.id IN (SELECT rowid FROM files_search WHERE files_search MATCH :words)")
        parameters["words"] = _fts_words(wanted.search)
    if wanted.file_types:
        conditions.append("f.file_type IN (SELECT value FROM json_each(:types))")
        parameters["types"] = json.dumps(wanted.file_types)
    if wanted.modified_since is not None:
        conditions.append("f.updated_at >= :since")
        parameters["since"] = wanted.modified_since
    begin, source, more = _file_source(wanted)
    columns = ", ".join([*(f"f.{name}" for name in FILE_COLUMNS), *more])
    sql = f"{begin} SELECT {columns} FROM {source} WHERE {' AND '.join(conditions)} ORDER BY f.file_path, f.id"  # noqa: S608
    return f"{sql} LIMIT :page", parameters


def _file_source(wanted: FileFilter) -> tuple[str, str, Sequence[str]]:
    if not wanted.pending_removal:
        return "", "files AS f", ()
    source = "files AS f JOIN pending AS p ON p.external_file_id = f.external_file_id"
    return _PENDING, source, ("p.pending_reason", "p.missing_since")


def _offer_glob(database: Database, glob: Glob) -> None:
    """Let SQL ask the glob; a `/` inside a name is matched as paths write it."""
    database.connection.create_function(
        "glob_matches", 1, lambda name: glob.matches(name.replace("/", "\uff0f")), deterministic=True
    )


def _fts_words(text: str) -> str:
    """Quote words for FTS5, so that none of its operators is one; each also finds what it begins."""
    return " ".join(f'"{word.replace(chr(34), chr(34) * 2)}"*' for word in text.replace("\0", " ").split())


_CHANGES = """SELECT c.seq, c.sync_log_id, c.endpoint_id, e.name AS endpoint, c.external_file_id, c.kind, c.cause,
                     c.content_changed, c.file_name, c.file_path, c.detected_at, c.before, c.after
              FROM changes AS c JOIN endpoints AS e ON e.id = c.endpoint_id"""


def _change_condition(wanted: ChangeFilter) -> tuple[str, dict[str, Any]]:
    conditions, parameters = [_kind_condition(wanted.kinds)], {"kinds": json.dumps(wanted.kinds)}
    if wanted.endpoint_ids is not None:
        conditions.append("c.endpoint_id IN (SELECT value FROM json_each(:endpoints))")
        parameters["endpoints"] = json.dumps(wanted.endpoint_ids)
    if wanted.detected_since is not None:
        conditions.append("c.detected_at >= :since")
        parameters["since"] = wanted.detected_since
    return " AND ".join(conditions), parameters


def _kind_condition(kinds: Sequence[str]) -> str:
    if not kinds:
        return "c.kind <> 'touched'"
    named = "c.kind IN (SELECT value FROM json_each(:kinds))"
    return f"({named} OR c.content_changed)" if "modified" in kinds else named


def _start(database: Database, wanted: ChangeFilter) -> int:
    """Find after which `seq` to begin; the index on the times answers it."""
    if wanted.after_seq is not None:
        return wanted.after_seq
    since = wanted.detected_since
    with database.reading() as connection:
        floor, floor_at = connection.execute("SELECT floor_seq, floor_at FROM retention").fetchone()
        if since is None:
            return int(floor)
        if floor_at is not None and since <= floor_at:
            raise _cut(connection, floor)
        first = connection.execute("SELECT min(seq) FROM changes WHERE detected_at >= ?", (since,)).fetchone()[0]
        return int(floor if first is None else first - 1)


def _whole_page(database: Database, sql: str, parameters: dict[str, Any]) -> list[Row]:
    """Read a page of the feed, unless some of what follows `seq` was dropped, long ago or just now."""
    with database.reading() as connection:
        floor = connection.execute("SELECT floor_seq FROM retention").fetchone()[0]
        if parameters["seq"] < floor:
            raise _cut(connection, floor)
        return _rows_of(connection, sql, parameters)


def _cut(connection: sqlite3.Connection, floor: int) -> FeedCutError:
    oldest = connection.execute("SELECT min(seq) FROM changes").fetchone()[0]
    kept = "none is kept" if oldest is None else f"the oldest kept is {oldest}"
    return FeedCutError(
        f"changes up to seq {floor} were dropped by retention, {kept}; "
        f"read the inventory afresh, then go on with --since {floor}",
        floor_seq=floor,
    )


def _change(row: Row) -> Row:
    return {
        **row,
        "content_changed": bool(row["content_changed"]),
        "before": _from_json(row["before"]),
        "after": _from_json(row["after"]),
    }


def _from_json(text: str | None) -> Any:
    return None if text is None else from_json(text)


def _if_readable(text: str | None) -> Any:
    """Read what others can do without: one damaged row must not hide all endpoints."""
    try:
        return _from_json(text)
    except StoreError:
        return None


def _rows(database: Database, sql: str, parameters: dict[str, Any]) -> list[Row]:
    with database.reading() as connection:
        return _rows_of(connection, sql, parameters)


def _rows_of(connection: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> list[Row]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor]
