"""Due or not, and why: pure functions of (schedule, what was started last, how it ended, now)."""

from dataclasses import dataclass
from datetime import timedelta


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
