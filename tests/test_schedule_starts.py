"""Thousands of simulated starts: jitter, sleeps, clock changes and clock jumps; each slot is served once."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from filesync.core.schedule import CronSchedule, History, IntervalSchedule, ManualSchedule, Schedule, decide, spacing
from tests.cli_home import CliHome

MINUTE = timedelta(minutes=1)
STARTS = 1_000
SPRING_AND_AUTUMN = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)),
    "Africa/Cairo": (datetime(2026, 4, 23, 22, tzinfo=UTC), datetime(2026, 10, 29, 21, tzinfo=UTC)),
}
CLOCK_CHANGES = [(zone, change) for zone, changes in SPRING_AND_AUTUMN.items() for change in changes]
LINES = ("30 2 * * *", "*/20 0-3 * * *", "30 1,2,3,23 * * *", "15 */6 * * 1-5")


@dataclass
class Machine:
    """A computer whose scheduler ticks, and one endpoint of it; what it ran is kept by its own clock."""

    schedule: Schedule
    created: datetime
    random: Random
    starts: list[datetime] = field(default_factory=list)
    runs: list[datetime] = field(default_factory=list)

    def history(self) -> History:
        if not self.runs:
            return History(self.created)
        last = self.runs[-1]
        return History(self.created, last, last + timedelta(seconds=20), "success")

    def start(self, now: datetime) -> bool:
        decision = decide(self.schedule, self.history(), now)
        self.starts.append(now)
        if decision.due:
            self.runs.append(now)
        return decision.due

    def tick(self, minute: datetime) -> datetime:
        """Move on to the next start: cron's minute and some seconds, now and then after a sleep."""
        asleep = self.random.random() < 0.02
        minute += MINUTE * (self.random.randrange(2, 3_000) if asleep else 1)
        self.start(minute + timedelta(seconds=self.random.uniform(0, 59)))
        return minute


def assert_each_slot_once(slots: Sequence[datetime], starts: Sequence[datetime], runs: Sequence[datetime]) -> None:
    """A start runs if and only if a slot came since the start before it: so each slot is served, and by one run."""
    ordered, served = sorted(slots), 0
    expected = []
    for start in starts:
        passed = bisect_right(ordered, start)
        if passed > served:
            expected.append(start)
        served = passed
    assert [*runs] == expected


def interval_slots(every: timedelta, first: datetime, last: datetime) -> list[datetime]:
    """Count slots by their definition: whole lengths since 2000-01-01 UTC. The one that is running at first counts."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    number = (first - epoch) // every
    slots = [epoch + number * every]
    while slots[-1] <= last:
        slots.append(slots[-1] + every)
    return slots


def cron_slots(line: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Let the library walk once from long before a change of the clocks, so that it never begins within one."""
    slots: list[datetime] = []
    for slot in CronSim(line, (first - timedelta(days=2)).astimezone(ZoneInfo(zone))):
        moment = slot.astimezone(UTC)
        if moment > last:
            return slots
        if moment > first:
            slots.append(moment)
    return slots


@pytest.mark.parametrize("minutes", [1, 5, 7, 60, 1440])
@pytest.mark.parametrize("seed", range(2))
def test_a_thousand_starts_serve_each_slot_of_an_interval_once(minutes: int, seed: int) -> None:
    begin = minute = datetime(2026, 3, 1, 11, 58, tzinfo=UTC)
    machine = Machine(IntervalSchedule(timedelta(minutes=minutes)), begin, Random(seed))
    for _ in range(STARTS):
        minute = machine.tick(minute)
    slots = interval_slots(timedelta(minutes=minutes), machine.starts[0], machine.starts[-1])
    assert_each_slot_once(slots, machine.starts, machine.runs)


@pytest.mark.parametrize(("zone", "change"), CLOCK_CHANGES)
@pytest.mark.parametrize("line", LINES)
def test_a_thousand_starts_serve_each_slot_of_a_cron_line_once_through_a_change_of_the_clocks(
    zone: str, change: datetime, line: str
) -> None:
    for seed in range(5):
        begin = now = change - timedelta(hours=9)  # a late start may fall into the hour that is repeated
        machine = Machine(CronSchedule(line, zone), begin, Random(seed))
        for _ in range(STARTS // 5):
            now += MINUTE * machine.random.choice((1, 5, 13, 59, 111)) + timedelta(
                seconds=machine.random.uniform(0, 59)
            )
            machine.start(now)
        assert now - change > timedelta(hours=4)
        assert_each_slot_once(cron_slots(line, zone, begin, now), machine.starts, machine.runs)


@pytest.mark.parametrize("zone", SPRING_AND_AUTUMN)
@pytest.mark.parametrize("line", ["30 2 * * *", "5 1 * * *"])
def test_a_daily_line_runs_once_on_every_day_of_a_year_whatever_the_clocks_do(zone: str, line: str) -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    machine = Machine(CronSchedule(line, zone), now, Random(1))
    while now < datetime(2027, 1, 1, 12, tzinfo=UTC):
        near = any(abs(now - change) < timedelta(hours=5) for change in SPRING_AND_AUTUMN[zone])
        now += timedelta(minutes=5 if near else 157)
        machine.start(now)
    days = [run.astimezone(ZoneInfo(zone)).date() for run in machine.runs]
    assert days == [days[0] + timedelta(days=number) for number in range(365)]


def test_in_the_hour_that_is_repeated_a_start_by_hand_does_not_bring_the_slot_back() -> None:
    """03:00 CEST became 02:00 CET at 01:00 UTC; the slot 02:30 was at 00:30 UTC."""
    daily = CronSchedule("30 2 * * *", "Europe/Berlin")
    by_hand = datetime(2026, 10, 25, 1, 5, tzinfo=UTC)
    past = History(by_hand - timedelta(days=9), by_hand, by_hand, "success")
    for minutes in range(10, 120, 5):
        assert not decide(daily, past, by_hand + timedelta(minutes=minutes)).due
    assert decide(daily, past, by_hand + MINUTE).next_due_at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("schedule", [IntervalSchedule(timedelta(minutes=5)), CronSchedule("*/10 * * * *", "UTC")])
@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_jumps_starves_nobody_and_repeats_nothing(schedule: Schedule, seed: int) -> None:
    """A jump ahead is like a sleep. After a jump back the machine's time begins anew: one run at once, then its slots."""
    random = Random(seed)
    minute = datetime(2026, 6, 1, tzinfo=UTC)
    machine = Machine(schedule, minute, random)
    timelines: list[tuple[int, int]] = [(0, 0)]  # where in starts and runs each began
    for _ in range(STARTS):
        if random.random() < 0.02:
            back = random.random() < 0.5
            minute += MINUTE * (-random.randrange(30, 5_000) if back else random.randrange(30, 5_000))
            if back:
                timelines.append((len(machine.starts), len(machine.runs)))
        minute = machine.tick(minute)
    assert len(timelines) > 4
    every = timedelta(minutes=5) if isinstance(schedule, IntervalSchedule) else timedelta(minutes=10)
    ends = [*timelines[1:], (len(machine.starts), len(machine.runs))]
    for (first, ran), (last, ran_last) in zip(timelines, ends, strict=True):
        starts, runs = machine.starts[first:last], machine.runs[ran:ran_last]
        if not starts:
            continue
        if first or isinstance(schedule, IntervalSchedule):
            assert runs[0] == starts[0]  # at once: it never ran, or its last start lies ahead
        assert_each_slot_once(interval_slots(every, runs[0], starts[-1])[1:], starts, runs[1:])


def test_a_clock_that_is_set_back_by_less_than_a_minute_is_no_jump() -> None:
    every = IntervalSchedule(timedelta(minutes=5))
    began = datetime(2026, 6, 1, 12, 0, 1, tzinfo=UTC)
    past = History(began, began, began, "success")
    assert not decide(every, past, began - timedelta(seconds=50)).due


def test_a_clock_that_ran_ahead_while_a_sync_failed_does_not_put_its_retry_off() -> None:
    began = datetime(2026, 6, 1, 12, 0, 1, tzinfo=UTC)
    past = History(began, began, datetime(2031, 1, 1, tzinfo=UTC), "failed", "forbidden", failures_in_a_row=1)
    every = IntervalSchedule(timedelta(minutes=5))
    assert not decide(every, past, began + timedelta(minutes=4)).due
    assert decide(every, past, began + timedelta(minutes=5)).due


def test_manual_never_runs_by_itself_in_a_thousand_starts() -> None:
    minute = datetime(2026, 3, 1, tzinfo=UTC)
    machine = Machine(ManualSchedule(), minute, Random(1))
    for _ in range(STARTS):
        minute = machine.tick(minute)
    assert machine.runs == []


@pytest.mark.parametrize(
    "schedule",
    [IntervalSchedule(MINUTE), IntervalSchedule(timedelta(hours=6)), CronSchedule("30 2 * * *", "Europe/Berlin")],
)
def test_failures_are_repeated_with_growing_spacing_whatever_the_slots(schedule: Schedule) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    history = History(now - timedelta(days=9), now, now, "failed", "forbidden", failures_in_a_row=1)
    waits: list[int] = []
    while len(waits) < 8:
        now += MINUTE
        if decide(schedule, history, now).due:
            failures = history.failures_in_a_row
            assert history.last_started_at is not None
            waits.append((now - history.last_started_at) // MINUTE)
            assert now - history.last_started_at == spacing(failures)
            history = History(history.created_at, now, now, "failed", "forbidden", failures + 1)
    assert waits == [5, 10, 20, 40, 60, 60, 60, 60]


def test_whole_starts_serve_each_slot_once_whatever_the_clock_does(tmp_path: Path) -> None:
    """The same with the database in between: what is remembered of a start is what the next one decides from."""
    home, random = CliHome(tmp_path), Random(7)
    home.configure({"name": "A"}, {"name": "M", "schedule": {"type": "manual"}})
    home.show("A")
    starts: list[datetime] = []
    runs: list[datetime] = []
    for number in range(70):
        home.clock.advance(random.choice((13, 59, 61, 299, 301, 4_000)))
        if number == 35:
            home.clock.advance(-86_400)
            first, ran = len(starts), len(runs)
        starts.append(home.clock.now())
        runs += [home.clock.now()] * len(home.start().outcomes)
    every = timedelta(minutes=5)
    before = interval_slots(every, starts[0], starts[first - 1])
    assert_each_slot_once(before, starts[:first], runs[:ran])
    assert runs[ran] == starts[first]  # set back by a day, it runs at once
    after = interval_slots(every, starts[first], starts[-1])
    assert_each_slot_once(after, starts[first:], runs[ran:])
