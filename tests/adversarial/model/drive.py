"""What the database must say of a Google Drive, told from what people made of it: a specification, not a program.

Everything here is worked out from the plain facts of each item (parent, owner, whom it is shared with, the bin): neither
the service's answers nor filesync's own rules are asked. Slow and obvious on purpose.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from filesync.simulators.drive.items import Item
from filesync.simulators.drive.state import DriveState
from tests.adversarial.model.filters import Filters
from tests.adversarial.model.inventory import Row
from tests.support.homes import Home

FOLDER = "application/vnd.google-apps.folder"
GOOGLES_OWN = "application/vnd.google-apps."
KINDS = {"document": "gdoc", "spreadsheet": "gsheet", "presentation": "gslides", "drawing": "gdraw", "form": "gform"}
SHARED_WITH_ME = "Shared with me"
ADOPTER = "shared-with-me"  # the id of our own folder for it


@dataclass(frozen=True)
class Scope:
    """An endpoint's part of Drive: what lies below `root`; with `strays` also what hangs in no visible folder."""

    name: str
    root: str
    details: dict[str, Any]
    strays: bool = False


@dataclass(frozen=True)
class Eyes:
    """What one person finds in a Drive."""

    state: DriveState
    email: str

    def sees(self, item: Item) -> bool:
        """An item is seen by whom it was given to, and by those who may open the folder that it is in."""
        return self._has(item) or (item.parent_id in self.state.items and self.opens(self._parent(item)))

    def opens(self, folder: Item) -> bool:
        """A folder with limited access is seen by more people than may open it."""
        return self._has(folder) or (not folder.limited and self.sees(folder))

    def finds(self, item: Item) -> bool:
        return self.sees(item) and not self.in_bin(item)

    def in_bin(self, item: Item) -> bool:
        """What lies in a folder in the bin lies in the bin."""
        above = item.parent_id in self.state.items and self.in_bin(self._parent(item))
        return item.trashed_at is not None or above

    def below(self, folder: Item, path: str) -> Iterator[tuple[Item, str]]:
        """Everything that is found below a folder, with its path."""
        for child in self.state.items.values():
            if child.parent_id == folder.id and self.finds(child):
                yield from self.with_below(child, f"{path}/{shown(child.name)}")

    def with_below(self, item: Item, path: str) -> Iterator[tuple[Item, str]]:
        yield item, path
        if item.mime_type == FOLDER:
            yield from self.below(item, path)

    def strays(self) -> Iterator[Item]:
        """What others gave this person and hangs in no folder that they see; a member finds a drive's things there."""
        for item in self.state.items.values():
            drive = self.state.drives.get(item.home)
            is_top = item.parent_id is not None and not self.sees(self._parent(item))
            if is_top and self.finds(item) and not (drive and self.email in drive.members):
                yield item

    def _has(self, item: Item) -> bool:
        if item.id in self.state.drives:
            return self.email in self.state.drives[item.id].members
        landlord = self.state.items[item.home].owner
        return self.email in (item.owner, landlord, *item.shared_with)

    def _parent(self, item: Item) -> Item:
        return self.state.items[str(item.parent_id)]


@dataclass
class Part:
    """The service's side of an endpoint: its scope, as `email` sees it. `quiet`: nothing lags behind.

    `rescoped`: what lies outside a new scope may be undecided. `log_tells_all`: what happened to a folder was told of
    everything below it too, so that a file which can no longer be seen is said to be removed.
    """

    home: Home
    state: DriveState
    email: str
    scope: Scope
    filters: Filters = field(default_factory=Filters)
    quiet: bool = True
    rescoped: bool = False
    log_tells_all: bool = False
    _versions: dict[str, int] = field(default_factory=dict)  # of each item when it was last found in the scope

    @property
    def eyes(self) -> Eyes:
        return Eyes(self.state, self.email)

    def is_readable(self) -> bool:
        """Without its root, which may be asked to lie in a certain drive, nothing can be said of an endpoint."""
        root = self.state.items.get(self.scope.root)
        if root is None or root.home != self.scope.details.get("drive_id", root.home):
            return False
        return self.eyes.finds(root) and self.eyes.opens(root)

    def status(self) -> str:
        """Say how a sync ends that nothing disturbs."""
        return "failed" if not self.is_readable() else "partial" if self.dark() else "success"

    def found(self) -> list[tuple[Item, str]]:
        """List what is in the scope, folders too."""
        if not self.is_readable():
            return []
        found = list(self.eyes.below(self.state.items[self.scope.root], ""))
        for top in self.eyes.strays() if self.scope.strays else ():
            found += self.eyes.with_below(top, f"/{SHARED_WITH_ME}/{shown(top.name)}")
        return found

    def shown(self) -> Mapping[str, Row]:
        found = self.found()
        self._versions |= {item.id: item.version for item, _ in found}
        homes = {self.scope.root, *(item.id for item, _ in found)}
        return {item.id: row(self.state, item, path, homes) for item, path in found if item.mime_type != FOLDER}

    def folders(self) -> Mapping[str, str]:
        return {item.id: path for item, path in self.found() if item.mime_type == FOLDER}

    def dark(self) -> list[str]:
        """List the folders that are seen and may not be opened: of what is below nothing is said."""
        return [
            path
            for id_, path in self.folders().items()
            if not self.eyes.opens(self.state.items[id_]) and self.filters.reach(path)
        ]

    def unreadable(self) -> Collection[str]:
        """Where the service is behind itself, what it told filesync counts."""
        if self.quiet:
            return self.dark()
        rows = self.home.query(
            "SELECT folder_path AS path FROM folders WHERE NOT readable AND deleted_at IS NULL AND folder_path IS NOT NULL"
        )
        return [told["path"] for told in rows if told["path"] == "/" or self.filters.reach(told["path"])]

    def reasons(self, row: Row) -> Collection[str]:
        """Ask the file, and every folder that it was known in."""
        found = {"out_of_scope"} if self.rescoped else set()
        if not self.is_readable():
            return found
        for id_ in (row["external_file_id"], *self._known_above(row)):
            item = self.state.items.get(id_)
            if item and self._is_closed(item):
                return found | ({"removed"} if self.log_tells_all else set())
            found |= self._why_not(item)
        return found

    def _is_closed(self, item: Item) -> bool:
        """Tell whether nothing happened to an item but that a folder above it may not be opened any more."""
        at: Item | None = item
        while at is not None and self._versions.get(at.id) == at.version and not self.eyes.sees(at):
            at = self.state.items.get(at.parent_id or "")
            if at is not None and self.eyes.finds(at) and not self.eyes.opens(at):
                return self._is_in_scope(at)
        return False

    def _why_not(self, item: Item | None) -> set[str]:
        """Tell why an item is not shown; a drive's log says of what went to another drive that it is removed."""
        if item is None or not self.eyes.sees(item):
            return {"removed", "access_lost"}
        if self.eyes.in_bin(item):
            return {"trashed"}
        if self._is_in_scope(item):
            return set()
        is_elsewhere = item.home != self.state.items[self.scope.root].home
        return {"out_of_scope", "removed"} if is_elsewhere else {"out_of_scope"}

    def _is_in_scope(self, item: Item) -> bool:
        return item.id == self.scope.root or item.id in {found.id for found, _ in self.found()}

    def _known_above(self, row: Row) -> Iterator[str]:
        """Climb from the folder that the database has the file in."""
        rows = self.home.query("SELECT * FROM folders WHERE endpoint_id = ?", row["endpoint_id"])
        above = {folder["external_folder_id"]: folder["parent_external_id"] for folder in rows}
        at = row["parent_external_id"]
        while at in above:
            yield at
            at = above.pop(at)


def row(state: DriveState, item: Item, path: str, homes: Collection[str]) -> dict[str, Any]:
    """Say what a file's row holds; what Drive does not know is None."""
    kind = item.mime_type.removeprefix(GOOGLES_OWN)
    blob, editor = item.content, state.users.get(item.modified_by or "")
    return {
        "file_name": item.name,
        "file_path": path,
        "file_type": type_of(item.name) if kind == item.mime_type else KINDS.get(kind, kind),
        "mime_type": item.mime_type,
        "file_size": blob.size if blob else None,
        "version": blob.revision_id if blob else None,
        "version_number": None,
        "checksum": blob.md5 if blob else None,
        "checksum_algorithm": "md5" if blob else None,
        "parent_external_id": item.parent_id if item.parent_id in homes else ADOPTER,
        "created_by": None if item.home in state.drives else person(state, item.owner),
        "modified_by": person(state, item.modified_by),
        "modified_by_id": editor.permission_id if editor else None,
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.modified_at),
    }


def shown(name: str) -> str:
    """A slash in a name is no slash of the path."""
    return name.replace("/", "\uff0f")


def type_of(name: str) -> str | None:
    """What follows the last dot, in lower case; a name that only begins with a dot has none."""
    at = name.strip().rfind(".")
    return name.strip()[at + 1 :].lower() or None if at > 0 else None


def person(state: DriveState, email: str | None) -> str | None:
    """People are e-mail addresses where Drive shows them, else names."""
    user = state.users.get(email or "")
    return None if user is None else user.email if user.shows_email else user.name


def timestamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
