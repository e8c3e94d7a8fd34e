"""The pace: a request waits here for its lane, and here the service's Retry-After stops all workers at once."""

import datetime as dt
import email.utils
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from filesync.http.budget import LONGEST_WAIT, RateLimit, Wait
from filesync.http.counters import Counters
from filesync.http.types import HttpCall, Randomness, Reply, Route, Send
from filesync.runtime.clock import Clock, Stop

_SLOW = 0.5  # seconds: well within the second by which a lane's window is longer than a minute
_SHORTEST_WAIT = 0.001  # seconds: less could round to nothing and ask for ever


@dataclass(frozen=True, slots=True)
class Pace:
    """What waiting needs, once per sync."""

    clock: Clock
    stop: Stop
    counters: Counters
    random: Randomness

    def await_turn(self, lane: RateLimit, call: HttpCall) -> None:
        while wait := lane.claim():
            seconds = max(wait.seconds, _SHORTEST_WAIT) + self._jitter(wait)
            with self.counters.waiting(f"{call.route.name} ({wait.reason})", seconds, self.clock):
                self.stop.wait(seconds)
            call.waited += seconds

    @contextmanager
    def dated(self, lane: RateLimit) -> Iterator[None]:
        """Date a place anew when its request took long: connecting may have been the slow part."""
        begun = self.clock.monotonic()
        try:
            yield
        finally:
            seconds = self.clock.monotonic() - begun
            if seconds > _SLOW:
                lane.postpone(seconds)

    def _jitter(self, wait: Wait) -> float:
        return self.random.random() if wait.is_asked_for else 0.0  # so that workers do not all come back at once


def paced(send: Send, pace: Pace, lane_of: Callable[[Route], RateLimit]) -> Send:
    """Hold each request until its lane has a place; close the lane for as long as an answer says."""

    def send_in_turn(call: HttpCall) -> Reply:
        lane = lane_of(call.route)
        pace.await_turn(lane, call)
        with pace.dated(lane):
            reply = send(call)
        seconds = requested_wait(reply, pace.clock)
        if seconds:
            lane.block(seconds)
        return reply

    return send_in_turn


def requested_wait(reply: Reply, clock: Clock) -> float | None:
    """Read how many seconds the service asks us to wait; None when it does not, or asks for less than one.

    Retry-After is a number of seconds or a date, which is compared with the answer's own Date
    because our clock may differ: RFC 9110, 10.2.3.
    """
    text = reply.headers.get("Retry-After", "").strip()
    if not text or not may_pass(reply.status):
        return None
    seconds = float(text) if text.isascii() and text.isdigit() else _seconds_until(text, reply.headers, clock)
    return min(seconds, LONGEST_WAIT) if seconds >= 1 else None


def may_pass(status: int) -> bool:
    """Return whether an answer of that status can be about now rather than about the request (403: Drive's limits)."""
    return status in {403, 408, 429} or status >= 500


def to_date(text: str | None) -> dt.datetime | None:
    """Read an HTTP date; None for what is not one."""
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds_until(text: str, headers: Mapping[str, str], clock: Clock) -> float:
    until = to_date(text)
    if until is None:
        return 0.0
    return (until - (to_date(headers.get("Date")) or clock.now())).total_seconds()
