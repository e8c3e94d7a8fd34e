"""Cron expressions and time zones: what is wrong with one, in a user's words, and what may have been meant."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from filesync.core.sanitize import did_you_mean

_NEVER = "no day matches all of this, so it would never run"
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
_SEASONS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
_ABBREVIATION = re.compile(r"[A-Za-z]{2,5}", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)
_MOST_NAMED = 3
_CONTINENTS = frozenset(("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"))
# Each stands for its neighbours where an abbreviation or an offset is shared; then come the others, by name.
_BEST_KNOWN = (
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Europe/Dublin",
    "Asia/Jerusalem",
    "Europe/Helsinki",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


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
        raise ValueError(f"{_nearest_zone(text)}an IANA time zone is needed, such as Europe/Berlin or UTC")
    return text


@lru_cache
def _is_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _nearest_zone(text: str) -> str:
    """Write `did you mean x? ` or what else helps; '' when nothing is near."""
    offset = _OFFSET.fullmatch(text)
    if offset:
        return _of_offset(*offset.groups(default="0"))
    if text in LEGACY:
        return _of_abbreviation("CET" if text == "MET" else text[:3])
    if _ABBREVIATION.fullmatch(text):  # the next three letters may be the other side of the earth
        return _of_abbreviation(text) or _of_city(text)
    return _of_city(text) or _of_spelling(text)


def _of_abbreviation(text: str) -> str:
    """Say that it is none, and name those where clocks show it."""
    abbreviation = text.upper()
    zones = [zone for zone, shown in _shown() if any(name == abbreviation for name, _ in shown)]
    if not zones:
        return ""
    return f"an abbreviation is no zone: did you mean {_listed(zones)}? "


def _of_offset(sign: str, hours: str, minutes: str) -> str:
    """Name places that are that far from UTC in one half of the year, and the zone that is so all year."""
    length = int(hours) * 60 + int(minutes)
    if not length:
        return "did you mean UTC? "
    wanted = timedelta(minutes=-length if sign == "-" else length)
    places = [zone for zone, shown in _shown() if any(offset == wanted for _, offset in shown)]
    also = _fixed(sign, int(hours)) if not int(minutes) else ""
    named = " or ".join(each for each in (_listed(places), also) if each)
    return f"an offset is no zone: did you mean {named}? " if named else ""


def _fixed(sign: str, hours: int) -> str:
    """Name the zone that has that offset all year."""
    zone = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"
    return f"{zone} (all year; its sign is the other way round)" if zone in available_timezones() else ""


def _of_city(text: str) -> str:
    city = _cities().get(_as_city(text))
    return f"did you mean {city}? " if city else ""


def _of_spelling(text: str) -> str:
    """Guess among the zones, or among the cities alone where no continent is named."""
    if "/" in text:
        return did_you_mean(text, available_timezones())
    close = get_close_matches(_as_city(text), _cities(), n=1)
    return f"did you mean {_cities()[close[0]]}? " if close else ""


def _cities() -> Mapping[str, str]:
    return {_as_city(zone): zone for zone in sorted(available_timezones() - LEGACY, reverse=True)}


def _as_city(text: str) -> str:
    return text.rpartition("/")[2].lower().replace(" ", "_")


def _shown() -> Iterator[tuple[str, Sequence[tuple[str | None, timedelta | None]]]]:
    """Give each place with what its clocks show in winter and in summer, the best-known ones first."""
    others = sorted(zone for zone in available_timezones() if _is_place(zone))
    for zone in dict.fromkeys([*_BEST_KNOWN, *others]):
        moments = [moment.astimezone(ZoneInfo(zone)) for moment in _SEASONS]
        yield zone, [(moment.tzname(), moment.utcoffset()) for moment in moments]


def _is_place(zone: str) -> bool:
    return zone.partition("/")[0] in _CONTINENTS


def _listed(zones: Sequence[str]) -> str:
    return " or ".join(zones[:_MOST_NAMED])
