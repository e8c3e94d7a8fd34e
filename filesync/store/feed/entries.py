"""The change feed as messages tell it: in batches, without what no person did, a folder's rename as one entry."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database, SqlConnection
from filesync.store.feed import lineage
from filesync.store.row_codec import from_json, object_of

MOST_ENTRIES = 500  # of one batch
LARGEST = 1_000_000  # characters of one batch's JSON, about

_COLUMNS = (
    "seq", "sync_log_id", "endpoint_id", "endpoint", "external_file_id", "kind", "cause", "content_changed",
    "file_name", "file_path", "detected_at", "before", "after",
)  # fmt: skip
_ROWS = """
    SELECT c.seq, c.sync_log_id, c.endpoint_id, e.name, c.external_file_id, c.kind, c.cause, c.content_changed,
           c.file_name, c.file_path, c.detected_at, c.before, c.after
    FROM changes AS c JOIN endpoints AS e ON e.id = c.endpoint_id
    WHERE c.seq > ? AND c.cause NOT IN ('baseline', 'config')
        AND c.endpoint_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY c.seq
"""
Entry = dict[str, Any]
_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of the feed of that name; who got it has seen everything up to `last_seq`."""

    feed: str
    entries: tuple[Entry, ...]
    last_seq: int


def read_batch(database: Database, after_seq: int, endpoint_ids: Collection[int], *, most: int = MOST_ENTRIES) -> Batch:
    """Read the next batch of these endpoints' changes, in the order of `seq`."""
    with database.reading() as connection:
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0]
        rows = connection.execute(_ROWS, (after_seq, json.dumps([*endpoint_ids])))
        feed = lineage.current(connection)
        return _Collector(connection, feed, most).collect(iter(rows), after_seq, max(last, after_seq))


def last_before(database: Database, moment: Timestamp) -> int:
    """Give the last `seq` of what was detected before a moment; 0 for none."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT coalesce((SELECT min(seq) - 1 FROM changes WHERE detected_at >= ?),
                               (SELECT max(seq) FROM changes), 0)""",
            (moment,),
        ).fetchone()
    return int(row[0])


class _Collector:
    """Puts rows into entries until the batch is full and no folder's change is cut in two."""

    def __init__(self, connection: SqlConnection, feed: str, most: int) -> None:
        self._feed = feed
        self._folders = _Folders(connection)
        self._most = most
        self._entries: list[Entry] = []
        self._groups: dict[_Key, Entry] = {}
        self._size = 0

    def collect(self, rows: Iterator[tuple[Any, ...]], after_seq: int, last_seq: int) -> Batch:
        seen = after_seq
        for values in rows:
            row: Entry = dict(zip(_COLUMNS, values, strict=True))
            change = self._folders.change_of(row)
            key = (row["sync_log_id"], row["endpoint_id"], row["kind"], *change) if change else None
            if self._is_full() and key not in self._groups:
                return Batch(self._feed, tuple(self._entries), seen)
            self._add(row, key, change)
            seen = row["seq"]
        return Batch(self._feed, tuple(self._entries), last_seq)

    def _is_full(self) -> bool:
        return len(self._entries) >= self._most or self._size >= LARGEST

    def _add(self, row: Entry, key: _Key | None, change: "tuple[str, str] | None") -> None:
        if key is None or change is None:
            self._append(_file_entry(row))
        elif key in self._groups:
            self._groups[key] |= {"last_seq": row["seq"], "files": self._groups[key]["files"] + 1}
        else:
            self._groups[key] = _folder_entry(row, *change)
            self._append(self._groups[key])

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._size += sum(len(str(value)) for value in entry.values())


class _Folders:
    """Tells which folder's change a row comes from, by the paths and by the tree as it is now."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection
        self._is_there: dict[tuple[int, str], bool] = {}
        self._left: dict[_Key, str | None] = {}

    def change_of(self, row: Mapping[str, Any]) -> tuple[str, str] | None:
        """Give the folder's path before and after; None where the row is about the file itself."""
        if row["cause"] != "folder" or row["content_changed"]:
            return None
        if row["kind"] == "moved":
            return self._moved(row)
        if row["kind"] == "deleted":
            left = self._deleted(row)
            return (left, left) if left else None
        return None

    def _moved(self, row: Mapping[str, Any]) -> tuple[str, str] | None:
        before = object_of(row["before"] or "{}").get("file_path")
        if not isinstance(before, str) or before == row["file_path"]:
            return None
        old, new = before.split("/"), row["file_path"].split("/")
        below = 0
        while below < min(len(old), len(new)) and old[-1 - below] == new[-1 - below]:
            below += 1
        if below == 0:
            return None  # the file was renamed, too
        old_folder, new_folder = old[: len(old) - below], new[: len(new) - below]
        if below > 1 and self._is_live(row["endpoint_id"], "/".join(old_folder)):  # it stayed: what was in it moved
            old_folder, new_folder = old[: len(old) - below + 1], new[: len(new) - below + 1]
        return "/".join(old_folder) or "/", "/".join(new_folder) or "/"

    def _is_live(self, endpoint_id: int, path: str) -> bool:
        key = (endpoint_id, path)
        if path in {"", "/"}:
            return True
        if key not in self._is_there:
            found = self._connection.execute(
                "SELECT 1 FROM folders WHERE endpoint_id = ? AND folder_path = ? AND deleted_at IS NULL", key
            )
            self._is_there[key] = found.fetchone() is not None
        return self._is_there[key]

    def _deleted(self, row: Mapping[str, Any]) -> str | None:
        """Find the uppermost folder that was deleted in the same moment."""
        parent = self._connection.execute(
            "SELECT parent_external_id FROM files WHERE endpoint_id = ? AND external_file_id = ?",
            (row["endpoint_id"], row["external_file_id"]),
        ).fetchone()
        key = (row["endpoint_id"], parent and parent[0], row["detected_at"])
        if key not in self._left:
            found = self._connection.execute(
                """WITH RECURSIVE above (id, parent, path, depth) AS (
                       SELECT external_folder_id, parent_external_id, folder_path, 0 FROM folders
                       WHERE endpoint_id = :endpoint AND external_folder_id = :parent AND deleted_at = :at
                       UNION ALL
                       SELECT f.external_folder_id, f.parent_external_id, f.folder_path, above.depth + 1
                       FROM above JOIN folders AS f ON f.endpoint_id = :endpoint AND f.external_folder_id = above.parent
                       WHERE f.deleted_at = :at AND above.depth < 1000)
                   SELECT path FROM above ORDER BY depth DESC LIMIT 1""",
                dict(zip(("endpoint", "parent", "at"), key, strict=True)),
            ).fetchone()
            self._left[key] = found[0] if found else None
        return self._left[key]


def _file_entry(row: Entry) -> Entry:
    return {
        "type": "file",
        **row,
        "content_changed": bool(row["content_changed"]),
        "before": from_json(row["before"]) if row["before"] else None,
        "after": from_json(row["after"]) if row["after"] else None,
    }


def _folder_entry(row: Entry, before: str, after: str) -> Entry:
    kept = ("seq", "sync_log_id", "endpoint_id", "endpoint", "kind", "cause", "detected_at")
    return {
        "type": "folder",
        **{name: row[name] for name in kept},
        "last_seq": row["seq"],
        "folder_before": before,
        "folder_after": after if row["kind"] == "moved" else None,
        "files": 1,
    }
