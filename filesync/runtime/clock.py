"""Time: the only door to now, to waiting, and to the end of waiting by a stop."""

import threading
import time
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from filesync.core.errors import StoppedError, TimeLimitError

Thing = TypeVar("Thing")

# Only the main thread handles signals, and one that comes just before it falls asleep does not wake it (where the C
# library goes on waiting after a signal, none does). So it never sleeps for long.
TURN = 0.5  # seconds


class Clock(Protocol):
    """What the program may know about time; the tests' fake clock has the same shape."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until event is set (True) or the seconds are over (False)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  this is the door

    def monotonic(self) -> float:
        return time.monotonic()  # noqa: TID251  this is the door

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait as promised, in turns."""
        until = self.monotonic() + seconds
        while not event.wait(min(seconds, TURN)):
            seconds = until - self.monotonic()
            if seconds <= 0:
                return False
        return True


class _Work(threading.local):
    """What the present thread works for: `over` is set once nobody waits for it any more."""

    over: threading.Event | None = None


class _Either(threading.Event):
    """A stop, or the end of what a thread works for; the latter is heard within a turn of the clock's waiting."""

    def __init__(self, stop: threading.Event, over: threading.Event) -> None:
        super().__init__()
        self._both = (stop, over)

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._both)

    def wait(self, timeout: float | None = None) -> bool:
        return self._both[0].wait(timeout) or self.is_set()


_work = _Work()


def work_until(over: threading.Event) -> None:
    """Have this thread end at its next check or wait once `over` is set, as by a stop."""
    _work.over = over


def is_left() -> bool:
    """Return whether nobody waits for this thread's work any more."""
    return _work.over is not None and _work.over.is_set()


class Stop:
    """One request to stop, shared by all workers of a sync, and an optional deadline.

    `check` and `wait` raise StoppedError once `request` was called, here or on the parent, or nobody waits any more
    for what the thread does (`work_until`), and TimeLimitError once the deadline (in the clock's monotonic seconds)
    has passed.
    """

    def __init__(self, clock: Clock, *, deadline: float | None = None, parent: "Stop | None" = None) -> None:
        self._clock = clock
        self._deadline = deadline
        self.event: threading.Event = parent.event if parent else threading.Event()

    @property
    def requested(self) -> bool:
        return self.event.is_set()

    def request(self) -> None:
        self.event.set()

    def check(self) -> None:
        if self.event.is_set():
            raise StoppedError("stopped by a signal")
        if is_left():
            raise StoppedError("nobody waits for this any more")
        if self._deadline is not None and self._clock.monotonic() >= self._deadline:
            raise TimeLimitError("time limit reached; the next start goes on from here")

    def wait(self, seconds: float) -> None:
        """Wait that long, or raise as soon as it is known that the wait cannot be finished."""
        self.check()
        until = self._clock.monotonic() + seconds
        if self._deadline is not None and until > self._deadline:
            raise TimeLimitError("time limit reached while waiting for the service; the next start goes on from here")
        self._clock.wait(_Either(self.event, _work.over) if _work.over else self.event, seconds)
        self.check()


def take(queue: SimpleQueue[Thing]) -> Thing:
    """Wait for the next thing in the queue, in turns."""
    while True:
        try:
            return queue.get(timeout=TURN)
        except Empty:
            continue
