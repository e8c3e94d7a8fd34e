"""Where an item hangs: its one parent, and whether that is inside the endpoint."""

from collections.abc import Collection, Iterable, Sequence

from filesync.core.model import RemoteFile, RemoteFolder
from filesync.providers.base import Known
from filesync.providers.google_drive.translate import DriveItem, to_file, to_folder

# Folders of our own; no id of Drive's has this shape.
IN_NO_FOLDER = "in-no-folder"
SHARED_WITH_ME = "shared-with-me"
HEADINGS = frozenset({IN_NO_FOLDER, SHARED_WITH_ME})


class Places:
    """Places items in the tree that the store remembers.

    `adopter_id` is the folder for what hangs nowhere else; what of this is the account's own has a folder beside it.
    """

    def __init__(self, known: Known, adopter_id: str | None) -> None:
        self._known = known
        self._adopter_id = adopter_id
        self._gone: set[str] = set()

    def entries(
        self, items: Iterable[DriveItem], asked: Collection[str] = ()
    ) -> tuple[list[RemoteFile], list[RemoteFolder]]:
        """Translate items into files and folders, each below its parent; the last word about an id counts."""
        latest = {item.id: self.of_kind(item) for item in items}.values()
        files = [to_file(item, self.parent_of(item, asked)) for item in latest if not item.is_folder]
        folders = [to_folder(item, self.parent_of(item, asked)) for item in latest if item.is_folder]
        if self._adopter_id and any(self._is_in_no_folder(item) for item in latest):
            folders += self.missing_heading()
        return files, folders

    def _is_in_no_folder(self, item: DriveItem) -> bool:
        return item.is_own and self.parent_of(item) == IN_NO_FOLDER

    def missing_heading(self) -> Sequence[RemoteFolder]:
        """Return the folder for the account's own things that hang in no folder, when the store does not have it.

        Orphans and computers' backups: Drive does not tell the two apart, for a computer's top folder is one without a
        parent. https://github.com/rclone/rclone/issues/1773
        """
        root = self._known.root()
        return [] if self.has(IN_NO_FOLDER) or root is None else [in_no_folder(root.id)]

    def of_kind(self, item: DriveItem) -> DriveItem:
        """Take what does not say whether it is a folder for what it was."""
        if item.is_folder or not item.is_of_unknown_kind:
            return item
        return item._replace(is_folder=self._known.folder(item.id) is not None)

    def note(self, *, gone: Iterable[str], present: Iterable[str]) -> None:
        """Take what is gone out of sight: who is still shown below it hangs nowhere else."""
        self._gone = self._gone.union(gone).difference(present)

    def parent_of(self, item: DriveItem, asked: Collection[str] = ()) -> str | None:
        """Choose the parent; of the several that old items may have, the first that is asked for or known.

        Drive names no parent where the account may not see it.
        https://developers.google.com/workspace/drive/api/guides/single-parent
        """
        if len(item.parents) == 1 and item.parents[0] not in self._gone:
            return item.parents[0]
        seen = [parent for parent in item.parents if parent not in self._gone]
        if len(seen) < 2:
            return next(iter(seen), self.adopter_of(item) or next(iter(item.parents), None))
        return next((parent for parent in seen if parent in asked or self._known.folder(parent)), seen[0])

    def home_of(self, item: DriveItem) -> str | None:
        """Return the folder of the endpoint's tree that the item hangs in; None: it is outside."""
        parent_id = self.parent_of(item)
        return parent_id if parent_id is not None and self.has(parent_id) else self.adopter_of(item)

    def adopter_of(self, item: DriveItem) -> str | None:
        """Return where it is shown when it hangs in no visible folder; None: nowhere."""
        return IN_NO_FOLDER if self._adopter_id and item.is_own else self._adopter_id

    def has(self, folder_id: str) -> bool:
        """Return whether a folder hangs in the endpoint's tree."""
        folder = self._known.folder(folder_id)
        return folder is not None and folder.path is not None


def in_no_folder(root_id: str) -> RemoteFolder:
    return RemoteFolder(IN_NO_FOLDER, "In no folder", root_id, listable=False)
