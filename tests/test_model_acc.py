"""Random histories of an ACC project, of its endpoint and of the machine: after each sync the database says what it must."""

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.acc.documents import Rules
from filesync.simulators.clock import SimulatedClock
from filesync.store.journal import Outcome
from filesync.sync.choice import Choice
from tests.homes import Home
from tests.model.acc import AccModel, Project, ShiftedClock
from tests.model.filters import Filters
from tests.model.inventory import Before
from tests.model.killing import Death, sync_and_die

picks = st.integers(0, 2**16)  # of whatever there is by then
FOLDER_NAMES = st.sampled_from(["Archive", "Plans", "a", "ä/b", "Archive 2"])
FILE_NAMES = st.sampled_from(["plan.pdf", "model.RVT", "b/c.DWG", "Ä ö.ifc", "notes", "Archive"])
FAULTS = st.sampled_from(
    [
        faults.status(500),
        faults.status(503),
        faults.too_many(7),
        faults.too_many(),
        faults.DROP,
        faults.RESET,
        faults.TRUNCATED,
        faults.WRONG_TYPE,
        faults.LOGIN_PAGE,
        faults.ENDLESS,
    ]
)
GLOBS = st.sampled_from(
    [
        "**/Archive/**",
        "Project Files/Archive/**",
        "Project Files/**",
        "**/plan*",
        "*/*",
        "**/Plans/*",
        "Archive/**",
        "**/a/**/plan.pdf",
    ]
)
FILTERS = st.builds(
    Filters,
    file_types=st.sampled_from([(), (), ("pdf",), ("rvt", "dwg", "ifc")]),
    include=st.one_of(st.just(()), st.tuples(GLOBS), st.tuples(GLOBS, GLOBS)),
    exclude=st.one_of(st.just(()), st.just(()), st.tuples(GLOBS)),
    modified_after=st.sampled_from([None, None, "1d", "3d", "2026-01-01"]),
    modified_before=st.sampled_from([None, None, None, "1d"]),
)
RULES = st.builds(
    Rules,
    deletion_moves_rollup=st.booleans(),
    restoring_moves_rollup=st.booleans(),
    folder_rename_moves_rollup=st.booleans(),
    new_folder_moves_rollup=st.booleans(),
    deletion_adds_version=st.booleans(),
    list_items_all_or_nothing=st.booleans(),
    hide_revoked=st.booleans(),
)


class AccMachine(RuleBasedStateMachine):
    """Drives the simulator, filesync and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.path = tempfile.TemporaryDirectory()
        self.clock = SimulatedClock(frozen=True)
        self.acc = AccSimulator(self.clock)
        self.acc.start()
        self.home = Home(Path(self.path.name), self.acc)
        self.machine = self.home.clock = ShiftedClock(self.clock)
        self.is_there = self.is_active = True

    def teardown(self) -> None:
        try:
            if hasattr(self, "model"):
                self.heal()
        finally:
            self.acc.stop()
            self.path.cleanup()

    def heal(self) -> None:
        """In the end, when nothing is in the way any more, everything is told right: nothing was forgotten for good."""
        self.machine.offset = timedelta(0)
        for node in (*self.acc.folders, *self.acc.files):
            self.acc.grant_access(node)
        top = self.project.folder
        while top is not None and top in self.acc.folders:
            if self.acc.folders[top].hidden:
                self.acc.restore_folder(top)
            above = self.acc.folders[top].parent
            top = above.id if above else None
        self.model.access_changed = True
        if self.project.folder is not None and self.project.folder not in self.acc.folders:
            return
        self.is_there = self.is_active = True
        self.model.max_delete_percent = 100
        self.configure()
        self.run(full=False, accept=True)
        assert self.run(full=True, accept=True).status == "success"

    @initialize(
        rules=RULES,
        page=st.sampled_from([2, 3, 200]),
        percent=st.sampled_from([100, 100, 50, 20]),
        many=st.booleans(),
        in_folder=st.booleans(),
    )
    def begin(self, rules: Rules, page: int, percent: int, *, many: bool, in_folder: bool) -> None:
        acc = self.acc
        acc.rules, acc.largest_page = rules, page
        project = acc.add_project(acc.add_hub())
        top = acc.project_files(project)
        inner = acc.add_folder(acc.add_folder(top, "Plans"), "Archive")
        for number in range(20 if many else 2):
            acc.add_file(inner if number % 2 else top, f"plan {number}.pdf")
        self.clock.advance(60)
        self.project = Project(acc, self.home, project)
        self.model = AccModel(self.home, "P", self.project)
        self.model.max_delete_percent = percent
        if in_folder:
            self.project.folder = acc.folders[inner].parent.id  # type: ignore[union-attr]
        self.top = top
        self.configure()

    def configure(self) -> None:
        details = {"project_id": self.project.id, **self.model.filters.details}
        if self.project.folder:
            details["folder_id"] = self.project.folder
        one = {
            "name": "P",
            "is_active": self.is_active,
            "endpoint_details": details,
            "max_delete_percent": self.model.max_delete_percent,
            "expected_unreadable": list(self.model.expected_unreadable),
        }
        other = {"name": "other", "is_active": False, "endpoint_details": {"project_id": "b.none"}}
        self.home.configure(other, *([one] if self.is_there else []))

    # What people do

    @property
    def folders(self) -> list[str]:
        return [id_ for id_, folder in self.acc.folders.items() if folder.parent is not None and not folder.system]

    def folder(self, pick: int) -> str:
        return self.folders[pick % len(self.folders)]

    def file(self, pick: int) -> str | None:
        files = list(self.acc.files)
        return files[pick % len(files)] if files else None

    @rule(at=picks, name=FILE_NAMES, size=st.sampled_from([0, 5, 5000, None]))
    def add_file(self, at: int, name: str, size: int | None) -> None:
        self.model.loud.add(self.acc.add_file(self.folder(at), name, size))

    @rule(at=picks, name=FOLDER_NAMES)
    def add_folder(self, at: int, name: str) -> None:
        self.acc.add_folder(self.folder(at), name)

    @rule(pick=picks, size=st.sampled_from([0, 7, 7000]))
    def add_version(self, pick: int, size: int) -> None:
        if (file := self.file(pick)) and not self.acc.files[file].hidden:
            self.acc.add_version(file, size)
            self.model.loud.add(file)

    @rule(pick=picks, name=FILE_NAMES)
    def rename_file(self, pick: int, name: str) -> None:
        if (file := self.file(pick)) and not self.acc.files[file].hidden:
            self.acc.rename_file(file, name)
            self.model.loud.add(file)

    @rule(pick=picks, to=picks)
    def move_file(self, pick: int, to: int) -> None:
        if (file := self.file(pick)) and not self.acc.files[file].hidden:
            self.acc.move_file(file, self.folder(to))
            self.model.loud.add(file)

    @rule(pick=picks, name=FOLDER_NAMES)
    def rename_folder(self, pick: int, name: str) -> None:
        if (folder := self.folder(pick)) != self.top:
            self.acc.rename_folder(folder, name)

    @rule(pick=picks, to=picks)
    def move_folder(self, pick: int, to: int) -> None:
        folder, target = self.acc.folders[self.folder(pick)], self.acc.folders[self.folder(to)]
        if folder.id != self.top and folder not in target.chain():
            self.acc.move_folder(folder.id, target.id)

    @rule(pick=picks)
    def hide_or_restore_file(self, pick: int) -> None:
        if file := self.file(pick):
            self.acc.restore_file(file) if self.acc.files[file].hidden else self.acc.hide_file(file)

    @rule(pick=picks)
    def hide_or_restore_folder(self, pick: int) -> None:
        if (folder := self.folder(pick)) != self.top:
            self.acc.restore_folder(folder) if self.acc.folders[folder].hidden else self.acc.hide_folder(folder)

    @rule(pick=picks)
    def purge(self, pick: int) -> None:
        nodes = [*self.acc.files, *self.folders]
        if (node := nodes[pick % len(nodes)]) not in {self.top, self.project.folder} and pick % 2:
            self.acc.remove_for_good(node)

    @rule(pick=picks)
    def revoke_or_grant(self, pick: int) -> None:
        nodes = [*self.acc.files, *self.folders]
        node = nodes[pick % len(nodes)]
        lost = (self.acc.files.get(node) or self.acc.folders[node]).revoked
        self.acc.grant_access(node) if lost else self.acc.revoke_access(node)
        self.model.access_changed = True

    @rule(pick=picks)
    def finish_processing(self, pick: int) -> None:
        if (file := self.file(pick)) and not self.acc.files[file].hidden:
            self.acc.finish_processing(file)
            self.model.loud.add(file)

    @rule(seconds=st.sampled_from([1, 5, 60, 3600, 7 * 3600, 86400]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    # What is done to the home

    @rule(filters=FILTERS)
    def set_filters(self, filters: Filters) -> None:
        self.model.filters = filters
        self.model.config_changed = True
        self.configure()

    @rule(pick=st.one_of(st.none(), picks))
    def set_scope(self, pick: int | None) -> None:
        folder = None if pick is None else self.folder(pick)
        if folder != self.project.folder:
            self.project.folder, self.project.rescoped = folder, True
            self.model.config_changed = True
            self.model.last_shown.clear()
            self.configure()

    @rule(gaps=st.sampled_from([(), ("Project Files/Plans",), ("Archive",)]))
    def expect_gaps(self, gaps: Sequence[str]) -> None:
        self.model.expected_unreadable = gaps
        self.configure()

    @rule(hours=st.sampled_from([-48, -5, -1, 1, 5, 48]))
    def set_clock(self, hours: int) -> None:
        self.machine.offset = timedelta(hours=hours)

    @rule(there=st.booleans(), active=st.booleans())
    def take_out_or_put_back(self, *, there: bool, active: bool) -> None:
        before = self.model.look()
        self.is_there, self.is_active = there, active
        self.configure()
        if not (there and active) and before.rows:
            self.clock.advance(1)
            assert self.home.start(Choice(everything=True)).outcomes == ()
            assert self.model.look() == before
            assert self.home.query("SELECT is_active FROM endpoints WHERE name = 'P'") == [{"is_active": 0}]

    # What the machine does

    def can_sync(self) -> bool:
        return self.is_there and self.is_active

    def prepare(self) -> Before:
        self.clock.advance(1.001)
        self.acc.reset()
        filters = self.model.filters
        self.model.config_changed |= bool(filters.modified_after or filters.modified_before)
        return self.model.look()

    @precondition(can_sync)
    @rule(
        full=st.booleans(),
        fault=st.one_of(st.none(), st.none(), FAULTS),
        nth=st.integers(1, 12),
        times=st.sampled_from([1, 2, 100]),
        accept=st.sampled_from([False, False, False, True]),
    )
    def sync(self, *, full: bool, fault: faults.Fault | None, nth: int, times: int, accept: bool) -> None:
        if fault is not None:
            self.acc.faults.fail(fault, nth=nth, times=times)
        self.run(full=full, accept=accept)

    def run(self, *, full: bool, accept: bool) -> Outcome:
        before = self.prepare()
        outcome = self.home.sync("P", full=full, accept_deletions=accept)
        self.acc.faults.clear()
        self.model.check(before, outcome, accepted=accept)
        if outcome.status == "success":
            self.project.rescoped = False
        if full and outcome.status in {"success", "partial"}:
            self.model.check_clean(before, outcome)
        return outcome

    @precondition(can_sync)
    @rule(at=st.sampled_from(["request", "commit", "committed"]), nth=st.integers(1, 20), full=st.booleans())
    def kill(self, at: Any, nth: int, *, full: bool) -> None:
        before = self.prepare()
        sync_and_die(self.home, Choice(names=("P",), full=full), Death(at, nth))
        if self.home.database.exists():
            self.model.check(before, None)

    @precondition(can_sync)
    @rule(files=st.integers(1, 5))
    def try_out(self, files: int) -> None:
        before = self.prepare()
        memory = self.memory()
        outcome = self.home.sync("P", max_files=files)
        self.model.check(before, outcome)
        assert self.memory() == memory

    @precondition(lambda self: self.can_sync() and self.home.database.exists())
    @rule(full=st.booleans())
    def run_dry(self, *, full: bool) -> None:
        self.prepare()
        before = self.dump()
        self.home.run("sync", "--endpoint", "P", "--dry-run", *(["--full"] if full else []))
        assert self.dump() == before

    def memory(self) -> list[dict[str, Any]]:
        """Read what a trial must not move: cursor, stamps, due time."""
        if not self.home.database.exists():
            return []
        return self.home.query(
            "SELECT provider_state, full_listed_at, complete_as_of, next_due_at, last_started_at FROM sync_state s"
            " JOIN endpoints e ON e.id = s.endpoint_id WHERE e.name = 'P' AND s.last_started_at IS NOT NULL"
        )

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.home.database)) as connection:
            return list(connection.iterdump())


_CALM = settings.get_profile("default")
TestAcc = AccMachine.TestCase
TestAcc.settings = settings(max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck))
