"""Google Drive: follows the change log, and lists what the log does not show."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from filesync.core.errors import NetworkError, RefusedError, ResponseError, ServiceDownError
from filesync.core.model import Batch, Candidate, FoldersKnown, Identity, Page, Rooted, Shown
from filesync.providers.base import Known, Surroundings
from filesync.providers.evidence import Evidence
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.changes import ChangeLogReader, DeadCursorError, start_log
from filesync.providers.google_drive.listing import FlatListing
from filesync.providers.google_drive.location import IN_NO_FOLDER, in_no_folder
from filesync.providers.google_drive.looking_up import LookUp
from filesync.providers.google_drive.memory import DriveMemory, LeftOut, ListingState, Phase
from filesync.providers.google_drive.opening import connect
from filesync.providers.google_drive.refusals import concerns_all
from filesync.providers.google_drive.resolving import DriveResolver
from filesync.providers.google_drive.routes import FILE
from filesync.providers.google_drive.scope import DriveScope, find_root
from filesync.providers.google_drive.translate import ChangesPage, DriveItem
from filesync.providers.google_drive.tree import FolderReader
from filesync.runtime.background import BackgroundTask

if TYPE_CHECKING:
    from filesync.providers.google_drive.details import DriveDetails


class GoogleDriveProvider:
    """Reads My Drive, a shared drive, or a folder's subtree."""

    continuous = False
    files_per_look_up = 1
    look_ups_per_minute = FILE.per_minute

    def __init__(
        self, drive: Drive, scope: DriveScope, now: Callable[[], datetime], identity: Callable[[], Identity]
    ) -> None:
        self.identity = identity
        self._drive = drive
        self._scope = scope
        self._now = now
        self._evidence = Evidence(lambda: drive.item(scope.root_name))
        self._reading: _Reading | None = None

    def read(self, known: Known) -> Iterator[Batch]:
        """Follow the changes; without a cursor, or when everything is to be listed afresh, list as well."""
        self._reading = _Reading(self._drive, self._scope, known, self._evidence, self._now())
        return self._reading.batches()

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:
        return DriveResolver(self._drive, self._scope, known, self._evidence).resolve(candidates)

    def look_up(self, items: Sequence[Candidate], known: Known, *, singly: bool = False) -> Iterator[Shown]:  # noqa: ARG002  Drive shows items one by one anyway
        return LookUp(self._drive, self._scope, known, self._evidence).run(items)

    def left_out(self) -> Sequence[str]:
        return self._reading.left_out.headings() if self._reading else ()


class _Reading:
    """One sync: `memory` is where it stands, and goes with every batch that advances.

    The cursor is taken before a listing and committed before its first batch, so that whatever happens
    meanwhile is in the log.
    """

    def __init__(self, drive: Drive, scope: DriveScope, known: Known, evidence: Evidence, now: datetime) -> None:
        self._drive = drive
        self._evidence = evidence
        self._scope = scope
        self._known = known
        self._now = now
        self._memory = DriveMemory.of(known.state).marked(now)
        self._full = known.full
        self._has_listed = False
        self._is_begun = False  # the log, in this sync
        self._is_first = self._memory.listing is None and (known.root() is None or bool(self._memory.root_id))
        self._taken: DriveMemory | None = None  # with the cursor, where it was taken while the root was looked up
        self._first_changes: BackgroundTask[ChangesPage] | None = None  # the log, asked for before it is followed
        self._flat: FlatListing | None = None
        drive.page_sizes.remember(self._memory.page_size_at(now))

    @property
    def left_out(self) -> LeftOut:
        """Return what the listing that is under way leaves out, else what the last one did."""
        listing = self._flat.memory.listing if self._flat else None
        return listing.left_out if listing else (self._flat.memory if self._flat else self._memory).left_out

    def batches(self) -> Iterator[Batch]:
        try:
            yield from self._statements()
        finally:
            self._leave_log()

    def _statements(self) -> Iterator[Batch]:
        self._look_at_root()
        yield self._rooted()
        log = self._log(self._memory)
        yield from self._follow(log)
        if self._scope.is_subtree:
            yield from self._list_tree(log)
        else:
            yield from self._list_flat(log)
        if self._full or self._has_listed:
            yield from self._follow_again()

    def _follow_again(self) -> Iterator[Batch]:
        """Follow the log once more after a listing: what moved to a new folder meanwhile would seem to hang nowhere.

        After a full listing, which may lag behind the log, from an hour ago: every entry is the present state.
        """
        log = self._log(self._memory.at(self._oldest_cursor), self._first_changes)
        try:
            yield from log.follow()
            yield from log.limited()
            self._memory = log.memory
        except DeadCursorError as error:
            # One that was taken by this sync is not refused because it is old: beginning anew again would not help.
            if self._is_begun and isinstance(error.__cause__, RefusedError):
                raise error.__cause__ from None

    def _log(self, memory: DriveMemory, first: BackgroundTask[ChangesPage] | None = None) -> ChangeLogReader:
        return ChangeLogReader(self._drive, self._scope, memory, self._known, self._now, first)

    @property
    def _oldest_cursor(self) -> str | None:
        return self._memory.trail[0][1] if self._full and self._memory.trail else self._memory.cursor

    def _ask_for_changes(self) -> None:
        """Ask already for what happened while things were listed; what was listed last is being stored meanwhile."""
        if self._first_changes is None:
            cursor, reach = self._oldest_cursor or "", self._scope.reach(self._memory)
            self._first_changes = BackgroundTask(lambda: self._drive.changes(cursor, reach))

    def _leave_log(self) -> None:
        if self._first_changes:
            self._first_changes.leave()
            self._first_changes = None

    def _look_at_root(self) -> None:
        """Find the root once; before a listing make sure that it can be read."""
        if self._memory.root_id and not self._known.full:
            return
        if self._scope.is_subtree or self._memory.cursor is not None:
            self._place(find_root(self._drive, self._scope))
            return
        # Where a whole drive's log ends does not depend on its root: both are asked for at once.
        with BackgroundTask(self._take_cursor) as taken:
            self._place(find_root(self._drive, self._scope))
            self._taken = taken.result()

    def _take_cursor(self) -> DriveMemory:
        return start_log(self._drive, self._scope, DriveMemory(drive_id=self._scope.drive_id))

    def _place(self, root: DriveItem) -> None:
        """Note where the root is; in another drive than before it has another log."""
        # Of a shared drive's root the name is always "Drive"; its own name is known where a set found it.
        name = self._memory.root_name if root.id == root.drive_id else root.name
        self._memory = replace(self._memory, root_id=root.id, root_name=name)
        if self._memory.has_root_elsewhere(root.drive_id):
            self._memory = replace(self._memory, cursor=None, trail=(), listing=ListingState(Phase.TREE))
        if self._memory.cursor is None:
            self._memory = replace(self._memory, drive_id=self._scope.drive_id or root.drive_id)
        self._memory = replace(self._memory, root_drive=root.drive_id or "")

    def _rooted(self) -> Rooted:
        memory, state = self._memory, self._memory.state()
        return Rooted(
            root=self._scope.root(memory),
            keep_strays=not self._scope.is_subtree,
            adopt_into=self._scope.adopter(memory),
            project_id=memory.root_id,
            project_name=memory.root_name,
            state=None if state == self._known.state else state,
        )

    def _follow(self, log: ChangeLogReader) -> Iterator[Batch]:
        if self._memory.cursor is None:
            yield from self._start(again=self._memory.listing is not None)
            return
        try:
            yield from log.follow()
            self._memory = log.memory
        except DeadCursorError:
            yield from self._start_anew(log)
        except (RefusedError, ServiceDownError, NetworkError, ResponseError) as error:
            # Who lists everything afresh needs no log, whatever is wrong with it.
            if not self._known.full or concerns_all(error):
                raise
            yield from self._start_anew(log)

    def _start_anew(self, log: ChangeLogReader) -> Iterator[Batch]:
        """List everything, since nobody knows what happened meanwhile; the rows stay and are compared."""
        self._memory = replace(log.memory, cursor=None, trail=())
        if self._scope.is_subtree:
            self._place(find_root(self._drive, self._scope))
        yield from self._start(again=True)

    def _start(self, *, again: bool) -> Iterator[Batch]:
        if self._scope.is_subtree:
            # A tree that was read in part is read from its root again.
            listing = ListingState(Phase.TREE, full=self._known.full and not again)
        else:
            self._full, listing = True, ListingState(Phase.FOLDERS, full=True, first=self._is_first and not again)
        self._memory = self._begin_log(self._memory.reading(listing)).marked(self._now)
        self._is_begun = True
        yield Page(state=self._memory.state(), anew=again and not self._scope.is_subtree)

    def _begin_log(self, memory: DriveMemory) -> DriveMemory:
        return memory.at(self._taken.cursor) if self._taken else start_log(self._drive, self._scope, memory)

    def _list_flat(self, log: ChangeLogReader) -> Iterator[Batch]:
        listing = self._memory.listing
        if self._full and not (listing and listing.full):
            listing = ListingState(Phase.FOLDERS, full=True)
        if listing:
            yield from self._list_all(listing)
            yield from log.limited()
            yield from self._read_tree()
        else:
            yield FoldersKnown()
            yield from log.limited()
            yield from self._read_tree()

    def _list_all(self, listing: ListingState) -> Iterator[Batch]:
        if self._scope.adopts and self._known.folder(IN_NO_FOLDER):
            yield Page(folders=[in_no_folder(self._memory.root_id)])  # ours, so no listing shows that it is still there
        memory = self._memory.reading(listing)
        flat = self._flat = FlatListing(self._drive, self._scope, memory, self._known, self._now)
        yield from flat.read(self._ask_for_changes)
        self._memory = flat.memory

    def _list_tree(self, log: ChangeLogReader) -> Iterator[Batch]:
        yield FoldersKnown()
        yield from log.limited()
        listing = self._memory.listing
        if listing and not (self._known.full and listing.full):
            yield from self._read_tree(afresh=True)
        else:
            yield from self._read_tree()
        if listing:
            self._memory = self._memory.reading(None)
            yield Page(state=self._memory.state())

    def _read_tree(self, *, afresh: bool = False) -> Iterator[Batch]:
        tree = FolderReader(self._drive, self._scope, self._memory, self._known, self._evidence)
        for batch in tree.read_afresh() if afresh else tree.read():
            yield batch
            if self._memory is not (sized := self._memory.sized(self._drive.page_sizes.most, self._now)):
                self._memory = sized
                yield Page(state=sized.state())
        if tree.has_read:
            self._has_listed = True
            self._leave_log()  # it may have been asked before something that was listed now


def open_provider(details: "DriveDetails", surroundings: Surroundings) -> GoogleDriveProvider:
    """Check the credentials and make a connection that asks nothing yet. Raises AuthError."""
    drive, login = connect(surroundings, details.subject)
    scope = DriveScope(details.drive_id, details.folder_id, details.shared_with_me, login.account)
    return GoogleDriveProvider(drive, scope, surroundings.clock.now, login.identity)
