"""What people ask of the database: the commands' read queries, page by page, so that nobody collects all rows.

Rows are dictionaries with the column names of the schema; JSON columns arrive as objects.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from filesync.core.errors import FeedCutError, FeedLostError, StoreError
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database, SqlConnection
from filesync.store.feed import lineage
from filesync.store.feed.lineage import FeedPlace
from filesync.store.row_codec import from_json, identity_of

if TYPE_CHECKING:
    from filesync.core.model import Identity

Row = dict[str, Any]

PAGE = 1000  # rows that are read at once; between two pages no transaction is open


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint that has rows."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes are asked for: after a place, or detected since, or all there are; of all endpoints when None.

    The kind `modified` means every change of content, whatever its kind; without `kinds` all but `touched`.
    """

    after: FeedPlace | None = None
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


def changes(database: Database, wanted: ChangeFilter, most: int | None = None) -> Iterator[Row]:
    """Read the feed in the order of `seq`; `most` is how many the caller will take.

    Raises FeedCutError when some of what is asked for was dropped, FeedLostError when it is another feed, or becomes
    another while it is read.
    """
    size = page_size(most)
    feed, seq = _start(database, wanted)
    where, parameters = _change_condition(wanted)
    sql = f"{_CHANGES} WHERE c.seq > :seq AND {where} ORDER BY c.seq LIMIT :size"
    while True:
        page = _whole_page(database, feed, sql, {**parameters, "seq": seq, "size": size})
        yield from page
        if len(page) < size:
            return
        seq = page[-1]["seq"]


def latest_changes(database: Database, wanted: ChangeFilter, count: int) -> list[Row]:
    """Read the end of the feed, in the order of `seq`."""
    return [_change(row) for row in newest_changes(database, wanted, count)]


def newest_changes(database: Database, wanted: ChangeFilter, count: int) -> list[Row]:
    """Read the end of the feed, in the order of `seq`; `before` and `after` are JSON text."""
    where, parameters = _change_condition(wanted)
    parameters["count"] = count
    if wanted.endpoint_ids is None:
        return _rows(database, f"{_CHANGES} WHERE {where} ORDER BY c.seq DESC LIMIT :count", parameters)[::-1]
    sql = f"{_CHANGES_BY_SYNC} AND {where} ORDER BY l.id DESC, c.seq DESC LIMIT :count"
    with database.reading() as connection:
        found = [rows_of(connection, sql, {**parameters, "endpoint": each}) for each in wanted.endpoint_ids]
    return sorted(chain.from_iterable(found), key=lambda row: int(row["seq"]))[-count:]


def logs(database: Database, endpoint_ids: Sequence[int] | None, *, limit: int, only_failed: bool = False) -> list[Row]:
    """Read past and running syncs, the newest first."""
    where = ["TRUE"]
    if endpoint_ids is not None:
        where.append("l.endpoint_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:endpoints))")
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


def identities(database: Database) -> "list[tuple[str, Row, Identity]]":
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


_CHANGES_OF = """
    SELECT c.seq, c.sync_log_id, c.endpoint_id, e.name AS endpoint, c.external_file_id, c.kind, c.cause,
           c.content_changed, c.file_name, c.file_path, c.detected_at, c.before, c.after"""
_CHANGES = f"""{_CHANGES_OF}
    FROM changes AS c JOIN endpoints AS e ON e.id = c.endpoint_id"""
# An endpoint's syncs come one after the other, so its changes, too, have the order of their syncs.
_CHANGES_BY_SYNC = f"""{_CHANGES_OF}
    FROM sync_logs AS l CROSS JOIN changes AS c ON c.sync_log_id = l.id JOIN endpoints AS e ON e.id = c.endpoint_id
    WHERE l.endpoint_id = :endpoint"""


def page_size(most: int | None, whole: int = PAGE) -> int:
    """Tell how many rows to read at once for somebody who takes `most`; None: all of them."""
    return whole if most is None else max(1, min(whole, most))


def _change_condition(wanted: ChangeFilter) -> tuple[str, dict[str, Any]]:
    conditions, parameters = [_kind_condition(wanted.kinds)], {"kinds": json.dumps(wanted.kinds)}
    if wanted.endpoint_ids is not None:
        conditions.append("c.endpoint_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:endpoints))")
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


def _start(database: Database, wanted: ChangeFilter) -> tuple[str, int]:
    """Find of which feed to read, and after which `seq` to begin.

    The index on the times answers that: the plus sign keeps SQLite from walking along `seq` until it meets the time.
    """
    since = wanted.detected_since
    with database.reading() as connection:
        known = lineage.read(connection)
        if wanted.after is not None:
            lineage.check(known, wanted.after, "--since", "--since")
            return known.feed, wanted.after.seq
        floor, floor_at = connection.execute("SELECT floor_seq, floor_at FROM retention").fetchone()
        if since is None:
            return known.feed, int(floor)
        if floor_at is not None and since <= floor_at:
            raise _cut(connection, floor)
        first, last = connection.execute(
            "SELECT min(+seq), (SELECT max(seq) FROM changes) FROM changes WHERE detected_at >= ?", (since,)
        ).fetchone()
        return known.feed, int(first - 1 if first else last or floor)


def _whole_page(database: Database, feed: str, sql: str, parameters: dict[str, Any]) -> list[Row]:
    """Read a page of the feed, unless some of what follows `seq` was dropped, long ago or just now."""
    with database.reading() as connection:
        if lineage.current(connection) != feed:
            raise FeedLostError("a snapshot was restored while the feed was read; begin again where this began")
        floor = connection.execute("SELECT floor_seq FROM retention").fetchone()[0]
        if parameters["seq"] < floor:
            raise _cut(connection, floor)
        return [{"feed": feed, **_change(row)} for row in rows_of(connection, sql, parameters)]


def _cut(connection: SqlConnection, floor: int) -> FeedCutError:
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
        return rows_of(connection, sql, parameters)


def rows_of(connection: SqlConnection, sql: str, parameters: dict[str, Any]) -> list[Row]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor]
