"""What became of an item that a listing should have shown: one look-up by id each, several at a time."""

from collections.abc import Iterator, Sequence

from filesync.errors import NotFoundError, RefusedError
from filesync.model import Batch, Candidate, Gone, Page, Resolved
from filesync.providers.base import Known
from filesync.providers.crew import Crew
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.routes import is_about_one_item
from filesync.providers.google_drive.scope import Scope
from filesync.providers.google_drive.translate import Item

_WORKERS = 8

Sighting = tuple[Candidate, Item | Gone]


def look_up_all(drive: Drive, items: Sequence[Candidate]) -> Iterator[Sighting]:
    """Look items up, several at a time; gives them as the answers come."""
    crew = Crew[Candidate, Sighting](lambda item: (item, look_up(drive, item.id)), _WORKERS)
    with crew:
        for item in items:
            crew.give(item)
            if crew.is_full:
                yield crew.take().result()
        while crew.busy:
            yield crew.take().result()


def look_up(drive: Drive, item_id: str) -> Item | Gone:
    """Look one up; a refusal of this one item is an answer."""
    try:
        return drive.item(item_id)
    except RefusedError as error:
        if not is_about_one_item(error):
            raise
        return Gone.REMOVED if isinstance(error, NotFoundError) else Gone.ACCESS_LOST


class Resolver:
    """Looks candidates up; a listing lags behind, so only this look-up is evidence."""

    def __init__(self, drive: Drive, scope: Scope, known: Known) -> None:
        self._drive = drive
        self._scope = scope
        self._places = scope.places(known)

    def resolve(self, candidates: Sequence[Candidate]) -> Iterator[Batch]:
        for candidate, seen in look_up_all(self._drive, candidates):
            yield self._conclude(candidate, seen)

    def _conclude(self, candidate: Candidate, seen: Item | Gone) -> Batch:
        if isinstance(seen, Gone):
            return Resolved(candidate.id, seen)
        if seen.is_trashed:
            return Resolved(candidate.id, Gone.TRASHED)
        if not self._scope.may_hold(seen):
            return Resolved(candidate.id, Gone.OUT_OF_SCOPE)
        return self._locate(candidate, seen)

    def _locate(self, candidate: Candidate, item: Item) -> Batch:
        home_id = self._places.home_of(item)
        if candidate.parent_id in (home_id, *item.parents):
            return Resolved(candidate.id, None)
        if home_id is None:
            return Resolved(candidate.id, Gone.OUT_OF_SCOPE)
        return Page(*self._places.entries([item]))
