"""Cron expressions and time zones: what is wrong with one, in a user's words."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_NEVER = "no day is all of this, so it would never run"
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # whether an expression is right does not depend on today
_STEP = re.compile(r"(?:\*|(?P<low>\d{1,3})(?:-(?P<high>\d{1,3}))?)/(?P<step>\d{1,6})", re.ASCII)
_LONGER = {"minute": "hour", "hour": "day"}
_NAME = re.compile(r"[A-Za-z]{3}")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NAMES = {name: number for names, first in ((_DAYS, 0), (_MONTHS, 1)) for number, name in enumerate(names, first)}
_LONGEST_INTERVAL = 525_600  # minutes
# Zones by name only: EST never has summer time, CET stands for no country, and both read like clocks in other places.
LEGACY = frozenset(["EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "WET", "CET", "MET", "EET"])


class _Field(NamedTuple):
    """One of the five: its name, its lowest and highest value, and how many minutes a step of one is; 0: it varies."""

    name: str
    low: int
    high: int
    minutes: int


_FIELDS = (
    _Field("minute", 0, 59, 1),
    _Field("hour", 0, 23, 60),
    _Field("day-of-month", 1, 31, 24 * 60),
    _Field("month", 1, 12, 0),
    _Field("day-of-week", 0, 6, 0),
)


def check_cron(value: Any) -> Any:
    """Check a five-field cron expression; a day that never comes is wrong too, and a step that leads nowhere."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    problem = _cron_problem(text)
    if problem:
        raise ValueError(problem)
    return text


@lru_cache
def _cron_problem(text: str) -> str:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return "five fields are needed: minute, hour, day of month, month, day of week, such as '*/15 6-20 * * 1-5'"
    try:
        slots = CronSim(text, _ANY_DAY)
    except CronSimError as exc:
        if "day-of-month" in str(exc) and _is_cron(f"{parts[0]} {parts[1]} {parts[2]} * {parts[4]}"):
            return _NEVER  # a 31st of February
        return f"not a cron expression: {_in_our_words(str(exc))}"
    vain = next((said for part, field in zip(parts, _FIELDS, strict=True) for said in _vain_steps(part, field)), "")
    if vain:
        return vain
    return "" if next(slots, None) else _NEVER


def _is_cron(text: str) -> bool:
    try:
        CronSim(text, _ANY_DAY)
    except CronSimError:
        return False
    return True


def _in_our_words(said: str) -> str:
    """Add to what CronSim says which values the field has."""
    said = f"{said[:1].lower()}{said[1:]}"
    allowed = next((f"{each.low} to {each.high}" for each in _FIELDS if said == f"bad {each.name}"), "")
    return f"{said}: {allowed} is allowed, and ranges begin with the lower value" if allowed else said


def _vain_steps(part: str, field: _Field) -> Iterator[str]:
    """Find steps that are larger than what they step over: cron then takes the first value alone, and says nothing."""
    for term in part.split(","):
        found = _STEP.fullmatch(_NAME.sub(lambda name: str(_NAMES.get(name[0].upper(), name[0])), term))
        if found is None:
            continue
        low = int(found["low"]) if found["low"] else field.low
        high = int(found["high"]) if found["high"] else field.high
        step, count = int(found["step"]), high - low + 1
        if step > count:
            vain = (
                f"{term}: the step is larger than what it steps over, {field.name} {low} to {high}, so it means {low}"
            )
            yield f"{vain}; {_instead(term, low, step * field.minutes)}"


def _instead(term: str, low: int, minutes: int) -> str:
    """Say what to write for a step of that many minutes."""
    if 0 < minutes <= _LONGEST_INTERVAL and "-" not in term:
        return f"for every {minutes} minutes write {{type: interval, interval_minutes: {minutes}}}"
    return f"write {low} if that is meant, else name the values"


def uneven_step(text: str) -> str:
    """Remark on a step that does not go evenly into the hour or the day, and so is shorter at its end; '' for none."""
    for part, field in zip(text.split(), _FIELDS[:2], strict=False):
        found = re.fullmatch(r"\*/([1-9]\d?)", part, re.ASCII)
        if found and (field.high + 1) % int(found[1]):
            minutes = int(found[1]) * field.minutes
            return (
                f"{part}: not every {minutes} minutes, since cron begins anew with each {_LONGER[field.name]}; "
                f"if that is meant write {{type: interval, interval_minutes: {minutes}}}"
            )
    return ""


def check_timezone(value: Any) -> Any:
    """Check the name of an IANA time zone."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text in LEGACY or not _is_zone(text):
        from filesync.config.zones import nearest  # noqa: PLC0415  only a mistake needs all zones

        raise ValueError(f"{nearest(text)}an IANA time zone is needed, such as Europe/Berlin or UTC")
    return text


@lru_cache
def _is_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return False
    return True
