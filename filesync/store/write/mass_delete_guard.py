"""The mass-delete guard: how much would be lost because the service no longer shows it, and if that is too much."""

from dataclasses import dataclass

from filesync.core.timestamps import Timestamp
from filesync.store.engine import SqlConnection
from filesync.store.write.sync_state import SyncState

_FEWEST_GUARDED = 20  # files; smaller endpoints may lose them all
_COUNT_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT c.external_id FROM candidates AS c
        WHERE c.endpoint_id = :endpoint AND c.is_folder AND c.vanished AND NOT c.accepted
        UNION
        SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
        WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
    SELECT count(*) FROM (
        SELECT external_file_id FROM files
        WHERE endpoint_id = :endpoint AND deleted_at IS NULL AND parent_external_id IN (SELECT id FROM below)
        UNION
        SELECT f.external_file_id FROM candidates AS c
        JOIN files AS f ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
        WHERE c.endpoint_id = :endpoint AND NOT c.is_folder AND c.vanished AND NOT c.accepted
        AND f.deleted_at IS NULL) AS vanishing
"""


@dataclass(slots=True)
class Guard:
    """What the mass-delete guard counted."""

    vanishing: int
    of: int
    trips: bool


def weigh(connection: SqlConnection, memory: SyncState, window_begins: Timestamp, max_percent: float) -> Guard:
    """Count what would vanish, with what did since the window began; trips above max_percent of at least 20 files."""
    vanishing = _count_vanished(connection, memory.endpoint_id)
    if not vanishing:
        return Guard(0, 0, trips=False)  # nothing to hold back, whatever went before
    # What went in small portions counts, too: else a loss of everything would pass, a share with each sync.
    before = _removed_since(connection, memory.endpoint_id, memory.guarded_since(window_begins))
    total = memory.live_files() + before
    trips = total >= _FEWEST_GUARDED and (vanishing + before) * 100 > max_percent * total
    return Guard(vanishing + before, total, trips)


def _count_vanished(connection: SqlConnection, endpoint_id: int) -> int:
    """Count the live files that the service no longer shows."""
    row = connection.execute(_COUNT_BELOW, {"endpoint": endpoint_id}).fetchone()
    return int(row[0])


def _removed_since(connection: SqlConnection, endpoint_id: int, since: Timestamp) -> int:
    """Count the files that vanished from the service after that moment and are still gone."""
    row = connection.execute(
        """SELECT count(DISTINCT c.external_file_id) FROM changes AS c
           JOIN files AS f ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_file_id
           WHERE c.endpoint_id = ? AND c.kind = 'deleted' AND c.detected_at > ? AND c.cause <> 'config'
           AND f.deleted_at IS NOT NULL AND f.deleted_reason IN ('trashed', 'removed', 'access_lost')""",
        (endpoint_id, since),
    ).fetchone()
    return int(row[0])
