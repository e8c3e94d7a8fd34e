"""Odd entries: files and folders of which the service said something that cannot be so; each is reported once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from filesync.core.model import RemoteFile, RemoteFolder
from filesync.store.engine import Insert, Question, SqlConnection

_LONGEST = 500  # characters that are kept of what was odd about one entry
_NOTE = Insert(
    "odd_entries",
    ("endpoint_id", "external_id", "odd", "said_in", "seen_in"),
    """ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
        said_in = CASE WHEN odd_entries.odd = excluded.odd THEN odd_entries.said_in ELSE excluded.said_in END,
        odd = excluded.odd, seen_in = excluded.seen_in""",
)
_PLACED = """
    SELECT o.external_id, coalesce(f.file_path, d.folder_path, w.file_name, d.folder_name) AS path, o.odd
    FROM odd_entries AS o
    LEFT JOIN files AS f ON f.endpoint_id = o.endpoint_id AND f.external_file_id = o.external_id
        AND f.deleted_at IS NULL
    LEFT JOIN folders AS d ON d.endpoint_id = o.endpoint_id AND d.external_folder_id = o.external_id
        AND d.deleted_at IS NULL
    LEFT JOIN withheld_files AS w ON w.endpoint_id = o.endpoint_id AND w.external_file_id = o.external_id
    WHERE o.endpoint_id = :endpoint
"""


@dataclass(frozen=True, slots=True)
class OddEntry:
    """`odd` says which fields, and what was sent; `path` is None for an entry that hangs nowhere in the endpoint."""

    id: str
    path: str | None
    odd: str


def any_odd(endpoint_id: int) -> Question:
    """Ask whether an endpoint has any odd entry."""
    return "SELECT EXISTS (SELECT 1 FROM odd_entries WHERE endpoint_id = ?)", (endpoint_id,)


class OddEntries:
    """Those of one endpoint, kept by one sync."""

    def __init__(self, connection: SqlConnection, endpoint_id: int, sync_log_id: int) -> None:
        self._connection = connection
        self._of_sync: dict[str, object] = {"endpoint": endpoint_id, "sync": sync_log_id}
        self._has_any = bool(self._connection.execute(*any_odd(endpoint_id)).fetchone()[0])

    def note(self, entries: Sequence[RemoteFile] | Sequence[RemoteFolder]) -> None:
        """Keep those that are odd, and forget that others were."""
        odd = [entry for entry in entries if entry.odd]
        if not odd and not self._has_any:
            return  # the rule: a million files, and nothing odd about any
        self._has_any = True
        endpoint, sync = self._of_sync["endpoint"], self._of_sync["sync"]
        latest = {each.id: "; ".join(each.odd)[:_LONGEST] for each in odd}
        self._connection.write_many(_NOTE, [(endpoint, id_, what, sync, sync) for id_, what in latest.items()])
        sound = [entry.id for entry in entries if not entry.odd]
        self._connection.execute(
            """DELETE FROM odd_entries
               WHERE endpoint_id = :endpoint AND external_id IN (SELECT value FROM json_each(:sound))""",
            self._of_sync | {"sound": json.dumps(sound)},
        )

    def count_seen(self) -> int:
        """Count those that the service showed in this sync, and drop those of what is no longer there."""
        if not self._has_any:
            return 0
        self._connection.execute(
            f"""DELETE FROM odd_entries WHERE endpoint_id = :endpoint AND external_id IN (
                SELECT external_id FROM ({_PLACED}) AS placed WHERE path IS NULL)""",  # noqa: S608  our own words
            self._of_sync,
        )
        return self._count("seen_in = :sync")

    def reported(self, most: int) -> list[OddEntry]:
        """List those that this sync is the first to report."""
        if not self._has_any:
            return []
        rows = self._connection.execute(
            f"{_PLACED} AND o.said_in = :sync ORDER BY path LIMIT :most", self._of_sync | {"most": most}
        )
        return [OddEntry(*row) for row in rows]

    def _count(self, condition: str) -> int:
        row = self._connection.execute(
            f"SELECT count(*) FROM odd_entries WHERE endpoint_id = :endpoint AND {condition}",  # noqa: S608  our own words
            self._of_sync,
        ).fetchone()
        return int(row[0])
