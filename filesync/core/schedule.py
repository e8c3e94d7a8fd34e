"""Due or not, and why: pure functions of (schedule, what was started last, how it ended, now)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # a Saturday; slots of any length are counted from here
_FIRST_RETRY = timedelta(minutes=5)
_LAST_RETRY = timedelta(hours=1)
_CLOCK_TOLERANCE = timedelta(minutes=1)

# what the next start may simply try again
TEMPORARY = frozenset({"temporary", "network", "rate_limited", "service_down", "stalled", "database_unavailable"})


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """One run in every slot of that length; slots are counted from a fixed epoch."""

    every: timedelta


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """A run at every slot of a cron expression, read in an IANA time zone."""

    expression: str
    timezone: str


@dataclass(frozen=True, slots=True)
class ManualSchedule:
    """Runs only when it is named."""


Schedule = IntervalSchedule | CronSchedule | ManualSchedule


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of an endpoint: when it appeared, and its last sync (trials aside)."""

    created_at: datetime
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    last_status: str | None = None
    last_error_type: str | None = None
    failures_in_a_row: int = 0
    owed_since: datetime | None = None  # a sync is owed since then, whatever the schedule says


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a scheduled start runs the endpoint now; `reason` is one sentence for `status --why`."""

    due: bool
    reason: str
    next_due_at: datetime | None  # None: never by itself


def decide(schedule: Schedule, history: History, now: datetime) -> Decision:
    """Decide whether a scheduled start at `now` runs the endpoint.

    Slots are served once, late rather than never; an `interrupted` or temporarily failed sync is due at the
    next start, other failures after 5, 10, 20 … 60 minutes. A clock that was set back never starves an endpoint.
    """
    if isinstance(schedule, ManualSchedule):
        return Decision(due=False, reason="manual: runs only when it is named", next_due_at=None)
    started = history.last_started_at
    owed = history.owed_since
    if owed is not None and owed <= now + _CLOCK_TOLERANCE and (started is None or started < owed):
        return Decision(due=True, reason="it is new, or back, in its set", next_due_at=owed)
    if started is None:
        return _decide_first(schedule, history, now)
    if started > now + _CLOCK_TOLERANCE:
        return Decision(due=True, reason="the clock was set back behind the last start", next_due_at=now)
    if history.last_status == "interrupted" or _failed_temporarily(history):
        return Decision(due=True, reason=f"the last sync {_ending(history)} at the next start", next_due_at=now)
    return _decide_next(schedule, history, started, now)


def gap_between_starts(schedule: Schedule, now: datetime, last_started_at: datetime | None) -> timedelta:
    """Return how far apart the schedule's starts are: what one sync must make good for."""
    match schedule:
        case IntervalSchedule(every):
            return every
        case CronSchedule():
            following = _slots(schedule, now)
            first = next(following, now)
            gap: timedelta = next(following, first) - first
            return max(gap, timedelta(minutes=1))
        case ManualSchedule():
            return now - last_started_at if last_started_at else timedelta(days=365)


def spacing(failures: int) -> timedelta:
    """Return how long to wait after that many failures in a row: 5, 10, 20, 40, then 60 minutes."""
    doublings = min(max(failures - 1, 0), 10)
    return min(_FIRST_RETRY * (1 << doublings), _LAST_RETRY)


def _decide_first(schedule: IntervalSchedule | CronSchedule, history: History, now: datetime) -> Decision:
    if isinstance(schedule, IntervalSchedule):
        return Decision(due=True, reason="it never ran", next_due_at=now)
    if history.created_at > now + _CLOCK_TOLERANCE:
        return Decision(due=True, reason="the clock was set back behind its beginning", next_due_at=now)
    first = next(_slots(schedule, history.created_at), None)
    if first is None:
        return Decision(due=False, reason="its cron line has no slot", next_due_at=None)
    if first <= now:
        return Decision(due=True, reason=f"its first slot {_said(first, schedule)} has come", next_due_at=first)
    return Decision(due=False, reason=f"its first slot {_said(first, schedule)} has not come yet", next_due_at=first)


def _decide_next(
    schedule: IntervalSchedule | CronSchedule, history: History, started: datetime, now: datetime
) -> Decision:
    if history.last_status == "failed" and history.last_error_type != "mass_delete":
        return _decide_retry(history, started, now)
    slot = _slot_after(schedule, started)
    if slot is None:
        return Decision(due=False, reason="its cron line has no further slot", next_due_at=None)
    if slot <= now:
        return Decision(due=True, reason=f"its slot {_said(slot, schedule)} has come", next_due_at=slot)
    return Decision(due=False, reason=f"its slot {_said(slot, schedule)} has not come yet", next_due_at=slot)


def _decide_retry(history: History, started: datetime, now: datetime) -> Decision:
    """Space retries out, whatever the slots: a daily endpoint need not wait for tomorrow, a busy one not hammer."""
    ended = history.last_finished_at
    if ended is None or ended > now + _CLOCK_TOLERANCE:  # the clock was set back while it ran
        ended = started
    retry = ended + spacing(history.failures_in_a_row)
    why = f"its retry after {_times(history.failures_in_a_row)}, at {_said(retry)},"
    if retry <= now:
        return Decision(due=True, reason=f"{why} has come", next_due_at=retry)
    return Decision(due=False, reason=f"{why} has not come yet", next_due_at=retry)


def _slot_after(schedule: IntervalSchedule | CronSchedule, started: datetime) -> datetime | None:
    """Return the first slot that the sync started then did not serve."""
    if isinstance(schedule, IntervalSchedule):
        return _EPOCH + ((started - _EPOCH) // schedule.every + 1) * schedule.every  # decision 49
    return next(_slots(schedule, started), None)


def _slots(schedule: CronSchedule, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim  # noqa: PLC0415  only cron schedules need it

    slots = CronSim(schedule.expression, after.astimezone(_zone(schedule)))
    for slot in (each.astimezone(UTC) for each in slots):
        if slot > after:  # in the hour that autumn repeats, CronSim goes back to its first pass
            yield slot


def _zone(schedule: CronSchedule) -> tzinfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  as above

    return ZoneInfo(schedule.timezone)


def _failed_temporarily(history: History) -> bool:
    return history.last_status == "failed" and history.last_error_type in TEMPORARY


def _ending(history: History) -> str:
    return "was interrupted and goes on" if history.last_status == "interrupted" else "failed for now and is repeated"


def _times(failures: int) -> str:
    return "a failure" if failures <= 1 else f"{failures} failures in a row"


def _said(moment: datetime, schedule: IntervalSchedule | CronSchedule | None = None) -> str:
    """Return a time in the schedule's zone; the table's column NEXT has it in UTC."""
    if isinstance(schedule, CronSchedule) and schedule.timezone != "UTC":
        return f"{moment.astimezone(_zone(schedule)):%Y-%m-%d %H:%M} {schedule.timezone}"
    return f"{moment:%Y-%m-%d %H:%M} UTC"
