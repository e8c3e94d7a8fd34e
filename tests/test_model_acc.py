"""Random histories of an ACC project, of its endpoint and of the machine: after each sync the database says what it must."""

import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.acc.documents import Rules
from filesync.simulators.clock import SimulatedClock
from filesync.store.write.sync_log import Outcome
from filesync.sync.options import SyncOptions
from tests.homes import Acc, Home
from tests.model.acc import AccModel, Project, ShiftedClock
from tests.model.filters import Filters
from tests.model.inventory import Before
from tests.model.killing import Death, sync_and_die

MEMORY = Path("/dev/shm")  # histories are many and short: disks would take most of the time
BEGINNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
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
    modified_after=st.sampled_from([None, None, "1d", "3d", "2026-03-03"]),
    modified_before=st.sampled_from([None, None, "2026-03-05"]),
)
RULES = st.builds(
    Rules,
    deletion_moves_rollup=st.booleans(),
    restoring_moves_rollup=st.booleans(),
    folder_rename_moves_rollup=st.booleans(),
    folder_move_moves_rollup=st.booleans(),
    new_folder_moves_rollup=st.booleans(),
    deletion_adds_version=st.booleans(),
    list_items_all_or_nothing=st.booleans(),
    hide_revoked=st.booleans(),
)


@dataclass(frozen=True)
class Thing:
    """What somebody does; `pick` and `to` are of whatever there is by then."""

    done: str
    pick: int
    to: int
    file_name: str
    folder_name: str
    size: int | None


THINGS = st.builds(
    Thing,
    done=st.sampled_from(
        [
            "add_file",
            "add_folder",
            "add_version",
            "rename_file",
            "move_file",
            "move_file_unseen",
            "finish_processing",
            "rename_folder",
            "move_folder",
            "hide_file",
            "restore_file",
            "hide_or_restore_folder",
            "revoke_or_grant",
            "purge",
        ]
    ),
    pick=picks,
    to=picks,
    file_name=FILE_NAMES,
    folder_name=FOLDER_NAMES,
    size=st.sampled_from([0, 7, 7000, None]),
)


class AccMachine(RuleBasedStateMachine):
    """Drives the simulator, filesync and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.path = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.clock = SimulatedClock(BEGINNING, frozen=True)
        self.acc = AccSimulator(self.clock)
        self.acc.start()
        self.home = Home(Path(self.path.name), self.acc)
        self.machine = self.home.clock = ShiftedClock(self.clock)
        self.is_there = self.is_active = True

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                self.heal()
        finally:
            self.acc.stop()
            self.path.cleanup()

    def heal(self) -> None:
        """In the end, when nothing is in the way any more, everything is told right: nothing was forgotten for good."""
        self.machine.offset = timedelta(0)
        self.clock.advance(100)
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
        self.run(accept=True)
        assert self.run(full=True, accept=True).status == "success"

    @initialize(
        rules=RULES,
        page=st.sampled_from([2, 3, 200]),
        percent=st.sampled_from([100, 100, 50, 20]),
        many=st.booleans(),
        lag=st.sampled_from([0, 0, 0, 90]),
        in_folder=st.booleans(),
        known=st.sampled_from([True, True, False]),
    )
    def begin(
        self, rules: Rules, page: int, percent: int, lag: int, *, many: bool, in_folder: bool, known: bool
    ) -> None:
        acc = self.acc
        acc.rules, acc.largest_page = replace(rules, list_lag=lag), page
        project = acc.add_project(acc.add_hub())
        top = acc.project_files(project)
        inner = acc.add_folder(acc.add_folder(top, "Plans"), "Archive")
        for number in range(20 if many else 2):
            acc.add_file(inner if number % 2 else top, f"plan {number}.pdf")
        self.worked_at = self.clock.monotonic()
        self.clock.advance(60)
        self.project = Project(acc, self.home, project)
        self.model = AccModel(self.home, "P", self.project)
        self.model.max_delete_percent, self.model.lagging = percent, lag > 0
        if in_folder:
            self.project.folder = acc.folders[inner].parent.id  # type: ignore[union-attr]
        self.top = top
        self.configure()
        if known:
            self.run()

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

    @rule(things=st.lists(THINGS, min_size=1, max_size=4))
    def people_work(self, things: Sequence[Thing]) -> None:
        for thing in things:
            getattr(self, thing.done)(thing)
        self.worked_at = self.clock.monotonic()

    @property
    def folders(self) -> list[str]:
        return [id_ for id_, folder in self.acc.folders.items() if folder.parent is not None and not folder.system]

    def folder(self, pick: int) -> str:
        return self.folders[pick % len(self.folders)]

    def file(self, thing: Thing) -> str | None:
        """Pick a file that people can work with."""
        files = [id_ for id_, file in self.acc.files.items() if not file.hidden]
        return files[thing.pick % len(files)] if files else None

    def add_file(self, thing: Thing) -> None:
        self.model.loud.add(self.acc.add_file(self.folder(thing.pick), thing.file_name, thing.size))

    def add_folder(self, thing: Thing) -> None:
        self.acc.add_folder(self.folder(thing.pick), thing.folder_name)

    def add_version(self, thing: Thing) -> None:
        if file := self.file(thing):
            self.acc.add_version(file, thing.size)
            self.model.loud.add(file)

    def rename_file(self, thing: Thing) -> None:
        if file := self.file(thing):
            self.acc.rename_file(file, thing.file_name)
            self.model.loud.add(file)

    def move_file(self, thing: Thing) -> None:
        if file := self.file(thing):
            self.acc.move_file(file, self.folder(thing.to))
            self.model.loud.add(file)

    def move_file_unseen(self, thing: Thing) -> None:
        """Move a file so that no stamp tells of it: nobody has confirmed that moving in moves one."""
        if file := self.file(thing):
            target = self.acc.folders[self.folder(thing.to)]
            stamps = [(folder, folder.rollup) for folder in target.chain()]
            self.acc.move_file(file, target.id)
            for folder, stamp in stamps:
                folder.rollup = stamp

    def finish_processing(self, thing: Thing) -> None:
        if file := self.file(thing):
            self.acc.finish_processing(file)
            self.model.loud.add(file)

    def rename_folder(self, thing: Thing) -> None:
        if (folder := self.folder(thing.pick)) != self.top:
            self.acc.rename_folder(folder, thing.folder_name)

    def move_folder(self, thing: Thing) -> None:
        folder, target = self.acc.folders[self.folder(thing.pick)], self.acc.folders[self.folder(thing.to)]
        if folder.id != self.top and folder not in target.chain():
            self.acc.move_folder(folder.id, target.id)

    def hide_file(self, thing: Thing) -> None:
        if file := self.file(thing):
            self.acc.hide_file(file)

    def restore_file(self, thing: Thing) -> None:
        hidden = [id_ for id_, file in self.acc.files.items() if file.hidden]
        if hidden:
            self.acc.restore_file(hidden[thing.pick % len(hidden)])

    def hide_or_restore_folder(self, thing: Thing) -> None:
        if (folder := self.folder(thing.pick)) != self.top:
            self.acc.restore_folder(folder) if self.acc.folders[folder].hidden else self.acc.hide_folder(folder)

    def purge(self, thing: Thing) -> None:
        nodes = [*self.acc.files, *self.folders]
        if (node := nodes[thing.pick % len(nodes)]) not in {self.top, self.project.folder}:
            self.acc.remove_for_good(node)

    def revoke_or_grant(self, thing: Thing) -> None:
        nodes = [*self.acc.files, *self.folders]
        node = nodes[thing.pick % len(nodes)]
        lost = self.acc.files[node].revoked if node in self.acc.files else self.acc.folders[node].revoked
        self.acc.grant_access(node) if lost else self.acc.revoke_access(node)
        self.model.access_changed = True

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
            assert self.home.start(SyncOptions(everything=True)).outcomes == ()
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
    @rule(accept=st.sampled_from([False, False, False, True]))
    def sync(self, *, accept: bool) -> None:
        self.run(accept=accept)

    @precondition(can_sync)
    @rule()
    def sync_in_full(self) -> None:
        self.run(full=True)

    @precondition(can_sync)
    @rule(full=st.booleans(), fault=FAULTS, nth=st.integers(1, 12), times=st.sampled_from([1, 2, 100]))
    def sync_with_a_fault(self, *, full: bool, fault: faults.Fault, nth: int, times: int) -> None:
        self.acc.faults.fail(fault, nth=nth, times=times)
        self.run(full=full)

    @precondition(can_sync)
    @rule(after=st.integers(1, 12), full=st.booleans(), seconds=st.sampled_from([60, 3600, 7 * 3600]))
    def sync_a_piece(self, *, after: int, full: bool, seconds: int) -> None:
        """Be stopped by a signal after so many statements; then time passes."""
        before = self.prepare()
        self.model.check(before, self.home.sync_stopped(after, "P", full=full))
        self.clock.advance(seconds)

    @precondition(lambda self: self.can_sync() and not self.model.lagging)
    @rule(after=st.integers(1, 12), full=st.booleans(), thing=THINGS, is_folder=st.booleans())
    def sync_while_things_move(self, *, after: int, full: bool, thing: Thing, is_folder: bool) -> None:
        """Something moves while the crawl is under way: at its end nothing is gone that is there."""

        def move(stored: int) -> None:
            if stored == after:
                (self.move_folder if is_folder else self.move_file)(thing)
                self.model.look()

        before = self.prepare()
        self.home.after_statement, self.model.lagging = move, True  # what was listed before the move is of before it
        outcome = self.home.sync("P", full=full)
        self.home.after_statement = None
        self.model.check(before, outcome)
        self.model.lagging, self.worked_at = False, self.clock.monotonic()
        if outcome.status == "success":
            self.project.rescoped = False

    def run(self, *, full: bool = False, accept: bool = False) -> Outcome:
        before = self.prepare()
        outcome = self.home.sync("P", full=full, accept_deletions=accept)
        self.acc.faults.clear()
        self.model.check(before, outcome, accepted=accept)
        if outcome.status == "success":
            self.project.rescoped = False
        is_drained = self.clock.monotonic() > self.worked_at + self.acc.rules.list_lag
        if full and is_drained and outcome.status in {"success", "partial"}:
            self.model.check_clean(before, outcome)
        return outcome

    @precondition(can_sync)
    @rule(at=st.sampled_from(["request", "commit", "committed"]), nth=st.integers(1, 20), full=st.booleans())
    def kill(self, at: Any, nth: int, *, full: bool) -> None:
        before = self.prepare()
        sync_and_die(self.home, SyncOptions(names=("P",), full=full), Death(at, nth))
        if self.model.has_database():
            self.model.check(before, None)

    @precondition(can_sync)
    @rule(files=st.integers(1, 5))
    def try_out(self, files: int) -> None:
        before = self.prepare()
        memory = [] if self.project.rescoped else self.memory()
        outcome = self.home.sync("P", max_files=files)
        self.model.check(before, outcome)
        assert memory in ([], self.memory())

    @precondition(lambda self: self.can_sync() and self.model.has_database())
    @rule(full=st.booleans())
    def run_dry(self, *, full: bool) -> None:
        self.prepare()
        before = self.dump()
        self.home.run("sync", "--endpoint", "P", "--dry-run", *(["--full"] if full else []))
        assert self.dump() == before

    def memory(self) -> list[dict[str, Any]]:
        """Read what a trial must not move: cursor, stamps, due time."""
        if not self.model.has_database():
            return []
        return self.home.query(
            "SELECT provider_state, full_listed_at, complete_as_of, next_due_at, last_started_at FROM sync_state s"
            " JOIN endpoints e ON e.id = s.endpoint_id WHERE e.name = 'P' AND s.last_started_at IS NOT NULL"
        )

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.home.database)) as connection:
            return list(connection.iterdump())


def test_after_any_history_of_acc_the_database_says_what_the_model_says() -> None:
    run_state_machine_as_test(AccMachine, settings=settings(max_examples=20, stateful_step_count=25))


@pytest.mark.soak
def test_after_thousands_of_histories_of_acc_the_database_says_what_the_model_says() -> None:
    run_state_machine_as_test(AccMachine, settings=settings(max_examples=3000, stateful_step_count=50))


def test_a_member_who_gains_and_loses_folders_loses_no_file_that_he_is_shown(acc: Acc) -> None:
    service, chance = acc.service, Random(5)
    member = service.add_user("Bob Example")
    details = {"project_id": acc.project, "act_as_user": member}
    acc.home.configure({"name": "P", "endpoint_details": details, "max_delete_percent": 100})
    folders = [acc.top]
    for number in range(8):
        folders.append(service.add_folder(chance.choice(folders), f"{number}"))
        service.add_file(folders[-1], "plan.pdf")
    model = AccModel(acc.home, "P", Project(service, acc.home, acc.project, user=member), access_changed=True)
    model.max_delete_percent = 100
    for number in range(16):
        service.add_member(acc.project, member, chance.choice([None, chance.sample(folders, chance.randint(1, 3))]))
        moved, target = service.folders[chance.choice(folders[1:])], service.folders[chance.choice(folders)]
        if number % 2 and moved not in target.chain():
            service.move_folder(moved.id, target.id)
        acc.settle()
        before = model.look()
        outcome = acc.home.sync(full=number % 3 == 0)
        model.check(before, outcome)
        if number % 3 == 0:
            model.check_clean(before, outcome)
