"""Two people and what they do with their Drives, one step at a time; every step is told by small numbers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.drive.items import FOLDER, Item
from tests.adversarial.model.drive import Scope
from tests.support.homes import READER

T = TypeVar("T")
COLLEAGUE = "colleague@example.com"
FOLDER_NAMES = ("A", "B", "Archive", "a/b", "Pläne")
FILE_NAMES = ("plan.pdf", "plan.DWG", "same.pdf", "b/c.Pdf", "Ä ö.ifc", ".hidden", "no type")


class People:
    """A Drive that the reader and a colleague work in, and the scopes that an endpoint may have there."""

    def __init__(self, clock: SimulatedClock, drive: GoogleDrive) -> None:
        self.clock = clock
        self.drive = drive
        self.state = state = drive.state
        state.add_user(READER)
        state.add_user(COLLEAGUE, shows_email=False)
        self.mine, self.theirs = state.root_of(READER), state.root_of(COLLEAGUE)
        self.tower = state.add_drive("Tower", READER, COLLEAGUE)
        self.other = state.add_drive("Other", READER)
        self.top = state.add_folder(self.tower, "Top")
        self.inner = state.add_folder(self.mine, "Inner")
        self.given = state.add_folder(self.theirs, "Given")
        state.share_with(self.given, READER)
        self.kept = {self.top, self.inner, self.given}  # never deleted for good: an endpoint's root may be one of them
        self.scopes = {scope.name: scope for scope in self._scopes()}

    def _scopes(self) -> Sequence[Scope]:
        return (
            Scope("drive", self.tower, {"drive_id": self.tower}),
            Scope("folder of a drive", self.top, {"folder_id": self.top}),
            Scope("folder in its drive", self.top, {"folder_id": self.top, "drive_id": self.tower}),
            Scope("My Drive", self.mine, {}),
            Scope("My Drive and what is shared", self.mine, {"shared_with_me": True}, strays=True),
            Scope("folder of My Drive", self.inner, {"folder_id": self.inner}),
            Scope("shared folder", self.given, {"folder_id": self.given}),
        )

    def make_file(self, where: Item, name: int, size: int, age: int) -> None:
        """Add a file that was last modified so many days ago."""
        modified_at = self.clock.now() - timedelta(days=age, minutes=17)
        owner = {"owner": COLLEAGUE} if where.home == self.mine and size % 3 == 0 else {}
        self.state.add_file(where.id, _of(FILE_NAMES, name), size, modified_at=modified_at, by=COLLEAGUE, **owner)

    def make_native(self, where: Item, kind: int) -> None:
        self.state.add_native(where.id, "minutes", _of(("document", "spreadsheet", "form"), kind))

    def make_folder(self, where: Item, name: int) -> None:
        self.state.add_folder(where.id, _of(FOLDER_NAMES, name))

    def make_shortcut(self, where: Item, target: Item) -> None:
        """A shortcut may lead to a folder above it: nobody must walk that circle."""
        self.state.add_shortcut(where.id, "shortcut", target.id)

    def edit(self, item: Item, size: int, age: int) -> None:
        self.state.new_revision(
            item.id, size, modified_at=self.clock.now() - timedelta(days=age, minutes=17), by=READER
        )

    def rename(self, item: Item, name: int) -> None:
        self.state.rename(item.id, _of(FOLDER_NAMES if item.is_folder else FILE_NAMES, name))

    def move(self, item: Item, to: Item) -> None:
        """Move where the item may go: not below itself, and nobody moves things from one My Drive to another."""
        owners = {self.mine, self.theirs}
        is_foreign = item.home != to.home and {item.home, to.home} <= owners
        if not is_foreign and item.id != to.id and item.id not in {above.id for above in self.state.ancestors(to.id)}:
            self.state.move(item.id, to.id)

    def bin(self, item: Item) -> None:
        if item.trashed_at is None:
            self.state.trash(item.id, READER)

    def unbin(self, number: int) -> None:
        binned = [item for item in self.state.items.values() if item.trashed_at]
        if binned:
            self.state.untrash(_of(binned, number).id)

    def delete(self, item: Item) -> None:
        if not self.kept & {below.id for below in self.state.subtree(item.id)}:
            self.state.delete(item.id)

    def share(self, item: Item) -> None:
        """Give one of the colleague's things to the reader, or take it back."""
        if item.home != self.theirs or item.is_root:
            return
        if READER in item.shared_with:
            self.state.unshare(item.id, READER)
        else:
            self.state.share_with(item.id, READER)

    def limit(self, folder: Item) -> None:
        """Limit who may open a folder of the drive, or end that."""
        if folder.home not in self.state.drives or folder.is_root:
            return
        if folder.limited:
            self.state.unrestrict(folder.id)
        else:
            self.state.restrict(folder.id)

    def join_or_leave(self) -> None:
        """Lose the membership of the drive, or get it back."""
        if READER in self.state.drives[self.tower].members:
            self.state.remove_member(self.tower, READER)
        else:
            self.state.add_member(self.tower, READER)

    def folders(self, scope: Scope) -> Sequence[Item]:
        """All folders there are, roots too; those of the scope three times, as most of what happens should count."""
        inside = [item for item in self.state.subtree(scope.root) if item.is_folder]
        return [*inside * 3, *(item for item in self.state.items.values() if item.mime_type == FOLDER)]

    def things(self, scope: Scope) -> Sequence[Item]:
        """All that can be renamed, moved and thrown away; what is in the scope three times."""
        inside = [item for item in self.state.subtree(scope.root) if not item.is_root]
        return [*inside * 3, *(item for item in self.state.items.values() if not item.is_root)]


def _of(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]
