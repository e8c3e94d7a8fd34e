"""What a provider states, turned into folders, files, and candidates for removal."""

import json
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from filesync.model import (
    Batch,
    Changed,
    Corrected,
    FolderListed,
    FoldersKnown,
    Gone,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    ScopeListed,
    Unanswered,
    Unreadable,
)
from filesync.store.contents import Contents
from filesync.store.ledger import Ledger, Tally
from filesync.store.memory import Memory
from filesync.store.odd_entries import OddEntries
from filesync.store.owed import Owed
from filesync.store.recall import Recall
from filesync.store.removals import Removals
from filesync.store.sighting import Sighting
from filesync.store.tree import BY_ITSELF, WITH_ALL, Folder, Placing, Tree
from filesync.timestamps import Timestamp

_AT_ONCE = 5_000  # ids
# A file or folder `f` hangs in a folder that this sync reads by itself, which tells better what is missing from it.
_READ_NEXT = f"""EXISTS (
    SELECT 1 FROM folders AS p WHERE p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
    AND p.relist = {BY_ITSELF} AND p.folder_path IS NOT NULL AND p.deleted_at IS NULL AND p.listable
    AND NOT p.excluded)"""  # noqa: S608  our own words
_IN_SCOPE = """EXISTS (
    SELECT 1 FROM folders AS p WHERE p.endpoint_id = f.endpoint_id AND p.external_folder_id = f.parent_external_id
    AND p.folder_path IS NOT NULL AND p.deleted_at IS NULL)"""
_UNSEEN = """NOT EXISTS (SELECT 1 FROM seen AS s WHERE s.endpoint_id = :endpoint AND s.external_id = {})"""
# What only the old scope has is no suspect: it is decided once the new one was read.
_UNSEEN_FILES = f"""
    SELECT f.external_file_id FROM files AS f WHERE f.endpoint_id = :endpoint AND f.external_file_id > :last
    AND f.deleted_at IS NULL AND {_UNSEEN.format("f.external_file_id")} AND NOT {_READ_NEXT}
    AND (NOT :rescoping OR {_IN_SCOPE}) ORDER BY f.external_file_id LIMIT :most"""  # noqa: S608  as above
_UNSEEN_FOLDERS = f"""
    SELECT f.external_folder_id FROM folders AS f WHERE f.endpoint_id = :endpoint AND f.external_folder_id > :last
    AND f.deleted_at IS NULL AND {_UNSEEN.format("f.external_folder_id")} AND NOT {_READ_NEXT}
    AND f.folder_path IS NOT NULL AND f.external_folder_id NOT IN (:root, :adopter)
    ORDER BY f.external_folder_id LIMIT :most"""  # noqa: S608  as above
_UNSEEN_WITHHELD = f"""
    SELECT f.external_file_id FROM withheld_files AS f WHERE f.endpoint_id = :endpoint AND f.external_file_id > :last
    AND {_UNSEEN.format("f.external_file_id")} AND NOT {_READ_NEXT}
    ORDER BY f.external_file_id LIMIT :most"""  # noqa: S608  as above
_SEVERAL = 3  # syncs in a row in which something failed by itself: then it is taken to be its own fault


@dataclass(slots=True)
class Scope:
    """Where the tree hangs and how stray items are treated, as the provider's `Rooted` said."""

    root_id: str | None = None
    keep_strays: bool = False
    adopt_into: RemoteFolder | None = None

    @property
    def adopter(self) -> str | None:
        return self.adopt_into.id if self.adopt_into else None


@dataclass(frozen=True, slots=True)
class Parts:
    """The writers that one sync works with."""

    connection: sqlite3.Connection
    tree: Tree
    contents: Contents
    removals: Removals
    ledger: Ledger
    tally: Tally
    odd_entries: OddEntries
    owed: Owed


class Intake:
    """Takes statements one by one, each inside a transaction of the caller's."""

    def __init__(
        self, parts: Parts, memory: Memory, now: Callable[[], Timestamp], *, stamped: bool, trial: bool
    ) -> None:
        self.scope = Scope()
        self.tried: set[str] = set()  # the folders that a trial listed
        self.unsettled: list[Unanswered] = []  # what failed by itself, and not often enough to be called unreadable
        self._memory = memory
        self._connection = parts.connection
        self._tree = parts.tree
        self._contents = parts.contents
        self._recall = Recall(parts.connection, memory.endpoint_id, parts.ledger)
        self._removals = parts.removals
        self._tally = parts.tally
        self._odd_entries = parts.odd_entries
        self._owed = parts.owed
        self._endpoint_id = memory.endpoint_id
        self._stamp = now
        self._began = now()
        self._stamped = stamped
        self._is_trial = trial
        self._is_listed = False  # a flat listing came to its end in this sync

    def take(self, batch: Batch) -> None:
        match batch:
            case Rooted():
                self._root(batch)
            case Page():
                self._page(batch)
            case FolderListed():
                self._folder_listed(batch)
            case FoldersKnown():
                self._folders_known()
            case ScopeListed():
                self._scope_listed()
            case Changed():
                self._changed(batch)
            case Unreadable() | Unanswered():
                self._doubt(batch)
            case Resolved():
                self._removals.decide(batch.id, batch.gone, rescoped=self._memory.rescoping)
            case Corrected():
                self._corrected(batch)

    def _root(self, batch: Rooted) -> None:
        self.scope = Scope(batch.root.id, batch.keep_strays, batch.adopt_into)
        self._rehang(self._tree.set_root(batch.root))
        if batch.adopt_into is not None:
            self._rehang(self._tree.put([batch.adopt_into], keep_strays=True))
        self._connection.execute(
            "UPDATE sync_state SET root_id = ? WHERE endpoint_id = ?", (batch.root.id, self._endpoint_id)
        )
        self._connection.execute(
            """UPDATE endpoints SET external_project_id = ?1, external_project_name = ?2, hub_name = ?3, region = ?4,
               updated_at = ?5 WHERE id = ?6 AND (external_project_id, external_project_name, hub_name, region)
               IS NOT (?1, ?2, ?3, ?4)""",
            (batch.project_id, batch.project_name, batch.hub_name, batch.region, self._stamp(), self._endpoint_id),
        )

    def _page(self, batch: Page) -> None:
        if batch.anew and not self._is_trial:
            self._memory.begin_full(self._stamp(), anew=True)
            self._tree.forget_cache()
        sighting = self.sighting(reconciled=self._is_relisting())
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._note_named([f.id for f in batch.folders])

    def _folder_listed(self, batch: FolderListed) -> None:
        folder = self._tree.get(batch.folder_id)
        if folder is None or self._is_trial:
            self.tried.add(batch.folder_id)
            self._page(Page(batch.files, batch.folders))
            return
        sighting = self.sighting(reconciled=self._is_reconciling(folder, batch.stamp))
        if not folder.readable:
            sighting = replace(sighting, cause="access")
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._suspect_missing(batch, sighting)
        self._mark_listed(batch.folder_id, batch.stamp)
        self._tally.folders_listed += folder.listable

    def _suspect_missing(self, batch: FolderListed, sighting: Sighting) -> None:
        present = batch.earlier.union((f.id for f in batch.files), (f.id for f in batch.folders))
        self._removals.suspect(self._contents.missing_from(batch.folder_id, present), sighting, is_folder=False)
        self._contents.forget_withheld(batch.folder_id, present)
        adopting = self.scope.adopter
        left = [c.id for c in self._tree.children(batch.folder_id) if c.id not in present and c.id != adopting]
        self._removals.suspect(left, sighting, is_folder=True)

    def _mark_listed(self, folder_id: str, stamp: str | None) -> None:
        self._connection.execute(
            """UPDATE folders SET last_listed_at = ?1, last_tried_at = ?1, listed_stamp = ?2, relist = 0, readable = 1,
               unreadable_reason = NULL, failures = 0, entry_cause = NULL
               WHERE endpoint_id = ?3 AND external_folder_id = ?4""",
            (self._stamp(), stamp, self._endpoint_id, folder_id),
        )
        self._tree.refresh([folder_id])

    def _folders_known(self) -> None:
        if self._is_flat_listing and not self._memory.knows_folders:
            # All files are on the pages that are still to come. Marks that are set from now on stay: what a folder
            # holds that comes back after this may have been on a page that was read without it.
            self._connection.execute(
                """UPDATE folders SET relist = ?1 WHERE endpoint_id = ?2 AND relist = ?3 AND last_tried_at >= ?4""",
                (WITH_ALL, self._endpoint_id, BY_ITSELF, self._memory.listing_since(self._began)),
            )
            self._memory.note_folders_known(self._stamp())
            self._tree.forget_cache()
        if self.scope.adopt_into is not None:
            only_seen = self._memory.rescoping and self._memory.full and self._memory.track_seen
            self._rehang(self._tree.adopt(self.scope.adopt_into, only_seen=only_seen))

    def _scope_listed(self) -> None:
        if self._is_trial:
            return
        if not self._memory.full:
            self._memory.owe_full()  # nobody kept count of what was seen: what is missing shows in the next listing
        since = self._memory.listing_since(self._began)
        self._connection.execute(
            """UPDATE folders SET readable = 1, unreadable_reason = NULL
               WHERE endpoint_id = ? AND NOT readable AND (external_folder_id = ? OR last_tried_at < ?)""",
            (self._endpoint_id, self.scope.root_id, since),
        )
        self._connection.execute(
            """UPDATE folders SET last_listed_at = ?1, last_tried_at = ?1, failures = 0, entry_cause = NULL,
               relist = CASE WHEN relist = ?4 AND listable THEN relist ELSE 0 END
               WHERE endpoint_id = ?2 AND deleted_at IS NULL AND folder_path IS NOT NULL AND readable
               AND (NOT listable OR last_tried_at >= ?3)""",
            (self._stamp(), self._endpoint_id, since, BY_ITSELF),
        )
        self._tree.forget_cache()
        self._memory.end_listing()
        self._is_listed = True

    def suspects(self, batch: Batch) -> Iterator[Callable[[], None]]:
        """Give, before the end of a flat listing is taken, the steps that note what none of its pages has shown.

        Each is a commit of its own: a listing of any length that shows none of a million files is one statement.
        """
        if not (isinstance(batch, ScopeListed) and self._is_flat_listing and self._memory.track_seen):
            return
        sighting = self.sighting(reconciled=self._memory.completed)
        for ids in self._unseen(_UNSEEN_FILES, rescoping=self._memory.rescoping):
            yield partial(self._removals.suspect, ids, sighting, is_folder=False)
        for ids in self._unseen(_UNSEEN_FOLDERS, root=self.scope.root_id, adopter=self.scope.adopter or ""):
            yield partial(self._removals.suspect, ids, sighting, is_folder=True)
        for ids in self._unseen(_UNSEEN_WITHHELD):
            yield partial(self._contents.forget, ids)

    def _unseen(self, question: str, **values: object) -> Iterator[list[str]]:
        """Read ids in order, some at a time."""
        last = ""
        while True:
            given = {"endpoint": self._endpoint_id, "last": last, "most": _AT_ONCE, **values}
            rows = self._connection.execute(question, given).fetchall()
            if not rows:
                return
            yield [row[0] for row in rows]
            last = rows[-1][0]

    def _changed(self, batch: Changed) -> None:
        sighting = self.sighting()
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        if self._is_trial:
            return
        if self.scope.root_id in {*batch.removed, *(folder.id for folder in batch.folders)}:
            self._tree.relist_below([str(self.scope.root_id)])  # it may have been out of sight meanwhile
        for fate in Gone:
            ids = [id_ for id_, gone in batch.removed.items() if gone is fate and id_ != self.scope.root_id]
            self._expect(ids, sighting, fate)

    def _corrected(self, batch: Corrected) -> None:
        """Put rows that somebody else wrote back to what the feed says, then take the look-ups' word like a page's."""
        shown = [file.id for file in batch.files]
        self._recall.put_back([*shown, *batch.missing], self._stamp(), about_to_be_put=shown)
        self._tree.displace([folder.id for folder in batch.folders])
        sighting = self.sighting()
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        if not self._is_trial:
            self._removals.suspect(self._contents.alive_among(batch.missing), sighting, is_folder=False)
            self._removals.suspect(self._tree.alive_among(batch.missing), sighting, is_folder=True)

    def _expect(self, ids: Sequence[str], sighting: Sighting, fate: Gone) -> None:
        files, folders = self._contents.alive_among(ids), self._tree.alive_among(ids)
        if folders and fate is Gone.REMOVED and self.scope.adopt_into is not None:
            # What is below may be shared by itself, and then shows elsewhere: a full listing tells.
            self._memory.owe_full()
            folders = []
        self._removals.expect(files, sighting, fate, is_folder=False)
        self._removals.expect(folders, sighting, fate, is_folder=True)
        self._contents.forget(ids)

    def _doubt(self, batch: Unreadable | Unanswered) -> None:
        if isinstance(batch, Unanswered):
            self._unanswered(batch)
        else:
            self._unreadable(batch)

    def _unreadable(self, batch: Unreadable) -> None:
        self._connection.execute(
            """UPDATE folders SET readable = 0, unreadable_reason = ?, last_tried_at = ?
               WHERE endpoint_id = ? AND external_folder_id = ?""",
            (batch.reason, self._stamp(), self._endpoint_id, batch.folder_id),
        )
        self._tree.refresh([batch.folder_id])
        if batch.folder_id == self.scope.root_id and not self._is_trial:
            self._memory.owe_full()

    def _unanswered(self, batch: Unanswered) -> None:
        if self._is_trial:
            raise batch.error  # a trial keeps no count
        error = f"{batch.error} (id {batch.id})"
        failures = self._removals.note_failure(batch.id, error)
        if failures is None:
            failures = self._count_failure(batch.id, error)
        if failures < _SEVERAL:
            self.unsettled.append(batch)

    def _count_failure(self, folder_id: str, reason: str) -> int:
        """Count that reading a folder failed; one that could not be read before stays so, whatever is said now."""
        folder = self._tree.get(folder_id)
        is_new = folder is not None and bool(folder.readable)
        row = self._connection.execute(
            """UPDATE folders SET failures = failures + 1, relist = 1, last_tried_at = ?1, unreadable_reason = ?2,
               readable = readable AND failures + 1 < ?3 WHERE endpoint_id = ?4 AND external_folder_id = ?5
               RETURNING failures""",
            (self._stamp(), reason, _SEVERAL, self._endpoint_id, folder_id),
        ).fetchone()
        self._tree.refresh([folder_id])
        return int(row[0]) if row and is_new else _SEVERAL

    def _put_folders(self, folders: Sequence[RemoteFolder], sighting: Sighting) -> None:
        folders = [folder for folder in folders if folder.id != self.scope.root_id]
        if not folders:
            return
        self._note_seen([folder.id for folder in folders])
        self._odd_entries.note(folders)
        placing = self._tree.put(folders, keep_strays=self.scope.keep_strays)
        self._tree.relist_below(self._removals.announced_among(placing.found))
        self._removals.seen_again(json.dumps(list(placing.found)))
        self._lose(placing.lost, folders, sighting)
        self._rehang(placing)

    def _lose(self, lost: Sequence[str], folders: Sequence[RemoteFolder], sighting: Sighting) -> None:
        """Take folders that hang nowhere by now for moved out, or ask where that hangs which they hang in."""
        if not self._stamped:
            self._removals.expect(lost, sighting, Gone.OUT_OF_SCOPE, is_folder=True)
            return
        # a folder that shows what is above it as below it was moved itself, and nothing has told of that yet
        holders = {folder.parent_id for folder in folders if folder.id in lost and folder.parent_id}
        self._removals.suspect(holders, sighting, is_folder=True)

    def _put_files(self, files: Sequence[RemoteFile], sighting: Sighting) -> None:
        # While folders are still being named for the first time, one that is unknown may just not have come yet.
        is_too_early = self._is_flat_listing and not self._memory.knows_folders and not self._knows_tree
        adopt_into = None if is_too_early else self.scope.adopter
        self._tally.files_seen += len(files)
        if files:
            self._note_seen([file.id for file in files])
            self._odd_entries.note(files)
            self._contents.put(files, sighting, keep_strays=self.scope.keep_strays, adopt_into=adopt_into)

    def _rehang(self, placing: Placing) -> None:
        if placing.shifted:
            self._removals.placed_again(placing.shifted)
            self._owed.owe(placing.shifted, self.sighting(cause="folder").cause)

    def sighting(self, *, cause: str = "file", reconciled: bool = False) -> Sighting:
        if self._memory.rescoping and self._memory.full:
            cause = "config"
        if not self._memory.completed:
            cause = "baseline"
        return Sighting(cause, self._stamp(), reconciled)

    def _is_reconciling(self, folder: Folder, stamp: str | None) -> bool:
        """Tell whether nothing said that this folder changed since it was listed."""
        return self._stamped and stamp is not None and folder.listed_stamp == stamp and bool(folder.readable)

    def _is_relisting(self) -> bool:
        return self._memory.full and self._memory.completed and not self._stamped and not self._memory.rescoping

    @property
    def _knows_tree(self) -> bool:
        """Tell whether an earlier listing named the folders of this scope."""
        return self._memory.completed and not self._memory.rescoping

    @property
    def _is_flat_listing(self) -> bool:
        """Tell whether everything is being listed by pages: there strays wait for their parents."""
        return self._memory.full and self.scope.keep_strays and not (self._stamped or self._is_trial or self._is_listed)

    def _note_named(self, folder_ids: Sequence[str]) -> None:
        """Note which folders a flat listing named: only what hangs in those is told by its other pages."""
        if not self._is_flat_listing:
            return
        self._connection.execute(
            """UPDATE folders SET last_tried_at = ?
               WHERE endpoint_id = ? AND readable AND external_folder_id IN (SELECT value FROM json_each(?))""",
            (self._stamp(), self._endpoint_id, json.dumps(folder_ids)),
        )
        self._tree.refresh(folder_ids)

    def _note_seen(self, ids: Sequence[str]) -> None:
        # By a page or by the log: who was shown while a listing is under way is there.
        if self._is_flat_listing and self._memory.track_seen:
            self._connection.executemany(
                "INSERT OR IGNORE INTO seen (endpoint_id, external_id) VALUES (?, ?)",
                ((self._endpoint_id, id_) for id_ in ids),
            )
