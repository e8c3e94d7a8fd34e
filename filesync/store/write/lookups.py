"""Looking candidates up: which ones are still to be asked about, which were, and what learned nothing."""

import json
from collections.abc import Sequence

from filesync.core.model import Candidate, Gone
from filesync.store.engine import Database
from filesync.store.write.folders import FolderTree

# Below vanished folders so many are asked about: each less than a minute's worth of requests.
_MOST_FOLDERS_BELOW = 200
_MOST_FILES_BELOW = 10_000


class LookUps:
    """The look-ups of one endpoint in one sync."""

    def __init__(self, database: Database, endpoint_id: int, sync_log_id: int, tree: FolderTree) -> None:
        self._connection = database.connection
        self._endpoint_id = endpoint_id
        self._sync_log_id = sync_log_id
        self._tree = tree

    def forget_answers(self, *, tells_all: bool) -> None:
        """Make what earlier syncs looked up, and did not write, candidates again: it may have come back since.

        Not the answers of one that was stopped where the service tells of everything that comes back (`tells_all`: by
        its log), or of what lies outside a new scope, which comes in by no other way: looking all of them up may take
        longer than a scheduled sync has time, and would begin anew with each start.
        """
        self._connection.execute(
            """UPDATE candidates SET fate = NULL, looked_up = FALSE WHERE endpoint_id = :endpoint AND looked_up
               AND NOT ((:tells_all OR (fate = :outside AND cause = 'config')) AND asked_in IN (
                   SELECT id FROM sync_logs WHERE endpoint_id = :endpoint AND status = 'interrupted'))""",
            {"endpoint": self._endpoint_id, "outside": Gone.OUT_OF_SCOPE.value, "tells_all": tells_all},
        )

    def undecided_folders(self) -> list[Candidate]:
        """List the folders that this sync is still to look up: topmost first, none below one that is a candidate."""
        rows = self._connection.execute(
            """SELECT c.external_id, d.parent_external_id, c.fate IS NULL AND c.asked_in IS DISTINCT FROM :sync
               FROM candidates AS c LEFT JOIN folders AS d
               ON d.endpoint_id = c.endpoint_id AND d.external_folder_id = c.external_id
               WHERE c.endpoint_id = :endpoint AND c.is_folder ORDER BY c.external_id""",
            {"endpoint": self._endpoint_id, "sync": self._sync_log_id},
        ).fetchall()
        folders = {row[0] for row in rows}
        return [
            Candidate(id_, is_folder=True, parent_id=parent)
            for id_, parent, is_open in rows
            if is_open and not self._is_below(id_, parent, folders)
        ]

    def undecided_files(self, most: int) -> list[Candidate]:
        """List some of the files that this sync is still to look up: none below a folder that is a candidate."""
        rows = self._connection.execute(
            """WITH RECURSIVE below (id) AS (
                   SELECT external_id FROM candidates WHERE endpoint_id = :endpoint AND is_folder
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
                   WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
               SELECT c.external_id, f.parent_external_id FROM candidates AS c LEFT JOIN files AS f
               ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
               WHERE c.endpoint_id = :endpoint AND NOT c.is_folder AND c.fate IS NULL
               AND c.asked_in IS DISTINCT FROM :sync
               AND (f.parent_external_id IS NULL OR f.parent_external_id NOT IN (SELECT id FROM below))
               ORDER BY c.external_id LIMIT :most""",
            {"endpoint": self._endpoint_id, "sync": self._sync_log_id, "most": most},
        )
        return [Candidate(id_, is_folder=False, parent_id=parent) for id_, parent in rows]

    def note_asked(self, ids: Sequence[str]) -> None:
        """Remember that this sync looked these up: those that it learned nothing of wait for the next one."""
        self._connection.execute(
            """UPDATE candidates SET asked_in = ? WHERE endpoint_id = ?
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._sync_log_id, self._endpoint_id, json.dumps(list(ids))),
        )

    def below_gone(self, *, only_refused: bool) -> list[Candidate]:
        """List what is below folders that look-ups of this sync found gone: folders, upper ones first, then files.

        Not endlessly many: what is not among them goes with its folder. `only_refused`: of folders that this login may
        not see any more, which may only have led to what it still sees.
        """
        rows = self._connection.execute(
            """WITH RECURSIVE gone (id) AS (
                   SELECT external_id FROM candidates
                   WHERE endpoint_id = :endpoint AND is_folder AND looked_up AND fate IS NOT NULL
                   AND (fate = :refused OR NOT :only_refused)),
               below (id) AS (
                   SELECT id FROM gone UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
                   WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
               SELECT * FROM (
                   SELECT external_folder_id, TRUE, parent_external_id FROM folders
                   WHERE endpoint_id = :endpoint AND external_folder_id IN (SELECT id FROM below)
                   AND external_folder_id NOT IN (SELECT id FROM gone)
                   ORDER BY depth, external_folder_id LIMIT :folders) AS folders_below
               UNION ALL
               SELECT * FROM (
                   SELECT external_file_id, FALSE, parent_external_id FROM files
                   WHERE endpoint_id = :endpoint AND deleted_at IS NULL
                   AND parent_external_id IN (SELECT id FROM below) LIMIT :files) AS files_below""",
            {
                "endpoint": self._endpoint_id,
                "folders": _MOST_FOLDERS_BELOW,
                "files": _MOST_FILES_BELOW,
                "only_refused": only_refused,
                "refused": Gone.ACCESS_LOST.value,
            },
        )
        return [Candidate(id_, bool(is_folder), parent_id) for id_, is_folder, parent_id in rows]

    def note_failure(self, id_: str, failure: str) -> int | None:
        """Count that looking a candidate up failed: how often in a row by now; None when it is no candidate."""
        row = self._connection.execute(
            """UPDATE candidates SET failures = failures + 1, failure = ?
               WHERE endpoint_id = ? AND external_id = ? AND fate IS NULL RETURNING failures""",
            (failure, self._endpoint_id, id_),
        ).fetchone()
        return int(row[0]) if row else None

    def unanswered(self) -> list[tuple[str, str]]:
        """List the candidates that could not be looked up: (path or id, why)."""
        rows = self._connection.execute(
            """SELECT coalesce(f.file_path, d.folder_path, c.external_id), c.failure FROM candidates AS c
               LEFT JOIN files AS f ON NOT c.is_folder
                   AND f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
               LEFT JOIN folders AS d ON c.is_folder
                   AND d.endpoint_id = c.endpoint_id AND d.external_folder_id = c.external_id
               WHERE c.endpoint_id = ? AND c.fate IS NULL AND c.failures > 0 ORDER BY 1""",
            (self._endpoint_id,),
        ).fetchall()
        return [(path, failure) for path, failure in rows]

    def _is_below(self, id_: str, parent: str | None, folders: set[str]) -> bool:
        """Tell whether a folder hangs below another one of these; parents may be named in a circle."""
        passed = {id_}
        while parent is not None and parent not in passed:
            if parent in folders:
                return True
            passed.add(parent)
            folder = self._tree.get(parent)
            parent = folder.parent_id if folder else None
        return False
