"""Google Drive's provider keeps every promise that the suite knows, over the simulated service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filesync.providers.google_drive import KIND
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.faults import status
from filesync.testing import ProviderConformance, ServiceDriver, Unsupported

READER = "reader@example.com"


class SharedDriveGround(ServiceDriver):
    """A shared drive that the reader is a member of."""

    page_size = 40
    reasons_of_leaving = ("out_of_scope", "removed")  # the log of one drive does not tell moves to another from loss

    def __init__(self, drive: GoogleDrive, folder: Path) -> None:
        self.clock = drive.clock
        self.drive, self.state = drive, drive.state
        drive.largest_page = self.page_size
        self.state.add_user(READER)
        key = drive.make_key_file(folder / "key.json", "robot@example.com", [READER])
        self.variables = {"GOOGLE_CREDENTIALS_PATH": str(key), "CONNECTOR_GOOGLE_BASE_URL": drive.base_url}
        self.elsewhere = self.state.add_drive("Other", READER)
        self.root = self.make_root()

    def make_root(self) -> str:
        return self.state.add_drive("Tower", READER)

    @property
    def details(self) -> Mapping[str, Any]:
        return {"drive_id": self.root, "subject": READER}

    def add_folder(self, parent: str, name: str) -> str:
        return self.state.add_folder(parent, name)

    def add_file(self, parent: str, name: str, size: int) -> str:
        return self.state.add_file(parent, name, size)

    def new_version(self, file: str, size: int) -> None:
        self.state.new_revision(file, size)

    def rename(self, item: str, name: str) -> None:
        self.state.rename(item, name)

    def move(self, item: str, parent: str) -> None:
        self.state.move(item, parent)

    def trash(self, item: str) -> None:
        self.state.trash(item)

    def restore(self, item: str) -> None:
        self.state.untrash(item)

    def remove(self, item: str) -> None:
        self.state.delete(item)

    def move_out(self, item: str) -> None:
        self.state.move(item, self.elsewhere)

    def lock_out(self, folder: str) -> None:
        self.state.restrict(folder)

    def let_in(self, folder: str) -> None:
        self.state.unrestrict(folder)

    def break_down(self, *, after: int = 0) -> None:
        self.drive.faults.fail(status(503), nth=after + 1, times=None)

    def mend(self) -> None:
        self.drive.faults.clear()

    def settle(self) -> None:
        super().settle()
        self.state.settle()


class MyDriveGround(SharedDriveGround):
    """The reader's own My Drive, which nobody can lock him out of."""

    def make_root(self) -> str:
        return self.state.root_of(READER)

    @property
    def details(self) -> Mapping[str, Any]:
        return {"subject": READER}

    def lock_out(self, folder: str) -> None:
        raise Unsupported("the owner of a My Drive can open everything in it")


class FolderGround(SharedDriveGround):
    """A folder of a shared drive, and the rest of that drive around it."""

    def make_root(self) -> str:
        return self.state.add_folder(self.elsewhere, "only this")

    @property
    def details(self) -> Mapping[str, Any]:
        return {"folder_id": self.root, "subject": READER}


class DriveConformance(ProviderConformance):
    kind = KIND
    scope: type[SharedDriveGround]

    @contextmanager
    def ground(self, folder: Path) -> Iterator[ServiceDriver]:
        clock = SimulatedClock(frozen=True)
        with GoogleDrive(clock, wall=clock, harsh=True) as drive:
            yield self.scope(drive, folder)


class TestSharedDrive(DriveConformance):
    scope = SharedDriveGround


class TestMyDrive(DriveConformance):
    scope = MyDriveGround


class TestFolder(DriveConformance):
    scope = FolderGround
