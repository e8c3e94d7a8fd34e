"""What filesync remembers of an endpoint between syncs: the row of `sync_state`, and what follows from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from filesync.core.model import Identity, State
from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.store.engine import Database
from filesync.store.row_codec import from_json, identity_of
from filesync.store.write.folders import WITH_ALL


class SyncState:
    """One endpoint's `sync_state` as it stood when the sync began, and the only hand that changes it.

    `full`: this sync lists everything afresh, or goes on with a full listing that was stopped.
    """

    def __init__(self, database: Database, endpoint_id: int) -> None:
        self.endpoint_id = endpoint_id
        self._database = database
        self._connection = database.connection
        self.full = False
        self._known: dict[str, Any] | None = None  # the row, but for what others of this sync write
        self._load()

    def forget_cache(self) -> None:
        """Drop what is known of the row; to be called when a transaction was rolled back."""
        self._known = None

    def _load(self) -> None:
        row = self._row()
        self.completed, self.rescoping = row["completed_at"] is not None, bool(row["rescoping"])
        self.full_begun_at: Timestamp | None = row["full_begun_at"]
        self.full_listed_at: str | None = row["full_listed_at"]
        self.track_seen = bool(row["track_seen"])
        self.selection: str | None = row["selection"]
        self.bounds: tuple[str | None, str | None] = (row["selection_after"], row["selection_before"])
        self.knows_folders = row["folders_known_at"] is not None  # the full listing under way has named every folder

    @property
    def full_pending(self) -> bool:
        """Tell whether a full listing is under way."""
        return self.full_begun_at is not None

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
            "UPDATE folders SET relist = ? WHERE endpoint_id = ? AND relist = 0", (WITH_ALL, self.endpoint_id)
        )
        # Who knows nothing can miss nothing: a first listing keeps no count of what it shows.
        self._note(full_begun_at=now, full_owed=False, folders_known_at=None, track_seen=not self.knows_nothing())
        self._load()

    def end_listing(self) -> None:
        """Remember that every page of the full listing was taken.

        Should this sync be stopped while it looks up what was missing, the next one goes on with that, and does not
        list everything once more: with many files it would never come further.
        """
        self.track_seen = False
        row = self._row()
        if row["full_begun_at"] is not None:
            listed_at = None if row["full_owed"] else row["full_begun_at"]
            self._note(full_listed_at=listed_at, full_begun_at=None, track_seen=False)

    def forget_seen(self, most: int) -> bool:
        """Drop so many of the ids that a listing which came to its end has named; tell whether some are left."""
        dropped = self._connection.execute(
            """DELETE FROM seen WHERE endpoint_id = :endpoint AND external_id IN (
               SELECT external_id FROM seen WHERE endpoint_id = :endpoint LIMIT :most)""",
            {"endpoint": self.endpoint_id, "most": most},
        ).rowcount
        return dropped == most

    def listing_since(self, sync_began: Timestamp) -> Timestamp:
        """Tell since when the listing under way names what there is; one that no full sync began, since this sync."""
        return self.full_begun_at or sync_began

    @property
    def left_out(self) -> list[str]:
        """Give what the last complete sync left out on purpose."""
        found: list[str] = from_json(self._row()["left_out"])
        return found

    def note_left_out(self, what: Sequence[str]) -> None:
        """Remember what the service shows and the provider leaves out on purpose."""
        self._note(left_out=json.dumps(list(what), ensure_ascii=False))

    def note_folders_known(self, now: Timestamp) -> None:
        """Remember that the full listing under way has named every folder."""
        self.knows_folders = True
        self._note(folders_known_at=now)

    def owe_full(self) -> None:
        """Have the next sync list everything afresh; a listing under way does not settle that, for it began before."""
        self._note(full_listed_at=None, full_owed=True)

    def tried_at(self, now: Timestamp) -> Timestamp:
        """Return when the listing under way tried a folder: not before it began, even when the clock was set back."""
        return max(now, self.full_begun_at or now)

    def set_state(self, state: State) -> None:
        """Remember the provider's own state; by a plain statement, for it is part of nearly every commit."""
        text = json.dumps(state, separators=(",", ":"))
        sql = "UPDATE sync_state SET provider_state = ? WHERE endpoint_id = ?"
        self._connection.execute(sql, (text, self.endpoint_id))
        self._row()["provider_state"] = text

    def provider_memory(self) -> tuple[str, str | None]:
        """Return the provider's state, as JSON, and the root's id."""
        return self._row()["provider_state"], self._row()["root_id"]

    @property
    def identity(self) -> Identity | None:
        """Tell as whom the rows were read; None before anybody said so."""
        text = self._row()["identity"]
        return identity_of(text) if text else None

    def set_identity(self, identity: Identity) -> None:
        """Remember as whom the rows are read."""
        self._note(identity=json.dumps(asdict(identity), ensure_ascii=False))

    def knows_nothing(self) -> bool:
        """Tell whether no sync has shown anything yet, so that there is nothing to lose."""
        row = self._connection.execute(
            """SELECT EXISTS (SELECT 1 FROM files WHERE endpoint_id = :endpoint
                              UNION ALL SELECT 1 FROM withheld_files WHERE endpoint_id = :endpoint
                              UNION ALL SELECT 1 FROM folders WHERE endpoint_id = :endpoint)""",
            {"endpoint": self.endpoint_id},
        ).fetchone()
        return not row[0]

    def forget_reader(self, now: Timestamp) -> None:
        """Begin anew with what another identity is shown: cursors and stamps of the one before mean nothing to it."""
        self.begin_full(now, anew=True)
        self._note(provider_state="{}", root_id=None)
        self._connection.execute(
            "UPDATE folders SET listed_stamp = NULL, readable = TRUE WHERE endpoint_id = ?", (self.endpoint_id,)
        )

    def set_selection(self, fingerprint: str, bounds: tuple[str | None, str | None]) -> None:
        """Remember by which filters the files were decided."""
        self._note(selection=fingerprint, selection_after=bounds[0], selection_before=bounds[1])

    def forget_selection(self) -> None:
        """Have the next sync decide all remembered files afresh."""
        self._note(selection=None)

    def set_root(self, root_id: str) -> None:
        """Remember the folder that everything hangs in."""
        self._note(root_id=root_id)

    def live_files(self) -> int:
        """Count the live files, as they are counted when they are written."""
        return int(self._database.table("sync_state").get(self.endpoint_id)["live_files"])

    def guarded_since(self, window_begins: Timestamp) -> Timestamp:
        """Tell from when on removals count for the guard: what a person accepted before does not."""
        accepted = self._row()["deletions_accepted_at"]
        return Timestamp(max(window_begins, accepted or window_begins))

    def accept_deletions(self, now: Timestamp) -> None:
        self._note(deletions_accepted_at=now)

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
        row, started = self._row(), to_timestamp(started_at)
        listed_at = None if row["full_owed"] else started
        listing = {"full_listed_at": listed_at, "full_begun_at": None} if self.full else {}
        self._note(
            completed_at=row["completed_at"] or to_timestamp(finished_at),
            rescoping=bool(row["rescoping"]) and not rescoped,
            complete_as_of=complete_as_of or started,
            **listing,
        )

    def _row(self) -> dict[str, Any]:
        if self._known is None:
            self._known = self._database.table("sync_state").get(self.endpoint_id)
        return self._known

    def _note(self, **columns: object) -> None:
        self._database.table("sync_state").update(self.endpoint_id, columns)
        self._row().update(columns)
