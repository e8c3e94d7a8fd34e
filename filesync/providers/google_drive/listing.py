"""A flat listing of a whole drive: two disjoint queries, folders first, so that every file's place is known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from filesync.core.model import Batch, Candidate, FoldersKnown, Gone, Page, ScopeListed, Unreadable
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence
from filesync.providers.google_drive.api import Drive
from filesync.providers.google_drive.changes import LIMITED
from filesync.providers.google_drive.memory import DriveMemory, LeftOut, ListingState, Phase
from filesync.providers.google_drive.parts import Part
from filesync.providers.google_drive.prefetch import TACTICS, Ahead, PartsRefusedError, Turn
from filesync.providers.google_drive.resolving import look_up_all
from filesync.providers.google_drive.scope import DriveScope
from filesync.providers.google_drive.translate import DriveItem

_NEXT = {Phase.FOLDERS: Phase.FILES, Phase.FILES: Phase.READ}  # decision 12: folders first


class FlatListing:
    """Lists everything, going on from `memory.listing`; `memory` is how far it came.

    Files are asked for while folders are still coming, but not stated before every folder was. Those of a first
    listing are read in parts, several at once, when there are many of them.
    """

    def __init__(self, drive: Drive, scope: DriveScope, memory: DriveMemory, known: Known, now: datetime) -> None:
        self._drive = drive
        self._scope = scope
        self._places = scope.places(known)
        self._reach = scope.reach(memory)
        self._now = now
        self._listing = memory.listing or ListingState(Phase.FOLDERS)
        self._stated: dict[str, DriveItem] = {}  # on pages of what was, or probably will be, cut
        self._counted: set[str] = set()  # of what is left out, so that a page that comes again counts once
        self.memory = memory

    def read(self, when_through: Callable[[], None]) -> Iterator[Batch]:
        """List; `when_through` is called when every page was read, which may be before the last one is stated."""
        while self._listing.phase is not Phase.READ:
            try:
                yield from self._read_ahead(when_through)
            except PartsRefusedError:
                self._forget_parts()
        yield self._conclude()

    def _read_ahead(self, when_through: Callable[[], None]) -> Iterator[Batch]:
        with Ahead(self._drive, self._reach, self._now, self._listing.witnesses) as ahead:
            self._begin(ahead)
            for phase in (Phase.FOLDERS, Phase.FILES):
                while self._listing.phase is phase and not self._is_to_be_proved:
                    page = self._take_all(ahead.take(phase))
                    if ahead.is_through:
                        when_through()
                    yield page
                if phase is Phase.FOLDERS:
                    yield FoldersKnown()
                    yield from self._name_limited()
        if self._is_to_be_proved:
            self._prove()

    def _begin(self, ahead: Ahead) -> None:
        listing = self._listing
        limit = TACTICS.probe if listing.first else 0  # decision 14: only a first listing is cut
        if listing.phase is Phase.FOLDERS:
            ahead.begin(Phase.FOLDERS, [Part(token=listing.token)])
            ahead.begin(Phase.FILES, [Part(limit=limit)])
        elif listing.parts:
            ahead.begin(Phase.FILES, listing.parts, of_cut=True)
        elif not listing.witnesses:
            ahead.begin(Phase.FILES, [Part(limit=limit, token=listing.token)])

    def _take_all(self, turns: Sequence[Turn]) -> Page:
        """Make one statement of pages: one commit costs less than several."""
        pages = [self._take(turn) for turn in turns]
        files = [file for page in pages for file in page.files]
        return Page(files, [folder for page in pages for folder in page.folders], pages[-1].state)

    def _take(self, turn: Turn) -> Page:
        items = [item for item in turn.page.items if self._is_news(item)]
        limited = [item.id for item in items if item.is_limited]
        listing = self._listing = replace(
            self._after_part(turn) if turn.of_cut else self._after_whole(turn),
            incomplete=self._listing.incomplete or turn.page.is_incomplete,
            lost=self._listing.lost + turn.page.lost,
            left_out=self._listing.left_out.counting(items, self._counted) if self._scope.leaves_out else LeftOut(),
            limited=(*self._listing.limited, *limited),
        )
        if turn.part.is_open or (listing.first and not turn.of_cut):
            self._stated.update((item.id, item) for item in items if not item.is_folder)
        self.memory = self.memory.reading(listing).sized(self._drive.page_sizes.most, self._now)
        files, folders = self._places.entries(items)
        return Page(files, folders, self.memory.state())

    def _is_news(self, item: DriveItem) -> bool:
        """Return whether the item is to be stated: parts show items again from before the listing was cut."""
        return not item.is_trashed and item.id != self.memory.root_id and self._stated.get(item.id) != item

    def _after_whole(self, turn: Turn) -> ListingState:
        listing, token = self._listing, turn.page.next_token
        if token is None:
            return replace(listing, phase=_NEXT[listing.phase], token=None)
        if turn.is_cut:
            return replace(listing, token=token, parts=tuple(turn.left), witnesses=turn.witnesses)
        may_be_cut = listing.phase is Phase.FOLDERS or any(part.limit for part in turn.left)
        return replace(listing, token=token, first=listing.first and may_be_cut)

    def _after_part(self, turn: Turn) -> ListingState:
        shown = turn.shown()
        witnesses = tuple(id_ for id_ in self._listing.witnesses if id_ not in shown)
        listing = replace(self._listing.replaced(turn.part, turn.left), witnesses=witnesses)
        return listing if listing.parts or witnesses else _read(listing)

    @property
    def _is_to_be_proved(self) -> bool:
        """Return whether all parts were read, and did not show everything that was shown before they were cut."""
        return bool(self._listing.witnesses) and not self._listing.parts

    def _prove(self) -> None:
        """Find out whether what no part showed is gone by now; if not, the parts are not the whole."""
        evidence = Evidence(lambda: None)  # nothing is removed by it
        asked = [Candidate(id_, is_folder=False, parent_id=None) for id_ in self._listing.witnesses]
        gone = (
            isinstance(seen, Gone) or (isinstance(seen, DriveItem) and seen.is_trashed)
            for _, seen in look_up_all(self._drive, asked, evidence)
        )
        if all(gone):
            self._listing = _read(self._listing)
        else:
            self._forget_parts()

    def _forget_parts(self) -> None:
        """Go on where the listing was cut, as if it had not been."""
        self._listing = replace(self._listing, first=False, parts=(), witnesses=())

    def _name_limited(self) -> Iterator[Unreadable]:
        for folder_id in self._listing.limited:
            if self._places.has(folder_id):
                yield Unreadable(folder_id, LIMITED)

    def _conclude(self) -> Batch:
        self.memory = replace(self.memory, listing=None, left_out=self._listing.left_out)
        lack = self._listing.lack
        return Unreadable(self.memory.root_id, lack, self.memory.state()) if lack else ScopeListed(self.memory.state())


def _read(listing: ListingState) -> ListingState:
    return replace(listing, phase=Phase.READ, token=None, parts=(), witnesses=())
