"""Lengths of time as people write them in settings and options: 90d, 12h, 4m."""

import re
from datetime import timedelta

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
