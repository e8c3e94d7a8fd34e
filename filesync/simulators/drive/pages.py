"""Page tokens: opaque, bound to the question they came with, and good for some hours."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.runtime.clock import Clock
from filesync.simulators.drive.items import DriveIds
from filesync.simulators.drive.refusals import invalid

_MAY_DIFFER = frozenset({"pageToken", "prettyPrint", "quotaUser", "alt", "key"})


@dataclass(frozen=True, slots=True)
class Place:
    question: str
    position: int
    expires_at: datetime


class PageTokens:
    """Remembers what each token stands for; `life` in seconds ("typically valid for several hours")."""

    def __init__(self, clock: Clock, ids: DriveIds, life: float = 4 * 3600) -> None:
        self.life = life
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()
        self._places: dict[str, Place] = {}

    def give(self, question: str, position: int) -> str:
        with self._lock:
            token = self._ids.page_token()
            self._places[token] = Place(question, position, self._clock.now() + timedelta(seconds=self.life))
            return token

    def position(self, token: str, question: str) -> int:
        """Return where the token's page begins, or refuse a token that is unknown, old, or from another query."""
        with self._lock:
            place = self._places.get(token)
        if place is None or place.question != question or place.expires_at <= self._clock.now():
            raise invalid("pageToken")
        return place.position


def question(route: str, client: str, query: Mapping[str, str]) -> str:
    """Name a question: everything that must not change from page to page."""
    return json.dumps([route, client, sorted((k, v) for k, v in query.items() if k not in _MAY_DIFFER)])
