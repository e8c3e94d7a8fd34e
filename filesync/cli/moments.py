"""Moments and lengths of time, as people give them to options and as tables show them."""

from datetime import UTC, datetime, timedelta

from filesync.clock import Timestamp, from_timestamp, to_timestamp
from filesync.durations import parse_duration
from filesync.errors import UsageError

_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


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


def ago(moment: str | None, now: datetime) -> str:
    """Say how long ago a stored time is; '' when there is none."""
    if moment is None:
        return ""
    seconds = (now - from_timestamp(moment)).total_seconds()
    return "just now" if abs(seconds) < 1 else f"{length(seconds)} ago" if seconds > 0 else f"in {length(-seconds)}"


def until(moment: str | None, now: datetime) -> str:
    """Say how soon a stored time comes; one that has passed is now."""
    if moment is None:
        return ""
    return "now" if from_timestamp(moment) <= now else ago(moment, now)


def length(seconds: float) -> str:
    """Say a length of time in its two largest units at most, in few characters."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s".replace(".0 ", " ")
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(int(seconds), _HOUR)
        return f"{hours} h {rest // _MINUTE} min" if rest >= _MINUTE and hours < 10 else f"{hours} h"
    return f"{seconds // _DAY:.0f} days"


def minute(moment: str | None) -> str:
    """Write a stored time to the minute, for tables."""
    return "" if moment is None else f"{moment[:10]} {moment[11:16]}"
