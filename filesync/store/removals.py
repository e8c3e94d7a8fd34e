"""Removals: candidates wait here until everything was read, are looked up, guarded, and written together.

A candidate without a fate was missing where it should have been; one with a fate is known to be gone.
`vanished` tells those that the service no longer shows from those that a filter of ours leaves out.
"""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterable, Sequence

from filesync.model import Candidate, Gone
from filesync.store.ledger import Ledger, Turn, load_states
from filesync.store.sighting import Sighting
from filesync.store.states import gone
from filesync.store.tree import Tree
from filesync.timestamps import Timestamp

# Below vanished folders so many are asked about: each less than a minute's worth of requests.
_MOST_FOLDERS_BELOW = 200
_MOST_FILES_BELOW = 10_000
_PUT = """
    INSERT INTO candidates (endpoint_id, external_id, is_folder, fate, cause, vanished, reconciled, found_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
        fate = coalesce(excluded.fate, fate), cause = excluded.cause, vanished = excluded.vanished
"""
_FILES_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT c.external_id FROM candidates AS c
        WHERE c.endpoint_id = ?1 AND c.is_folder AND c.vanished AND NOT c.accepted
        UNION
        SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
        WHERE f.endpoint_id = ?1 AND f.deleted_at IS NULL)
    SELECT external_file_id FROM files
    WHERE endpoint_id = ?1 AND deleted_at IS NULL AND parent_external_id IN (SELECT id FROM below)
    UNION
    SELECT f.external_file_id FROM candidates AS c
    JOIN files AS f ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
    WHERE c.endpoint_id = ?1 AND NOT c.is_folder AND c.vanished AND NOT c.accepted AND f.deleted_at IS NULL
"""


class Removals:
    """The candidates of one endpoint."""

    def __init__(
        self, connection: sqlite3.Connection, endpoint_id: int, sync_log_id: int, tree: Tree, ledger: Ledger
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._sync_log_id = sync_log_id
        self._tree = tree
        self._ledger = ledger

    def suspect(self, ids: Iterable[str], sighting: Sighting, *, is_folder: bool) -> None:
        """Note what a complete listing should have shown and did not."""
        self._put(ids, sighting, fate=None, vanished=True, is_folder=is_folder)

    def expect(self, ids: Iterable[str], sighting: Sighting, fate: Gone, *, is_folder: bool) -> None:
        """Note what the service itself said is gone."""
        self._put(ids, sighting, fate=fate, vanished=True, is_folder=is_folder)

    def leave(self, file_id: str, sighting: Sighting, *, vanished: bool) -> None:
        """Note a file that exists but no longer belongs: moved out (vanished) or not matching."""
        self._put([file_id], sighting, fate=Gone.OUT_OF_SCOPE, vanished=vanished, is_folder=False)

    def seen_again(self, ids: str) -> None:
        """Drop candidates that the service shows; `ids` is a JSON list."""
        self._connection.execute(
            "DELETE FROM candidates WHERE endpoint_id = ? AND external_id IN (SELECT value FROM json_each(?))",
            (self._endpoint_id, ids),
        )

    def announced_among(self, folder_ids: Sequence[str]) -> list[str]:
        """Pick the folders that were said to be gone and are not: what is below may have changed unseen."""
        rows = self._connection.execute(
            """SELECT external_id FROM candidates WHERE endpoint_id = ? AND is_folder AND fate IS NOT NULL
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )
        return [row[0] for row in rows]

    def placed_again(self, folder_ids: Sequence[str]) -> None:
        """Drop the folders that had lost their place in this scope and hang in it again."""
        self._connection.execute(
            """DELETE FROM candidates WHERE endpoint_id = ? AND is_folder AND fate = 'out_of_scope'
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )

    def waiting(self, file_ids: Sequence[str]) -> None:
        """Drop the files that hung in no known folder and hang in one again that is yet to be read."""
        self._connection.execute(
            """DELETE FROM candidates WHERE endpoint_id = ? AND NOT is_folder AND fate = 'out_of_scope' AND vanished
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(file_ids))),
        )

    def decide(self, id_: str, fate: Gone | None, *, rescoped: bool) -> None:
        """Take the answer of a look-up: gone and why, or (None) still there, and then its folder is read again."""
        if fate is not None:
            self._connection.execute(
                """UPDATE candidates SET fate = :fate, looked_up = 1, asked_in = :sync,
                   vanished = vanished AND NOT :left, cause = CASE WHEN :left THEN 'config'
                       WHEN :refused THEN 'access' ELSE cause END
                   WHERE endpoint_id = :endpoint AND external_id = :id""",
                {
                    "fate": fate.value,
                    "sync": self._sync_log_id,
                    "left": rescoped and fate is Gone.OUT_OF_SCOPE,  # by the configuration: nothing vanished
                    "refused": fate is Gone.ACCESS_LOST,
                    "endpoint": self._endpoint_id,
                    "id": id_,
                },
            )
            return
        self._connection.execute(
            """UPDATE folders SET relist = 1 WHERE endpoint_id = ?1 AND external_folder_id IN (
                   SELECT parent_external_id FROM files WHERE endpoint_id = ?1 AND external_file_id = ?2
                   UNION SELECT parent_external_id FROM folders WHERE endpoint_id = ?1 AND external_folder_id = ?2)""",
            (self._endpoint_id, id_),
        )
        self.seen_again(json.dumps([id_]))

    def leave_old_scope(self, now: Timestamp, *, unasked: bool) -> None:
        """After a change of scope: suspect the live files that hang in no folder of the new one.

        `unasked`: they are outside it without a look-up. That holds where a change log tells of whatever came in while
        the scope was listed; elsewhere a file may have come into a folder that was read before.
        """
        self._connection.execute(
            """INSERT INTO candidates (endpoint_id, external_id, is_folder, fate, cause, vanished, reconciled, found_at)
               SELECT f.endpoint_id, f.external_file_id, 0, :fate, 'config', 0, 0, :now
               FROM files AS f LEFT JOIN folders AS p
               ON p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
               WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL
               AND (p.folder_path IS NULL OR p.deleted_at IS NOT NULL)
               ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
                   fate = coalesce(fate, excluded.fate), cause = 'config', vanished = 0""",
            {"fate": Gone.OUT_OF_SCOPE.value if unasked else None, "now": now, "endpoint": self._endpoint_id},
        )

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
               WHERE c.endpoint_id = ? AND c.fate IS NULL AND c.failures ORDER BY 1""",
            (self._endpoint_id,),
        ).fetchall()
        return [(path, failure) for path, failure in rows]

    def forget_answers(self, *, tells_all: bool) -> None:
        """Make what earlier syncs looked up, and did not write, candidates again: it may have come back since.

        Not the answers of one that was stopped where the service tells of everything that comes back (`tells_all`: by
        its log), or of what lies outside a new scope, which comes in by no other way: looking all of them up may take
        longer than a scheduled sync has time, and would begin anew with each start.
        """
        self._connection.execute(
            """UPDATE candidates SET fate = NULL, looked_up = 0 WHERE endpoint_id = :endpoint AND looked_up
               AND NOT ((:tells_all OR (fate = :outside AND cause = 'config')) AND asked_in IN (
                   SELECT id FROM sync_logs WHERE endpoint_id = :endpoint AND status = 'interrupted'))""",
            {"endpoint": self._endpoint_id, "outside": Gone.OUT_OF_SCOPE.value, "tells_all": tells_all},
        )

    def spare_unreadable(self) -> None:
        """Drop undecided candidates below a folder that cannot be read: their absence says nothing."""
        self._connection.execute(
            """WITH RECURSIVE dark (id) AS (
                   SELECT external_folder_id FROM folders
                   WHERE endpoint_id = ?1 AND NOT readable AND deleted_at IS NULL
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN dark ON f.parent_external_id = dark.id
                   WHERE f.endpoint_id = ?1 AND f.deleted_at IS NULL)
               DELETE FROM candidates WHERE endpoint_id = ?1 AND fate IS NULL AND external_id IN (
                   SELECT external_file_id FROM files
                   WHERE endpoint_id = ?1 AND parent_external_id IN (SELECT id FROM dark)
                   UNION
                   SELECT external_folder_id FROM folders
                   WHERE endpoint_id = ?1 AND parent_external_id IN (SELECT id FROM dark))""",
            (self._endpoint_id,),
        )

    def undecided_folders(self) -> list[Candidate]:
        """List the folders that this sync is still to look up: topmost first, none below one that is a candidate."""
        rows = self._connection.execute(
            """SELECT c.external_id, d.parent_external_id, c.fate IS NULL AND c.asked_in IS NOT ?2
               FROM candidates AS c LEFT JOIN folders AS d
               ON d.endpoint_id = c.endpoint_id AND d.external_folder_id = c.external_id
               WHERE c.endpoint_id = ?1 AND c.is_folder ORDER BY c.external_id""",
            (self._endpoint_id, self._sync_log_id),
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
               WHERE c.endpoint_id = :endpoint AND NOT c.is_folder AND c.fate IS NULL AND c.asked_in IS NOT :sync
               AND (f.parent_external_id IS NULL OR f.parent_external_id NOT IN (SELECT id FROM below))
               ORDER BY c.external_id LIMIT :most""",
            {"endpoint": self._endpoint_id, "sync": self._sync_log_id, "most": most},
        )
        return [Candidate(id_, is_folder=False, parent_id=parent) for id_, parent in rows]

    def are_waiting(self) -> bool:
        """Tell whether there is any candidate."""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM candidates WHERE endpoint_id = ?)", (self._endpoint_id,)
        ).fetchone()
        return bool(row[0])

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
                   SELECT external_folder_id, 1, parent_external_id FROM folders
                   WHERE endpoint_id = :endpoint AND external_folder_id IN (SELECT id FROM below)
                   AND external_folder_id NOT IN (SELECT id FROM gone)
                   ORDER BY depth, external_folder_id LIMIT :folders)
               UNION ALL
               SELECT * FROM (
                   SELECT external_file_id, 0, parent_external_id FROM files
                   WHERE endpoint_id = :endpoint AND deleted_at IS NULL
                   AND parent_external_id IN (SELECT id FROM below) LIMIT :files)""",
            {
                "endpoint": self._endpoint_id,
                "folders": _MOST_FOLDERS_BELOW,
                "files": _MOST_FILES_BELOW,
                "only_refused": only_refused,
                "refused": Gone.ACCESS_LOST.value,
            },
        )
        return [Candidate(id_, bool(is_folder), parent_id) for id_, is_folder, parent_id in rows]

    def count_vanished(self) -> int:
        """Count the live files that the service no longer shows."""
        row = self._connection.execute(f"SELECT count(*) FROM ({_FILES_BELOW})", (self._endpoint_id,)).fetchone()  # noqa: S608
        return int(row[0])

    def removed_since(self, since: Timestamp) -> int:
        """Count the files that vanished from the service after that moment and are still gone."""
        row = self._connection.execute(
            """SELECT count(DISTINCT c.external_file_id) FROM changes AS c
               JOIN files AS f ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_file_id
               WHERE c.endpoint_id = ? AND c.kind = 'deleted' AND c.detected_at > ? AND c.cause <> 'config'
               AND f.deleted_at IS NOT NULL AND f.deleted_reason IN ('trashed', 'removed', 'access_lost')""",
            (self._endpoint_id, since),
        ).fetchone()
        return int(row[0])

    def accept(self) -> None:
        """Remember that a person let the decided removals through, until they are written."""
        self._connection.execute(
            "UPDATE candidates SET accepted = 1 WHERE endpoint_id = ? AND fate IS NOT NULL", (self._endpoint_id,)
        )

    def are_accepted(self) -> bool:
        """Tell whether removals that a person let through are not written yet."""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM candidates WHERE endpoint_id = ? AND accepted)", (self._endpoint_id,)
        ).fetchone()
        return bool(row[0])

    def remove_decided(self, now: Timestamp, most: int) -> bool:
        """Write at most so many decided removals of single files, once those of folders are; tell whether that is all.

        A folder stays a candidate until everything below it is written: who is stopped before asks about it again.
        """
        rows = self._connection.execute(
            """SELECT external_id, fate, cause, reconciled FROM candidates
               WHERE endpoint_id = ? AND NOT is_folder AND fate IS NOT NULL LIMIT ?""",
            (self._endpoint_id, most),
        ).fetchall()
        kinds: dict[tuple[str, str, int], list[str]] = {}
        for id_, *kind in rows:
            kinds.setdefault((kind[0], kind[1], kind[2]), []).append(id_)
        for (fate, cause, reconciled), ids in kinds.items():
            self._remove_files(ids, Gone(fate), cause, now, reconciled=bool(reconciled))
        self.seen_again(json.dumps([row[0] for row in rows]))
        if len(rows) == most:
            return False
        self._connection.execute(
            """DELETE FROM candidates WHERE endpoint_id = :endpoint AND is_folder AND (fate IS NOT NULL OR EXISTS (
                   SELECT 1 FROM folders AS f WHERE f.endpoint_id = :endpoint
                   AND f.external_folder_id = candidates.external_id AND f.deleted_at IS NOT NULL))""",
            {"endpoint": self._endpoint_id},
        )
        return True

    def reconsider(self) -> None:
        """Drop the files that the filters left out, not written yet: the filters are others now."""
        self._connection.execute(
            """DELETE FROM candidates
               WHERE endpoint_id = ? AND NOT is_folder AND fate = 'out_of_scope' AND NOT vanished""",
            (self._endpoint_id,),
        )

    def _remove_files(self, ids: Sequence[str], fate: Gone, cause: str, now: Timestamp, *, reconciled: bool) -> None:
        condition = "deleted_at IS NULL AND external_file_id IN (SELECT value FROM json_each(?))"
        states = load_states(self._connection, self._endpoint_id, condition, [json.dumps(ids)])
        turns = [Turn(id_, state, gone(state, now, fate), cause) for id_, state in states.items()]
        self._ledger.record(turns, now, reconciled=reconciled)

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

    def _put(
        self, ids: Iterable[str], sighting: Sighting, *, fate: Gone | None, vanished: bool, is_folder: bool
    ) -> None:
        self._connection.executemany(
            _PUT,
            (
                (
                    self._endpoint_id,
                    id_,
                    int(is_folder),
                    fate.value if fate else None,
                    sighting.cause if sighting.cause != "baseline" else "file",
                    int(vanished),
                    int(sighting.reconciled),
                    sighting.now,
                )
                for id_ in ids
            ),
        )
