"""Times and lengths of time as people write and read them: 90d, 2026-01-31, 5 min ago."""

import re
from datetime import UTC, datetime, timedelta

from filesync.core.errors import UsageError
from filesync.core.timestamps import Timestamp, known_time, to_timestamp

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TEXT = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw])\s*", re.ASCII)
_LONGEST = 36_525 * 86_400  # seconds in a hundred years: arithmetic on dates stays in range


def parse_duration(text: str) -> timedelta:
    """Read a number with its unit: s, m (minutes), h, d or w. Raises ValueError with what is allowed."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError("a number with its unit is needed: s, m, h, d or w, such as 4m, 6h or 90d")
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds > _LONGEST:
        raise ValueError("more than a hundred years")
    return timedelta(seconds=seconds)


def format_duration(length: timedelta) -> str:
    """Write it in the biggest unit that it is a whole number of: what `parse_duration` reads."""
    seconds = length.total_seconds()
    unit = next((unit for unit in "wdhm" if seconds and seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds / _SECONDS[unit]:.15g}{unit}"


UNREADABLE = "unreadable"  # of a stored time that somebody else's program damaged

_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


def ago(moment: str | None, now: datetime) -> str:
    """Return how long ago a stored time is; '' when there is none."""
    if moment is None:
        return ""
    then = known_time(moment)
    if then is None:
        return UNREADABLE
    seconds = (now - then).total_seconds()
    return "just now" if abs(seconds) < 1 else f"{length(seconds)} ago" if seconds > 0 else f"in {length(-seconds)}"


def until(moment: str | None, now: datetime) -> str:
    """Return how soon a stored time comes; one that has passed is now."""
    if moment is None:
        return ""
    then = known_time(moment)
    return "now" if then and then <= now else ago(moment, now)


def length(seconds: float) -> str:
    """Return a length of time in its two largest units at most, in few characters."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s".replace(".0 ", " ")
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(int(seconds), _HOUR)
        return f"{hours} h {rest // _MINUTE} min" if rest >= _MINUTE and hours < 10 else f"{hours} h"
    return f"{seconds // _DAY:.0f} days"


def parse_moment(option: str, text: str, now: datetime) -> Timestamp:
    """Read a date, a time (UTC unless it says otherwise) or an age; raises UsageError that names the option."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return to_timestamp(now - _age(option, text))
    try:
        return to_timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError as exc:
        raise UsageError(f"{option} {text[:40]!r}: that time is out of range") from exc


def _age(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as exc:
        allowed = "a date (2026-01-31), a time (2026-01-31T08:00Z) or an age (90d, 12h, 30m)"
        raise UsageError(f"{option} {text[:40]!r}: {allowed} is needed") from exc


def minute(moment: str | None) -> str:
    """Write a stored time to the minute, for tables."""
    return "" if moment is None else f"{moment[:10]} {moment[11:16]}"
