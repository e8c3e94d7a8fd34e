"""Time as the simulated services see it."""

import threading
from datetime import UTC, datetime, timedelta

from filesync.runtime.clock import Clock, SystemClock

_REAL = 0.002  # seconds: other threads do real work meanwhile, and who looks for a lock again must not outrun them


class HurriedClock:
    """Real time, made faster: since a moment in the past `factor` times as much of it has passed.

    A client and a service in different processes agree on the time when both are given the same.
    """

    def __init__(self, factor: float, since: float, system: Clock | None = None) -> None:
        """`since` is in seconds since 1970."""
        self._factor = factor
        self._since = datetime.fromtimestamp(since, UTC)
        self._system = system or SystemClock()

    def now(self) -> datetime:
        return self._since + (self._system.now() - self._since) * self._factor

    def monotonic(self) -> float:
        return self._system.monotonic() * self._factor

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._system.wait(event, seconds / self._factor)


class SimulatedClock:
    """Real time plus what `advance` added; a frozen one stands still but for `advance` and `wait`.

    It has the shape of filesync.runtime.clock.Clock, so that a client under test can share it: with a
    frozen one nobody really waits, and a minute's budget refills at once.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False, system: Clock | None = None) -> None:
        self._lock = threading.Lock()
        self._system = system or SystemClock()
        self._frozen = frozen
        self._began = self._system.monotonic()
        self._start = start or self._system.now()
        self._added = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self._began + self.elapsed

    @property
    def elapsed(self) -> float:
        """Return the seconds since the clock was made."""
        with self._lock:
            return self._elapsed()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._added += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not self._frozen:
            return event.wait(seconds)
        self._advance_to(self.elapsed + seconds)
        return event.wait(_REAL)

    def _advance_to(self, elapsed: float) -> None:
        with self._lock:
            self._added += max(0.0, elapsed - self._elapsed())

    def _elapsed(self) -> float:
        ran = 0.0 if self._frozen else self._system.monotonic() - self._began
        return ran + self._added
