"""A store in memory that keeps the rules of the real one: what is stated is taken, and nothing else."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from filesync.core.model import (
    Batch,
    Candidate,
    Changed,
    FolderListed,
    FoldersKnown,
    Gone,
    KnownFolder,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    ScopeListed,
    State,
    Unreadable,
)
from filesync.providers.base import Provider


@dataclass
class Row:
    folder: RemoteFolder
    is_listed: bool = False
    readable: bool = True
    is_adopted: bool = False


class Memory:
    """Known, and the taker of batches; `full` is asked for by the test, and True until a first sync ended."""

    def __init__(self) -> None:
        self.state: State = {}
        self.full = True
        self.rows: dict[str, Row] = {}
        self.files: dict[str, RemoteFile] = {}
        self.batches: list[Batch] = []  # of the last sync
        self.fates: dict[str, Gone | None] = {}  # told by the last sync
        self.unreadable: dict[str, str] = {}  # in the last sync
        self._is_pending = False  # a full listing was begun and not ended
        self._seen: set[str] = set()
        self._rooted: Rooted | None = None
        self._candidates: dict[str, bool] = {}

    # --- Known ---

    def root(self) -> KnownFolder | None:
        return self.folder(self._root_id)

    def folder(self, folder_id: str) -> KnownFolder | None:
        row = self.rows.get(folder_id)
        if row is None:
            return None
        folder = row.folder
        return KnownFolder(folder.id, folder.parent_id, folder.name, self.path(folder.id), None, row.readable)

    def unlisted(self, below: str | None = None) -> Sequence[KnownFolder]:
        due = (row for row in self.rows.values() if row.folder.listable and not (row.is_listed and row.readable))
        known = (folder for row in due if (folder := self.folder(row.folder.id)))
        found = [(folder.path, folder) for folder in known if folder.path and below in (None, folder.parent_id)]
        return [folder for _, folder in sorted(found, key=lambda pair: 0 if pair[0] == "/" else pair[0].count("/"))]

    def stalest(self) -> Sequence[KnownFolder]:
        return []

    # --- a sync ---

    def sync(self, provider: Provider, *, batches: int | None = None) -> None:
        """Take everything, or (a crash) only the first `batches` of what is read."""
        self.batches, self.fates, self.unreadable = [], {}, {}
        self._begin()
        reading = provider.read(self)
        for batch in islice(reading, batches):
            self.put(batch)
        if batches is not None:
            reading.close()  # type: ignore[attr-defined]
            _wait_for_left_threads()
            return
        for batch in provider.resolve(list(self._undecided()), self):
            self.put(batch)
        for one in [one for one, gone in self.fates.items() if gone]:
            self._remove(one)
        self._candidates.clear()
        if not self.unreadable.get(self._root_id):
            self.full = self._is_pending = False

    def put(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.state = getattr(batch, "state", None) or self.state
        match batch:
            case Rooted():
                self._root(batch)
            case Page():
                if batch.anew:
                    self.full, self._is_pending = True, False
                    self._begin()
                self._upsert(batch.files, batch.folders)
            case Changed():
                self._upsert(batch.files, batch.folders)
                self.fates.update({one: gone for one, gone in batch.removed.items() if self._has(one)})
            case FolderListed():
                self._listed(batch)
            case FoldersKnown():
                self._adopt()
            case ScopeListed():
                self._scope_listed()
            case Unreadable():
                self.rows[batch.folder_id].readable = False
                self.unreadable[batch.folder_id] = batch.reason
            case Resolved():
                self.fates[batch.id] = batch.gone

    def inventory(self) -> dict[str, tuple[str, int | None, str | None, str | None]]:
        """Give (path, size, md5, version) by id of what has a place."""
        placed = ((file, self._file_path(file)) for file in self.files.values())
        return {file.id: (path, file.size, file.checksum, file.version) for file, path in placed if path}

    def of(self, kind: type[Batch]) -> list[Batch]:
        return [batch for batch in self.batches if isinstance(batch, kind)]

    def path(self, folder_id: str) -> str | None:
        names: list[str] = []
        one: str | None = folder_id
        while one != self._root_id:
            if one is None or one not in self.rows or len(names) > len(self.rows):
                return None
            row = self.rows[one]
            names.append(row.folder.name.replace("/", "\uff0f"))
            one = self._adopter_id if row.is_adopted else row.folder.parent_id
        return "/" + "/".join(reversed(names))

    # --- below the surface ---

    @property
    def _root_id(self) -> str:
        return self._rooted.root.id if self._rooted else ""

    @property
    def _adopter_id(self) -> str | None:
        return self._rooted.adopt_into.id if self._rooted and self._rooted.adopt_into else None

    def _begin(self) -> None:
        if self.full and not self._is_pending:
            self._is_pending, self._seen = True, set()
            for row in self.rows.values():
                row.is_listed = False

    def _root(self, batch: Rooted) -> None:
        self._rooted = batch
        for folder in (batch.root, batch.adopt_into):
            if folder:
                self.rows.setdefault(folder.id, Row(folder))

    def _upsert(self, files: Sequence[RemoteFile], folders: Sequence[RemoteFolder]) -> None:
        for folder in folders:
            if folder.id == self._root_id:  # it may have been out of sight: as the store does, read it afresh
                for row in self.rows.values():
                    row.is_listed = False
                continue
            row = self.rows.setdefault(folder.id, Row(folder))
            had_place = self.path(folder.id) is not None
            row.folder, row.is_adopted = folder, False
            row.is_listed = row.is_listed and had_place
            self._forgive(folder.id)
        if not self._keeps_strays:
            for one in [one for one in self.rows if self.path(one) is None]:
                self._remove(one)
        for file in files:
            self.files[file.id] = file
            self._forgive(file.id)
            if not self._keeps_strays and self._file_path(file) is None:
                del self.files[file.id]

    @property
    def _keeps_strays(self) -> bool:
        return self._rooted is not None and self._rooted.keep_strays

    def _forgive(self, one: str) -> None:
        self._seen.add(one)
        self._candidates.pop(one, None)

    def _has(self, one: str) -> bool:
        return one in self.rows or one in self.files

    def _listed(self, batch: FolderListed) -> None:
        self._upsert(batch.files, batch.folders)
        shown = batch.earlier | {file.id for file in batch.files} | {folder.id for folder in batch.folders}
        missing = {one: False for one, file in self.files.items() if file.parent_id == batch.folder_id}
        missing |= {one: True for one, row in self.rows.items() if row.folder.parent_id == batch.folder_id}
        self._candidates.update({one: is_folder for one, is_folder in missing.items() if one not in shown})
        row = self.rows[batch.folder_id]
        row.is_listed, row.readable = True, True

    def _adopt(self) -> None:
        if self._adopter_id:
            for row in self.rows.values():
                row.is_adopted = row.folder.id != self._root_id and row.folder.parent_id not in self.rows

    def _scope_listed(self) -> None:
        own = {self._root_id, self._adopter_id}
        unseen = dict.fromkeys((one for one in self.rows if one not in own and self.path(one)), True)
        unseen |= dict.fromkeys(self.inventory(), False)
        if self._is_pending:
            self._candidates.update({one: is_folder for one, is_folder in unseen.items() if one not in self._seen})
        for row in self.rows.values():
            row.is_listed = True

    def _undecided(self) -> Iterator[Candidate]:
        for one, is_folder in self._candidates.items():
            parent = self.rows[one].folder.parent_id if is_folder else self.files[one].parent_id
            if not self._is_below_candidate(parent):
                yield Candidate(one, is_folder, parent)

    def _is_below_candidate(self, folder_id: str | None) -> bool:
        while folder_id in self.rows:
            if folder_id in self._candidates:
                return True
            folder_id = self.rows[folder_id].folder.parent_id
        return False

    def _remove(self, one: str) -> None:
        self.files.pop(one, None)
        if self.rows.pop(one, None):
            for file in [file for file in self.files.values() if file.parent_id == one]:
                del self.files[file.id]
            for row in [row for row in self.rows.values() if row.folder.parent_id == one]:
                self._remove(row.folder.id)

    def _file_path(self, file: RemoteFile) -> str | None:
        folder = self.path(file.parent_id or "") or (self.path(self._adopter_id) if self._adopter_id else None)
        return f"{folder.rstrip('/')}/{file.name.replace('/', chr(0xFF0F))}" if folder else None


def _wait_for_left_threads() -> None:
    """Wait until nothing that was left is under way, so that requests can be counted."""
    for _ in range(100):  # one of them may be just about to start another
        left = [thread for thread in threading.enumerate() if thread.name.startswith("filesync ")]
        if not left:
            return
        for thread in left:
            with suppress(RuntimeError):  # it is not started yet: its starter is among them
                thread.join(5)
