"""What of an endpoint could be read, what was left out, and how old the oldest reading is."""

from collections.abc import Callable

from filesync.core.timestamps import Timestamp
from filesync.store.engine import SqlConnection


class Coverage:
    """The folders of one endpoint, as far as they were read."""

    def __init__(
        self, connection: SqlConnection, endpoint_id: int, is_expected_unreadable: Callable[[str], bool]
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._is_expected_unreadable = is_expected_unreadable

    def unread(self) -> list[tuple[str, str]]:
        """List the folders that could not be read and were not expected to be: (path, reason)."""
        rows = self._connection.execute(
            """WITH RECURSIVE leaving (id) AS (
                   SELECT external_id FROM candidates WHERE endpoint_id = :endpoint AND is_folder AND fate IS NOT NULL
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN leaving ON f.parent_external_id = leaving.id
                   WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
               SELECT folder_path, unreadable_reason FROM folders WHERE endpoint_id = :endpoint AND NOT readable
               AND deleted_at IS NULL AND folder_path IS NOT NULL AND NOT excluded
               AND external_folder_id NOT IN (SELECT id FROM leaving) ORDER BY folder_path""",
            {"endpoint": self._endpoint_id},
        ).fetchall()
        return [(path, reason or "") for path, reason in rows if not self._is_expected_unreadable(path)]

    def oldest_listing(self) -> Timestamp | None:
        """Tell the time of the oldest listing in use; None where there is none."""
        row = self._connection.execute(
            """SELECT min(last_listed_at) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL
               AND folder_path IS NOT NULL AND listable AND NOT excluded AND readable""",
            (self._endpoint_id,),
        ).fetchone()
        return row[0] if row[0] is None else Timestamp(row[0])

    def count_skipped(self, log_id: int) -> int:
        """Count the folders that a sync did not read, since their stamps said that nothing changed."""
        row = self._connection.execute(
            """SELECT count(*) FROM folders WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NOT NULL
               AND listable AND (last_tried_at IS NULL
                   OR last_tried_at < (SELECT started_at FROM sync_logs WHERE id = ?))""",
            (self._endpoint_id, log_id),
        ).fetchone()
        return int(row[0])
