"""What is to be read while requests fail: an ACC project and a shared drive, before a first listing and after one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.store.sqlite.database import open_for_writing
from tests.adversarial.faults.nth import Stage
from tests.support.homes import READER, Home

_HALF_AN_HOUR = 1800  # seconds: due again, stamps settled, nothing to be reconciled yet


def _empty(home: Home) -> None:
    open_for_writing(home.database).close()  # so that not every try makes its tables anew


class Site:
    """An ACC project of some 36 folders, one of them with three pages, and what happens in it."""

    def __init__(self, acc: AccSimulator) -> None:
        acc.largest_page = 10
        self.acc = acc
        self.hub = acc.add_hub()
        self.project = acc.add_project(self.hub)
        self.folders = [acc.project_files(self.project)]
        for number in range(33):
            self.folders.append(acc.add_folder(self.folders[number // 4], f"folder {number}"))
        self.files = [acc.add_file(folder, f"plan {number}.pdf", 7) for number, folder in enumerate(self.folders)]
        self.files += [acc.add_file(self.folders[1], f"page {number}.dwg", number) for number in range(20)]

    def change(self) -> None:
        """Let files and folders come, change, move and go; every folder that lost something also got something."""
        acc, folders = self.acc, self.folders
        acc.hide_file(self.files[1])
        acc.hide_file(self.files[34])
        acc.remove_for_good(self.files[35])
        acc.move_file(self.files[36], folders[2])
        acc.move_file(self.files[37], folders[9])
        acc.add_file(folders[1], "instead.pdf", 1)
        acc.hide_folder(folders[12])
        acc.remove_for_good(folders[11])
        acc.move_folder(folders[10], folders[7])
        acc.rename_folder(folders[9], "renamed")
        acc.add_file(folders[2], "new.pdf", 2)
        acc.add_version(self.files[20], 99)
        acc.rename_file(self.files[7], "renamed.pdf")


def acc_stage(path: Path, name: str) -> Iterator[Stage]:
    acc = AccSimulator(SimulatedClock(frozen=True))
    site = Site(acc)
    scope = (site.project, site.folders[1]) if "folder" in name else (site.project,)
    details = {"project_id": site.project} | ({"folder_id": site.folders[1]} if "folder" in name else {})
    with acc:
        home = Home(path, acc)
        home.configure({"name": "P", "endpoint_details": details})
        _first(home, acc.clock, site.change, name)
        yield Stage(name, home, acc, scope, full="afresh" in name)


class Shelf:
    """A shared drive in small pages, and what happens in it."""

    def __init__(self, drive: GoogleDrive) -> None:
        drive.largest_page = 6
        state = self.state = drive.state
        state.add_user(READER)
        self.shared = state.add_drive("Tower", READER)
        self.other = state.add_drive("Other", READER)
        self.top = state.add_folder(self.shared, "top")
        self.folders = [self.top]
        for number in range(16):
            self.folders.append(state.add_folder(self.folders[number // 4], f"folder {number}"))
        self.files = [state.add_file(folder, f"plan {number}.pdf", 7) for number, folder in enumerate(self.folders)]
        self.files += [state.add_file(self.folders[1], f"page {number}.dwg", number) for number in range(8)]
        self.outside = state.add_folder(self.other, "outside")
        self.strangers = [state.add_file(self.outside, f"stranger {number}.pdf", 5) for number in range(3)]
        inner = state.add_folder(self.outside, "inner")
        state.add_file(inner, "deep.pdf", 3)

    def change(self) -> None:
        state, folders = self.state, self.folders
        state.trash(self.files[1])
        state.delete(self.files[18])
        state.move(self.files[19], self.other)
        state.move(self.files[20], folders[2])
        state.trash(folders[12])
        state.move(folders[11], self.other)
        state.move(folders[10], folders[7])
        state.rename(folders[3], "renamed")
        state.move(self.outside, folders[2])
        for file in self.files[2:9]:
            state.new_revision(file, 99)
        for number in range(6):
            state.add_file(folders[4], f"new {number}.pdf", number)


def drive_stage(path: Path, name: str) -> Iterator[Stage]:
    clock = SimulatedClock(frozen=True)
    drive = GoogleDrive(clock, wall=clock)
    shelf = Shelf(drive)
    scope = shelf.top if "folder" in name else shelf.shared
    details = {"folder_id": scope} if "folder" in name else {"drive_id": scope}

    def change() -> None:
        shelf.change()
        if "lost" in name:
            drive.kill_change_tokens()

    with drive:
        home = Home(path, None, drive)
        home.configure({"name": "D", "endpoint_details": details})
        _first(home, clock, change, name)
        yield Stage(name, home, drive, (scope,), full="afresh" in name)


def _first(home: Home, clock: SimulatedClock, change: Callable[[], None], name: str) -> None:
    """Sync once and let things change, unless the first listing itself is to fail."""
    if "first" in name:
        _empty(home)
        return
    clock.advance(_HALF_AN_HOUR)
    assert home.sync().status == "success"
    clock.advance(_HALF_AN_HOUR)
    change()
    clock.advance(_HALF_AN_HOUR)


STAGES = {
    "acc first listing": acc_stage,
    "acc changes": acc_stage,
    "acc listed afresh": acc_stage,
    "acc first listing of a folder": acc_stage,
    "drive first listing": drive_stage,
    "drive changes": drive_stage,
    "drive listed afresh": drive_stage,
    "drive with a lost cursor": drive_stage,
    "drive listed afresh with a lost cursor": drive_stage,
    "drive first listing of a folder": drive_stage,
    "drive changes of a folder": drive_stage,
    "drive folder with a lost cursor": drive_stage,
}

set_stage = contextmanager(lambda path, name: STAGES[name](path, name))
