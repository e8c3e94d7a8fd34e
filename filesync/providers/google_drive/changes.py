"""Drive's change log: one page, one batch, one cursor."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from filesync.core.errors import RefusedError, ResponseError
from filesync.core.model import Batch, Changed, Gone, Unreadable
from filesync.providers.base import Known
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.memory import DriveMemory
from filesync.providers.google_drive.refusals import is_of_its_kind, may_be_about_token
from filesync.providers.google_drive.scope import DriveScope, fail_unseen, find_root
from filesync.providers.google_drive.translate import ChangesPage, DriveChange, DriveItem, lost_entries
from filesync.runtime.background import BackgroundTask

LIMITED = "may be seen but not opened (limited access)"


class DeadCursorError(Exception):
    """Drive does not know this change token; never leaves the provider."""


class ChangeLogReader:
    """Follows the log from the remembered cursor to its end; `memory` is where it stands.

    `first` is the first page, where it was asked for already.
    """

    def __init__(  # noqa: PLR0913  what a reading has
        self,
        drive: Drive,
        scope: DriveScope,
        memory: DriveMemory,
        known: Known,
        now: datetime,
        first: BackgroundTask[ChangesPage] | None = None,
    ) -> None:
        self._drive = drive
        self._now = now
        self._scope = scope
        self._places = scope.places(known)
        self._limited: list[str] = []
        self._first = first
        self.memory = memory

    def follow(self) -> Iterator[Batch]:
        """Yield a Changed for every page that has changes or moves the cursor.

        Raises DeadCursorError when the log has to be started anew.
        """
        seen = {self.memory.cursor}
        while not (page := self._page()).is_last:
            if page.cursor in seen:
                raise ResponseError(f"{page.where}: the same page of changes is named twice")
            seen.add(page.cursor)
            yield from self._take(page)
        yield from self._take(page)

    def limited(self) -> Iterator[Unreadable]:
        """Name the folders of the log that may not be opened; to be asked when every folder is known."""
        return (Unreadable(folder_id, LIMITED) for folder_id in self._limited if self._places.has(folder_id))

    def _page(self) -> ChangesPage:
        first, self._first = self._first, None
        try:
            if first:
                return first.result()
            return self._drive.changes(self.memory.cursor or "", self._scope.reach(self.memory))
        except RefusedError as error:
            if may_be_about_token(error) or is_of_its_kind(error):
                raise DeadCursorError from error
            raise

    def _take(self, page: ChangesPage) -> Iterator[Batch]:
        self._check_root(page)
        if not page.changes and not page.lost and page.cursor == self.memory.cursor:
            return
        self.memory = self.memory.at(page.cursor).sized(self._drive.page_sizes.most, self._now)
        if lack := lost_entries(page.lost, page.where):
            yield Unreadable(self.memory.root_id, lack)  # so everything is listed afresh; before the cursor goes on
        yield self._to_changed(page.changes)
        self._limited += [change.id for change in page.changes if change.item and change.item.is_limited]

    def _check_root(self, page: ChangesPage) -> None:
        """Fail when the root itself is gone: that is no reason to remove everything below it.

        Raises DeadCursorError when it went to another drive.
        """
        gone = {change.id for change in page.changes if change.item is None or change.item.is_trashed}
        gone |= page.lost_drives
        if gone & {self.memory.root_id, self.memory.drive_id}:
            root = find_root(self._drive, self._scope)
            if self.memory.has_root_elsewhere(root.drive_id):
                raise DeadCursorError  # it went to another drive, and this log will tell no more of it

    def _to_changed(self, changes: Sequence[DriveChange]) -> Changed:
        latest = {change.id: change for change in changes if change.id != self.memory.root_id}
        fates = {change.id: self._fate(change.item) for change in latest.values()}
        present = [change.item for change in latest.values() if change.item and not fates[change.id]]
        removed = {file_id: gone for file_id, gone in fates.items() if gone}  # decision 21: only announced
        self._places.note(gone=removed, present=[item.id for item in present])
        files, folders = self._places.entries(present)
        if any(change.id == self.memory.root_id and change.item for change in changes):
            folders = [*folders, self._scope.root(self.memory)]  # it may have been out of sight: the store reads on
        return Changed(files, folders, removed, self.memory.state())

    def _fate(self, item: DriveItem | None) -> Gone | None:
        if item is None:
            return Gone.REMOVED
        if item.is_trashed:
            return Gone.TRASHED
        return None if self._scope.may_hold(item) else Gone.OUT_OF_SCOPE


def start_log(drive: Drive, scope: DriveScope, memory: DriveMemory) -> DriveMemory:
    """Take the cursor at the log's end; must come before the listing, so that nothing falls between the two."""
    try:
        return memory.at(drive.start_token(memory.drive_id))
    except RefusedError as error:
        if memory.drive_id is None or not is_of_its_kind(error):
            raise
        if scope.drive_id:
            fail_unseen(scope, error)
    # The folder is shared out of a drive that the account is no member of: its changes are in the account's log.
    # https://developers.google.com/workspace/drive/api/guides/about-changelogs
    return replace(memory, drive_id=None, cursor=drive.start_token(None))
