"""A wrong clock, as a service's answer shows it: what is signed with it is refused without a word about clocks."""

from datetime import datetime, timedelta

from filesync.errors import RefusedError

_SKEW = timedelta(seconds=30)  # the shortest assertion lives two minutes


def skew(error: RefusedError, now: datetime) -> str:
    """Say how far this machine's clock is from the service's; '' when they agree or the answer had no date."""
    if error.answered_at is None or abs(now - error.answered_at) <= _SKEW:
        return ""
    seconds = round((now - error.answered_at).total_seconds())
    side = "ahead of" if seconds > 0 else "behind"
    return f"this machine's clock is {abs(seconds)} s {side} the service's: set it"
