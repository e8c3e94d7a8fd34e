"""How long ago, how soon, how long: times as people say them, in few characters."""

from datetime import datetime

from filesync.clock import known_time

UNREADABLE = "unreadable"  # of a stored time that somebody else's program damaged

_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds


def ago(moment: str | None, now: datetime) -> str:
    """Say how long ago a stored time is; '' when there is none."""
    if moment is None:
        return ""
    then = known_time(moment)
    if then is None:
        return UNREADABLE
    seconds = (now - then).total_seconds()
    return "just now" if abs(seconds) < 1 else f"{length(seconds)} ago" if seconds > 0 else f"in {length(-seconds)}"


def until(moment: str | None, now: datetime) -> str:
    """Say how soon a stored time comes; one that has passed is now."""
    if moment is None:
        return ""
    then = known_time(moment)
    return "now" if then and then <= now else ago(moment, now)


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
