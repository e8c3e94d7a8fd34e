"""The crawl: reads folders several at a time, upper ones first, and states what each of them holds."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from filesync.core.errors import About, FilesyncError, NetworkError, RefusedError, ServiceDownError
from filesync.core.model import Batch, FolderListed, KnownFolder, Page, State, Unreadable
from filesync.http import Answer
from filesync.providers.autodesk.hub_cache import ProjectPlace
from filesync.providers.autodesk.service import FEWEST_ENTRIES, Control, DataManagement
from filesync.providers.autodesk.tip_search import completed
from filesync.providers.autodesk.top_folders import SystemFolders
from filesync.providers.autodesk.translate import FolderContents, to_contents
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence
from filesync.providers.worker_pool import Done, WorkerPool

WORKERS = 16  # at 300 ms an answer a minute's budget is spent in six seconds, and not in eleven; decision 7
IN_FLIGHT = 2 * WORKERS  # asked for or waiting to be taken: what bounds the memory


@dataclass(slots=True)
class Reading:
    """A folder on its way through its pages, which must be asked for one after the other."""

    folder: KnownFolder  # as observed before its contents were asked for
    limit: int  # entries on a page
    href: str | None = None  # the link to the page to ask for; None: the first
    after: str = ""  # the request that link came with
    seen: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)  # ids on the pages so far
    unusable: str | None = None  # why it is not known completely

    def begin_anew(self, limit: int) -> None:
        """Go back to the first page: pages of another size end elsewhere."""
        self.limit, self.href, self.after = limit, None, ""
        self.seen.clear()


@dataclass(frozen=True, slots=True)
class Crawl:
    """What reading a project's folders needs; the system folders of the project's root are left out."""

    service: DataManagement
    place: ProjectPlace
    system: SystemFolders
    evidence: Evidence
    control: Control

    def run(
        self, known: Known, tops: Sequence[FolderListed] = (), within: Collection[str] | None = None
    ) -> Iterator[Batch]:
        """Read every folder that must be read, and what turns up below, until nothing is left.

        What is yielded is stored before the generator goes on, so `known` then tells which of a
        folder's children have changed. A folder is read at most twice, and only again when its
        change stamp has become another meanwhile. `within`: only these folders and what is below them.
        """
        todo = Queue(known, tops, within)
        with WorkerPool(self._ask, WORKERS) as crew:
            self._fill(crew, todo)
            while todo.reading:
                yield from self._take(crew.take(), crew, todo)
                self._fill(crew, todo)

    def _fill(self, crew: WorkerPool[Reading, FolderContents], todo: "Queue") -> None:
        while len(todo.reading) < IN_FLIGHT and (folder := todo.pop()):
            crew.give(Reading(folder, self.service.page_size.limit))

    def _ask(self, reading: Reading) -> FolderContents:
        """Read one page; runs in the crew's threads."""
        folder_id = reading.folder.id
        answer = self._page(reading)
        reading.after = answer.url
        contents = to_contents(answer, folder_id)
        if contents.tipless:
            contents = completed(self.service, contents, folder_id)
        return without_system(contents, self.system) if folder_id == self.place.root_id else contents

    def _page(self, reading: Reading) -> Answer:
        """Ask for a page, and for smaller ones from the first on while it fails as one that is too large may."""
        while True:
            try:
                answer = self._request(reading)
            except (ServiceDownError, NetworkError):
                if reading.limit <= FEWEST_ENTRIES:
                    raise
                reading.begin_anew(max(reading.limit // 2, FEWEST_ENTRIES))
            else:
                self.service.page_size.lower(reading.limit)
                return answer

    def _request(self, reading: Reading) -> Answer:
        if reading.href is None:
            return self.service.contents(reading.folder.id, reading.limit)
        return self.service.page(reading.href, after=reading.after, seen=reading.seen)

    def _take(
        self, done: Done[Reading, FolderContents], crew: WorkerPool[Reading, FolderContents], todo: "Queue"
    ) -> Iterator[Batch]:
        reading = done.task
        try:
            contents = done.result()
        except FilesyncError as error:
            yield from self._fail(reading.folder, error, todo)
            return
        reading.unusable = reading.unusable or contents.unusable
        if contents.next is None:
            yield from self._finish(reading, contents, todo)
            return
        reading.href = contents.next
        reading.earlier.update(_ids(contents))
        crew.give(reading)
        yield Page(contents.files, contents.folders)

    def _fail(self, folder: KnownFolder, error: FilesyncError, todo: "Queue") -> Iterator[Batch]:
        """State what a failure to read one folder proves; raise one that is not the folder's own."""
        if folder.parent_id is None:
            raise error
        if isinstance(error, RefusedError) and error.about is About.ITEM:
            yield Unreadable(folder.id, str(error))
        else:
            self.evidence.note_failure(folder.id, error)
        todo.unread(folder)

    def _finish(self, reading: Reading, contents: FolderContents, todo: "Queue") -> Iterator[Batch]:
        folder = reading.folder
        self.control.note(folder.id)
        if reading.unusable is not None:  # what it shows is there; what it does not show may be there too
            yield Page(contents.files, contents.folders)
            yield Unreadable(folder.id, reading.unusable)
            todo.read_in_part(folder)
            return
        earlier = frozenset(reading.earlier)
        yield FolderListed(
            folder.id, contents.files, contents.folders, folder.change_stamp, earlier, state=self._state()
        )
        todo.read(folder, children=earlier.union(child.id for child in contents.folders))

    def _state(self) -> State | None:
        """Return what is to be remembered once pages had to be made smaller."""
        limit = self.service.page_size.limit
        return None if limit == self.place.page_limit else asdict(replace(self.place, page_limit=limit))


def without_system(contents: FolderContents, system: SystemFolders) -> FolderContents:
    """Leave Autodesk's own folders out of what a project's root holds."""
    return replace(contents, folders=[folder for folder in contents.folders if not system.leaves_out(folder.name)])


class Queue:
    """Which folder is next: upper ones first, and none before those above it, which may show it another stamp.

    `tops` says what was listed before the crawl; `within` keeps it to these folders and what is below them.
    """

    def __init__(self, known: Known, tops: Sequence[FolderListed], within: Collection[str] | None = None) -> None:
        self.reading: set[str] = set()
        self._known = known
        self._within = within
        self._waiting: dict[str, KnownFolder] = {}
        self._ready: deque[str] = deque()  # of the waiting; an id that stands here twice counts once
        self._held: dict[str, list[str]] = {}  # waiting for the folder under whose id they stand
        self._stamps: dict[str, list[str | None]] = {}  # of the folders read in this run, as they were read
        self._shown = {top.folder_id: frozenset(folder.id for folder in top.folders) for top in tops}
        for folder in sorted((*known.unlisted(), *known.stalest()), key=_depth):
            self._put(folder)

    def pop(self) -> KnownFolder | None:
        """Return the next folder, which counts as being read from now on."""
        while self._ready:
            folder = self._waiting.pop(self._ready.popleft(), None)
            if folder:
                self.reading.add(folder.id)
                return folder
        return None

    def read(self, folder: KnownFolder, children: frozenset[str]) -> None:
        """Note that a folder was read; queue what is to be read below, as it is known by now."""
        self._shown[folder.id] = children
        self.read_in_part(folder)

    def read_in_part(self, folder: KnownFolder) -> None:
        """Note that some of a folder's entries were read: what it does not show is not known to be gone."""
        held = (self._known.folder(child) for child in self._end(folder))
        for child in (*held, *self._known.unlisted(below=folder.id)):
            if child:
                self._put(child)

    def unread(self, folder: KnownFolder) -> None:
        """Note that a folder cannot be read: what lies below stays as it is."""
        self._end(folder)

    def _end(self, folder: KnownFolder) -> Sequence[str]:
        """Take out what waited for this folder."""
        self.reading.remove(folder.id)
        self._stamps.setdefault(folder.id, []).append(folder.change_stamp)
        return [child for child in self._held.pop(folder.id, ()) if self._waiting.pop(child, None)]

    def _put(self, folder: KnownFolder) -> None:
        if folder.id in self.reading or not self._is_news(folder):
            return
        way = list(self._way(folder))
        if self._within is not None and not any(child in self._within for _, child in way):
            return
        if any(child not in self._shown.get(parent, (child,)) for parent, child in way):
            return  # it, or something above it, was not where it should be: a candidate
        before = self._waiting.get(folder.id)
        self._waiting[folder.id] = folder
        if before and before.parent_id == folder.parent_id:
            return  # it keeps its place
        holder = next((parent for parent, _ in way if parent in self._waiting or parent in self.reading), None)
        queue = self._ready if holder is None else self._held.setdefault(holder, [])
        queue.append(folder.id)

    def _way(self, folder: KnownFolder) -> Iterator[tuple[str, str]]:
        """Climb to the root: give each folder above together with the one it should show."""
        one: KnownFolder | None = folder
        passed: set[str] = set()
        while one and one.parent_id is not None and one.id not in passed:  # parents may be named in a circle
            passed.add(one.id)
            yield one.parent_id, one.id
            one = self._known.folder(one.parent_id)

    def _is_news(self, folder: KnownFolder) -> bool:
        stamps = self._stamps.get(folder.id, ())
        return folder.change_stamp not in stamps and len(stamps) < 2


def _depth(folder: KnownFolder) -> int:
    return folder.path.rstrip("/").count("/") if folder.path is not None else 1_000


def _ids(contents: FolderContents) -> Iterator[str]:
    yield from (file.id for file in contents.files)
    yield from (folder.id for folder in contents.folders)
