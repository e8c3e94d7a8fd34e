"""Due or not: pure decisions over schedules, histories and clocks."""

from datetime import UTC, datetime, timedelta

import pytest

from filesync.core.schedule import (
    CronSchedule,
    History,
    IntervalSchedule,
    ManualSchedule,
    Schedule,
    decide,
    gap_between_starts,
)
from filesync.store.write.provider_view import ReconcilePace

NOW = datetime(2026, 3, 4, 12, 2, 30, tzinfo=UTC)
EVERY_5 = IntervalSchedule(timedelta(minutes=5))


def history(started: datetime | None, status: str = "success", error: str | None = None, failures: int = 0) -> History:
    finished = None if started is None else started + timedelta(seconds=10)
    return History(NOW - timedelta(days=30), started, finished, None if started is None else status, error, failures)


def test_a_new_cron_endpoint_is_due_at_its_first_slot_after_it_was_added() -> None:
    hourly = CronSchedule("0 * * * *", "UTC")
    added = History(NOW)
    assert not decide(hourly, added, NOW).due
    assert decide(hourly, added, NOW).next_due_at == datetime(2026, 3, 4, 13, tzinfo=UTC)
    assert decide(hourly, added, datetime(2026, 3, 4, 13, 0, 1, tzinfo=UTC)).due


@pytest.mark.parametrize(
    ("status", "error", "due"),
    [
        ("interrupted", "signal", True),
        ("interrupted", "time_limit", True),
        ("interrupted", "died", True),
        ("failed", "network", True),
        ("failed", "rate_limited", True),
        ("failed", "stalled", True),
        ("partial", "unreadable", False),
        ("failed", "mass_delete", False),
        ("failed", "forbidden", False),
        ("success", None, False),
    ],
)
def test_what_the_next_start_in_the_same_slot_does(status: str, error: str | None, *, due: bool) -> None:
    past = history(NOW - timedelta(minutes=1), status, error, failures=1)
    assert decide(IntervalSchedule(timedelta(hours=1)), past, NOW).due is due


BERLIN = CronSchedule("0 6 * * 1-5", "Europe/Berlin")
AGO = NOW - timedelta(minutes=1)
AHEAD = NOW + timedelta(days=2)


@pytest.mark.parametrize(
    ("schedule", "past", "due", "reason"),
    [
        (ManualSchedule(), history(None), False, "manual: runs only when it is named"),
        (EVERY_5, history(None), True, "it never ran"),
        (BERLIN, History(NOW), False, "its first slot 2026-03-05 06:00 Europe/Berlin has not come yet"),
        (BERLIN, History(NOW - timedelta(days=1)), True, "its first slot 2026-03-04 06:00 Europe/Berlin has come"),
        (BERLIN, History(AHEAD), True, "the clock was set back behind its beginning"),
        (EVERY_5, history(AHEAD), True, "the clock was set back behind the last start"),
        (EVERY_5, history(AGO), False, "its slot 2026-03-04 12:05 UTC has not come yet"),
        (EVERY_5, history(NOW - timedelta(hours=3)), True, "its slot 2026-03-04 09:05 UTC has come"),
        (BERLIN, history(AGO), False, "its slot 2026-03-05 06:00 Europe/Berlin has not come yet"),
        (EVERY_5, history(AGO, "partial", "unreadable"), False, "its slot 2026-03-04 12:05 UTC has not come yet"),
        (EVERY_5, history(AGO, "failed", "mass_delete"), False, "its slot 2026-03-04 12:05 UTC has not come yet"),
        (
            EVERY_5,
            history(AGO, "interrupted", "time_limit"),
            True,
            "the last sync was interrupted and goes on at the next start",
        ),
        (
            EVERY_5,
            history(AGO, "failed", "network"),
            True,
            "the last sync failed for now and is repeated at the next start",
        ),
        (
            EVERY_5,
            history(AGO, "failed", "login", 1),
            False,
            "its retry after a failure, at 2026-03-04 12:06 UTC, has not come yet",
        ),
        (
            BERLIN,
            history(NOW - timedelta(hours=1), "failed", "forbidden", 4),
            True,
            "its retry after 4 failures in a row, at 2026-03-04 11:42 UTC, has come",
        ),
        (EVERY_5, History(NOW, AGO, AGO, "success", owed_since=NOW), True, "it is new, or back, in its set"),
    ],
)
def test_every_decision_gives_its_reason_in_one_sentence(
    schedule: Schedule, past: History, reason: str, *, due: bool
) -> None:
    decision = decide(schedule, past, NOW)
    assert (decision.due, decision.reason) == (due, reason)


def test_the_gap_of_a_cron_line_is_the_distance_of_its_next_slots() -> None:
    assert gap_between_starts(CronSchedule("*/15 * * * *", "UTC"), NOW, None) == timedelta(minutes=15)


@pytest.mark.parametrize("folders", [1, 7, 100, 5000])
@pytest.mark.parametrize("minutes", [5, 60])
def test_reconciling_at_an_even_pace_lets_no_listing_grow_older_than_asked(folders: int, minutes: int) -> None:
    every, gap = timedelta(hours=6), timedelta(minutes=minutes)
    pace = ReconcilePace(every, gap)
    ages = [float(number % 120) for number in range(folders)]
    most = 0
    for _ in range(300):
        ages = sorted((age + gap.total_seconds() for age in ages), reverse=True)
        count = pace.overdue(ages)
        most = max(most, count)
        ages[:count] = [0.0] * count
        assert max(ages) <= every.total_seconds()
    assert most <= max(1, 2 * folders * gap / every / 0.9)


def test_nothing_is_overdue_right_after_everything_was_listed() -> None:
    assert ReconcilePace(timedelta(hours=6), timedelta(minutes=5)).overdue([30.0] * 500) == 0


def test_after_a_long_pause_reconciling_catches_up_at_twice_its_share() -> None:
    pace = ReconcilePace(timedelta(hours=6), timedelta(minutes=5))
    count = pace.overdue([timedelta(days=3).total_seconds()] * 6480)
    assert count == 200
