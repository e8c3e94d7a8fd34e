"""What became of things that a listing should have shown, or what they are now: asked by id, files in bulk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from filesync.core.errors import (
    About,
    FilesyncError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ResponseError,
    ServiceDownError,
)
from filesync.core.model import Batch, Candidate, Gone, Page, RemoteFolder, Resolved, Shown
from filesync.core.timestamps import Timestamp
from filesync.http import Answer
from filesync.providers.autodesk.service import MOST_ITEMS, DataManagement
from filesync.providers.autodesk.top_folders import SystemFolders
from filesync.providers.autodesk.translate import (
    Entry,
    Tips,
    changed_at,
    is_deleted_version,
    is_hidden,
    lacks_its_tip,
    related_id,
    to_entry,
    to_file,
    to_folder,
    to_listed_items,
)
from filesync.providers.base import Known
from filesync.providers.evidence import Evidence

Way = Sequence[RemoteFolder]  # folders that the store does not know yet, each hanging in the one before it


@dataclass(frozen=True, slots=True)
class AccResolver:
    """Looks candidates up. `root_id` is the endpoint's root, `project_root_id` its project's: often the same.

    What cannot be looked up, though others can, is left out, and reported by `evidence` in the end.
    """

    service: DataManagement
    known: Known
    root_id: str
    project_root_id: str
    system: SystemFolders
    evidence: Evidence
    closed: set[str]  # folders that this login was refused in this sync, kept by the caller
    still_there: list[RemoteFolder] = field(default_factory=list)  # folders that no listing showed, and that are there
    reopened: set[str] = field(default_factory=set)  # of these, those that hang in a closed one
    _outside: dict[str, Gone] = field(default_factory=dict)  # folders climbed from in vain
    _changed_at: dict[str, Timestamp | None] = field(default_factory=dict)  # of folders climbed over

    def run(self, candidates: Sequence[Candidate]) -> Iterator[Batch]:
        """Yield each candidate's fate, or its present place; folders first."""
        parents = {candidate.id: candidate.parent_id for candidate in candidates}
        for shown in self.look_up(candidates):
            batch = _to_batch(shown, parents[shown.id])
            yield batch
            if shown.gone is Gone.ACCESS_LOST:
                self.closed.add(shown.id)
            if isinstance(batch, Resolved) and isinstance(shown.item, RemoteFolder):
                self.still_there.append(shown.item)
                yield from self._reopen(shown.item)

    def _reopen(self, folder: RemoteFolder) -> Iterator[Page]:
        """State the closed folders above one that can be read: a member sees by name only what leads to his own."""
        way: list[RemoteFolder] = []
        above = self.known.folder(folder.parent_id or "")
        while above is not None and above.parent_id is not None and above.id not in {each.id for each in way}:
            way.append(RemoteFolder(above.id, above.name, above.parent_id, listable=False))
            above = self.known.folder(above.parent_id)
        if any(each.id in self.closed for each in way):
            self.reopened.add(folder.id)
            yield Page(folders=[each for each in reversed(way) if each.id in self.closed])

    def look_up(self, items: Sequence[Candidate], *, singly: bool = False) -> Iterator[Shown]:
        """Show each as it is now; folders first, files together unless `singly`."""
        for item in items:
            if item.is_folder:
                yield from self._noting(item, partial(self._folder, item))
        files = [item for item in items if not item.is_folder]
        size = 1 if singly else MOST_ITEMS
        for start in range(0, len(files), size):
            yield from self._files(files[start : start + size])

    def _noting(self, candidate: Candidate, show: Callable[[], Shown]) -> Iterator[Shown]:
        """Show one item; a failure that may be its own is noted, any other is raised."""
        try:
            shown = show()
        except FilesyncError as error:
            self.evidence.note_failure(candidate.id, error)
        else:
            yield shown

    def _folder(self, candidate: Candidate) -> Shown:
        try:
            answer = self.service.folder(candidate.id)
        except (ForbiddenError, NotFoundError) as error:
            return Shown(candidate.id, None, self.evidence.fate(error))
        entry = to_entry(answer)
        moment = changed_at(entry)
        if is_hidden(entry):
            return Shown(candidate.id, None, Gone.TRASHED, changed_at=moment)
        parent_id = related_id(entry, "parent") or candidate.parent_id
        folder = to_folder(answer, entry, parent_id)
        way = self._way_to(parent_id, folder)
        if isinstance(way, Gone):
            return Shown(candidate.id, None, way, changed_at=moment)
        return Shown(candidate.id, folder, way=way[:-1], changed_at=self._latest(moment, way[:-1]))

    def _files(self, batch: Sequence[Candidate]) -> Iterator[Shown]:
        """Look files up together; when refused, in halves: what one bad id does to the others is not documented.

        When the service fails, each by itself: of halves as large as this each would fail after all its tries.
        """
        if len(batch) == 1:
            yield from self._noting(batch[0], partial(self._file_alone, batch[0]))
            return
        try:
            items, tips, answer = self._list(batch)
        except RefusedError as error:
            if error.status not in (400, 403, 404) or error.about is About.SCOPE:
                raise
            yield from self._files(batch[: len(batch) // 2])  # decision 19
            yield from self._files(batch[len(batch) // 2 :])
            return
        except (ServiceDownError, ResponseError):
            for candidate in batch:
                yield from self._files([candidate])
            return
        for candidate in batch:
            yield from self._noting(candidate, partial(self._listed, candidate, items, tips, answer))

    def _list(self, batch: Sequence[Candidate]) -> tuple[Mapping[str, Entry], Tips, Answer]:
        answer = self.service.list_items([candidate.id for candidate in batch])
        return *to_listed_items(answer), answer

    def _listed(self, candidate: Candidate, items: Mapping[str, Entry], tips: Tips, answer: Answer) -> Shown:
        """Show an item as the command's answer has it; the answer may lack it, half of it, or its tip."""
        item = items.get(candidate.id)
        if item and (is_hidden(item) or (related_id(item, "parent") and not lacks_its_tip(item, tips.of(item)))):
            return self._file(candidate, answer, item, tips.of(item))
        return self._file_alone(candidate)

    def _file_alone(self, candidate: Candidate) -> Shown:
        try:
            answer = self.service.item(candidate.id)
        except (ForbiddenError, NotFoundError) as error:
            return Shown(candidate.id, None, self.evidence.fate(error))
        item = to_entry(answer)
        return self._file(candidate, answer, item, Tips(answer.body.get("included")).of(item))

    def _file(self, candidate: Candidate, answer: Answer, item: Entry, tip: Entry) -> Shown:
        moment = changed_at(item, tip)
        if is_hidden(item) or is_deleted_version(tip):
            return Shown(candidate.id, None, Gone.TRASHED, changed_at=moment)
        parent_id = related_id(item, "parent") or candidate.parent_id
        way = self._way_to(parent_id)
        if isinstance(way, Gone):
            return Shown(candidate.id, None, way, changed_at=moment)
        file = to_file(answer, item, tip, parent_id)
        return Shown(candidate.id, file, way=way, changed_at=self._latest(moment, way))

    def _latest(self, moment: Timestamp | None, way: Way) -> Timestamp | None:
        """Count what happened to the folders above too: one that was restored brings back what is in it."""
        moments = (moment, *(self._changed_at.get(folder.id) for folder in way))
        return max((each for each in moments if each), default=None)

    def _way_to(self, parent_id: str | None, *below: RemoteFolder) -> Way | Gone:
        """Climb until a folder is known: give the unknown ones down to `below`, or why this place is not in scope."""
        unknown = list(below)
        while parent_id is None or not self._is_known(parent_id):
            step = self._look_at(parent_id, {folder.id for folder in unknown})
            if isinstance(step, Gone):
                self._outside.update((folder.id, step) for folder in unknown)
                return step
            unknown.append(step)
            parent_id = step.parent_id
        if parent_id == self.project_root_id and unknown and self.system.leaves_out(unknown[-1].name):
            return Gone.OUT_OF_SCOPE
        return unknown[::-1]

    def _look_at(self, folder_id: str | None, climbed: set[str]) -> RemoteFolder | Gone:
        """Ask for a folder on the way up; above the endpoint's root, and in a circle, there is no way."""
        if folder_id is None or folder_id == self.project_root_id or folder_id in climbed:
            return Gone.OUT_OF_SCOPE
        if folder_id in self._outside:
            return self._outside[folder_id]
        try:
            answer = self.service.folder(folder_id)
        except (ForbiddenError, NotFoundError) as error:
            self.evidence.fate(error)
            return Gone.OUT_OF_SCOPE  # it lies where this login does not see, so not in what we list
        entry = to_entry(answer)
        self._changed_at[folder_id] = changed_at(entry)
        return Gone.TRASHED if is_hidden(entry) else to_folder(answer, entry, related_id(entry, "parent"))

    def _is_known(self, folder_id: str) -> bool:
        """Return whether a folder has a place in the endpoint's tree; the parents of one without are asked for."""
        folder = self.known.folder(folder_id)
        return folder_id == self.root_id or (folder is not None and folder.path is not None)


def _to_batch(shown: Shown, parent_id: str | None) -> Batch:
    """State what a look-up showed of a candidate that the store has below `parent_id`."""
    item = shown.item
    if item is None:
        return Resolved(shown.id, shown.gone)
    if item.parent_id == parent_id and not shown.way:
        return Resolved(shown.id, None)
    if isinstance(item, RemoteFolder):
        return Page(folders=[*shown.way, item])
    return Page(files=[item], folders=shown.way)
