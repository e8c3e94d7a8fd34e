"""Random histories of a service: what people do in it, one step after another, the same for the same seed."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from filesync.simulators.acc import AccSimulator
from filesync.simulators.drive import GoogleDrive
from tests.support.homes import READER, Home


class Walk:
    """Random steps, each as likely as its weight."""

    chance: Random
    steps: list[tuple[int, Callable[[], None]]]

    def step(self) -> None:
        weights, actions = zip(*self.steps, strict=True)
        self.chance.choices(actions, weights)[0]()


class AccWalk(Walk):
    """Random mutations of an ACC project."""

    def __init__(self, acc: AccSimulator, project: str, chance: Random) -> None:
        self.acc = acc
        self.chance = chance
        self.folders = [acc.project_files(project)]
        self.files: list[str] = []
        self.hidden_files: list[str] = []
        self.hidden_folders: list[str] = []
        self.steps = [
            (8, self.add_file),
            (3, self.add_folder),
            (4, self.add_version),
            (3, self.rename_file),
            (2, self.rename_folder),
            (3, self.move_file),
            (2, self.move_folder),
            (2, self.hide_file),
            (1, self.restore_file),
            (1, self.hide_folder),
            (1, self.restore_folder),
        ]

    def add_file(self) -> None:
        folder = self.chance.choice(self.folders)
        self.files.append(self.acc.add_file(folder, f"plan {len(self.files)}.pdf", self.chance.randrange(9999)))

    def add_folder(self) -> None:
        self.folders.append(self.acc.add_folder(self.chance.choice(self.folders), f"folder {len(self.folders)}"))

    def add_version(self) -> None:
        if self.files:
            self.acc.add_version(self.chance.choice(self.files), self.chance.randrange(9999))

    def rename_file(self) -> None:
        if self.files:
            self.acc.rename_file(self.chance.choice(self.files), f"renamed {self.chance.randrange(999)}.dwg")

    def rename_folder(self) -> None:
        if self.folders[1:]:
            self.acc.rename_folder(self.chance.choice(self.folders[1:]), f"room {self.chance.randrange(999)}")

    def move_file(self) -> None:
        if self.files:
            self.acc.move_file(self.chance.choice(self.files), self.chance.choice(self.folders))

    def move_folder(self) -> None:
        if self.folders[1:]:
            folder = self.acc.folders[self.chance.choice(self.folders[1:])]
            target = self.acc.folders[self.chance.choice(self.folders)]
            if folder not in [*target.chain(), target]:
                self.acc.move_folder(folder.id, target.id)

    def hide_file(self) -> None:
        if self.files:
            file = self.files.pop(self.chance.randrange(len(self.files)))
            self.hidden_files.append(file)
            self.acc.hide_file(file)

    def restore_file(self) -> None:
        if self.hidden_files:
            file = self.hidden_files.pop()
            self.files.append(file)
            self.acc.restore_file(file)

    def hide_folder(self) -> None:
        if self.folders[3:] and not self.hidden_folders:
            folder = self.chance.choice(self.folders[1:])
            self.hidden_folders.append(folder)
            self.acc.hide_folder(folder)

    def restore_folder(self) -> None:
        if self.hidden_folders:
            self.acc.restore_folder(self.hidden_folders.pop())


class DriveWalk(Walk):
    """Random mutations of a shared drive, and moves out of it and back."""

    def __init__(self, drive: GoogleDrive, root: str, elsewhere: str, chance: Random) -> None:
        self.state = drive.state
        self.chance = chance
        self.folders = [root]
        self.elsewhere = elsewhere
        self.files: list[str] = []
        self.trashed: list[str] = []
        self.away: list[str] = []
        self.parents: dict[str, str] = {}
        self.steps = [
            (8, self.add_file),
            (3, self.add_folder),
            (1, self.add_native),
            (1, self.add_shortcut),
            (4, self.new_revision),
            (3, self.rename),
            (3, self.move_file),
            (2, self.move_folder),
            (3, self.trash),
            (2, self.untrash),
            (1, self.delete),
            (2, self.move_out),
            (2, self.move_back),
            (1, self.view),
        ]

    def add_file(self) -> None:
        name = self.chance.choice(["a.pdf", "b/c.DWG", "Ä ö.ifc", "same.pdf", f"n{len(self.files)}.rvt"])
        parent = self.chance.choice(self.folders)
        self.files.append(self.state.add_file(parent, name, self.chance.randrange(9999)))

    def add_folder(self) -> None:
        parent = self.chance.choice(self.folders)
        folder = self.state.add_folder(parent, f"folder {len(self.folders)}")
        self.folders.append(folder)
        self.parents[folder] = parent

    def add_native(self) -> None:
        self.state.add_native(self.chance.choice(self.folders), "minutes", "spreadsheet")

    def add_shortcut(self) -> None:
        self.state.add_shortcut(self.chance.choice(self.folders), "link", self.chance.choice(self.folders))

    def new_revision(self) -> None:
        if self.files:
            self.state.new_revision(self.chance.choice(self.files), self.chance.randrange(9999))

    def rename(self) -> None:
        item = self.chance.choice([*self.files, *self.folders[1:]] or [""])
        if item:
            self.state.rename(item, f"renamed {self.chance.randrange(99)}")

    def move_file(self) -> None:
        if self.files:
            self.state.move(self.chance.choice(self.files), self.chance.choice(self.folders))

    def move_folder(self) -> None:
        if self.folders[1:]:
            folder, target = self.chance.choice(self.folders[1:]), self.chance.choice(self.folders)
            if folder not in self.chain(target):
                self.state.move(folder, target)
                self.parents[folder] = target

    def chain(self, folder: str) -> list[str]:
        chain = [folder]
        while chain[-1] in self.parents:
            chain.append(self.parents[chain[-1]])
        return chain

    def trash(self) -> None:
        item = self.chance.choice([*self.files, *self.folders[1:]] or [""])
        if item and item not in self.trashed:
            self.trashed.append(item)
            self.state.trash(item)

    def untrash(self) -> None:
        if self.trashed:
            self.state.untrash(self.trashed.pop(self.chance.randrange(len(self.trashed))))

    def delete(self) -> None:
        if self.files:
            file = self.files.pop(self.chance.randrange(len(self.files)))
            if file in self.trashed:
                self.trashed.remove(file)
            if file in self.away:
                self.away.remove(file)
            self.state.delete(file)

    def move_out(self) -> None:
        item = self.chance.choice([*self.files, *self.folders[1:]] or [""])
        if item and item not in self.away:
            self.state.move(item, self.elsewhere)
            self.parents.pop(item, None)
            self.away.append(item)

    def move_back(self) -> None:
        if self.away:
            item = self.away.pop()
            target = self.chance.choice(self.folders)
            if item not in self.chain(target):
                self.state.move(item, target)
                if item in self.folders:
                    self.parents[item] = target

    def view(self) -> None:
        if self.files:
            self.state.view(self.chance.choice(self.files))


def drive_walk(path: Path, drive: GoogleDrive, scope: str, chance: Random) -> tuple[Home, DriveWalk, str]:
    """Make a home for a whole shared drive, or for a folder in it; files go astray to elsewhere and back."""
    drive.state.add_user(READER)
    shared = drive.state.add_drive("Tower", READER)
    elsewhere = drive.state.add_drive("Other", READER) if scope == "drive" else shared
    top = shared if scope == "drive" else drive.state.add_folder(shared, "top")
    home = Home(path, clock=drive.clock)
    details = {"drive_id": shared} if scope == "drive" else {"folder_id": top}
    endpoint = {"name": "D", "endpoint_type": "google_drive", "endpoint_details": details}
    home.configure(endpoint, defaults={"max_delete_percent": 100, "reconcile_every": "6h"})
    return home, DriveWalk(drive, top, elsewhere, chance), top
