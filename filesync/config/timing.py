"""Cron expressions and time zones: what is wrong with one, in a user's words."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from filesync.config.mistakes import did_you_mean

_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # whether an expression is right does not depend on today


def check_cron(value: Any) -> Any:
    """Check a five-field cron expression; a day that never comes is wrong too."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    problem = _cron_problem(text)
    if problem:
        raise ValueError(problem)
    return text


@lru_cache
def _cron_problem(text: str) -> str:
    if len(text.split()) != 5:
        return "five fields are needed: minute, hour, day of month, month, day of week, such as '*/15 6-20 * * 1-5'"
    try:
        CronSim(text, _ANY_DAY)
    except CronSimError as exc:
        return f"not a cron expression: {str(exc)[:1].lower()}{str(exc)[1:]}"
    return ""


def check_timezone(value: Any) -> Any:
    """Check the name of an IANA time zone."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not _is_zone(text):
        raise ValueError(f"{_nearest(text)}an IANA time zone is needed, such as Europe/Berlin or UTC")
    return text


@lru_cache
def _is_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _nearest(text: str) -> str:
    """Guess the zone from its name or from its city alone."""
    zones = available_timezones()
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones, reverse=True)}
    city = cities.get(text.rpartition("/")[2].lower().replace(" ", "_"))
    return f"did you mean {city}? " if city else did_you_mean(text, zones)
