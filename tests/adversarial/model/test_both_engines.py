"""The same random histories on SQLite and PostgreSQL: after each start both have the same rows, feed and folders.

No start is stopped here: in what order answers come by then is chance, and the two would be stopped at other places.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.sync.options import SyncOptions
from tests.support.homes import READER, Home
from tests.support.postgres import Postgres

STEPS = 14
FILTERS: list[dict[str, Any]] = [{}, {"file_types": ["rvt"]}, {"exclude": ["**/B*/**"]}, {"include": ["A*/**"]}]
NAMES = ("A", "B", "Bü", "c d", "50%", "x_y", "half \ud800")
ASKED = {
    "files": """SELECT external_file_id, file_name, file_path, file_size, file_type, version, parent_external_id,
        created_at, updated_at, first_seen_at, changed_at, deleted_at, deleted_reason FROM files
        ORDER BY endpoint_id, external_file_id""",
    "withheld": "SELECT external_file_id, file_name, parent_external_id FROM withheld_files ORDER BY external_file_id",
    "folders": """SELECT external_folder_id, parent_external_id, folder_name, folder_path, depth, readable, deleted_at,
        listable, excluded, relist, change_stamp, listed_stamp, entry_cause, failures FROM folders
        ORDER BY external_folder_id""",
    # in the order of each file's changes: that of different files is the order in which answers came
    "feed": """SELECT external_file_id, kind, cause, content_changed, file_path, detected_at, before, after
        FROM changes ORDER BY endpoint_id, external_file_id, seq""",
    "candidates": """SELECT external_id, is_folder, fate, cause, vanished, reconciled, looked_up, failures, accepted
        FROM candidates ORDER BY external_id""",
    "state": """SELECT provider_state, root_id, rescoping, full_begun_at, full_owed, track_seen, selection, live_files,
        completed_at, full_listed_at, complete_as_of, last_status, last_error_type, failures_in_a_row, left_out
        FROM sync_state ORDER BY endpoint_id""",
    "log": """SELECT status, mode, files_seen, files_added, files_updated, files_removed, folders_listed, api_requests,
        error_type FROM sync_logs ORDER BY id""",
}


@pytest.mark.parametrize("seed", range(int(os.environ.get("FILESYNC_BOTH_ENGINES", "2"))))
@pytest.mark.parametrize("service", ["acc", "drive"])
def test_one_history_leaves_the_same_in_both_engines(
    service: str, seed: int, tmp_path: Path, postgres: Postgres
) -> None:
    history: _History = (_AccHistory if service == "acc" else _DriveHistory)(Random(f"{service}{seed}"))
    with history.serving():
        homes = [history.home(tmp_path / "sqlite"), history.home(tmp_path / "postgresql")]
        homes[1].environ["DATABASE_URL"] = postgres.url()
        for step in range(STEPS):
            history.happen()
            chosen, filters = history.choose()
            for home in homes:
                history.configure(home, filters)
                home.start(chosen)
            for what, sql in ASKED.items():
                assert homes[1].query(sql) == homes[0].query(sql), (step, what)
        for home in homes:
            home.assert_sound()


class _History:
    """What people and schedules do, at random."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.clock = SimulatedClock(frozen=True)
        self.files: list[str] = []
        self.folders: list[str] = []
        self.filters: dict[str, Any] = {}

    def serving(self) -> AbstractContextManager[object]:
        raise NotImplementedError

    def home(self, path: Path) -> Home:
        raise NotImplementedError

    def configure(self, home: Home, filters: dict[str, Any]) -> None:
        raise NotImplementedError

    def happen(self) -> None:
        """Let a few things happen, and time pass."""
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(self.ways())()
        self.clock.advance(self.random.choice([30, 600, 4_000, 30_000]))

    def ways(self) -> list[Callable[[], object]]:
        raise NotImplementedError

    def choose(self) -> tuple[SyncOptions, dict[str, Any]]:
        """Choose how to start, and the filters."""
        if self.random.random() < 0.3:
            self.filters = self.random.choice(FILTERS)
        full, accept = self.random.random() < 0.2, self.random.random() < 0.3
        return SyncOptions(everything=True, full=full, accept_deletions=accept), self.filters

    def name(self) -> str:
        return f"{self.random.choice(NAMES)}{self.random.randint(0, 9)}"


class _DriveHistory(_History):
    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.homes: list[Home] = []
        self.drive = GoogleDrive(self.clock, wall=self.clock)
        self.state = self.drive.state
        self.state.add_user(READER)
        self.top = self.state.add_drive("Tower", READER)
        self.folders = [self.state.add_folder(self.top, name) for name in ("A", "B")]
        self.files = [self.state.add_file(self.top, f"{n}.rvt", n) for n in range(6)]

    def serving(self) -> AbstractContextManager[object]:
        return self.drive

    def home(self, path: Path) -> Home:
        path.mkdir()
        home = Home(path, None, self.drive)  # with a key that takes the one before out of use
        for other in self.homes:
            shutil.copytree(path / "credentials", other.path / "credentials", dirs_exist_ok=True)
        self.homes.append(home)
        return home

    def configure(self, home: Home, filters: dict[str, Any]) -> None:
        home.configure({"name": "D", "endpoint_details": {"drive_id": self.top, **filters}})

    def ways(self) -> list[Callable[[], object]]:
        pick, state = self.random.choice, self.state
        return [
            lambda: self.folders.append(state.add_folder(pick([self.top, *self.folders]), self.name())),
            lambda: self.files.append(state.add_file(pick([self.top, *self.folders]), f"{self.name()}.rvt", 1)),
            lambda: self.files.append(state.add_file(pick([self.top, *self.folders]), f"{self.name()}.pdf", 1)),
            lambda: state.rename(pick(self.files), f"{self.name()}.rvt"),
            lambda: state.rename(pick(self.folders), self.name()),
            lambda: state.move(pick(self.files), pick([self.top, *self.folders])),
            lambda: state.trash(pick(self.files)),
            lambda: state.untrash(pick(self.files)),
            state.settle,
        ]


class _AccHistory(_History):
    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.acc = AccSimulator(self.clock)
        self.project = self.acc.add_project(self.acc.add_hub())
        self.top = self.acc.project_files(self.project)
        self.folders = [self.acc.add_folder(self.top, name) for name in ("A", "B")]
        self.files = [self.acc.add_file(self.top, f"{n}.rvt", n) for n in range(6)]

    def serving(self) -> AbstractContextManager[object]:
        return self.acc

    def home(self, path: Path) -> Home:
        path.mkdir()
        return Home(path, self.acc)

    def configure(self, home: Home, filters: dict[str, Any]) -> None:
        home.configure({"name": "P", "endpoint_details": {"project_id": self.project, **filters}})

    def ways(self) -> list[Callable[[], object]]:
        pick, acc = self.random.choice, self.acc
        return [
            lambda: self.folders.append(acc.add_folder(pick([self.top, *self.folders]), self.name())),
            lambda: self.files.append(acc.add_file(pick([self.top, *self.folders]), f"{self.name()}.rvt", 1)),
            lambda: self.files.append(acc.add_file(pick([self.top, *self.folders]), f"{self.name()}.pdf", 1)),
            lambda: acc.rename_file(pick(self.files), f"{self.name()}.rvt"),
            lambda: acc.add_version(pick(self.files), 2),
            lambda: acc.rename_folder(pick(self.folders), self.name()),
            lambda: acc.move_file(pick(self.files), pick([self.top, *self.folders])),
            lambda: acc.hide_file(pick(self.files)),
            lambda: acc.restore_file(pick(self.files)),
        ]
