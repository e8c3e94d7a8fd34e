"""A flat listing of a whole drive: two disjoint queries, folders first, so that every file's place is known."""

from collections.abc import Iterator
from dataclasses import replace

from filesync.errors import RefusedError, ResponseError
from filesync.model import Batch, FoldersKnown, Page, ScopeListed, Unreadable
from filesync.providers.base import Known
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.changes import LIMITED
from filesync.providers.google_drive.memory import Listing, Memory, Phase
from filesync.providers.google_drive.routes import is_dead_token
from filesync.providers.google_drive.scope import Scope
from filesync.providers.google_drive.translate import FILES_PAGE_FIELDS, FOLDER_TYPE, FOLDERS_PAGE_FIELDS, ItemsPage

_QUERIES = {
    Phase.FOLDERS: (f"mimeType = '{FOLDER_TYPE}' and trashed = false", FOLDERS_PAGE_FIELDS),
    Phase.FILES: (f"mimeType != '{FOLDER_TYPE}' and trashed = false", FILES_PAGE_FIELDS),
}
_NEXT = {Phase.FOLDERS: Phase.FILES, Phase.FILES: Phase.READ}


class FlatListing:
    """Lists everything, going on from `memory.listing`; `memory` is how far it came."""

    def __init__(self, drive: Drive, scope: Scope, memory: Memory, known: Known) -> None:
        self._drive = drive
        self._places = scope.places(known)
        self._reach = scope.reach(memory)
        self._restarted = False
        self._listing = memory.listing or Listing(Phase.FOLDERS)
        self.memory = memory

    def read(self) -> Iterator[Batch]:
        yield from self._read_phase(Phase.FOLDERS)
        yield FoldersKnown()
        yield from self._name_limited()
        yield from self._read_phase(Phase.FILES)
        yield self._conclude()

    def _read_phase(self, phase: Phase) -> Iterator[Page]:
        seen: set[str] = set()
        while self._listing.phase is phase:
            page = self._page(phase)
            if any(item.is_folder is not (phase is Phase.FOLDERS) for item in page.items):  # a row of the wrong kind
                raise ResponseError(f"{page.where}: a listing of {phase} names something else")
            if page.next_token in seen:
                raise ResponseError(f"{page.where}: the same page of a listing is named twice")
            seen.update([page.next_token] if page.next_token else [])
            yield self._take(page)

    def _page(self, phase: Phase) -> ItemsPage:
        query, fields = _QUERIES[phase]
        try:
            return self._drive.items(query, self._reach, fields=fields, token=self._listing.token)
        except RefusedError as error:
            if self._restarted or self._listing.token is None or not is_dead_token(error):
                raise
        # A list token lives for some hours; what it had shown is stored, so only requests are spent twice.
        # https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
        self._restarted = True
        return self._drive.items(query, self._reach, fields=fields, token=None)

    def _take(self, page: ItemsPage) -> Page:
        items = [item for item in page.items if not item.is_trashed and item.id != self.memory.root_id]
        limited = [item.id for item in items if item.is_limited]
        self._listing = replace(
            self._listing,
            phase=self._listing.phase if page.next_token else _NEXT[self._listing.phase],
            token=page.next_token,
            incomplete=self._listing.incomplete or page.is_incomplete,
            limited=(*self._listing.limited, *limited),
        )
        self.memory = replace(self.memory, listing=self._listing)
        files, folders = self._places.entries(items)
        return Page(files, folders, self.memory.state())

    def _name_limited(self) -> Iterator[Unreadable]:
        for folder_id in self._listing.limited:
            if self._places.has(folder_id):
                yield Unreadable(folder_id, LIMITED)

    def _conclude(self) -> Batch:
        self.memory = replace(self.memory, listing=None)
        if self._listing.incomplete:
            reason = "Drive said that it had not searched everything (incompleteSearch)"
            return Unreadable(self.memory.root_id, reason, self.memory.state())
        return ScopeListed(self.memory.state())
