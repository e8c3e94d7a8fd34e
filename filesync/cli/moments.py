"""Moments, as people give them to options and as tables show them."""

from datetime import UTC, datetime, timedelta

from filesync.clock import Timestamp, to_timestamp
from filesync.durations import parse_duration
from filesync.errors import UsageError


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
