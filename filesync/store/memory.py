"""What filesync remembers of an endpoint between syncs: the row of `sync_state`, and what follows from it."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from filesync.model import Identity, State
from filesync.store.stored import from_json, identity_of
from filesync.store.tree import WITH_ALL
from filesync.timestamps import Timestamp, to_timestamp


class Memory:
    """One endpoint's `sync_state` as it stood when the sync began, and the only hand that changes it.

    `full`: this sync lists everything afresh, or goes on with a full listing that was stopped.
    """

    def __init__(self, connection: sqlite3.Connection, endpoint_id: int) -> None:
        self.endpoint_id = endpoint_id
        self._connection = connection
        self.full = False
        self._load()

    def _load(self) -> None:
        row = self._connection.execute(
            """SELECT completed_at IS NOT NULL, rescoping, full_begun_at IS NOT NULL, full_listed_at, track_seen,
                      selection, selection_after, selection_before, full_begun_at, folders_known_at
               FROM sync_state WHERE endpoint_id = ?""",
            (self.endpoint_id,),
        ).fetchone()
        self.completed, self.rescoping, self.full_pending = bool(row[0]), bool(row[1]), bool(row[2])
        self.full_listed_at: str | None = row[3]
        self.track_seen = bool(row[4])
        self.selection: str | None = row[5]
        self.bounds: tuple[str | None, str | None] = (row[6], row[7])
        self.full_begun_at: Timestamp | None = row[8]
        self.knows_folders = row[9] is not None  # the full listing under way has named every folder

    def needs_full(self, now: Timestamp, relist_before: Timestamp | None) -> bool:
        """Tell whether a full listing is owed; `relist_before`: the last one must not be older (None: any may)."""
        last = self.full_listed_at
        if self.full_pending or not (self.completed or last):
            return True
        if relist_before is None:
            return False
        return last is None or last <= relist_before or last > now  # the clock was set back

    def begin_full(self, now: Timestamp, *, anew: bool) -> None:
        """Make a full listing something that a later sync can go on with; one under way goes on, unless `anew`."""
        self.full = True
        if self.full_pending and not anew:
            return
        self._connection.execute("DELETE FROM seen WHERE endpoint_id = ?", (self.endpoint_id,))
        # One that must be read by itself stays so: the pages of a flat listing need not show all that is in it.
        self._connection.execute(
            "UPDATE folders SET relist = ? WHERE endpoint_id = ? AND NOT relist", (WITH_ALL, self.endpoint_id)
        )
        self._connection.execute(
            """UPDATE sync_state SET full_begun_at = ?2, folders_known_at = NULL, track_seen = EXISTS (
                   SELECT 1 FROM files WHERE endpoint_id = ?1
                   UNION ALL SELECT 1 FROM folders WHERE endpoint_id = ?1
                   UNION ALL SELECT 1 FROM withheld_files WHERE endpoint_id = ?1)
               WHERE endpoint_id = ?1""",
            (self.endpoint_id, now),
        )
        self._load()

    def end_listing(self) -> None:
        """Remember that every page of the full listing was taken.

        Should this sync be stopped while it looks up what was missing, the next one goes on with that, and does not
        list everything once more: with many files it would never come further.
        """
        self.track_seen = False
        self._connection.execute(
            """UPDATE sync_state SET full_listed_at = full_begun_at, full_begun_at = NULL, track_seen = 0
               WHERE endpoint_id = ? AND full_begun_at IS NOT NULL""",
            (self.endpoint_id,),
        )

    def forget_seen(self, most: int) -> bool:
        """Drop so many of the ids that a listing which came to its end has named; tell whether some are left."""
        dropped = self._connection.execute(
            """DELETE FROM seen WHERE endpoint_id = ?1 AND external_id IN (
               SELECT external_id FROM seen WHERE endpoint_id = ?1 LIMIT ?2)""",
            (self.endpoint_id, most),
        ).rowcount
        return dropped == most

    def listing_since(self, sync_began: Timestamp) -> Timestamp:
        """Tell since when the listing under way names what there is; one that no full sync began, since this sync."""
        return self.full_begun_at or sync_began

    @property
    def left_out(self) -> list[str]:
        """Give what the last complete sync left out on purpose."""
        found: list[str] = from_json(self._read("left_out"))
        return found

    def note_left_out(self, what: Sequence[str]) -> None:
        """Remember what the service shows and the provider leaves out on purpose."""
        self._connection.execute(
            "UPDATE sync_state SET left_out = ? WHERE endpoint_id = ?",
            (json.dumps(list(what), ensure_ascii=False), self.endpoint_id),
        )

    def note_folders_known(self, now: Timestamp) -> None:
        """Remember that the full listing under way has named every folder."""
        self.knows_folders = True
        self._connection.execute(
            "UPDATE sync_state SET folders_known_at = ? WHERE endpoint_id = ?", (now, self.endpoint_id)
        )

    def owe_full(self) -> None:
        """Have the next sync list everything afresh."""
        self._connection.execute(
            "UPDATE sync_state SET full_listed_at = NULL WHERE endpoint_id = ?", (self.endpoint_id,)
        )

    def set_state(self, state: State) -> None:
        """Remember the provider's own state."""
        self._connection.execute(
            "UPDATE sync_state SET provider_state = ? WHERE endpoint_id = ?",
            (json.dumps(state, separators=(",", ":")), self.endpoint_id),
        )

    @property
    def identity(self) -> Identity | None:
        """Tell as whom the rows were read; None before anybody said so."""
        text = self._read("identity")
        return identity_of(text) if text else None

    def set_identity(self, identity: Identity) -> None:
        """Remember as whom the rows are read."""
        self._connection.execute(
            "UPDATE sync_state SET identity = ? WHERE endpoint_id = ?",
            (json.dumps(asdict(identity), ensure_ascii=False), self.endpoint_id),
        )

    def knows_nothing(self) -> bool:
        """Tell whether no sync has shown anything yet, so that there is nothing to lose."""
        row = self._connection.execute(
            """SELECT EXISTS (SELECT 1 FROM files WHERE endpoint_id = ?1
                              UNION ALL SELECT 1 FROM withheld_files WHERE endpoint_id = ?1
                              UNION ALL SELECT 1 FROM folders WHERE endpoint_id = ?1)""",
            (self.endpoint_id,),
        ).fetchone()
        return not row[0]

    def forget_reader(self, now: Timestamp) -> None:
        """Begin anew with what another identity is shown: cursors and stamps of the one before mean nothing to it."""
        self.begin_full(now, anew=True)
        self._connection.execute(
            "UPDATE sync_state SET provider_state = '{}', root_id = NULL WHERE endpoint_id = ?", (self.endpoint_id,)
        )
        self._connection.execute(
            "UPDATE folders SET listed_stamp = NULL, readable = 1 WHERE endpoint_id = ?", (self.endpoint_id,)
        )

    def set_selection(self, fingerprint: str, bounds: tuple[str | None, str | None]) -> None:
        """Remember by which filters the files were decided."""
        self._connection.execute(
            "UPDATE sync_state SET selection = ?, selection_after = ?, selection_before = ? WHERE endpoint_id = ?",
            (fingerprint, *bounds, self.endpoint_id),
        )

    def forget_selection(self) -> None:
        """Have the next sync decide all remembered files afresh."""
        self._connection.execute("UPDATE sync_state SET selection = NULL WHERE endpoint_id = ?", (self.endpoint_id,))

    def live_files(self) -> int:
        return int(self._read("live_files"))

    def guarded_since(self, window_begins: Timestamp) -> Timestamp:
        """Tell from when on removals count for the guard: what a person accepted before does not."""
        accepted = self._read("deletions_accepted_at")
        return Timestamp(max(window_begins, accepted or window_begins))

    def accept_deletions(self, now: Timestamp) -> None:
        self._connection.execute(
            "UPDATE sync_state SET deletions_accepted_at = ? WHERE endpoint_id = ?", (now, self.endpoint_id)
        )

    def note_completed(
        self, started_at: datetime, finished_at: datetime, complete_as_of: Timestamp | None, *, rescoped: bool
    ) -> None:
        """Remember that the provider read to its end; `complete_as_of` None: everything is as of this sync.

        `rescoped`: what lies outside a changed scope was decided.
        """
        if self.rescoping and rescoped:
            self._connection.execute(
                """UPDATE folders SET deleted_at = ?
                   WHERE endpoint_id = ? AND deleted_at IS NULL AND folder_path IS NULL""",
                (to_timestamp(finished_at), self.endpoint_id),
            )
        started = to_timestamp(started_at)
        self._connection.execute(
            """UPDATE sync_state SET completed_at = coalesce(completed_at, ?1), rescoping = rescoping AND NOT ?6,
               full_listed_at = CASE WHEN ?2 THEN ?3 ELSE full_listed_at END,
               full_begun_at = CASE WHEN ?2 THEN NULL ELSE full_begun_at END,
               complete_as_of = ?4 WHERE endpoint_id = ?5""",
            (to_timestamp(finished_at), self.full, started, complete_as_of or started, self.endpoint_id, rescoped),
        )

    def _read(self, column: str) -> Any:
        return self._connection.execute(
            f"SELECT {column} FROM sync_state WHERE endpoint_id = ?",  # noqa: S608  a name of ours
            (self.endpoint_id,),
        ).fetchone()[0]
