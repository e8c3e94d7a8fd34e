"""Removals: candidates wait here until everything was read, are looked up, guarded, and written together.

A candidate without a fate was missing where it should have been; one with a fate is known to be gone.
`vanished` tells those that the service no longer shows from those that a filter of ours leaves out.
"""

import json
from collections.abc import Iterable, Sequence

from filesync.core.model import Gone
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Insert, Question, SqlConnection
from filesync.store.write.change_writer import ChangeWriter, FileChange, Observation, load_states
from filesync.store.write.file_state import gone
from filesync.store.write.folders import FolderTree

_PUT = Insert(
    "candidates",
    ("endpoint_id", "external_id", "is_folder", "fate", "cause", "vanished", "reconciled", "found_at"),
    """ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
        fate = coalesce(excluded.fate, candidates.fate), cause = excluded.cause, vanished = excluded.vanished""",
)


def any_waiting(endpoint_id: int) -> Question:
    """Ask whether an endpoint has any candidate."""
    return "SELECT EXISTS (SELECT 1 FROM candidates WHERE endpoint_id = ?)", (endpoint_id,)


class Removals:
    """The candidates of one endpoint."""

    def __init__(
        self, connection: SqlConnection, endpoint_id: int, sync_log_id: int, tree: FolderTree, ledger: ChangeWriter
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._sync_log_id = sync_log_id
        self._tree = tree
        self._ledger = ledger
        self._may_wait: bool | None = None  # whether there may be a candidate; None: nobody has looked yet

    def forget_cache(self) -> None:
        """Drop what is known of the rows; to be called when a transaction was rolled back."""
        self._may_wait = None

    def suspect(self, ids: Iterable[str], sighting: Observation, *, is_folder: bool) -> None:
        """Note what a complete listing should have shown and did not."""
        self._put(ids, sighting, fate=None, vanished=True, is_folder=is_folder)

    def expect(self, ids: Iterable[str], sighting: Observation, fate: Gone, *, is_folder: bool) -> None:
        """Note what the service itself said is gone."""
        self._put(ids, sighting, fate=fate, vanished=True, is_folder=is_folder)

    def leave(self, file_id: str, sighting: Observation, *, vanished: bool) -> None:
        """Note a file that exists but no longer belongs: moved out (vanished) or not matching."""
        self._put([file_id], sighting, fate=Gone.OUT_OF_SCOPE, vanished=vanished, is_folder=False)

    def seen_again(self, ids: str) -> None:
        """Drop candidates that the service shows; `ids` is a JSON list."""
        if not self.are_waiting():
            return
        self._connection.execute(
            "DELETE FROM candidates WHERE endpoint_id = ? AND external_id IN (SELECT value FROM json_each(?))",
            (self._endpoint_id, ids),
        )

    def announced_among(self, folder_ids: Sequence[str]) -> list[str]:
        """Pick the folders that were said to be gone and are not: what is below may have changed unseen."""
        if not folder_ids or not self.are_waiting():
            return []
        rows = self._connection.execute(
            """SELECT external_id FROM candidates WHERE endpoint_id = ? AND is_folder AND fate IS NOT NULL
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )
        return [row[0] for row in rows]

    def placed_again(self, folder_ids: Sequence[str]) -> None:
        """Drop the folders that had lost their place in this scope and hang in it again."""
        if not self.are_waiting():
            return
        self._connection.execute(
            """DELETE FROM candidates WHERE endpoint_id = ? AND is_folder AND fate = 'out_of_scope'
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(folder_ids))),
        )

    def waiting(self, file_ids: Sequence[str]) -> None:
        """Drop the files that hung in no known folder and hang in one again that is yet to be read."""
        if not file_ids or not self.are_waiting():
            return
        self._connection.execute(
            """DELETE FROM candidates WHERE endpoint_id = ? AND NOT is_folder AND fate = 'out_of_scope' AND vanished
               AND external_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(list(file_ids))),
        )

    def decide(self, id_: str, fate: Gone | None, *, rescoped: bool) -> None:
        """Take the answer of a look-up.

        | answer                                 | the candidate                                              |
        |----------------------------------------|------------------------------------------------------------|
        | gone: trashed, removed                 | is removed with the cause that it was missed with          |
        | gone: refused to this login            | is removed with the cause `access`                         |
        | moved out of the scope                 | is removed; after a change of scope with the cause `config`|
        | None: still there                      | is none any more, and its folder is read again             |
        """
        if fate is not None:
            self._connection.execute(
                """UPDATE candidates SET fate = :fate, looked_up = TRUE, asked_in = :sync,
                   vanished = vanished AND NOT :left, cause = CASE WHEN :left THEN 'config'
                       WHEN :refused THEN 'access' ELSE cause END
                   WHERE endpoint_id = :endpoint AND external_id = :id""",
                {
                    "fate": fate.value,
                    "sync": self._sync_log_id,
                    "left": rescoped and fate is Gone.OUT_OF_SCOPE,  # by the configuration: the guard need not count it
                    "refused": fate is Gone.ACCESS_LOST,
                    "endpoint": self._endpoint_id,
                    "id": id_,
                },
            )
            return
        # A listing left it out that should have shown it: that folder's listing is not to be believed.
        self._connection.execute(
            """UPDATE folders SET relist = 1 WHERE endpoint_id = :endpoint AND external_folder_id IN (
                   SELECT parent_external_id FROM files WHERE endpoint_id = :endpoint AND external_file_id = :id
                   UNION
                   SELECT parent_external_id FROM folders
                   WHERE endpoint_id = :endpoint AND external_folder_id = :id)""",
            {"endpoint": self._endpoint_id, "id": id_},
        )
        self._tree.forget_cache()
        self.seen_again(json.dumps([id_]))

    def leave_old_scope(self, now: Timestamp, *, unasked: bool) -> None:
        """After a change of scope: suspect the live files that hang in no folder of the new one.

        `unasked`: they are outside it without a look-up. That holds where a change log tells of whatever came in while
        the scope was listed; elsewhere a file may have come into a folder that was read before.
        """
        self._may_wait = True
        self._connection.execute(
            """INSERT INTO candidates (endpoint_id, external_id, is_folder, fate, cause, vanished, reconciled, found_at)
               SELECT f.endpoint_id, f.external_file_id, FALSE, :fate, 'config', FALSE, FALSE, :now
               FROM files AS f LEFT JOIN folders AS p
               ON p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
               WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL
               AND (p.folder_path IS NULL OR p.deleted_at IS NOT NULL)
               ON CONFLICT (endpoint_id, external_id) DO UPDATE SET
                   fate = coalesce(candidates.fate, excluded.fate), cause = 'config', vanished = FALSE""",
            {"fate": Gone.OUT_OF_SCOPE.value if unasked else None, "now": now, "endpoint": self._endpoint_id},
        )

    def spare_unreadable(self) -> None:
        """Drop undecided candidates below a folder that cannot be read: their absence says nothing."""
        self._connection.execute(
            """WITH RECURSIVE dark (id) AS (
                   SELECT external_folder_id FROM folders
                   WHERE endpoint_id = :endpoint AND NOT readable AND deleted_at IS NULL
                   UNION
                   SELECT f.external_folder_id FROM folders AS f JOIN dark ON f.parent_external_id = dark.id
                   WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL)
               DELETE FROM candidates WHERE endpoint_id = :endpoint AND fate IS NULL AND external_id IN (
                   SELECT external_file_id FROM files
                   WHERE endpoint_id = :endpoint AND parent_external_id IN (SELECT id FROM dark)
                   UNION
                   SELECT external_folder_id FROM folders
                   WHERE endpoint_id = :endpoint AND parent_external_id IN (SELECT id FROM dark))""",
            {"endpoint": self._endpoint_id},
        )

    def are_waiting(self) -> bool:
        """Tell whether there is any candidate.

        Nobody else writes candidates of this endpoint, so that "none" stays true until this one does: most syncs have
        none, and ask no more about them.
        """
        if self._may_wait is not False:
            self._may_wait = bool(self._connection.execute(*any_waiting(self._endpoint_id)).fetchone()[0])
        return self._may_wait

    def accept(self) -> None:
        """Remember that a person let the decided removals through, until they are written."""
        self._connection.execute(
            "UPDATE candidates SET accepted = TRUE WHERE endpoint_id = ? AND fate IS NOT NULL", (self._endpoint_id,)
        )

    def are_accepted(self) -> bool:
        """Tell whether removals that a person let through are not written yet."""
        if not self.are_waiting():
            return False
        row = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM candidates WHERE endpoint_id = ? AND accepted)", (self._endpoint_id,)
        ).fetchone()
        return bool(row[0])

    def remove_decided(self, now: Timestamp, most: int) -> bool:
        """Write at most so many decided removals of single files, once those of folders are; tell whether that is all.

        A folder stays a candidate until everything below it is written: who is stopped before asks about it again.
        """
        if not self.are_waiting():
            return True
        rows = self._connection.execute(
            """SELECT external_id, fate, cause, reconciled FROM candidates
               WHERE endpoint_id = ? AND NOT is_folder AND fate IS NOT NULL ORDER BY external_id LIMIT ?""",
            (self._endpoint_id, most),
        ).fetchall()
        kinds: dict[tuple[str, str, bool], list[str]] = {}
        for id_, *kind in rows:
            kinds.setdefault((kind[0], kind[1], kind[2]), []).append(id_)
        for (fate, cause, reconciled), ids in kinds.items():
            self._remove_files(ids, Gone(fate), cause, now, reconciled=bool(reconciled))
        self.seen_again(json.dumps([row[0] for row in rows]))
        if len(rows) == most:
            return False  # there may be more
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
        turns = [FileChange(id_, states[id_], gone(states[id_], now, fate), cause) for id_ in ids if id_ in states]
        self._ledger.record(turns, now, reconciled=reconciled)

    def _put(
        self, ids: Iterable[str], sighting: Observation, *, fate: Gone | None, vanished: bool, is_folder: bool
    ) -> None:
        found = list(ids)
        if not found:
            return
        self._may_wait = True
        self._connection.write_many(
            _PUT,
            (
                (
                    self._endpoint_id,
                    id_,
                    is_folder,
                    fate.value if fate else None,
                    sighting.cause if sighting.cause != "baseline" else "file",  # what was there is no first listing
                    vanished,
                    sighting.reconciled,
                    sighting.now,
                )
                for id_ in found
            ),
        )
