"""Times as text: what the database stores, and what is read back from it."""

import re
from datetime import UTC, datetime
from typing import NewType

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # stands for a time that is damaged and must be some time
Timestamp = NewType("Timestamp", str)  # UTC, YYYY-MM-DDTHH:MM:SS.mmmZ: text order is time order

_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{3,}Z", re.ASCII)  # of either service


def to_timestamp(moment: datetime) -> Timestamp:
    """Write an aware time the way the database stores it. Raises OverflowError beyond the years 1 to 9999 of UTC."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    text = utc.isoformat(timespec="milliseconds")  # strftime would write the year 999 with three digits
    return Timestamp(f"{text.removesuffix('+00:00')}Z")


def as_timestamp(text: str, moment: datetime) -> Timestamp:
    """Write the time that was read from this text as `to_timestamp` does: what services send is cut, not built anew."""
    return Timestamp(f"{text[:23]}Z") if _USUAL_TIME.fullmatch(text) else to_timestamp(moment)


def from_timestamp(text: str) -> datetime:
    """Read back what `to_timestamp` wrote."""
    return datetime.fromisoformat(text)


def known_time(text: str | None) -> datetime | None:
    """Read a stored time; None for none, and for one that somebody else's program damaged."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
