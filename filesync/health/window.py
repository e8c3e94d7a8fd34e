"""Looking seldom: facts and the answers made of them are kept for a second."""

from collections.abc import Callable
from threading import Lock

from filesync.clock import Clock
from filesync.health.facts import Facts

_FRESH_SECONDS = 1.0


class Window:
    """One for the server. Whoever comes while somebody looks waits for that look, so only one is ever under way."""

    def __init__(self, look: Callable[[], Facts], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._lock = Lock()
        self._seen: Facts | None = None
        self._seen_at = 0.0
        self._bodies: dict[Callable[[Facts], bytes], bytes] = {}

    def show(self, render: Callable[[Facts], bytes]) -> tuple[Facts, bytes]:
        """Give facts no older than a second, and what `render` made of them."""
        with self._lock:
            facts = self._facts()
            if render not in self._bodies:
                self._bodies[render] = render(facts)
            return facts, self._bodies[render]

    def _facts(self) -> Facts:
        if self._seen is None or self._clock.monotonic() - self._seen_at > _FRESH_SECONDS:
            self._seen = self._look()
            self._seen_at = self._clock.monotonic()  # a look that took long is fresh all the same
            self._bodies = {}
        return self._seen
