"""What became of an item that a listing should have shown: one look-up by id each, several at a time."""

from collections.abc import Iterator, Sequence

from filesync.core.errors import About, FilesyncError, NetworkError, RefusedError, ResponseError, ServiceDownError
from filesync.core.model import Batch, Candidate, Gone, Page, Resolved
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.location import HEADINGS
from filesync.providers.google_drive.refusals import concerns_all
from filesync.providers.google_drive.scope import DriveScope
from filesync.providers.google_drive.translate import DriveItem
from filesync.providers.worker_pool import WorkerPool

_WORKERS = 8

Answer = DriveItem | Gone | FilesyncError
Sighting = tuple[Candidate, Answer]


def look_up_all(drive: Drive, items: Sequence[Candidate], evidence: Evidence) -> Iterator[Sighting]:
    """Look items up, several at a time; gives them as the answers come. Failures may be their own: see `look_up`."""
    crew = WorkerPool[Candidate, Sighting](lambda item: (item, look_up(drive, item.id, evidence)), _WORKERS)
    with crew:
        for item in items:
            crew.give(item)
            if crew.is_full:
                yield crew.take().result()
        while crew.busy:
            yield crew.take().result()


def look_up(drive: Drive, item_id: str, evidence: Evidence) -> Answer:
    """Look one up; a refusal of this one item is an answer, and any other failure nobody's fate.

    What is known to concern more than the item is raised.
    """
    try:
        return drive.item(item_id)
    except RefusedError as error:
        if error.about is About.ITEM:
            return evidence.fate(error)
        if concerns_all(error):
            raise
        return error
    except (ServiceDownError, NetworkError, ResponseError) as error:
        return error


class DriveResolver:
    """Looks candidates up; a listing lags behind, so only this look-up is evidence."""

    def __init__(self, drive: Drive, scope: DriveScope, known: Known, evidence: Evidence) -> None:
        self._drive = drive
        self._scope = scope
        self._places = scope.places(known)
        self._evidence = evidence

    def resolve(self, candidates: Sequence[Candidate]) -> Iterator[Batch]:
        # Headings of ours, which Drive does not know: this scope has none, or they would be shown.
        yield from (Resolved(each.id, Gone.OUT_OF_SCOPE) for each in candidates if each.id in HEADINGS)
        asked = [each for each in candidates if each.id not in HEADINGS]
        for candidate, seen in look_up_all(self._drive, asked, self._evidence):
            if isinstance(seen, FilesyncError):
                self._evidence.note_failure(candidate.id, seen)
            else:
                yield self._conclude(candidate, seen)
        yield from self._evidence.unanswered()

    def _conclude(self, candidate: Candidate, seen: DriveItem | Gone) -> Batch:
        if isinstance(seen, Gone):
            return Resolved(candidate.id, seen)
        if seen.is_trashed:
            return Resolved(candidate.id, Gone.TRASHED)
        if not self._scope.may_hold(seen):
            return Resolved(candidate.id, Gone.OUT_OF_SCOPE)
        return self._locate(candidate, seen)

    def _locate(self, candidate: Candidate, item: DriveItem) -> Batch:
        home_id = self._places.home_of(item)
        if candidate.parent_id in (home_id, *item.parents):
            return Resolved(candidate.id, None)
        if home_id is None:
            return Resolved(candidate.id, Gone.OUT_OF_SCOPE)
        return Page(*self._places.entries([item]))
