"""Removals: candidates wait here until everything was read, are looked up, guarded, and written together.

A candidate without a fate was missing where it should have been; one with a fate is known to be gone.
`vanished` tells those that the service no longer shows from those that a filter of ours leaves out.
"""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Iterable, Sequence

from filesync.clock import Timestamp
from filesync.model import Candidate, Gone
from filesync.store.ledger import Ledger, Turn, load_states
from filesync.store.sighting import Sighting
from filesync.store.states import gone
from filesync.store.tree import Tree

_MOST_BELOW = 200  # folders below vanished ones that are asked about: less than a minute's worth of requests
_PUT = """
    INSERT INTO candidates (endpoint_id, external_id, is_folder, fate, cause, vanished, reconciled, found_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
        fate = coalesce(excluded.fate, fate), cause = excluded.cause, vanished = excluded.vanished
"""
_FILES_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT c.external_id FROM candidates AS c WHERE c.endpoint_id = ?1 AND c.is_folder AND c.vanished
        UNION
        SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
        WHERE f.endpoint_id = ?1 AND f.deleted_at IS NULL)
    SELECT external_file_id FROM files
    WHERE endpoint_id = ?1 AND deleted_at IS NULL AND parent_external_id IN (SELECT id FROM below)
    UNION
    SELECT f.external_file_id FROM candidates AS c
    JOIN files AS f ON f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
    WHERE c.endpoint_id = ?1 AND NOT c.is_folder AND c.vanished AND f.deleted_at IS NULL
"""


class Removals:
    """The candidates of one endpoint."""

    def __init__(self, connection: sqlite3.Connection, endpoint_id: int, tree: Tree, ledger: Ledger) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
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

    def decide(self, id_: str, fate: Gone | None) -> None:
        """Take the answer of a look-up: gone and why, or (None) still there, and then its folder is read again."""
        if fate is not None:
            self._connection.execute(
                """UPDATE candidates SET fate = ?, looked_up = 1, cause = CASE WHEN ? THEN 'access' ELSE cause END
                   WHERE endpoint_id = ? AND external_id = ?""",
                (fate.value, fate is Gone.ACCESS_LOST, self._endpoint_id, id_),
            )
            return
        self._connection.execute(
            """UPDATE folders SET relist = 1 WHERE endpoint_id = ?1 AND external_folder_id IN (
                   SELECT parent_external_id FROM files WHERE endpoint_id = ?1 AND external_file_id = ?2
                   UNION SELECT parent_external_id FROM folders WHERE endpoint_id = ?1 AND external_folder_id = ?2)""",
            (self._endpoint_id, id_),
        )
        self.seen_again(json.dumps([id_]))

    def decide_all_out_of_scope(self, now: Timestamp) -> None:
        """After the endpoint's scope was changed: what the new scope does not show is outside it."""
        self._connection.execute(
            """UPDATE candidates SET fate = 'out_of_scope', cause = 'config', vanished = 0
               WHERE endpoint_id = ? AND fate IS NULL""",
            (self._endpoint_id,),
        )
        self._connection.execute(
            """INSERT OR IGNORE INTO candidates
                   (endpoint_id, external_id, is_folder, fate, cause, vanished, reconciled, found_at)
               SELECT f.endpoint_id, f.external_file_id, 0, 'out_of_scope', 'config', 0, 0, ?
               FROM files AS f LEFT JOIN folders AS p
               ON p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
               WHERE f.endpoint_id = ? AND f.deleted_at IS NULL
               AND (p.folder_path IS NULL OR p.deleted_at IS NOT NULL)""",
            (now, self._endpoint_id),
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

    def forget_answers(self) -> None:
        """Make what earlier syncs looked up, and did not write, candidates again: it may have come back since."""
        self._connection.execute(
            "UPDATE candidates SET fate = NULL, looked_up = 0 WHERE endpoint_id = ? AND looked_up", (self._endpoint_id,)
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

    def undecided(self) -> list[Candidate]:
        """List what must be looked up: topmost first, nothing below a folder that is itself a candidate."""
        rows = self._connection.execute(
            """SELECT c.external_id, c.is_folder, coalesce(f.parent_external_id, d.parent_external_id) AS parent
               FROM candidates AS c
               LEFT JOIN files AS f ON NOT c.is_folder
                   AND f.endpoint_id = c.endpoint_id AND f.external_file_id = c.external_id
               LEFT JOIN folders AS d ON c.is_folder
                   AND d.endpoint_id = c.endpoint_id AND d.external_folder_id = c.external_id
               WHERE c.endpoint_id = ? AND c.fate IS NULL
               ORDER BY c.is_folder DESC, c.external_id""",
            (self._endpoint_id,),
        ).fetchall()
        folders = {row[0] for row in self._rows("external_id", "is_folder")}
        return [
            Candidate(id_, bool(is_folder), parent)
            for id_, is_folder, parent in rows
            if not self._is_below(id_, parent, folders)
        ]

    def below_gone(self, *, only_refused: bool = False) -> list[Candidate]:
        """List live folders below those that look-ups of this sync found gone, upper ones first; not endlessly many."""
        rows = self._connection.execute(
            """WITH RECURSIVE gone (id) AS (
                   SELECT external_id FROM candidates
                   WHERE endpoint_id = ?1 AND is_folder AND looked_up AND fate IS NOT NULL
                   AND (fate = 'access_lost' OR NOT ?3)),
               below (id) AS (
                   SELECT id FROM gone UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN below ON f.parent_external_id = below.id
                   WHERE f.endpoint_id = ?1 AND f.deleted_at IS NULL)
               SELECT external_folder_id, parent_external_id FROM folders
               WHERE endpoint_id = ?1 AND external_folder_id IN (SELECT id FROM below)
               AND external_folder_id NOT IN (SELECT id FROM gone)
               ORDER BY depth, external_folder_id LIMIT ?2""",
            (self._endpoint_id, _MOST_BELOW, only_refused),
        )
        return [Candidate(id_, is_folder=True, parent_id=parent_id) for id_, parent_id in rows]

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

    def apply(self, now: Timestamp) -> None:
        """Write every decided removal; undecided ones stay candidates."""
        for id_, fate, cause, reconciled in self._rows(
            "external_id, fate, cause, reconciled", "is_folder AND fate IS NOT NULL"
        ):
            self._remove_folder(id_, Gone(fate), cause, now, reconciled=bool(reconciled))
        for fate, cause, reconciled in self._rows(
            "DISTINCT fate, cause, reconciled", "NOT is_folder AND fate IS NOT NULL"
        ):
            self._remove_files(Gone(fate), cause, now, reconciled=bool(reconciled))
        self._connection.execute(
            "DELETE FROM candidates WHERE endpoint_id = ? AND fate IS NOT NULL", (self._endpoint_id,)
        )

    def _remove_folder(self, folder_id: str, fate: Gone, cause: str, now: Timestamp, *, reconciled: bool) -> None:
        below = json.dumps(self._tree.subtree(folder_id))
        condition = "deleted_at IS NULL AND parent_external_id IN (SELECT value FROM json_each(?))"
        states = load_states(self._connection, self._endpoint_id, condition, [below])
        cause = "folder" if cause == "file" else cause
        turns = [Turn(id_, state, gone(state, now, fate), cause) for id_, state in states.items()]
        self._ledger.record(turns, now, reconciled=reconciled)
        self._connection.execute(
            """DELETE FROM withheld_files WHERE endpoint_id = ?
               AND parent_external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, below),
        )
        self._tree.bury(json.loads(below), now)
        self.seen_again(json.dumps([*states, *json.loads(below)]))

    def _remove_files(self, fate: Gone, cause: str, now: Timestamp, *, reconciled: bool) -> None:
        condition = """deleted_at IS NULL AND external_file_id IN (
            SELECT external_id FROM candidates WHERE endpoint_id = ? AND NOT is_folder
            AND fate = ? AND cause = ? AND reconciled = ?)"""
        parameters = [self._endpoint_id, fate.value, cause, int(reconciled)]
        states = load_states(self._connection, self._endpoint_id, condition, parameters)
        turns = [Turn(id_, state, gone(state, now, fate), cause) for id_, state in states.items()]
        self._ledger.record(turns, now, reconciled=reconciled)

    def _is_below(self, id_: str, parent: str | None, folders: set[str]) -> bool:
        passed = {id_}
        while parent is not None and parent not in passed:
            if parent in folders:
                return True
            passed.add(parent)
            folder = self._tree.get(parent)
            parent = folder.parent_id if folder else None
        return False

    def _rows(self, columns: str, condition: str) -> Sequence[tuple[str, ...]]:
        return self._connection.execute(
            f"SELECT {columns} FROM candidates WHERE endpoint_id = ? AND {condition}",  # noqa: S608
            (self._endpoint_id,),
        ).fetchall()

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
