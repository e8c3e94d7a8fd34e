"""Any history of a Google Drive, of syncs, faults and crashes: after a clean sync the database says what the model says.

After any other sync nothing is marked removed that the model has alive, no file is forgotten, and the feed replays to
the table. `-m soak --hypothesis-profile=night` walks on for hours.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from filesync.simulators import faults
from filesync.simulators.drive import OverLimit
from filesync.simulators.faults import Fault
from filesync.sync.options import SyncOptions
from tests.model.drive_machine import SCOPES, N, PeopleAtWork
from tests.model.inventory import Row
from tests.model.killing import Death, sync_and_die

_INVALID_TOKEN = {"errors": [{"domain": "global", "reason": "invalid", "location": "pageToken"}], "code": 400}
FAULTS: dict[str, tuple[Fault, str]] = {
    "503": (faults.status(503), ""),
    "over the limit": (faults.too_many(), ""),
    "over the limit, with Retry-After": (faults.too_many(3), ""),
    "dropped": (faults.DROP, ""),
    "reset": (faults.RESET, ""),
    "truncated": (faults.TRUNCATED, ""),
    "wrong type": (faults.WRONG_TYPE, ""),
    "login page": (faults.LOGIN_PAGE, ""),
    "endless": (faults.ENDLESS, ""),
    "403": (faults.status(403), ""),
    "expired page token": (faults.status(400, json.dumps({"error": _INVALID_TOKEN}).encode()), "pageToken"),
    "gone page token": (faults.status(410), "pageToken"),
}


class DriveMachine(PeopleAtWork):
    """All that may happen to people, the service, the settings and the machine."""

    @rule(where=N, kind=N)
    def make_native(self, where: int, kind: int) -> None:
        self.people.make_native(self.folder_at(where), kind)

    @rule(where=N, leads_to=N)
    def make_shortcut(self, where: int, leads_to: int) -> None:
        self.people.make_shortcut(self.folder_at(where), self.folder_at(leads_to))

    @rule(which=N)
    def bin_and_sync(self, which: int) -> None:
        self.bin(which)
        self.sync_undisturbed(full=False)

    @rule(which=N, to=N)
    def move_and_sync(self, which: int, to: int) -> None:
        self.move(which, to)
        self.sync_undisturbed(full=False)

    @rule(which=N)
    def share(self, which: int) -> None:
        theirs = [item for item in self.people.state.items.values() if item.home == self.people.theirs]
        self.people.share(theirs[which % len(theirs)])
        self.is_owed = self.is_owed or self.scope.strays
        self.model.access_changed = True

    @rule(which=N)
    def limit(self, which: int) -> None:
        self.people.limit(self.folder_at(which))
        self.model.access_changed = True

    @rule()
    def join_or_leave(self) -> None:
        self.people.join_or_leave()
        self.model.access_changed = True

    @rule(which=N)
    def view(self, which: int) -> None:
        self.people.state.view(self.thing_at(which).id)

    @rule()
    def come_or_go(self) -> None:
        self.is_there = not self.is_there
        self.configure()

    @rule()
    def switch_on_or_off(self) -> None:
        self.is_active = not self.is_active
        self.configure()

    @rule(listings=st.sampled_from([0.0, 120.0]), log=st.sampled_from([0.0, 30.0]))
    def lag(self, listings: float, log: float) -> None:
        self.people.state.history.lag, self.drive.change_lag = listings, log

    @rule(empty=st.booleans(), names=st.booleans(), below=st.booleans(), loses=st.booleans())
    def be_moody(self, *, empty: bool, names: bool, below: bool, loses: bool) -> None:
        self.drive.empty_change_pages, self.drive.unseen_parents = empty, names
        self.drive.grouped_parents_lose, self.people.state.descendant_entries = loses, below
        self.part.log_tells_all |= below

    @rule(status=st.sampled_from([400, 410]))
    def kill_change_tokens(self, status: int) -> None:
        self.drive.dead_token_status = status
        self.drive.kill_change_tokens()

    @rule(ahead=st.sampled_from([0, 0, 3600, -3600, 86400, -86400, 40 * 86400]))
    def jump(self, ahead: int) -> None:
        self.clock.ahead = ahead

    @rule(full=st.booleans(), is_incomplete=st.sampled_from([False, False, True]))
    def sync_at_once(self, *, full: bool, is_incomplete: bool) -> None:
        """Sync as the service is now: it may lag, or not have searched everything."""
        self.drive.incomplete_search = is_incomplete
        self.sync_disturbed(full=full)
        self.drive.incomplete_search = False

    @rule(
        what=st.sampled_from(sorted(FAULTS)),
        nth=st.integers(1, 9),
        times=st.sampled_from([1, 2, 100]),
        route=st.sampled_from([None, "files.list", "changes.list", "files.get"]),
        over=st.sampled_from(OverLimit),
        full=st.booleans(),
    )
    def sync_with_fault(
        self, what: str, nth: int, times: int, route: str | None, over: OverLimit, *, full: bool
    ) -> None:
        fault, where = FAULTS[what]
        self.drive.over_limit_answer = over
        self.drive.faults.fail(fault, nth=nth, times=times, route=route, path_contains=where)
        self.sync_disturbed(full=full)
        self.drive.faults.clear()

    @rule(at=st.sampled_from(["request", "commit", "committed"]), nth=st.integers(1, 14), full=st.booleans())
    def sync_killed(self, at: Any, nth: int, *, full: bool) -> None:
        with self.disturbed() as ended:
            ended.append(None)
            sync_and_die(self.home, SyncOptions(everything=True, full=full), Death(at, nth))

    @rule(
        what=st.sampled_from(["move", "move_folder", "move_to_new", "bin", "unbin", "rename", "make_full_folder"]),
        which=N,
        to=N,
        nth=st.integers(1, 9),
        full=st.booleans(),
    )
    def sync_meanwhile(self, what: str, which: int, to: int, nth: int, *, full: bool) -> None:
        """Sync while somebody does something between an answer and its arrival."""
        acts: dict[str, Callable[[], None]] = {
            "move": lambda: self.move(which, to),
            "move_folder": lambda: self.move_folder(which, to),
            "move_to_new": lambda: self.move_to_new(which, to),
            "bin": lambda: self.bin(which),
            "unbin": lambda: self.unbin(which),
            "rename": lambda: self.rename(which, to),
            "make_full_folder": lambda: self.make_full_folder(to, which, to),
        }

        def act(answer: Any) -> Any:
            with self.people.state.lock:
                acts[what]()
            return answer

        self.drive.faults.fail(faults.altered(act), nth=nth)
        since, before = self.home.last_seq(), self.alive()
        self.home.start(SyncOptions(everything=True, full=full))
        self.drive.faults.clear()
        removed = {change["external_file_id"] for change in self.home.changes(since) if change["kind"] == "deleted"}
        both = before.keys() & self.alive().keys()
        assert not removed & both, [before[id_]["file_path"] for id_ in removed & both]
        self.home.assert_sound()
        self.is_sure = self.is_sure and not self.people.state.history.lag
        self.is_known = self.is_known or (self.is_there and self.is_active)
        self.model.access_changed = True

    def move_to_new(self, which: int, where: int) -> None:
        self.make_folder(where, which)
        self.move_to(self.thing_at(which), list(self.people.state.items.values())[-1])

    def alive(self) -> dict[str, Row]:
        self.part.shown()
        return self.model.expected(self.clock.now())

    @rule(most=st.integers(1, 3), full=st.booleans())
    def sync_on_trial(self, most: int, *, full: bool) -> None:
        before, is_known = self.state_of_sync(), self.is_known
        self.sync_disturbed(max_files=most, full=full)
        assert not is_known or self.state_of_sync() == before

    @rule(full=st.booleans())
    def sync_dry(self, *, full: bool) -> None:
        before = self.everything()
        ended = self.home.run("sync", "--all", "--dry-run", *(["--full"] if full else []))
        assert ended.code in (0, 1, 3, 75), ended
        assert self.everything() == before

    @rule()
    def sync_what_is_due(self) -> None:
        with self.disturbed() as ended:
            ended.extend(self.home.start(SyncOptions()).outcomes)

    def state_of_sync(self) -> list[dict[str, Any]]:
        return self.home.query("SELECT provider_state, full_listed_at, completed_at, complete_as_of FROM sync_state")

    def everything(self) -> dict[str, Any]:
        tables = ("endpoints", "files", "folders", "changes", "sync_logs", "sync_state", "candidates", "withheld_files")
        return {name: self.home.query(f"SELECT * FROM {name}") for name in (*tables, "scheduler")}


def machine(scope: str) -> type[DriveMachine]:
    return type("DriveMachine", (DriveMachine,), {"first_scope": scope})


@pytest.mark.parametrize("scope", SCOPES)
def test_the_database_says_what_the_model_says_after_any_history(scope: str) -> None:
    run_state_machine_as_test(machine(scope), settings=settings(max_examples=3, stateful_step_count=40))


@pytest.mark.soak
@pytest.mark.parametrize("scope", SCOPES)
def test_the_database_says_what_the_model_says_after_very_many_histories(scope: str) -> None:
    run_state_machine_as_test(machine(scope), settings=settings(max_examples=3000, stateful_step_count=60))
