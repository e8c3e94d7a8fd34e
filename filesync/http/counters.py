"""What a sync's requests cost, and what it is waiting for right now."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from filesync.runtime.clock import Clock

_LONG = 5.0  # seconds of a wait that is logged


@dataclass(slots=True)
class Counters:
    """One per sync; written by all its workers, readable at any time.

    `throttled_seconds` is time during which at least one worker waited for a limit, so it never
    exceeds the sync's duration.
    """

    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    waiting_for: str | None = None
    waiting_until: datetime | None = None
    sync_log_id: int | None = None  # whose they are, once that is known
    on_wait: Callable[[str, float], None] = field(default=lambda _name, _seconds: None, repr=False, compare=False)
    _waits: list[tuple[datetime, str]] = field(default_factory=list, repr=False)
    _waiting_since: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, *, is_login: bool, is_retry: bool) -> None:
        with self._lock:
            self.requests += not is_login
            self.retries += is_retry

    @contextmanager
    def waiting(self, name: str, seconds: float, clock: Clock) -> Iterator[None]:
        """Show, for the length of a block, that a worker waits for the limit of that name."""
        wait = (clock.now() + timedelta(seconds=seconds), name)
        if self._begin(wait, clock.monotonic()) and seconds >= _LONG:
            self.on_wait(name, seconds)
        try:
            yield
        finally:
            self._end(wait, clock.monotonic())

    def _begin(self, wait: tuple[datetime, str], now: float) -> bool:
        """Return whether nobody waited before."""
        with self._lock:
            is_first = not self._waits
            if is_first:
                self._waiting_since = now
            self._waits.append(wait)
            self._show()
            return is_first

    def _end(self, wait: tuple[datetime, str], now: float) -> None:
        with self._lock:
            self._waits.remove(wait)
            if not self._waits:
                self.throttled_seconds += now - self._waiting_since
            self._show()

    def _show(self) -> None:
        self.waiting_until, self.waiting_for = max(self._waits, default=(None, None))
