"""How things were a moment ago: what a listing that lags still shows."""

from collections import deque
from collections.abc import Collection

from filesync.runtime.clock import Clock
from filesync.simulators.drive.items import Item


class ItemHistory:
    """Earlier states of items, kept for `lag` seconds; with no lag nothing is kept."""

    def __init__(self, clock: Clock, lag: float) -> None:
        self.lag = lag
        self._clock = clock
        self._earlier: dict[str, deque[tuple[float, Item | None]]] = {}

    def remember(self, item_id: str, was: Item | None) -> None:
        """Note what the item was until now; None: it was not there."""
        if self.lag:
            self._earlier.setdefault(item_id, deque()).append((self._clock.monotonic(), was))

    def before(self, item_id: str, now: Item | None) -> Item | None:
        """Return the item as it was `lag` seconds ago, or as it is now."""
        earlier = self._earlier.get(item_id)
        return earlier[0][1] if earlier else now

    def recent(self) -> Collection[str]:
        """Name what changed within the lag, after forgetting what is older."""
        horizon = self._clock.monotonic() - self.lag
        for item_id in list(self._earlier):
            earlier = self._earlier[item_id]
            while earlier and earlier[0][0] <= horizon:
                earlier.popleft()
            if not earlier:
                del self._earlier[item_id]
        return self._earlier

    def forget(self, item_id: str) -> None:
        self._earlier.pop(item_id, None)

    def clear(self) -> None:
        self._earlier.clear()
