"""What items are now, asked by id, and where they hang: climbed to, when the store does not have their folders."""

from collections.abc import Iterator, Sequence

from filesync.core.errors import FilesyncError
from filesync.core.model import Candidate, Gone, RemoteFolder, Shown
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.location import IN_NO_FOLDER
from filesync.providers.google_drive.resolving import Answer, look_up, look_up_all
from filesync.providers.google_drive.scope import DriveScope
from filesync.providers.google_drive.translate import DriveItem, to_file, to_folder, to_updated

Way = Sequence[RemoteFolder]  # folders that the store does not have, topmost first


class LookUp:
    """Shows items as they are; folders above them are asked for once."""

    def __init__(self, drive: Drive, scope: DriveScope, known: Known, evidence: Evidence) -> None:
        self._drive = drive
        self._scope = scope
        self._places = scope.places(known)
        self._evidence = evidence
        self._above: dict[str, Answer] = {}

    def run(self, items: Sequence[Candidate]) -> Iterator[Shown]:
        for item, seen in look_up_all(self._drive, items, self._evidence):
            try:
                shown = self._show(item, seen)
            except _UnseenAboveError as unseen:
                shown = unseen.failure
            if isinstance(shown, FilesyncError):
                self._evidence.note_failure(item.id, shown)
            else:
                yield shown
        yield from (Shown(each.id, None, failure=each.error) for each in self._evidence.unanswered())

    def _show(self, asked: Candidate, seen: Answer) -> Shown | FilesyncError:
        if isinstance(seen, FilesyncError):
            return seen
        return Shown(asked.id, None, seen) if isinstance(seen, Gone) else self._place(asked, seen)

    def _place(self, asked: Candidate, item: DriveItem) -> Shown:
        if item.is_of_unknown_kind:
            item = item._replace(is_folder=asked.is_folder)
        moment = to_updated(item)
        if item.is_trashed:
            return Shown(item.id, None, Gone.TRASHED, changed_at=moment)
        if not self._scope.may_hold(item):
            return Shown(item.id, None, Gone.OUT_OF_SCOPE, changed_at=moment)
        parent_id = asked.parent_id if asked.parent_id in item.parents else self._places.parent_of(item)
        way = () if parent_id == IN_NO_FOLDER else self._way_to(parent_id, item.id)
        if way is None or parent_id == IN_NO_FOLDER:
            parent_id = self._places.adopter_of(item)
            way = self._places.missing_heading() if parent_id == IN_NO_FOLDER else ()
        if parent_id is None:
            return Shown(item.id, None, Gone.OUT_OF_SCOPE, changed_at=moment)
        shown = to_folder(item, parent_id) if item.is_folder else to_file(item, parent_id)
        return Shown(item.id, shown, way=way, changed_at=moment)

    def _way_to(self, folder_id: str | None, below: str) -> Way | None:
        """Climb until a folder has a place: give the ones without, topmost first; None when there is no way."""
        unknown: list[RemoteFolder] = []
        passed = {below}
        while folder_id is not None and folder_id not in passed:
            if self._places.has(folder_id):
                return unknown[::-1]
            passed.add(folder_id)
            item = self._look_at(folder_id)
            if isinstance(item, Gone) or item.is_trashed or not self._scope.may_hold(item):
                return None
            folder_id = self._places.parent_of(item)
            unknown.append(to_folder(item, folder_id))
            if folder_id == IN_NO_FOLDER:
                return [*self._places.missing_heading(), *unknown[::-1]]
        return None

    def _look_at(self, folder_id: str) -> DriveItem | Gone:
        if folder_id not in self._above:
            self._above[folder_id] = look_up(self._drive, folder_id, self._evidence)
        seen = self._above[folder_id]
        if isinstance(seen, FilesyncError):
            raise _UnseenAboveError(seen)
        return seen


class _UnseenAboveError(Exception):
    """A folder above could not be looked up, so nobody knows where the item hangs; never leaves the module."""

    def __init__(self, failure: FilesyncError) -> None:
        super().__init__(str(failure))
        self.failure = failure
