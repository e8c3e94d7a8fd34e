"""Which part of Drive an endpoint is: My Drive, a shared drive, or a folder's subtree; and its root."""

from dataclasses import dataclass
from typing import NoReturn

from filesync.core.errors import ConfigError, ForbiddenError, NotFoundError, RefusedError
from filesync.core.model import RemoteFolder
from filesync.providers.base import Known
from filesync.providers.google_drive.api import Drive, Reach
from filesync.providers.google_drive.location import SHARED_WITH_ME, Places
from filesync.providers.google_drive.memory import DriveMemory
from filesync.providers.google_drive.refusals import is_of_its_kind
from filesync.providers.google_drive.translate import DriveItem

# Our own folder; no id of Drive's has this shape.


@dataclass(frozen=True, slots=True)
class DriveScope:
    """One endpoint's part of Drive, as `account` (an e-mail address) sees it."""

    drive_id: str | None
    folder_id: str | None
    shared_with_me: bool
    account: str

    @property
    def is_subtree(self) -> bool:
        return self.folder_id is not None

    @property
    def is_my_drive(self) -> bool:
        return self.folder_id is None and self.drive_id is None

    @property
    def root_name(self) -> str:
        """Return the root's id, or what Drive calls it."""
        return self.folder_id or self.drive_id or "root"

    def may_hold(self, item: DriveItem) -> bool:
        """Return whether the item may be in this drive; in a subtree the folders alone decide."""
        return self.is_subtree or item.drive_id == self.drive_id

    def reach(self, memory: DriveMemory) -> Reach:
        """Return which collection is asked.

        A folder that is shared out of a drive of which the account is no member is only found everywhere.
        """
        return Reach(memory.drive_id, everywhere=self.is_subtree)

    def root(self, memory: DriveMemory) -> RemoteFolder:
        return RemoteFolder(memory.root_id, "", None, listable=self.is_subtree)

    def places(self, known: Known) -> Places:
        return Places(known, SHARED_WITH_ME if self.adopts else None)

    @property
    def adopts(self) -> bool:
        """Return whether what hangs in no visible folder belongs to the endpoint."""
        return self.shared_with_me and self.is_my_drive

    @property
    def leaves_out(self) -> bool:
        """Return whether its listing shows what hangs in no visible folder, and nobody wants it."""
        return self.is_my_drive and not self.shared_with_me

    def adopter(self, memory: DriveMemory) -> RemoteFolder | None:
        """Return the folder for what is shared with the account and hangs in no visible folder."""
        if not self.adopts:
            return None
        return RemoteFolder(SHARED_WITH_ME, "Shared with me", memory.root_id, listable=False)

    def __str__(self) -> str:
        if self.folder_id:
            return f"folder {self.folder_id}"
        return f"shared drive {self.drive_id}" if self.drive_id else "My Drive"


def find_root(drive: Drive, scope: DriveScope) -> DriveItem:
    """Look the root up, and refuse one that cannot be read: nothing may be concluded from its emptiness."""
    try:
        root = drive.item(scope.root_name)
    except RefusedError as error:
        fail_unseen(scope, error)
    _check_readable(root, scope)
    if scope.folder_id and scope.drive_id and scope.drive_id not in (root.drive_id, root.id):
        raise ConfigError(f"{scope} is not in shared drive {scope.drive_id}; correct folder_id or drive_id")
    return root


def fail_unseen(scope: DriveScope, error: RefusedError) -> NoReturn:
    """Raise what a refusal of the root means to the user."""
    if not (is_of_its_kind(error) or (error.status == 404 and error.reason == "notFound")):
        raise error
    kind = ForbiddenError if isinstance(error, ForbiddenError) else NotFoundError
    message = f"{scope} cannot be read by {scope.account}: {_advice(scope)}"
    raise kind(message, status=error.status, reason=error.reason) from error


def _check_readable(root: DriveItem, scope: DriveScope) -> None:
    if not (root.is_folder or root.is_of_unknown_kind):
        raise ConfigError(f"{scope} is a file; folder_id must be a folder's id{_shortcut_hint(root)}")
    if root.is_trashed:
        raise NotFoundError(f"{scope} is in the trash; restore it, or correct folder_id", status=404, reason="trashed")
    if root.is_limited:
        message = f"{scope} may be seen but not opened by {scope.account}: {_advice(scope)}"
        raise ForbiddenError(message, status=403, reason="limitedAccess")


def _shortcut_hint(root: DriveItem) -> str:
    return f"; this shortcut leads to {root.target_id}" if root.target_id else ""


def _advice(scope: DriveScope) -> str:
    if scope.folder_id:
        return "share the folder with that address (Viewer is enough), or correct folder_id"
    if scope.drive_id:
        return "add that address to the drive's members (Viewer is enough), or correct drive_id"
    return "give drive_id, folder_id or subject"
