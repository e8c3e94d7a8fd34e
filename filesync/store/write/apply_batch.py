"""What a provider states, turned into folders, files, and candidates for removal."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from filesync.core.model import (
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
from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database, Question
from filesync.store.write.change_writer import ChangeWriter, Observation, Tally
from filesync.store.write.feed_replay import FeedReplay
from filesync.store.write.files import FileWriter
from filesync.store.write.flat_listing import PagedListing, TreeScope
from filesync.store.write.folder_rows import FolderRow
from filesync.store.write.folders import FolderTree, Placing
from filesync.store.write.lookups import LookUps
from filesync.store.write.odd_entries import OddEntries
from filesync.store.write.owed import Owed
from filesync.store.write.removals import Removals
from filesync.store.write.sync_state import SyncState

# Nothing is written when nothing differs: else updated_at would move with every sync.
_WHERE_IT_IS = """
    UPDATE endpoints SET external_project_id = :external_project_id, external_project_name = :external_project_name,
        hub_name = :hub_name, region = :region, updated_at = :now
    WHERE id = :endpoint AND (external_project_id IS DISTINCT FROM :external_project_id
        OR external_project_name IS DISTINCT FROM :external_project_name
        OR hub_name IS DISTINCT FROM :hub_name OR region IS DISTINCT FROM :region)
"""
_SEVERAL = 3  # syncs in a row in which something failed by itself: then it is taken to be its own fault


@dataclass(frozen=True, slots=True)
class Parts:
    """The writers that one sync works with."""

    database: Database
    tree: FolderTree
    contents: FileWriter
    removals: Removals
    lookups: LookUps
    ledger: ChangeWriter
    tally: Tally
    odd_entries: OddEntries
    owed: Owed


class BatchWriter:
    """Takes statements one by one, each inside a transaction of the caller's."""

    def __init__(
        self, parts: Parts, memory: SyncState, now: Callable[[], Timestamp], *, stamped: bool, trial: bool
    ) -> None:
        self.scope = TreeScope()
        self.tried: set[str] = set()  # the folders that a trial listed
        self.unsettled: list[Unanswered] = []  # what failed by itself, and not often enough to be called unreadable
        self._memory = memory
        self._connection = parts.database.connection
        self._tree = parts.tree
        self._contents = parts.contents
        self._recall = FeedReplay(self._connection, memory.endpoint_id, parts.ledger)
        self._removals = parts.removals
        self._lookups = parts.lookups
        self._tally = parts.tally
        self._odd_entries = parts.odd_entries
        self._owed = parts.owed
        self._endpoint_id = memory.endpoint_id
        self._stamp = now
        self._stamped = stamped
        self._is_trial = trial
        self._listing = PagedListing(
            parts.database,
            memory,
            parts.tree,
            parts.contents,
            parts.removals,
            now(),
            possible=not (stamped or trial),
        )

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

    def _ask_ahead(self, batch: Page | FolderListed) -> None:
        """Ask at once what a page or a folder is known to ask, where each wait for an answer costs (decision 75)."""
        if self._connection.asks_ahead:
            self._connection.ask_ahead(self._questions(batch))

    def _questions(self, batch: Page | FolderListed) -> Iterator[Question]:
        """Give what is asked before anything is written, or what these writes do not change."""
        folders = [folder for folder in batch.folders if folder.id != self.scope.root_id]
        yield from self._tree.questions(folders)
        yield from self._contents.questions(batch.files)
        if isinstance(batch, FolderListed):
            yield from self._tree.row_questions(batch.folder_id)
            yield from self._contents.folder_questions(batch.folder_id)
            yield self._tree.children_question([batch.folder_id])

    def _root(self, batch: Rooted) -> None:
        self.scope = TreeScope(batch.root.id, batch.keep_strays, batch.adopt_into)
        self._rehang(self._tree.set_root(batch.root))
        if batch.adopt_into is not None:
            self._rehang(self._tree.put([batch.adopt_into], keep_strays=True))
        self._memory.set_root(batch.root.id)
        where = {
            "external_project_id": batch.project_id,
            "external_project_name": batch.project_name,
            "hub_name": batch.hub_name,
            "region": batch.region,
        }
        self._connection.execute(_WHERE_IT_IS, {**where, "now": self._stamp(), "endpoint": self._endpoint_id})

    def _page(self, batch: Page) -> None:
        if batch.anew and not self._is_trial:  # the log was lost: everything is listed, from this page on
            self._memory.begin_full(self._stamp(), anew=True)
            self._tree.forget_cache()
        self._ask_ahead(batch)
        sighting = self.sighting(reconciled=self._is_relisting())
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._listing.note_named(self.scope, [f.id for f in batch.folders], self._stamp())

    def _folder_listed(self, batch: FolderListed) -> None:
        self._ask_ahead(batch)
        folder = self._tree.get(batch.folder_id)
        if folder is None or self._is_trial:
            self.tried.add(batch.folder_id)
            self._page(Page(batch.files, batch.folders))  # what it shows counts, and what it does not says nothing
            return
        sighting = self.sighting(reconciled=self._is_reconciling(folder, batch.stamp))
        if not folder.readable:  # what is new in it may be old, and only hidden until now
            sighting = replace(sighting, cause="access")
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        self._suspect_missing(batch, sighting)
        self._mark_listed(batch.folder_id, batch.stamp)
        self._tally.folders_listed += folder.listable

    def _suspect_missing(self, batch: FolderListed, sighting: Observation) -> None:
        # What earlier parts of a folder too large for one statement have shown is there, too.
        present = batch.earlier.union((f.id for f in batch.files), (f.id for f in batch.folders))
        self._removals.suspect(self._contents.missing_from(batch.folder_id, present), sighting, is_folder=False)
        self._contents.forget_withheld(batch.folder_id, present)
        adopting = self.scope.adopter  # our own heading, which no service shows
        left = [c.id for c in self._tree.children(batch.folder_id) if c.id not in present and c.id != adopting]
        self._removals.suspect(left, sighting, is_folder=True)

    def _mark_listed(self, folder_id: str, stamp: str | None) -> None:
        self._connection.execute(
            """UPDATE folders SET last_listed_at = :now, last_tried_at = :tried, listed_stamp = :stamp, relist = 0,
               readable = TRUE, unreadable_reason = NULL, failures = 0, entry_cause = NULL
               WHERE endpoint_id = :endpoint AND external_folder_id = :folder""",
            {
                "now": self._stamp(),
                "tried": self._memory.tried_at(self._stamp()),
                "stamp": stamp,
                "endpoint": self._endpoint_id,
                "folder": folder_id,
            },
        )
        self._tree.note_listed(folder_id, stamp)

    def _folders_known(self) -> None:
        self._listing.note_folders_known(self.scope, self._stamp())
        if self.scope.adopt_into is not None:
            # After a change of scope only what this listing has named: the old scope's folders are not shared with us.
            only_seen = self._memory.rescoping and self._memory.full and self._memory.track_seen
            self._rehang(self._tree.adopt(self.scope.adopt_into, only_seen=only_seen))

    def _scope_listed(self) -> None:
        if self._is_trial:
            return  # it was no whole listing, and must not count as one
        if not self._memory.full:
            self._memory.owe_full()  # nobody kept count of what was seen: what is missing shows in the next listing
        self._listing.end(self.scope.root_id, self._stamp())

    def suspects(self, batch: Batch) -> Iterator[Callable[[], None]]:
        """Give, before the end of a flat listing is taken, the steps that note what none of its pages has shown."""
        if isinstance(batch, ScopeListed):
            yield from self._listing.suspects(self.scope, self.sighting(reconciled=self._memory.completed))

    def _changed(self, batch: Changed) -> None:
        sighting = self.sighting()
        self._put_folders(batch.folders, sighting)
        self._put_files(batch.files, sighting)
        if self._is_trial:
            return  # it decides nothing about what is gone
        if self.scope.root_id in {*batch.removed, *(folder.id for folder in batch.folders)}:
            self._tree.relist_below([str(self.scope.root_id)])  # it may have been out of sight meanwhile
        for fate in Gone:
            # Never the root: that would be everything, on one word. Whether it can be read decides.
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

    def _expect(self, ids: Sequence[str], sighting: Observation, fate: Gone) -> None:
        files, folders = self._contents.alive_among(ids), self._tree.alive_among(ids)
        if folders and fate is Gone.REMOVED and self.scope.adopt_into is not None:
            # What is below may be shared by itself, and then shows elsewhere: a full listing tells.
            self._memory.owe_full()
            folders = []
        self._removals.expect(files, sighting, fate, is_folder=False)
        self._removals.expect(folders, sighting, fate, is_folder=True)
        self._contents.forget(ids)  # the withheld among them were never reported

    def _doubt(self, batch: Unreadable | Unanswered) -> None:
        if isinstance(batch, Unanswered):
            self._unanswered(batch)
        else:
            self._unreadable(batch)

    def _unreadable(self, batch: Unreadable) -> None:
        self._connection.execute(
            """UPDATE folders SET readable = FALSE, unreadable_reason = ?, last_tried_at = ?
               WHERE endpoint_id = ? AND external_folder_id = ?""",
            (batch.reason, self._memory.tried_at(self._stamp()), self._endpoint_id, batch.folder_id),
        )
        self._tree.refresh([batch.folder_id])
        if batch.folder_id == self.scope.root_id and not self._is_trial:
            self._memory.owe_full()  # for as long as it cannot be read, the log may have told of nothing

    def _unanswered(self, batch: Unanswered) -> None:
        if self._is_trial:
            raise batch.error  # a trial keeps no count
        error = f"{batch.error} (id {batch.id})"
        failures = self._lookups.note_failure(batch.id, error)
        if failures is None:  # no candidate's look-up: a folder was to be read
            failures = self._count_failure(batch.id, error)
        if failures < _SEVERAL:  # it may pass: the sync fails, and nothing is removed
            self.unsettled.append(batch)

    def _count_failure(self, folder_id: str, reason: str) -> int:
        """Count that reading a folder failed; one that could not be read before stays so, whatever is said now."""
        folder = self._tree.get(folder_id)
        is_new = folder is not None and bool(folder.readable)
        row = self._connection.execute(
            """UPDATE folders SET failures = failures + 1, relist = 1, last_tried_at = :now,
               unreadable_reason = :reason, readable = readable AND failures + 1 < :several
               WHERE endpoint_id = :endpoint AND external_folder_id = :folder
               RETURNING failures""",
            {
                "now": self._memory.tried_at(self._stamp()),
                "reason": reason,
                "several": _SEVERAL,
                "endpoint": self._endpoint_id,
                "folder": folder_id,
            },
        ).fetchone()
        self._tree.refresh([folder_id])
        return int(row[0]) if row and is_new else _SEVERAL

    def _put_folders(self, folders: Sequence[RemoteFolder], sighting: Observation) -> None:
        folders = [folder for folder in folders if folder.id != self.scope.root_id]  # `Rooted` says where that hangs
        if not folders:
            return
        self._listing.note_seen(self.scope, [folder.id for folder in folders])
        self._odd_entries.note(folders)
        placing = self._tree.put(folders, keep_strays=self.scope.keep_strays)
        # Said to be gone and there again: what is below it may have changed meanwhile, and nothing tells of that.
        self._tree.relist_below(self._removals.announced_among(placing.found))
        self._removals.seen_again(json.dumps(list(placing.found)))
        self._lose(placing.lost, folders, sighting)
        self._rehang(placing)

    def _lose(self, lost: Sequence[str], folders: Sequence[RemoteFolder], sighting: Observation) -> None:
        """Take folders that hang nowhere by now for moved out, or ask where that hangs which they hang in."""
        if not self._stamped:  # the log, or the listing, names every folder that there is
            self._removals.expect(lost, sighting, Gone.OUT_OF_SCOPE, is_folder=True)
            return
        # a folder that shows what is above it as below it was moved itself, and nothing has told of that yet
        holders = {folder.parent_id for folder in folders if folder.id in lost and folder.parent_id}
        self._removals.suspect(holders, sighting, is_folder=True)

    def _put_files(self, files: Sequence[RemoteFile], sighting: Observation) -> None:
        # Adopted is what hangs in a folder that nobody names; too early to say while they are still being named.
        adopt_into = None if self._listing.names_folders(self.scope) else self.scope.adopter
        self._tally.files_seen += len(files)
        if files:
            self._listing.note_seen(self.scope, [file.id for file in files])
            self._odd_entries.note(files)
            self._contents.put(files, sighting, keep_strays=self.scope.keep_strays, adopt_into=adopt_into)

    def _rehang(self, placing: Placing) -> None:
        if placing.shifted:
            self._removals.placed_again(placing.shifted)
            self._owed.owe(placing.shifted, self.sighting(cause="folder").cause)

    def sighting(self, *, cause: str = "file", reconciled: bool = False) -> Observation:
        """Give why what is written now differs: the first listing of all, one of a new scope, or something happened."""
        if self._memory.rescoping and self._memory.full:
            cause = "config"  # a person pointed the endpoint elsewhere
        if not self._memory.completed:
            cause = "baseline"  # nothing is news in a first listing, also when it takes several syncs
        return Observation(cause, self._stamp(), reconciled)

    def _is_reconciling(self, folder: FolderRow, stamp: str | None) -> bool:
        """Tell whether nothing said that this folder changed since it was listed."""
        return self._stamped and stamp is not None and folder.listed_stamp == stamp and bool(folder.readable)

    def _is_relisting(self) -> bool:
        return self._memory.full and self._memory.completed and not self._stamped and not self._memory.rescoping
