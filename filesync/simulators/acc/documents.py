"""Files and folders, and what happens to them: the part of the service that people work in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from filesync.simulators.acc.accounts import Accounts
from filesync.simulators.acc.records import DELETED_TYPE, FILE_TYPE, File, Folder, Version
from filesync.simulators.clock import SimulatedClock


@dataclass(slots=True)
class Rules:
    """How the service behaves where its documentation is silent; the defaults are the harsher guesses (aps.md 2.12)."""

    deletion_moves_rollup: bool = False
    restoring_moves_rollup: bool = False
    folder_rename_moves_rollup: bool = False
    folder_move_moves_rollup: bool = True  # of the target and all above it, never of the source
    new_folder_moves_rollup: bool = False
    deletion_adds_version: bool = True  # of type Deleted, as the API does it; restoring adds one more
    list_items_all_or_nothing: bool = True  # one unknown or forbidden id refuses the whole command
    hide_revoked: bool = False  # True: a revoked folder is not listed by its parent either
    tops_shown: Literal["folders", "root", "nothing"] = "folders"  # by topFolders: it may give the root alone
    tops_on_a_page: int | None = None  # of topFolders and hubs, which are not paged in the documents
    most_entries: int | None = None  # on a page of contents; a listing that asks for more fails with 500
    list_lag: float = 0.0  # seconds until a listing shows what arrived; rollups and look-ups by id do not lag


class Documents(Accounts):
    """The state of all projects and every change to it; safe to use while requests are answered."""

    def __init__(self, clock: SimulatedClock, seed: int, rules: Rules | None = None) -> None:
        super().__init__(clock, seed)
        self.rules = rules or Rules()
        self.files: dict[str, File] = {}
        self.tips_left_out: set[str] = set()  # files whose tip does not come along in a listing or a command
        self.tops_left_out: set[str] = set()  # folders that topFolders lacks, although they are there

    def add_folder(self, parent: str, name: str, user: str | None = None) -> str:
        with self.lock:
            above = self.folders[parent]
            folder = self.make_folder(above.project, above, name, self.user(user))
            self._touch_folder(above, moves_rollup=self.rules.new_folder_moves_rollup)
            return folder.id

    def add_file(
        self, parent: str, name: str, size: int | None = 1000, user: str | None = None, *, kind: str = FILE_TYPE
    ) -> str:
        """Upload a file; size None is what a cloud model looks like; `kind` is the extension type's last part."""
        with self.lock:
            folder, now, by = self.folders[parent], self.seconds(), self.user(user)
            arrived = self.clock.monotonic()
            file = File(f"urn:adsk.wipprod:dm.lineage:{self.ids.short()}", folder, now, by, now, by, arrived, kind)
            file.versions.append(Version(1, name, size, now, by, now, by, arrived, kind, name))
            self.files[file.id] = folder.files[file.id] = file
            self._touch_folder(folder)
            return file.id

    def add_version(self, file: str, size: int | None = None, user: str | None = None) -> int:
        """Upload a new version under the same name, with another size or the same; gives its number."""
        with self.lock:
            tip = self.files[file].tip
            return self._append(self.files[file], tip.name, tip.size if size is None else size, user)

    def rename_file(self, file: str, name: str, user: str | None = None) -> int:
        """Rename as ACC does it: a new version with another name."""
        with self.lock:
            return self._append(self.files[file], name, self.files[file].tip.size, user)

    def finish_processing(self, file: str) -> None:
        """Do what happens a minute after an upload: the version is touched, without anybody."""
        with self.lock:
            tip = self.files[file].tip
            tip.modified_at = self.seconds()
            self._raise_rollup(self.files[file].parent, tip.modified_at)

    def move_file(self, file: str, parent: str) -> None:
        """Move within the project: stamps item, version and the target's chain, not the source's."""
        with self.lock:
            moved, target = self.files[file], self.folders[parent]
            del moved.parent.files[file]
            target.files[file] = moved
            moved.parent, moved.arrived = target, self.clock.monotonic()
            moved.modified_at = moved.tip.modified_at = self.seconds()
            self._touch_folder(target)

    def rename_folder(self, folder: str, name: str, user: str | None = None) -> None:
        with self.lock:
            renamed = self.folders[folder]
            renamed.name = name
            self._stamp(renamed, user)
            if self.rules.folder_rename_moves_rollup:
                self._raise_rollup(renamed, renamed.modified_at)

    def move_folder(self, folder: str, parent: str, user: str | None = None) -> None:
        with self.lock:
            moved, target = self.folders[folder], self.folders[parent]
            if moved.parent is None or moved in target.chain():
                raise ValueError("a folder cannot be moved into itself")
            del moved.parent.folders[folder]
            target.folders[folder] = moved
            moved.parent, moved.arrived = target, self.clock.monotonic()
            self._stamp(moved, user)
            self._touch_folder(target, moves_rollup=self.rules.folder_move_moves_rollup)

    def hide_file(self, file: str, user: str | None = None) -> None:
        """Delete a file: it becomes hidden, and its tip a version of type Deleted with a GUID for a name."""
        with self.lock:
            hidden = self.files[file]
            hidden.hidden = True
            self._stamp(hidden, user)
            if self.rules.deletion_adds_version:
                hidden.versions.append(self._deleted_version(hidden, user))
            if self.rules.deletion_moves_rollup:
                self._raise_rollup(hidden.parent, hidden.modified_at)

    def restore_file(self, file: str, user: str | None = None) -> None:
        with self.lock:
            restored = self.files[file]
            restored.hidden = False
            restored.arrived = self.clock.monotonic()
            self._stamp(restored, user)
            if restored.tip.type == DELETED_TYPE:
                restored.versions.append(self._restored_version(restored, user))
            if self.rules.restoring_moves_rollup:
                self._raise_rollup(restored.parent, restored.modified_at)

    def hide_folder(self, folder: str, user: str | None = None) -> None:
        """Delete a folder: it becomes hidden; what is in it keeps its own mark."""
        self._set_hidden(folder, user, hidden=True, moves_rollup=self.rules.deletion_moves_rollup)

    def restore_folder(self, folder: str, user: str | None = None) -> None:
        self._set_hidden(folder, user, hidden=False, moves_rollup=self.rules.restoring_moves_rollup)

    def revoke_access(self, urn: str) -> None:
        """Answer 403 for a folder and all below it, or for one file, which is also no longer listed."""
        self._node(urn).revoked = True

    def grant_access(self, urn: str) -> None:
        self._node(urn).revoked = False

    def remove_for_good(self, urn: str) -> None:
        """Purge a file, or a folder with all below it: 404 from now on."""
        with self.lock:
            if urn in self.files:
                del self.files[urn].parent.files[urn]
                del self.files[urn]
                return
            self._purge(self.folders[urn])

    def walk(self, top: Folder) -> Iterator[Folder]:
        """Yield the folder and all below it, parents first, hidden ones too."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(folder.folders.values())

    def _append(self, file: File, name: str, size: int | None, user: str | None) -> int:
        now, by = self.seconds(), self.user(user)
        number = file.tip.number + 1
        original = file.tip.original_name
        arrived = self.clock.monotonic()
        file.versions.append(Version(number, name, size, now, by, now, by, arrived, file.type, original))
        self._stamp(file, user)
        self._raise_rollup(file.parent, now)
        return number

    def _deleted_version(self, file: File, user: str | None) -> Version:
        now, by, tip = self.seconds(), self.user(user), file.tip
        arrived = self.clock.monotonic()
        return Version(tip.number + 1, self.ids.guid(), None, now, by, now, by, arrived, DELETED_TYPE, tip.name)

    def _restored_version(self, file: File, user: str | None) -> Version:
        now, by, number = self.seconds(), self.user(user), file.tip.number + 1
        last = next(version for version in reversed(file.versions) if version.type != DELETED_TYPE)
        arrived = self.clock.monotonic()
        return Version(number, last.name, last.size, now, by, now, by, arrived, file.type, last.original_name)

    def _set_hidden(self, folder: str, user: str | None, *, hidden: bool, moves_rollup: bool) -> None:
        with self.lock:
            changed = self.folders[folder]
            changed.hidden = hidden
            self._stamp(changed, user)
            if moves_rollup:
                self._raise_rollup(changed, changed.modified_at)

    def _stamp(self, node: File | Folder, user: str | None) -> None:
        node.modified_at, node.modified_by = self.seconds(), self.user(user)

    def _touch_folder(self, folder: Folder, *, moves_rollup: bool = True) -> None:
        folder.modified_at = self.seconds()
        if moves_rollup:
            self._raise_rollup(folder, folder.modified_at)

    def _raise_rollup(self, folder: Folder, at: int) -> None:
        for one in folder.chain():
            one.rollup = max(one.rollup, at)

    def _node(self, urn: str) -> File | Folder:
        return self.files[urn] if urn in self.files else self.folders[urn]

    def _purge(self, top: Folder) -> None:
        if top.parent is not None:
            del top.parent.folders[top.id]
        for folder in list(self.walk(top)):
            del self.folders[folder.id]
            for file in folder.files:
                del self.files[file]
