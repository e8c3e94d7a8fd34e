"""Lengths of time as people write them in settings and options: 90d, 12h, 4m."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TEXT = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw])\s*", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=36525)  # a hundred years: arithmetic on dates stays in range


def parse_duration(text: str) -> timedelta:
    """Read a number with its unit: s, m (minutes), h, d or w. Raises ValueError with what is allowed."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError("a number with its unit is needed: s, m, h, d or w, such as 4m, 6h or 90d")
    length = timedelta(**{_UNITS[found[2].lower()]: min(float(found[1]), 4e9 if found[2] in "sS" else 5e7)})
    if length > _LONGEST:
        raise ValueError("more than a hundred years")
    return length


def format_duration(length: timedelta) -> str:
    """Write a whole number of the biggest unit that fits: what `parse_duration` reads."""
    seconds = length.total_seconds()
    for size, unit in ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
