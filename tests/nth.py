"""The n-th request fails: a stage that is set once and put back for every try, and what must hold whatever happened."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from filesync.simulators import faults
from filesync.simulators.acc import AccSimulator
from filesync.simulators.clock import SimulatedClock
from filesync.simulators.drive import GoogleDrive
from filesync.simulators.faults import Fault, FaultPlan
from filesync.store.write.sync_log import Outcome
from filesync.sync.options import SyncOptions
from filesync.sync.session import exit_code
from tests.homes import READER, Home
from tests.nth_ways import GOOD, LATE, TIME_LIMIT, Ending, Way
from tests.truth import acc_row, drive_row, stored_acc_row, stored_drive_row

Rows = Mapping[str, tuple[Any, ...]]
_KEPT = ("data", "tokens")


class Hit(NamedTuple):
    """A request that a fault struck."""

    fault: Fault
    route: str
    path: str


class Plan(FaultPlan):
    """A fault plan that remembers which requests it struck."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self.hits: list[Hit] = []
        self._clock = clock

    def strike(self, route: str, target: str, *, token: bool) -> Fault | None:
        fault = super().strike(route, target, token=token)
        if fault is not None:
            self.hits.append(Hit(fault, route, target.partition("?")[0]))
        if fault is LATE:
            self._clock.advance(TIME_LIMIT)
        return fault


@dataclass(eq=False)
class Stage:
    """A home, its service, and what happened there before the sync that is to fail: the same for every try.

    `scope` is what `truth` is asked for, and by what a message may call the endpoint instead of the request.
    """

    name: str
    home: Home
    service: AccSimulator | GoogleDrive
    scope: tuple[str, ...]
    full: bool = False
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self._clock: SimulatedClock = self.service.clock
        self._kept_at = self._clock.elapsed
        self._kept = self.home.path / "kept"
        self.service.limits.scale = None  # the time is put back for every try, and a minute's count is not
        for name in _KEPT:
            if (self.home.path / name).exists():
                shutil.copytree(self.home.path / name, self._kept / name)
        self.put_back()

    def put_back(self) -> None:
        """Make home, service and clock as they were when the stage was set."""
        for name in _KEPT:
            shutil.rmtree(self.home.path / name, ignore_errors=True)
            if (self._kept / name).exists():
                shutil.copytree(self._kept / name, self.home.path / name)
        self._clock.advance(self._kept_at - self._clock.elapsed)
        self.service.faults = self.plan = Plan(self._clock)
        self.service.reset()

    def sync(self, *, scheduled: bool = False) -> tuple[Outcome, Ending]:
        """Run the sync that is to fail, or the one after it."""
        report = self.home.start(SyncOptions(everything=not scheduled, full=self.full and not self.plan.hits))
        assert len(report.outcomes) == 1, report
        outcome = report.outcomes[0]
        return outcome, Ending(outcome.status, outcome.error_type, exit_code(report))

    @cached_property
    def truth(self) -> Rows:
        if isinstance(self.service, AccSimulator):
            return {row["id"]: acc_row(row) for row in self.service.truth(*self.scope)}
        return {row["id"]: drive_row(row) for row in self.service.truth(READER, self.scope[-1])}

    def stored(self) -> Rows:
        to_row = stored_acc_row if isinstance(self.service, AccSimulator) else stored_drive_row
        return {id_: to_row(row) for id_, row in self.home.files().items()}

    def assert_true(self) -> None:
        """What is stored is the truth; what is gone may still be there as long as a full listing is owed for it.

        A flat listing that a lost cursor made necessary does not keep count of what it shows: the next one does.
        """
        stored = self.stored()
        assert self.truth.items() <= stored.items()
        assert self.owes_full() or len(stored) == len(self.truth)

    def owes_full(self) -> bool:
        return bool(self.home.query("SELECT full_listed_at IS NULL AS owed FROM sync_state")[0]["owed"])

    def requests(self) -> Sequence[str]:
        """Give the routes of an undisturbed sync's requests, those of the login left out."""
        self.put_back()
        outcome, _ = self.sync()
        assert outcome.status == "success", outcome
        self.assert_true()
        return [request.route for request in self.service.requests if not request.token]

    def dark(self) -> Sequence[str]:
        """Give the paths of the folders that could not be read."""
        rows = self.home.query(
            "SELECT folder_path AS path FROM folders WHERE NOT readable AND deleted_at IS NULL"
            " AND folder_path IS NOT NULL"
        )
        return [row["path"] for row in rows]


@dataclass(frozen=True)
class Before:
    """What was there before the sync."""

    ids: frozenset[str]
    seq: int

    @classmethod
    def of(cls, stage: Stage) -> "Before":
        rows = stage.home.query("SELECT external_file_id AS id FROM files")
        return cls(frozenset(row["id"] for row in rows), stage.home.last_seq())


_LOOK_UPS = frozenset({"folder", "item", "commands", "files.get"})


def try_way(stage: Stage, way: Way, *, always: bool, nth: int = 1, route: str | None = None) -> bool:
    """Let the nth request fail (and with `always` every later one), sync, sync again, and check both.

    `route`: count only those of that route. Gives False when there are not so many requests.
    """
    stage.put_back()
    stage.plan.fail(way.fault, nth=nth, times=None if always else 1, route=route)
    return _try(stage, way, f"{way.name} {'from' if always else 'at'} request {nth} of {route or 'all'}", always=always)


def try_second_login(stage: Stage, way: Way, *, always: bool, nth: int) -> bool:
    """Let the access token be refused at the nth request, and the login for the next one fail."""
    stage.put_back()
    stage.plan.fail(faults.status(401), nth=nth)
    stage.plan.fail(way.fault, nth=2, times=None if always else 1, route="token")
    return _try(stage, way, f"the token ends at request {nth}, and the next login: {way.name}", always=always)


def _try(stage: Stage, way: Way, what: str, *, always: bool) -> bool:
    before = Before.of(stage)
    outcome, ending = stage.sync(scheduled=way.fault is LATE)
    struck = [hit.route for hit in stage.plan.hits if hit.fault is way.fault]
    if not struck:
        return False
    try:
        allowed = way.endings(struck[0], always=always)
        if struck[0] == "changes.list" and "afresh" in stage.name:
            allowed += (GOOD,)  # who lists everything afresh needs no log
        assert ending in allowed, outcome.error_message
        check_dirty(stage, before, outcome, lied=way.about_one and not _LOOK_UPS.isdisjoint(struck))
        check_clean(stage, scheduled=way.fault is LATE)
    except BaseException as error:
        error.add_note(f"{stage.name}: {what}")
        raise
    return True


def check_dirty(stage: Stage, before: Before, outcome: Outcome, *, lied: bool) -> None:
    """Whatever went wrong: nothing is lost or made up, and what is called read was read.

    `lied`: a look-up by id was answered as if the thing were gone, so that it may be taken for gone.
    """
    home = stage.home
    home.assert_sound()
    assert before.ids <= Before.of(stage).ids, "a row is gone"
    removed = {change["external_file_id"] for change in home.changes(before.seq) if change["kind"] == "deleted"}
    assert not removed or outcome.status in ("success", "partial"), "removed by a sync that did not read everything"
    assert lied or not removed & stage.truth.keys(), "what the service shows was removed"
    if outcome.status == "success":
        stage.assert_true()
    elif outcome.status == "partial":
        _check_partial(stage, outcome)
    elif outcome.status == "failed":
        _check_message(stage, outcome)


def _check_partial(stage: Stage, outcome: Outcome) -> None:
    """What is unread is named, and all else is written."""
    dark = stage.dark()
    assert dark
    assert outcome.error_message is not None
    assert any(path in outcome.error_message for path in dark)
    assert _outside(stage.stored(), dark) == _outside(stage.truth, dark)


def _outside(rows: Rows, dark: Sequence[str]) -> Rows:
    return {id_: row for id_, row in rows.items() if not any(row[0].startswith(f"{path}/") for path in dark)}


def _check_message(stage: Stage, outcome: Outcome) -> None:
    """A failure names the request that failed, or the thing that the endpoint reads; in one line."""
    message = outcome.error_message or ""
    assert "\n" not in message
    names = {hit.path for hit in stage.plan.hits} | set(stage.scope)
    assert any(name in message for name in names), (message, stage.plan.hits)


def check_clean(stage: Stage, *, scheduled: bool = False) -> None:
    """Once nothing fails any more, the next sync makes the inventory true: no cursor and no stamp was ahead."""
    stage.plan.clear()
    _sync_well(stage, scheduled=scheduled)
    if stage.owes_full():
        _sync_well(stage)
    assert stage.stored() == stage.truth
    stage.home.assert_sound()


def _sync_well(stage: Stage, *, scheduled: bool = False) -> None:
    outcome, ending = stage.sync(scheduled=scheduled)
    assert ending == GOOD, outcome
    stage.assert_true()
