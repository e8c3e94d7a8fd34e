"""Work that is owed: what follows from one statement for any number of files, done in steps of one commit each.

A folder that moved owes each of its files a new path, a filter that changed a new decision about each, a folder that is
gone the removal of each. What is owed stands in the table `owed`, folder by folder, so that a sync that is stopped or
killed in between leaves the rest to the next one; the provider's cursor moves when nothing is owed any more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from filesync.core.model import Gone
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Question, SqlConnection
from filesync.store.write.change_writer import ChangeWriter, FileChange, Observation
from filesync.store.write.file_state import FACTS, TRACKED, Facts, FileState, gone
from filesync.store.write.files import FileWriter
from filesync.store.write.folders import FolderTree
from filesync.store.write.removals import Removals

STEP = 2_000  # files in one commit: a quarter of a second on an idle machine; decision 23

_OWE = """
    ON CONFLICT (endpoint_id, folder_id) DO UPDATE SET
        cause = excluded.cause, fate = excluded.fate, reconciled = excluded.reconciled,
        files_after = 0, withheld_after = 0
"""
# Each folder once: what was decided of itself, else what was of the nearest one above it.
_LEAVING = """
    leaving (id, fate, cause, reconciled) AS (
        SELECT external_id, fate, CASE cause WHEN 'file' THEN 'folder' ELSE cause END, reconciled
        FROM candidates WHERE endpoint_id = :endpoint AND is_folder AND fate IS NOT NULL
        UNION
        SELECT f.external_folder_id, l.fate, l.cause, l.reconciled FROM folders AS f
        JOIN leaving AS l ON f.parent_external_id = l.id
        WHERE f.endpoint_id = :endpoint AND f.deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM candidates AS c WHERE c.endpoint_id = :endpoint
            AND c.external_id = f.external_folder_id AND c.is_folder AND c.fate IS NOT NULL))
"""


@dataclass(frozen=True, slots=True)
class _OwedStep:
    """What one folder owes its files: their removal, or (no `fate`) a new path and decision.

    Files up to `files_after` have got it, and withheld ones up to `withheld_after`: row ids.
    """

    folder_id: str
    fate: Gone | None
    cause: str
    reconciled: bool
    files_after: int
    withheld_after: int


def any_owed(endpoint_id: int) -> Question:
    """Ask whether any folder of an endpoint owes its files something."""
    return "SELECT EXISTS (SELECT 1 FROM owed WHERE endpoint_id = ?)", (endpoint_id,)


class Owed:
    """What is owed in one endpoint. Each method is part of a transaction of the caller's."""

    def __init__(  # noqa: PLR0913  the parts of one sync, put together in one place
        self,
        connection: SqlConnection,
        endpoint_id: int,
        tree: FolderTree,
        contents: FileWriter,
        removals: Removals,
        ledger: ChangeWriter,
    ) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id
        self._tree = tree
        self._contents = contents
        self._removals = removals
        self._ledger = ledger
        self._is_clear = False  # known to be; nobody else writes what this endpoint owes

    def forget_cache(self) -> None:
        """Drop what is known of the rows; to be called when a transaction was rolled back."""
        self._is_clear = False

    def owe(self, folder_ids: Sequence[str], cause: str) -> None:
        """Owe the files of these folders, which moved, came in or went out, a new path and decision."""
        self._is_clear = False
        self._connection.execute(
            f"""INSERT INTO owed (endpoint_id, folder_id, cause)
                SELECT :endpoint, value, :cause FROM json_each(:folders) WHERE true {_OWE}""",  # noqa: S608  our own words
            {"endpoint": self._endpoint_id, "cause": cause, "folders": json.dumps([*dict.fromkeys(folder_ids)])},
        )

    def owe_all(self, cause: str) -> None:
        """Owe every file of a folder with a place a new decision: the filters changed."""
        self._is_clear = False
        self._connection.execute(
            f"""INSERT INTO owed (endpoint_id, folder_id, cause)
                SELECT endpoint_id, external_folder_id, :cause FROM folders
                WHERE endpoint_id = :endpoint AND folder_path IS NOT NULL AND deleted_at IS NULL {_OWE}""",  # noqa: S608  as above
            {"endpoint": self._endpoint_id, "cause": cause},
        )

    def owe_between(self, since: str, until: str, cause: str) -> None:
        """Owe the folders of files that were updated in that span a new decision: an age passed them."""
        self._is_clear = False
        span = "endpoint_id = :endpoint AND updated_at >= :since AND updated_at < :until"
        self._connection.execute(
            f"""INSERT INTO owed (endpoint_id, folder_id, cause)
                SELECT :endpoint, parent_external_id, :cause FROM (
                    SELECT parent_external_id FROM files WHERE {span} AND deleted_at IS NULL
                    UNION SELECT parent_external_id FROM withheld_files WHERE {span})
                AS found WHERE parent_external_id IS NOT NULL {_OWE}""",  # noqa: S608  as above
            {"endpoint": self._endpoint_id, "cause": cause, "since": since, "until": until},
        )

    def owe_removals(self) -> None:
        """Owe what decided removals of folders mean for all that is below them."""
        if not self._removals.are_waiting():
            return
        self._is_clear = False
        self._connection.execute(
            f"""WITH RECURSIVE {_LEAVING}
                INSERT INTO owed (endpoint_id, folder_id, fate, cause, reconciled)
                SELECT :endpoint, id, fate, cause, reconciled FROM leaving WHERE true {_OWE}""",  # noqa: S608  as above
            {"endpoint": self._endpoint_id},
        )

    def forget_removals(self) -> None:
        """Drop what an earlier sync was removing when it was stopped: its candidates are decided once more."""
        self._connection.execute("DELETE FROM owed WHERE endpoint_id = ? AND fate IS NOT NULL", (self._endpoint_id,))

    def count_removals(self, most: int) -> int:
        """Count the files that decided removals take away, up to `most`."""
        if not self._removals.are_waiting():
            return 0
        row = self._connection.execute(
            f"""WITH RECURSIVE {_LEAVING}
               SELECT count(*) FROM (
                   SELECT 1 FROM candidates WHERE endpoint_id = :endpoint AND NOT is_folder AND fate IS NOT NULL
                   UNION ALL
                   SELECT 1 FROM leaving JOIN files AS f ON f.endpoint_id = :endpoint
                       AND f.parent_external_id = leaving.id AND f.deleted_at IS NULL
                   LIMIT :most) AS leaving_files""",  # noqa: S608  as above
            {"endpoint": self._endpoint_id, "most": most},
        ).fetchone()
        return int(row[0])

    def is_clear(self) -> bool:
        """Tell whether no folder owes its files anything."""
        if not self._is_clear:
            self._is_clear = not self._connection.execute(*any_owed(self._endpoint_id)).fetchone()[0]
        return self._is_clear

    def step(self, now: Timestamp) -> int:
        """Do one commit's worth of what is owed; tell how much could be done besides."""
        left = STEP
        if self._is_clear:
            return left
        paid: list[str] = []
        debts = self._debts()
        if not debts:
            self._is_clear = True
            return left
        self._tree.meet(debt.folder_id for debt in debts)
        for debt in debts:
            number = self._pay(debt, now, left)
            if number >= left:
                left = 0
                break  # the rest of this folder is for the next step
            paid.append(debt.folder_id)
            left -= number + 1  # an empty folder costs something, too: else a million of them were one commit
            if left <= 0:
                break
        self._connection.execute(
            """DELETE FROM owed WHERE endpoint_id = ? AND folder_id IN (SELECT value FROM json_each(?))""",
            (self._endpoint_id, json.dumps(paid)),
        )
        return left

    def remove_step(self, now: Timestamp) -> bool:
        """Write one commit's worth of decided removals, those of folders first; tell whether it was the last."""
        left = self.step(now)
        if left <= 0 or not self.is_clear():
            return False  # single files come last: a folder's candidate stands until all below it is written
        return self._removals.remove_decided(now, left)

    def _debts(self) -> list[_OwedStep]:
        rows = self._connection.execute(
            """SELECT folder_id, fate, cause, reconciled, files_after, withheld_after FROM owed
               WHERE endpoint_id = ? ORDER BY folder_id LIMIT ?""",
            (self._endpoint_id, STEP),
        )
        return [
            _OwedStep(row[0], Gone(row[1]) if row[1] else None, row[2], bool(row[3]), row[4], row[5]) for row in rows
        ]

    def _pay(self, debt: _OwedStep, now: Timestamp, most: int) -> int:
        """Give at most so many files of a folder what it owes them; tell how many. Fewer than `most` were all."""
        files = self._files(debt, most)
        sighting = Observation(debt.cause, now, debt.reconciled)
        states = {row[1]: row[2:] for row in files}
        if debt.fate is None:  # the folder moved, or the filters changed: its files are still there
            self._contents.reconsider_shown(states, sighting)
        else:  # the folder is gone, and a look-up decided that for all below it
            self._remove(states, debt.fate, sighting)
        withheld = self._withheld(debt, most - len(files))
        if debt.fate is None:  # some of them may be let in now
            self._contents.reconsider_withheld({row[1]: row[2:] for row in withheld}, sighting)
        else:  # they were never reported, so their end is no news
            self._contents.forget([row[1] for row in withheld])
        number = len(files) + len(withheld)
        if number >= most:  # there may be more: the next step, or the next sync, goes on behind these
            self._note_progress(debt, files, withheld)
        elif debt.fate is not None:  # last, so that a stop before leaves a live folder that is asked about again
            self._tree.bury([debt.folder_id], now)
        return number

    def _files(self, debt: _OwedStep, most: int) -> list[tuple[int, str, *FileState]]:
        return self._connection.execute(
            f"""SELECT id, external_file_id, {", ".join(TRACKED)} FROM files
                WHERE endpoint_id = ? AND parent_external_id = ? AND deleted_at IS NULL AND id > ?
                ORDER BY id LIMIT ?""",  # noqa: S608  column names are ours
            (self._endpoint_id, debt.folder_id, debt.files_after, most),
        ).fetchall()

    def _withheld(self, debt: _OwedStep, most: int) -> list[tuple[int, str, *Facts]]:
        return self._connection.execute(
            f"""SELECT id, external_file_id, {", ".join(FACTS)} FROM withheld_files
                WHERE endpoint_id = ? AND parent_external_id = ? AND id > ? ORDER BY id LIMIT ?""",  # noqa: S608  as above
            (self._endpoint_id, debt.folder_id, debt.withheld_after, most),
        ).fetchall()

    def _remove(self, states: dict[str, FileState], fate: Gone, sighting: Observation) -> None:
        turns = [
            FileChange(id_, state, gone(state, sighting.now, fate), sighting.cause) for id_, state in states.items()
        ]
        self._ledger.record(turns, sighting.now, reconciled=sighting.reconciled)
        self._removals.seen_again(json.dumps(list(states)))  # they need no fate of their own any more

    def _note_progress(
        self, debt: _OwedStep, files: Sequence[tuple[int, str, *FileState]], withheld: Sequence[tuple[int, str, *Facts]]
    ) -> None:
        self._connection.execute(
            """UPDATE owed SET files_after = ?, withheld_after = ? WHERE endpoint_id = ? AND folder_id = ?""",
            (
                files[-1][0] if files else debt.files_after,
                withheld[-1][0] if withheld else debt.withheld_after,
                self._endpoint_id,
                debt.folder_id,
            ),
        )
