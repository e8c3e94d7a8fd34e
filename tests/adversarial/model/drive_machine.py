"""What every random history of a Google Drive has: people at work, settings that change, and undisturbed syncs."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from filesync.runtime.clock import Clock
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.store.sqlite.database import open_for_writing
from filesync.store.write.sync_log import Outcome
from filesync.sync.options import SyncOptions
from tests.adversarial.model.drive import ADOPTER, Part
from tests.adversarial.model.drive_people import People
from tests.adversarial.model.filters import Filters
from tests.adversarial.model.inventory import Model
from tests.support.homes import READER, Home

MEMORY = Path("/dev/shm")  # disks would take most of the time
START = datetime.fromisoformat("2026-03-01T12:00:00Z")
N = st.integers(0, 11)
FILTERS = (
    Filters(),
    Filters(file_types=("PDF", "gdoc")),
    Filters(include=("A/**", "*")),
    Filters(exclude=("**/A/**",)),
    Filters(exclude=("Archive/**", "**/plan.*")),
    Filters(modified_after="30d"),
    Filters(modified_before="30d"),
    Filters(modified_after="2026-02-01", modified_before="2026-03-15"),
)
SCOPES = (
    "drive",
    "folder of a drive",
    "folder in its drive",
    "My Drive",
    "My Drive and what is shared",
    "folder of My Drive",
    "shared folder",
)


class OurClock(Clock):
    """The clock of the machine that filesync runs on: the service's, and wrong by `ahead` seconds."""

    def __init__(self, service: SimulatedClock) -> None:
        self._service = service
        self.ahead = 0.0

    def now(self) -> datetime:
        return self._service.now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self._service.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._service.wait(event, seconds)


class PeopleAtWork(RuleBasedStateMachine):
    """Two people, their Drives, and one endpoint that looks at a part of them."""

    first_scope = "drive"
    percent = 100.0  # max_delete_percent
    may_lag = True  # else the service shows at once what there is
    tells_causes = True  # else the feed may say at any time that something follows from the settings

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        service = SimulatedClock(START, frozen=True)
        self.clock = OurClock(service)
        self.drive = GoogleDrive(service, wall=self.clock)
        self.people = People(service, self.drive)
        self.drive.start()
        self.home = Home(Path(self.folder.name), None, self.drive)
        self.home.clock = self.clock
        self.scope = self.people.scopes[self.first_scope]
        self.filters = FILTERS[0]
        self.is_there, self.is_active = True, True
        self.is_sure = True  # no listing that was used was behind, so that the log tells everything else
        self.is_owed = False  # the next sync will find out that all has to be listed by the one after it
        self.is_known = False  # the database has the settings as they are
        self.part = Part(self.home, self.drive.state, READER, self.scope)
        self.model = Model(self.home, "E", self.part, max_delete_percent=self.percent)

    def teardown(self) -> None:
        self.drive.stop()
        self.folder.cleanup()

    @initialize(is_new=st.booleans(), name=N, size=st.sampled_from([1, 1000, 1000]))
    def begin(self, *, is_new: bool, name: int, size: int) -> None:
        """Make some files; where each is a page, the first listing is read in parts."""
        self.drive.largest_page = size
        self.configure()
        open_for_writing(self.home.database).close()
        for number in range(2):
            self.pass_time(60)
            self.make_full_folder(number, name, number)
        if not is_new:
            self.sync()

    # What people do

    @rule(where=N, name=N, size=N, age=st.sampled_from([0, 0, 29, 31, 40]))
    def make_file(self, where: int, name: int, size: int, age: int) -> None:
        self.people.make_file(self.folder_at(where), name, size, age)

    @rule(where=N, name=N)
    def make_folder(self, where: int, name: int) -> None:
        self.people.make_folder(self.folder_at(where), name)

    @rule(where=N, inside=N, name=N)
    def make_full_folder(self, where: int, inside: int, name: int) -> None:
        parent = self.folder_at(where)
        self.people.make_folder(parent, name)
        folder = list(self.people.state.items.values())[-1]
        self.people.make_file(folder, inside, inside, 0)
        self.people.make_folder(folder, inside)
        self.people.make_file(list(self.people.state.items.values())[-1], name, name, 0)

    @rule(which=N, size=N, age=st.sampled_from([0, 0, 29, 31]))
    def edit(self, which: int, size: int, age: int) -> None:
        files = [item for item in self.people.things(self.scope) if item.content]
        if files:
            self.people.edit(files[which % len(files)], size, age)

    @rule(which=N, name=N)
    def rename(self, which: int, name: int) -> None:
        self.people.rename(self.thing_at(which), name)

    @rule(which=N, to=N)
    def move(self, which: int, to: int) -> None:
        self.move_to(self.thing_at(which), self.folder_at(to))

    @rule(which=N, to=N)
    def move_folder(self, which: int, to: int) -> None:
        folders = [item for item in self.people.folders(self.scope) if not item.is_root]
        self.move_to(folders[which % len(folders)], self.folder_at(to))

    def move_to(self, item: Any, folder: Any) -> None:
        """What lies above an endpoint's root is not followed: that it went to another drive, a full listing finds."""
        root = self.people.state.items[self.scope.root]
        self.people.move(item, folder)
        is_elsewhere = self.people.state.items[root.id].home != root.home
        self.is_sure = self.is_sure and (item.id == root.id or not is_elsewhere)

    @rule(which=N)
    def bin(self, which: int) -> None:
        self.bin_or_not(lambda: self.people.bin(self.thing_at(which)))

    @rule(which=N)
    def unbin(self, which: int) -> None:
        self.bin_or_not(lambda: self.people.unbin(which))

    def bin_or_not(self, act: Callable[[], None]) -> None:
        """What lies above an endpoint's root is not followed: that it went to the bin, a full listing finds."""
        root = self.people.state.items[self.scope.root]
        before = self.part.eyes.in_bin(root)
        act()
        is_same = self.part.eyes.in_bin(self.people.state.items[root.id]) == before
        self.is_sure = self.is_sure and (is_same or self.people.state.items[root.id] != root)

    @rule(which=N)
    def delete(self, which: int) -> None:
        self.people.delete(self.thing_at(which))

    # What happens to the file of settings

    @rule(which=N)
    def change_filters(self, which: int) -> None:
        self.filters = FILTERS[which % len(FILTERS)]
        self.configure()

    @rule(which=N)
    def change_scope(self, which: int) -> None:
        scopes = list(self.people.scopes.values())
        self.scope = scopes[which % len(scopes)]
        self.part.rescoped = True
        self.configure()

    @rule(size=st.sampled_from([1, 2, 3, 1000]))
    def send_pages_of(self, size: int) -> None:
        self.drive.largest_page = size

    @rule(seconds=st.sampled_from([1, 5, 60, 600, 5 * 3600, 7 * 3600, 3 * 86400]))
    def pass_time(self, seconds: int) -> None:
        self.drive.clock.advance(seconds)

    # Syncs

    @rule(full=st.sampled_from([False, False, False, True]))
    def sync_undisturbed(self, *, full: bool) -> None:
        """Sync when everything is quiet."""
        self.rest()
        if self.is_there:
            self.sync(full=full)

    @rule()
    def sync_in_time(self) -> None:
        """Undisturbed syncs without --full are most of what there is."""
        self.sync_undisturbed(full=False)

    def sync(self, *, full: bool = False) -> None:
        """Sync undisturbed: the database says what the model says."""
        if self.is_owed:
            self.is_owed = False
            self.sync_disturbed()
        before = self.model.look()
        outcome = self.home.sync("E", full=full)
        self.is_known = True
        self.model.check(before, outcome)
        if outcome.error_type == "mass_delete":
            before = self.model.look()
            outcome = self.home.sync("E", accept_deletions=True)
            self.model.check(before, outcome, accepted=True)
        self.is_sure = self.is_sure or full
        if not self.is_sure:
            return
        self.assert_true(outcome)
        self.model.access_changed = outcome.status != "success"
        self.part.rescoped = self.part.rescoped and outcome.status != "success"
        self.model.config_changed = (
            not self.tells_causes or "d" in f"{self.filters.modified_after} {self.filters.modified_before}"
        )

    def sync_disturbed(self, **choice: Any) -> None:
        with self.disturbed() as ended:
            ended.extend(self.home.start(SyncOptions(everything=True, **choice)).outcomes)

    @contextmanager
    def disturbed(self) -> Iterator[list[Outcome | None]]:
        """Check what holds after any sync; what it ended with is put into the list."""
        before, ended = self.model.look(), list[Outcome | None]()
        self.part.quiet, self.model.lagging, self.model.access_changed = False, self.may_lag, True
        self.is_sure = self.is_sure and not self.people.state.history.lag and not self.drive.incomplete_search
        yield ended
        self.is_known = self.is_known or None not in ended
        self.model.check(before, ended[0] if ended else None)
        self.part.quiet, self.model.lagging = True, False

    # How it is looked at

    def folder_at(self, number: int) -> Any:
        folders = self.people.folders(self.scope)
        return folders[number % len(folders)]

    def thing_at(self, number: int) -> Any:
        things = self.people.things(self.scope)
        return things[number % len(things)]

    def configure(self) -> None:
        details = {"subject": READER, **self.scope.details, **self.filters.details}
        endpoint = {"name": "E", "endpoint_details": details, "is_active": self.is_active}
        endpoint |= {"max_delete_percent": self.percent}
        nobody = {"name": "nobody's", "endpoint_details": {"folder_id": "x"}, "is_active": False}
        self.home.configure(*([endpoint] if self.is_there else []), nobody)
        self.part.scope, self.part.filters, self.model.filters = self.scope, self.filters, self.filters
        self.model.config_changed, self.is_known = True, False

    def rest(self) -> None:
        """Let listings and logs catch up with everything so far."""
        self.drive.clock.advance(301)

    def assert_true(self, outcome: Outcome) -> None:
        assert outcome.status == self.part.status(), (outcome, self.part.status(), self.part.dark())
        if outcome.status == "failed":
            return
        dark, live = self.part.dark(), self.home.files("E")
        expected = self.model.expected(outcome.started_at)
        # another folder of the same path may be open
        live = {id_: row for id_, row in live.items() if id_ in expected or not is_below(row["file_path"], dark)}
        if outcome.status == "partial" and self.part.rescoped:  # what lies outside the new scope waits for all of it
            live = {id_: row for id_, row in live.items() if id_ in expected}
        told, true = ({id_: row["file_path"] for id_, row in rows.items()} for rows in (live, expected))
        assert told == true, f"lacking {true.items() - told.items()}, in excess {told.items() - true.items()}"
        for id_, row in expected.items():
            assert {name: live[id_][name] for name in row} == row, row
        self.assert_folders_are_true()
        self.assert_withheld_are_filtered_out(outcome)
        with closing(sqlite3.connect(self.home.database)) as connection:
            connection.execute("INSERT INTO files_search (files_search) VALUES ('integrity-check')")

    def assert_withheld_are_filtered_out(self, outcome: Outcome) -> None:
        """What is kept back in the scope is what the filters leave out, no more."""
        rows = self.home.query(
            "SELECT w.external_file_id AS id FROM withheld_files w JOIN endpoints e ON e.id = w.endpoint_id"
            " WHERE e.name = 'E'"
        )
        shown = self.part.shown()
        wrong = [shown[row["id"]] for row in rows if row["id"] in self.model.expected(outcome.started_at)]
        assert not wrong, wrong

    def assert_folders_are_true(self) -> None:
        if self.filters.include or self.filters.exclude:
            return
        rows = self.home.query(
            "SELECT f.* FROM folders f JOIN endpoints e ON e.id = f.endpoint_id WHERE e.name = 'E'"
            " AND f.deleted_at IS NULL AND folder_path IS NOT NULL AND depth > 0"
        )
        dark = self.part.dark()
        stored = {row["external_folder_id"]: row["folder_path"] for row in rows}
        true = self.part.folders()
        stored = {id_: path for id_, path in stored.items() if id_ in true or not is_below(path, dark)}
        stored.pop(ADOPTER, None)
        assert stored == true, f"lacking {true.items() - stored.items()}, in excess {stored.items() - true.items()}"


def is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)
