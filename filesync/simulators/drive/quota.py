"""Drive's quota: units a minute, of which calls cost different amounts.

https://developers.google.com/workspace/drive/api/guides/limits
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from filesync.runtime.clock import Clock
from filesync.simulators.limits import WINDOW, Hit, Limits

PER_USER = 325_000  # units a minute
PER_PROJECT = 1_000_000
COSTS: Mapping[str, int] = {
    "files.list": 100,
    "changes.list": 100,  # unconfirmed: the table names lists, "for example files.list"
    "drives.list": 100,
    "files.get": 5,
    "drives.get": 5,
    "about.get": 5,
    "changes.getStartPageToken": 5,
}


@dataclass(frozen=True, slots=True)
class Spent:
    at: float  # the clock's monotonic seconds
    units: int


class Quota(Limits):
    """Counts units instead of requests, per user and for the project; `scale` None: no quota.

    `peak` has the fullest minute of each user in units. A route that costs nothing is never refused.
    """

    def __init__(self, clock: Clock, scale: float | None = 1.0) -> None:
        super().__init__(clock, {}, scale)
        self._spent: dict[str, deque[Spent]] = defaultdict(deque)
        self._units: dict[str, int] = defaultdict(int)

    def take(self, route: str, client: str) -> float | None:
        with self._lock:
            now, units = self._clock.monotonic(), COSTS.get(route, 0)
            budgets = {f"user {client}": PER_USER, "project": PER_PROJECT}
            waits = [self._wait(name, units, most, now) for name, most in budgets.items()]
            if max(waits) > 0:
                self.hits.append(Hit(route, client, now))
                return max(waits)
            for name in budgets:
                self._spend(name, Spent(now, units))
            self.peak[client] = max(self.peak[client], self._units[f"user {client}"])
            return None

    def _wait(self, name: str, units: int, most: int, now: float) -> float:
        """Return in how many seconds there is room for so many units; 0: now."""
        spent = self._spent[name]
        while spent and spent[0].at <= now - WINDOW:
            self._units[name] -= spent.popleft().units
        if not units or self.scale is None or self._units[name] + units <= most * self.scale:
            return 0.0
        return spent[0].at + WINDOW - now if spent else WINDOW

    def _spend(self, name: str, spent: Spent) -> None:
        self._spent[name].append(spent)
        self._units[name] += spent.units
