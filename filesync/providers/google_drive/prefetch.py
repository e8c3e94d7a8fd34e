"""Pages read ahead of who takes them, but not far: several queries at once, each page by page."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from filesync.core.errors import RefusedError, ResponseError, ServiceDownError
from filesync.providers.google_drive.api import Drive, Reach
from filesync.providers.google_drive.memory import Phase
from filesync.providers.google_drive.parts import Part, Sample, Tactics, cut
from filesync.providers.google_drive.refusals import is_dead_token, may_be_about_token
from filesync.providers.google_drive.translate import FILES_PAGE_FIELDS, FOLDER_TYPE, FOLDERS_PAGE_FIELDS, ItemsPage
from filesync.providers.worker_pool import Done, WorkerPool

THREADS = 8  # decision 7: other numbers were measured
MOST = 2 * THREADS  # pages of files that are under way or wait to be taken: what bounds the memory
TACTICS = Tactics()

_AT_ONCE = 1000  # files that are taken together, about
_QUERIES = {
    Phase.FOLDERS: (f"mimeType = '{FOLDER_TYPE}' and trashed = false", FOLDERS_PAGE_FIELDS),
    Phase.FILES: (f"mimeType != '{FOLDER_TYPE}' and trashed = false", FILES_PAGE_FIELDS),
}


class PartsRefusedError(Exception):
    """Drive does not list the parts of a listing that was cut; never leaves the provider."""


@dataclass(slots=True, eq=False)
class Chain:
    """A query whose pages can only be asked for one after the other; `part` is how far it came.

    `of_cut`: it reads a part of a listing that was cut. A chain is in the hands of one thread at a time.
    """

    phase: Phase
    part: Part
    of_cut: bool = False
    restarted: set[int | None] = field(default_factory=set)  # with pages of which size
    seen: set[str] = field(default_factory=set)
    samples: deque[Sample | None] = field(default_factory=lambda: deque(maxlen=TACTICS.probe))  # while it may be cut

    def turn(self, page: ItemsPage) -> None:
        self.part = self.part.turned(page.next_token)
        if self.part.limit:
            self.samples.append(Sample.of(page))


@dataclass(frozen=True, slots=True)
class Turn:
    """A page, and what is `left` after it of the part it is of: nothing, the rest, or the parts that it was cut into.

    `witnesses` are files of a listing that was cut with this page, which its parts must show again.
    """

    page: ItemsPage
    part: Part
    left: Sequence[Part]
    of_cut: bool
    witnesses: tuple[str, ...] = ()

    @property
    def is_cut(self) -> bool:
        return any(part.token is None for part in self.left)

    def shown(self) -> frozenset[str]:
        """Name what it shows of a listing that was cut."""
        return frozenset(item.id for item in self.page.items) if self.of_cut else frozenset()


class Ahead:
    """Asks for pages in threads, and hands over what has come; pages of one phase in the order in which they came."""

    def __init__(self, drive: Drive, reach: Reach, now: datetime, witnesses: Iterable[str] = ()) -> None:
        self._drive = drive
        self._reach = reach
        self._now = now
        self._crew = WorkerPool(self._ask, THREADS)
        self._waiting: deque[Chain] = deque()
        self._kept: dict[Phase, deque[Turn]] = {Phase.FOLDERS: deque(), Phase.FILES: deque()}
        self._unshown = set(witnesses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.dismiss()

    def begin(self, phase: Phase, parts: Iterable[Part], *, of_cut: bool = False) -> None:
        self._waiting.extend(Chain(phase, part, of_cut) for part in parts)
        self._give()

    def take(self, phase: Phase) -> Sequence[Turn]:
        """Wait for the next page of that phase; give it, and with it others that have come by now.

        Raises PartsRefusedError, and what a request raises; then nothing is taken.
        """
        for done in self._crew.ready():
            self._keep(done)
        kept = self._kept[phase]
        while not kept:
            self._keep(self._crew.take())
        turns = [kept.popleft()]
        while kept and sum(len(turn.page.items) for turn in turns) < _AT_ONCE:
            turns.append(kept.popleft())
        self._give()
        return turns

    @property
    def is_through(self) -> bool:
        """Return whether every page was read, if not taken, and the parts have shown every witness."""
        return not (self._crew.busy or self._waiting or self._unshown)

    def _give(self) -> None:
        """Send what may be sent; folders are never held up, because files wait for them."""
        for chain in list(self._waiting):
            kept = len(self._kept[Phase.FILES]) + self._crew.busy
            if chain.phase is Phase.FOLDERS or (kept < MOST and not self._crew.is_full):
                self._waiting.remove(chain)
                self._crew.give(chain)

    def _keep(self, done: Done[Chain, ItemsPage]) -> None:
        chain, page = done.task, self._page(done)
        part = chain.part
        chain.turn(page)
        parts = self._cut(chain)
        left = parts or ([chain.part] if page.next_token else [])
        turn = Turn(page, part, left, chain.of_cut, _witnesses(chain) if parts else ())
        self._kept[chain.phase].append(turn)
        self._unshown.update(turn.witnesses)
        self._unshown.difference_update(turn.shown())
        if parts:
            self.begin(chain.phase, parts, of_cut=True)
        elif page.next_token:
            self._waiting.appendleft(chain)
            self._give()

    def _cut(self, chain: Chain) -> tuple[Part, ...]:
        part, samples = chain.part, [sample for sample in chain.samples if sample]
        if not part.is_due:
            return ()
        is_wanted = part.is_open or not chain.of_cut or self._crew.busy < THREADS // 2
        is_known = len(samples) == len(chain.samples)
        parts = cut(part, samples, TACTICS, self._now) if is_wanted and is_known else ()
        if not parts:
            chain.part = replace(part, limit=0)
        return parts

    def _page(self, done: Done[Chain, ItemsPage]) -> ItemsPage:
        try:
            return done.result()
        except (RefusedError, ServiceDownError) as error:
            if done.task.of_cut and _may_be_about_query(error):
                raise PartsRefusedError from error
            raise

    def _ask(self, chain: Chain) -> ItemsPage:
        """Read the next page; runs in the crew's threads."""
        page = _of_kind(chain.phase, self._answer(chain))
        if any(item.is_folder is not (chain.phase is Phase.FOLDERS) for item in page.items):
            raise ResponseError(f"{page.where}: a listing of {chain.phase} names something else")
        if page.next_token in chain.seen:
            raise ResponseError(f"{page.where}: the same page of a listing is named twice")
        chain.seen.update([page.next_token] if page.next_token else [])
        return page

    def _answer(self, chain: Chain) -> ItemsPage:
        query, fields = _QUERIES[chain.phase]
        query += chain.part.condition()
        try:
            return self._drive.items(query, self._reach, fields=fields, token=chain.part.token)
        except RefusedError as error:
            size = self._drive.page_sizes.most
            if chain.part.token is None or size in chain.restarted or not may_be_about_token(error):
                raise
        # A list token lives for some hours, and for pages of one size; what it had shown is stored, so only requests
        # are spent twice.
        # https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list
        chain.restarted.add(size)
        return self._drive.items(query, self._reach, fields=fields, token=None)


def _of_kind(phase: Phase, page: ItemsPage) -> ItemsPage:
    """Take what does not say whether it is a folder for what was asked for."""
    if not any(item.is_of_unknown_kind for item in page.items):
        return page
    is_folder = phase is Phase.FOLDERS
    items = (item._replace(is_folder=is_folder) if item.is_of_unknown_kind else item for item in page.items)
    return replace(page, items=tuple(items))


def _witnesses(chain: Chain) -> tuple[str, ...]:
    """Name some of the files that a whole listing showed; those of a part's pages are no less shown by its parts."""
    samples = () if chain.of_cut else (sample for sample in chain.samples if sample)
    return tuple(dict.fromkeys(id_ for sample in samples for id_ in sample.ids))


def _may_be_about_query(error: RefusedError | ServiceDownError) -> bool:
    return isinstance(error, ServiceDownError) or (error.status == 400 and not is_dead_token(error))
