"""What is true at one moment, kept for a second: everything that the answers of the health server are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from filesync import __version__
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Clock
from filesync.store.read.overview import Overview
from filesync.sync.status import ALARMS

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """One look: `endpoints` are as in `filesync status --json`.

    `database_problem` says why there is no overview, `config_problem` why endpoints may be missing or old.
    """

    now: datetime
    overview: Overview | None
    endpoints: Sequence[Row]
    database_problem: str | None = None
    config_problem: str | None = None

    @property
    def next_due_at(self) -> str | None:
        """Return when the next endpoint is due; a moment that has passed means now."""
        return min((row["next_due_at"] for row in self.endpoints if row["next_due_at"]), default=None)

    @property
    def alarming(self) -> list[Row]:
        """Return the endpoints that a person should look at."""
        return [row for row in self.endpoints if is_alarming(row)]


def is_alarming(row: Row) -> bool:
    """Return whether `filesync status --check` would name it."""
    return row["state"] in ALARMS or row["late"] is not None


def to_health(facts: Facts) -> Row:
    """Say whether the database answers."""
    if facts.overview is None:
        return {"status": "unavailable", "version": __version__, "error": facts.database_problem}
    return {"status": "ok", "version": __version__, "checked_at": to_timestamp(facts.now)}


def to_status(facts: Facts) -> Row:
    """Say everything but the last syncs and changes, for programs."""
    known = facts.overview
    return {
        "schema": 1,
        "version": __version__,
        "checked_at": to_timestamp(facts.now),
        "database": {
            "reachable": known is not None,
            "schema_version": known.schema_version if known else None,
            "files": known.files if known else None,
            "size": known.size if known else None,
            "wal_size": known.wal_size if known else None,
            "error": facts.database_problem,
        },
        "scheduler": {
            "last_start_at": known.last_start_at if known else None,
            "last_exit_code": known.last_exit_code if known else None,
            "next_due_at": facts.next_due_at,
        },
        "config": {"valid": facts.config_problem is None, "error": facts.config_problem},
        "endpoints": [*facts.endpoints],
    }


_FRESH_SECONDS = 1.0


class CachedSnapshot:
    """One for the server. Whoever comes while somebody looks waits for that look, so only one is ever under way."""

    def __init__(self, look: Callable[[], Facts], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._lock = Lock()
        self._seen: Facts | None = None
        self._seen_at = 0.0
        self._bodies: dict[Callable[[Facts], bytes], bytes] = {}

    def show(self, render: Callable[[Facts], bytes]) -> tuple[Facts, bytes]:
        """Return facts no older than a second, and what `render` made of them."""
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
