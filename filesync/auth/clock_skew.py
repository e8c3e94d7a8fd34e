"""A wrong clock, as a service's answer shows it: what is signed with it is refused without a word about clocks."""

from datetime import datetime, timedelta

from filesync.core.errors import RefusedError

SKEW = timedelta(seconds=30)  # the shortest assertion lives two minutes


def skew(error: RefusedError, now: datetime) -> str:
    """Return advice about this machine's clock; '' when it agrees with the service's or the answer had no date."""
    if error.answered_at is None or abs(now - error.answered_at) <= SKEW:
        return ""
    return f"this machine's clock is {in_words(now - error.answered_at)} the service's: set it"


def in_words(ahead: timedelta) -> str:
    """Return how far a clock is ahead of another one, or behind it."""
    seconds = round(ahead.total_seconds())
    return f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'}"
