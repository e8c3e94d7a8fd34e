"""Small homes with a sync ahead of them, to be begun again and again from the same state."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.trees import grow
from filesync.store.sqlite.database import open_for_writing
from tests.support.homes import READER, Ended, Home
from tests.support.truth import assert_acc_truth, assert_drive_truth

_KEPT = ("data", "tokens", "logs", "credentials", "config")
_ROWS = """
    SELECT e.name AS endpoint, f.external_file_id, f.file_name, f.file_path, f.file_size, f.version, f.checksum,
        f.parent_external_id, f.updated_at, f.deleted_at IS NULL AS is_alive, f.deleted_reason
    FROM files f JOIN endpoints e ON e.id = f.endpoint_id ORDER BY 1, 2
"""


@dataclass
class Scene:
    """A home before a sync, and what is true after it; the service's side does not change any more."""

    home: Home
    endpoint: str
    full: bool
    assert_truth: Callable[[], None]
    undisturbed: list[dict[str, Any]] = field(default_factory=list)  # rows that a sync without trouble ends with
    removed: set[str] = field(default_factory=set)  # ids that were removed before

    def keep(self) -> "Scene":
        """Make this the state to begin with, and see how an undisturbed sync ends."""
        self._put(self.home.path, self._kept)
        self.removed = self._removed()
        self.home.sync(self.endpoint, full=self.full)
        self.assert_truth()
        self.undisturbed = self.home.query(_ROWS)
        assert self.undisturbed
        self.begin()
        return self

    def begin(self) -> None:
        """Put everything back as it was."""
        self._put(self._kept, self.home.path)

    def assert_nothing_was_lost(self) -> None:
        """Whatever happened: the database is intact, the feed agrees with it, and the removals are all there or none."""
        if not self.home.database.exists() or not self.home.query("SELECT 1 FROM sqlite_master WHERE name = 'files'"):
            return  # it struck before there were tables
        self.home.assert_sound()
        gone = {row["external_file_id"] for row in self.undisturbed if not row["is_alive"]}
        assert self._removed() in (self.removed, gone)

    def assert_ends_right(self) -> None:
        """Sync without trouble: it ends as if nothing had ever happened."""
        self.assert_nothing_was_lost()
        outcome = self.home.sync(self.endpoint, full=self.full)
        assert outcome.status == "success", outcome
        self.assert_is_right()

    def assert_is_right(self) -> None:
        self.assert_truth()
        assert self.home.query(_ROWS) == self.undisturbed
        self.home.assert_sound()
        assert not self.home.query("SELECT 1 FROM sync_logs WHERE status = 'running'")

    def run(self) -> Ended:
        return self.home.run(*self.arguments)

    def _removed(self) -> set[str]:
        rows = self.home.query("SELECT external_file_id AS id FROM files WHERE deleted_at IS NOT NULL")
        return {row["id"] for row in rows}

    @property
    def arguments(self) -> Sequence[str]:
        return ["sync", "--endpoint", self.endpoint, *(["--full"] if self.full else [])]

    @property
    def _kept(self) -> Path:
        return self.home.path.with_name(f"{self.home.path.name}-kept")

    @staticmethod
    def _put(source: Path, target: Path) -> None:
        for name in _KEPT:
            shutil.rmtree(target / name, ignore_errors=True)
            if (source / name).exists():
                shutil.copytree(source / name, target / name)


def acc_before_its_first_sync(path: Path, service: AccSimulator, *, files: int = 8, folders: int = 4) -> Scene:
    project = service.add_project(service.add_hub())
    grow(service, service.project_files(project), files=files, folders=folders, depth=3, hostile=False)
    home = _home(path, service)
    home.configure({"name": "P", "endpoint_details": {"project_id": project}}, defaults={"max_delete_percent": 100})
    service.clock.advance(60)
    open_for_writing(home.database).close()
    return Scene(home, "P", True, lambda: assert_acc_truth(home, project)).keep()


def acc_after_changes(path: Path, service: AccSimulator, *, files: int = 8, folders: int = 4) -> Scene:
    """A project that was synced; then files and a folder vanished, moved, were renamed and added."""
    scene = acc_before_its_first_sync(path, service, files=files, folders=folders)
    scene.run()
    old, new = list(service.files), list(service.folders)
    service.hide_file(old[0])
    service.add_version(old[1], 5)
    service.move_file(old[2], new[-1])
    service.rename_folder(new[-2], "renamed")
    service.hide_folder(new[-3])
    service.add_file(new[-1], "new.pdf", 7)
    service.clock.advance(60)
    return scene.keep()


def drive_before_its_first_sync(path: Path, service: GoogleDrive, *, files: int = 8, folders: int = 4) -> Scene:
    service.state.add_user(READER)
    shared = service.state.add_drive("Tower", READER)
    grow(service.state, shared, files=files, folders=folders, depth=3, hostile=False)
    home = _home(path, service)
    home.configure({"name": "D", "endpoint_details": {"drive_id": shared}}, defaults={"max_delete_percent": 100})
    service.clock.advance(60)
    open_for_writing(home.database).close()
    return Scene(home, "D", False, lambda: assert_drive_truth(home, shared)).keep()


def drive_after_changes(path: Path, service: GoogleDrive, *, files: int = 8, folders: int = 4) -> Scene:
    """A shared drive that was synced; its change feed then tells of everything that can happen to files and folders."""
    scene = drive_before_its_first_sync(path, service, files=files, folders=folders)
    scene.run()
    rows = scene.home.query("SELECT external_file_id AS id FROM files ORDER BY external_file_id")
    old = [row["id"] for row in rows]
    rows = scene.home.query("SELECT external_folder_id AS id FROM folders WHERE depth > 0 ORDER BY folder_path")
    folder, other, gone = (row["id"] for row in rows[:3])
    state = service.state
    state.trash(old[0])
    state.delete(old[1])
    state.new_revision(old[2], 5)
    state.move(old[3], folder)
    state.rename(other, "renamed")
    state.trash(gone)
    state.add_file(folder, "new.pdf", 7)
    service.clock.advance(60)
    return scene.keep()


def _home(path: Path, service: Any) -> Home:
    path.mkdir()
    home = Home(path)
    home.point_to(service)
    return home


def frozen_acc() -> AccSimulator:
    """Make a service without limits: what a home forgets when it begins again, they would remember."""
    service = AccSimulator(SimulatedClock(frozen=True))
    service.limits.scale = None
    return service


def frozen_drive() -> GoogleDrive:
    """Make a service without limits, as above."""
    clock = SimulatedClock(frozen=True)
    service = GoogleDrive(clock, wall=clock)
    service.limits.scale = None
    return service
