"""How often a client may ask: a sliding minute per client and route."""

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from filesync.runtime.clock import Clock

WINDOW = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that was over its limit."""

    route: str
    client: str
    at: float  # the clock's monotonic seconds


class Limits:
    """Counts what was let through in the last 60 s; set `scale` to 0.1 for a tenth, None for no limits.

    A route without a number has no limit. `hits` lists the refusals, `peak` the fullest minute of each route.
    """

    def __init__(self, clock: Clock, per_minute: Mapping[str, int], scale: float | None = 1.0) -> None:
        self.scale = scale
        self.per_minute = dict(per_minute)
        self.hits: list[Hit] = []
        self.peak: dict[str, int] = defaultdict(int)
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def take(self, route: str, client: str) -> float | None:
        """Let one request through (None), or return the seconds until there is room again."""
        with self._lock:
            now = self._clock.monotonic()
            passed = self._passed[route, client]
            while passed and passed[0] <= now - WINDOW:
                passed.popleft()
            if len(passed) < self._allowed(route):
                passed.append(now)
                self.peak[route] = max(self.peak[route], len(passed))
                return None
            self.hits.append(Hit(route, client, now))
            return passed[0] + WINDOW - now if passed else WINDOW

    def _allowed(self, route: str) -> float:
        limit = self.per_minute.get(route)
        return float("inf") if limit is None or self.scale is None else limit * self.scale
