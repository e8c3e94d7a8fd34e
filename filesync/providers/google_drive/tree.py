"""A folder's subtree, breadth first: many parents in one query, several queries at a time.

A grouped query may leave out all children of some of its parents without a word, so a parent without
a hit is asked alone before it is called empty (https://github.com/rclone/rclone/issues/9810).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from filesync.core.errors import About, FilesyncError, NetworkError, RefusedError, ResponseError, ServiceDownError
from filesync.core.model import Batch, FolderListed, KnownFolder, Page, Unreadable
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence
from filesync.providers.google_drive.api import Drive, Reach, children_of
from filesync.providers.google_drive.changes import LIMITED
from filesync.providers.google_drive.memory import DriveMemory
from filesync.providers.google_drive.paging import pages
from filesync.providers.google_drive.refusals import concerns_all
from filesync.providers.google_drive.scope import DriveScope, fail_unseen
from filesync.providers.google_drive.translate import ITEMS_PAGE_FIELDS, DriveItem, ItemsPage
from filesync.providers.worker_pool import WorkerPool

_WORKERS = 8  # decision 7: other numbers were measured
_GROUP = 50  # parents in one query, as rclone does
_AT_ONCE = 1000  # entries in one statement
_GROUP_CHARACTERS = 4000  # of ids in one query: with everything else the address stays below 6 kB


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be read; `doubted`: it could not be opened the last time."""

    id: str
    parent_id: str | None
    doubted: bool = False


@dataclass(slots=True)
class _Contents:
    """What a query for these folders gave: the items, or why they could not be read.

    `refusal` is the service's own, of the folder; `failure` may be of many things. `lack`: there may be more items.
    """

    folders: Sequence[_Folder]
    items: dict[str, DriveItem] = field(default_factory=dict)
    refusal: RefusedError | None = None
    failure: FilesyncError | None = None
    lack: str | None = None


class FolderReader:
    """Reads the folders that the store wants read, and the new ones found below them, each once."""

    def __init__(self, drive: Drive, scope: DriveScope, memory: DriveMemory, known: Known, evidence: Evidence) -> None:
        self._drive = drive
        self._evidence = evidence
        self._scope = scope
        self._root_id = memory.root_id
        self._reach: Reach = scope.reach(memory)
        self._known = known
        self._places = scope.places(known)
        self._waiting: deque[_Folder] = deque()
        self._alone: deque[_Folder] = deque()
        self._refused: list[tuple[_Folder, RefusedError]] = []
        self._failed: dict[str, _Folder] = {}
        self._met: set[str] = set()
        self._subfolders: dict[str, frozenset[str]] = {}  # of each folder that was read

    @property
    def has_read(self) -> bool:
        """Return whether any folder was listed."""
        return bool(self._subfolders)

    def read(self) -> Iterator[Batch]:
        """List every folder that is not listed yet."""
        self._meet(map(_to_folder, self._known.unlisted()))
        return self._work(afresh=False)

    def read_afresh(self) -> Iterator[Batch]:
        """List every folder from the root down, whatever the store thinks of it."""
        self._meet([_Folder(self._root_id, None)])
        return self._work(afresh=True)

    def _work(self, *, afresh: bool) -> Iterator[Batch]:
        with WorkerPool(self._ask, _WORKERS) as crew:
            while self._waiting or self._alone or crew.busy:
                self._give(crew)
                if crew.busy:
                    yield from self._take(crew.take().result(), afresh=afresh)
        # Only now is it known whether the folders above still show them.
        yield from (Unreadable(folder.id, str(refusal)) for folder, refusal in self._still_shown())
        yield from (each for each in self._evidence.unanswered() if self._is_shown(each.id))

    def _meet(self, folders: Iterable[_Folder]) -> None:
        """Queue the folders that this sync has not met yet; a doubted one is asked about on its own."""
        for folder in folders:
            if folder.id not in self._met:
                self._met.add(folder.id)
                (self._alone if folder.doubted else self._waiting).append(folder)

    def _give(self, crew: WorkerPool[Sequence[_Folder], _Contents]) -> None:
        while self._alone and not crew.is_full:
            crew.give([self._alone.popleft()])
        # A group that is not full waits for company as long as something else is under way: requests are dear.
        while self._waiting and not crew.is_full and (len(self._waiting) >= _GROUP or not crew.busy):
            if group := self._next_group():
                crew.give(group)

    def _next_group(self) -> Sequence[_Folder]:
        group: list[_Folder] = []
        characters = 0
        while self._waiting and len(group) < _GROUP:
            characters += len(self._waiting[0].id) + 24  # "'' in parents or " with its quotes and spaces escaped
            if group and characters > _GROUP_CHARACTERS:
                break
            folder = self._waiting.popleft()
            if not self._has_vanished(folder):
                group.append(folder)
        return group

    def _ask(self, folders: Sequence[_Folder]) -> _Contents:
        """Read every page about these folders; runs in the crew's threads."""
        answer = _Contents(folders)
        try:
            if folders[0].doubted and self._drive.item(folders[0].id).is_limited:
                answer.refusal = RefusedError(LIMITED, status=403)
                return answer
            self._read_pages(answer)
        except RefusedError as error:
            if concerns_all(error) or error.about is About.SCOPE:
                raise
            answer.refusal = error if error.about is About.ITEM else None
            answer.failure = None if answer.refusal else error
        except (ServiceDownError, NetworkError, ResponseError) as error:
            answer.failure = error
        return answer

    def _read_pages(self, answer: _Contents) -> None:
        query = children_of(folder.id for folder in answer.folders)
        is_group = len(answer.folders) > 1  # a group that fails is asked one by one, before pages are made smaller

        def ask(token: str | None) -> ItemsPage:
            return self._drive.items(query, self._reach, fields=ITEMS_PAGE_FIELDS, token=token, plainly=is_group)

        for page in pages(ask):
            answer.items.update((item.id, item) for item in page.items if not item.is_trashed)
            answer.lack = answer.lack or page.lack

    def _take(self, answer: _Contents, *, afresh: bool) -> Iterator[Batch]:
        if len(answer.folders) == 1:
            yield from self._conclude(answer, answer.folders[0], afresh=afresh)
            return
        if answer.refusal or answer.failure or answer.lack:
            self._alone.extend(answer.folders)
            return
        hits = {parent for item in answer.items.values() for parent in item.parents}
        self._alone.extend(folder for folder in answer.folders if folder.id not in hits)  # decision 13
        for folder in answer.folders:
            if folder.id in hits:
                yield from self._state(folder, answer, afresh=afresh)

    def _conclude(self, answer: _Contents, folder: _Folder, *, afresh: bool) -> Iterator[Batch]:
        if self._has_vanished(folder):
            return
        if answer.refusal:
            self._note_refused(folder, answer.refusal)
        elif answer.failure:
            self._note_failed(folder, answer.failure)
        elif answer.lack:
            yield Unreadable(folder.id, answer.lack)
        else:
            yield from self._state(folder, answer, afresh=afresh)

    def _note_refused(self, folder: _Folder, refusal: RefusedError) -> None:
        if folder.id == self._root_id:
            fail_unseen(self._scope, refusal)
        self._refused.append((folder, refusal))

    def _note_failed(self, folder: _Folder, failure: FilesyncError) -> None:
        if folder.id == self._root_id:
            if isinstance(failure, RefusedError):
                fail_unseen(self._scope, failure)
            raise failure
        self._evidence.note_failure(folder.id, failure)
        self._failed[folder.id] = folder

    def _is_shown(self, folder_id: str) -> bool:
        folder = self._failed.get(folder_id)
        return folder is None or not self._has_vanished(folder)

    def _still_shown(self) -> Iterator[tuple[_Folder, RefusedError]]:
        return ((folder, refusal) for folder, refusal in self._refused if not self._has_vanished(folder))

    def _state(self, folder: _Folder, answer: _Contents, *, afresh: bool) -> Iterator[Batch]:
        if self._has_vanished(folder):
            return
        asked = {other.id for other in answer.folders}
        children = [
            self._places.of_kind(item)
            for item in answer.items.values()
            if folder.id in item.parents and self._places.parent_of(item, asked) == folder.id
        ]
        self._subfolders[folder.id] = frozenset(child.id for child in children if child.is_folder)
        yield from self._listed(folder, children, asked)
        yield from self._name_limited(children)
        found = (_Folder(child.id, folder.id) for child in children if child.is_folder)
        self._meet(found if afresh else map(_to_folder, self._known.unlisted(below=folder.id)))

    def _listed(self, folder: _Folder, children: Sequence[DriveItem], asked: set[str]) -> Iterator[Batch]:
        """State what a folder holds: Pages for what does not fit into one statement, and FolderListed at the end."""
        cut = max(0, len(children) - _AT_ONCE)
        for start in range(0, cut, _AT_ONCE):
            yield Page(*self._places.entries(children[start : min(start + _AT_ONCE, cut)], asked))
        files, folders = self._places.entries(children[cut:], asked)
        yield FolderListed(folder.id, files, folders, earlier=frozenset(child.id for child in children[:cut]))

    def _name_limited(self, children: Iterable[DriveItem]) -> Iterator[Unreadable]:
        for child in children:
            if child.is_limited:
                self._met.add(child.id)
                yield Unreadable(child.id, LIMITED)

    def _has_vanished(self, folder: _Folder) -> bool:
        """Return whether something above was read since without what leads here: then that is looked up, not listed."""
        at, parent_id = folder.id, folder.parent_id
        while parent_id is not None:
            if at not in self._subfolders.get(parent_id, (at,)):
                return True
            above = self._known.folder(parent_id)
            at, parent_id = parent_id, above.parent_id if above else None
        return False


def _to_folder(folder: KnownFolder) -> _Folder:
    return _Folder(folder.id, folder.parent_id, doubted=not folder.readable)
