"""A store in memory that keeps the rules of the real one, and a tree to read into it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from filesync.core.errors import FilesyncError
from filesync.core.model import (
    Batch,
    Candidate,
    FolderListed,
    Gone,
    KnownFolder,
    Page,
    RemoteFile,
    RemoteFolder,
    Resolved,
    Rooted,
    State,
    Unanswered,
    Unreadable,
)
from filesync.providers.base import Provider
from filesync.simulators.acc import AccSimulator
from filesync.simulators.acc.records import Folder

Open = Callable[..., Provider]  # details of the endpoint -> its provider


@dataclass
class Row:
    folder: RemoteFolder
    listed_stamp: str | None = None
    is_listed: bool = False
    readable: bool = True


class Memory:
    """Known, and the taker of batches: what is stated is taken, and nothing else."""

    def __init__(self) -> None:
        self.state: State = {}
        self.full = False
        self.rows: dict[str, Row] = {}
        self.files: dict[str, RemoteFile] = {}
        self.gone: dict[str, Gone | None] = {}  # what was resolved in the last sync
        self.unreadable: dict[str, str] = {}
        self.unanswered: dict[str, FilesyncError] = {}  # what failed alone in the last sync
        self.batches: list[Batch] = []  # of the last sync
        self.stale: list[str] = []  # folders to reconcile
        self._root_id: str | None = None
        self._candidates: dict[str, bool] = {}

    def root(self) -> KnownFolder | None:
        return self.folder(self._root_id or "")

    def folder(self, folder_id: str) -> KnownFolder | None:
        row = self.rows.get(folder_id)
        if row is None:
            return None
        folder = row.folder
        return KnownFolder(
            folder.id, folder.parent_id, folder.name, self.path(folder.id), folder.change_stamp, row.readable
        )

    def unlisted(self, below: str | None = None) -> Sequence[KnownFolder]:
        due = [row.folder.id for row in self.rows.values() if row.folder.listable and self._is_due(row)]
        found = [folder for one in due if (folder := self.folder(one)) and folder.path is not None]
        wanted = [folder for folder in found if below in (None, folder.parent_id)]
        return sorted(wanted, key=lambda folder: (folder.path or "").count("/") if folder.path != "/" else 0)

    def stalest(self) -> Sequence[KnownFolder]:
        return [folder for one in self.stale if (folder := self.folder(one))]

    def path(self, folder_id: str) -> str | None:
        names: list[str] = []
        one: str | None = folder_id
        while one != self._root_id:
            if one is None or one not in self.rows:
                return None
            names.append(self.rows[one].folder.name.replace("/", "\uff0f"))
            one = self.rows[one].folder.parent_id
        return "/" + "/".join(reversed(names))

    def sync(self, provider: Provider) -> None:
        self.gone, self.unreadable, self.unanswered, self.batches = {}, {}, {}, []
        for batch in provider.read(self):
            self.put(batch)
        for error in self.unanswered.values():
            raise error
        for batch in provider.resolve(list(self.candidates()), self):
            self.put(batch)
        for one in [one for one, gone in self.gone.items() if gone]:
            self._remove(one)
        self._candidates.clear()

    def candidates(self) -> Iterator[Candidate]:
        for one, is_folder in self._candidates.items():
            parent = self.rows[one].folder.parent_id if is_folder else self.files[one].parent_id
            if not self._is_below_candidate(parent):
                yield Candidate(one, is_folder, parent)

    def put(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.state = getattr(batch, "state", None) or self.state
        match batch:
            case Rooted():
                self._root_id = batch.root.id
                self._upsert([], [batch.root])
            case Page():
                self._upsert(batch.files, batch.folders)
            case FolderListed():
                self._listed(batch)
            case Unreadable():
                self.rows[batch.folder_id].readable = False
                self.unreadable[batch.folder_id] = batch.reason
            case Unanswered():
                self.unanswered[batch.id] = batch.error
            case Resolved():
                self.gone[batch.id] = batch.gone
            case _:
                raise AssertionError(batch)

    def inventory(self) -> dict[str, tuple[str, int | None, int | None]]:
        """Give (path, size, version) by id."""
        return {one: (self._file_path(file), file.size, file.version_number) for one, file in self.files.items()}

    def _listed(self, batch: FolderListed) -> None:
        self._upsert(batch.files, batch.folders)
        shown = batch.earlier | {file.id for file in batch.files} | {folder.id for folder in batch.folders}
        for one, file in self.files.items():
            if file.parent_id == batch.folder_id and one not in shown:
                self._candidates[one] = False
        for one, row in self.rows.items():
            if row.folder.parent_id == batch.folder_id and one not in shown:
                self._candidates[one] = True
        row = self.rows[batch.folder_id]
        row.is_listed, row.readable, row.listed_stamp = True, True, batch.stamp

    def _upsert(self, files: Sequence[RemoteFile], folders: Sequence[RemoteFolder]) -> None:
        for file in files:
            self.files[file.id] = file
            self._candidates.pop(file.id, None)
        for folder in folders:
            self.rows.setdefault(folder.id, Row(folder)).folder = folder
            self._candidates.pop(folder.id, None)

    def _is_due(self, row: Row) -> bool:
        unsettled = row.listed_stamp is None or row.listed_stamp != row.folder.change_stamp
        return self.full or not row.is_listed or not row.readable or unsettled

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

    def _file_path(self, file: RemoteFile) -> str:
        folder = self.path(file.parent_id or "") or "?"
        return f"{folder.rstrip('/')}/{file.name.replace('/', chr(0xFF0F))}"


def make_tree(acc: AccSimulator, project: str) -> dict[str, str]:
    """Build Project Files/{A/{B/{C}},D} with two files in each; give ids by name."""
    ids = {"top": acc.project_files(project)}
    for name, parent in (("A", "top"), ("B", "A"), ("C", "B"), ("D", "top")):
        ids[name] = acc.add_folder(ids[parent], name)
    for name in ("top", "A", "B", "C", "D"):
        ids[f"{name}1"] = acc.add_file(ids[name], f"{name}1.pdf", 100)
        ids[f"{name}2"] = acc.add_file(ids[name], f"{name}2.dwg", 200)
    return ids


def truth(
    acc: AccSimulator, project: str, folder: str | None = None, user: str | None = None
) -> dict[str, tuple[str, int | None, int | None]]:
    """Give what an inventory must hold, as Memory.inventory does."""
    rows = acc.truth(project, folder, user=user)
    return {row["id"]: (row["path"], row["size"], row["version_number"]) for row in rows}


class People:
    """Do in a project whatever people do, the same for the same seed."""

    def __init__(self, acc: AccSimulator, project: str, seed: int) -> None:
        self._acc = acc
        self._top = acc.project_files(project)
        self._random = Random(seed)
        self._count = 0

    def work(self, times: int) -> None:
        for _ in range(times):
            self._acc.clock.advance(self._random.choice((0, 1, 5)))
            self._random.choice((self._add, self._add, self._change, self._move, self._move_folder, self._hide))()

    def _add(self) -> None:
        self._count += 1
        if self._random.random() < 0.4:
            self._acc.add_folder(self._folder(), f"folder {self._count}")
        else:
            self._acc.add_file(self._folder(), f"file {self._count}.pdf")

    def _change(self) -> None:
        if self._random.random() < 0.5:
            self._acc.add_version(self._file(), self._random.randrange(1000))
        else:
            self._acc.rename_folder(self._folder(), f"renamed {self._random.randrange(1000)}")

    def _move(self) -> None:
        self._acc.move_file(self._file(), self._folder())

    def _move_folder(self) -> None:
        moved, target = self._folder(), self._folder()
        if moved != self._top and moved not in [one.id for one in self._acc.folders[target].chain()]:
            self._acc.move_folder(moved, target)

    def _hide(self) -> None:
        remove = self._random.choice((self._acc.hide_file, self._acc.remove_for_good))
        if self._random.random() < 0.8:
            remove(self._file())
        elif (folder := self._folder()) != self._top:
            self._acc.hide_folder(folder)

    def _folder(self) -> str:
        root = self._acc.folders[self._top]
        return self._random.choice([one.id for one in self._acc.walk(root) if not _is_gone(one)])

    def _file(self) -> str:
        """Choose a live file; there always is one, for another is added when they run out."""
        root = self._acc.folders[self._top]
        live = [file.id for one in self._acc.walk(root) if not _is_gone(one) for file in one.files.values()]
        shown = [file for file in live if not self._acc.files[file].hidden]
        return self._random.choice(shown) if shown else self._acc.add_file(self._top, "another.pdf")


def _is_gone(folder: Folder) -> bool:
    return any(one.hidden for one in folder.chain())
