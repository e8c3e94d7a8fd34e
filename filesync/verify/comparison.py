"""Comparing: one endpoint's rows in one database, held against what one connection to its service shows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from filesync.config import Endpoint
from filesync.core.identity import check_identity
from filesync.core.model import Candidate, Identity, Shown
from filesync.core.timestamps import Timestamp
from filesync.http.counters import Counters
from filesync.providers.base import LooksUp, identity_in_use
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import Address
from filesync.store.database import open_for_reading
from filesync.store.read.verification import Compared, Verification, find
from filesync.sync.endpoint import OpenProvider

FEW = 100  # items that may cost a request each

ChangedAt = dict[str, Timestamp | None]


class NothingToCompareError(Exception):
    """Why an endpoint cannot be verified; never leaves the room."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What every look at one endpoint is given; `read_as` is the identity that its rows were read with."""

    endpoint: Endpoint
    clock: Clock
    stop: Stop
    open_provider: OpenProvider
    read_as: Identity | None
    counters: Counters = field(default_factory=Counters)


@dataclass(slots=True)
class Comparison:
    """Both sides; `changed_at` is the latest of the service's own times of changes of each item that was looked up.

    `unanswered` are the items whose look-up failed by itself, and how: nothing is known of them.
    """

    rows: Verification
    service: LooksUp
    stop: Stop
    is_stamped: bool
    changed_at: ChangedAt = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)

    def compare(self, items: Sequence[Candidate], *, singly: bool = False) -> list[Compared]:
        """Look items up, then give those that differ from their rows as they are now."""
        folder_ids = {item.id for item in items if item.is_folder}
        all_shown: list[Shown] = []
        for shown in self.service.look_up(items, self.rows.known, singly=singly):  # decision 34: never by listing
            self.stop.check()
            if shown.failure is not None:
                self.unanswered[shown.id] = str(shown.failure)
                continue
            times = (shown.changed_at, self.changed_at.get(shown.id))
            self.changed_at[shown.id] = max((time for time in times if time), default=None)
            all_shown.append(shown)
        folders = [shown for shown in all_shown if shown.id in folder_ids]
        # decision 36: the rows are read now, for no lock was held since they were drawn
        return self.rows.compare([shown for shown in all_shown if shown.id not in folder_ids], folders)

    def compare_again(self, compared: Sequence[Compared]) -> list[Compared]:
        """Compare these once more, each by a request of its own where they are few."""
        return self.compare(self.rows.again(compared), singly=len(compared) <= FEW)


@contextmanager
def comparing(doors: Doors, database_address: Address) -> Iterator[Comparison]:
    """Open both sides. Raises AuthError when the login is not the one that the rows were read with."""
    endpoint = doors.endpoint
    database = open_for_reading(database_address)
    try:
        endpoint_id = find(database, endpoint.endpoint_type, endpoint.scope)
        if endpoint_id is None:
            raise NothingToCompareError("its first sync has not ended yet")
        provider = doors.open_provider(endpoint, doors.stop, doors.counters)
        if not isinstance(provider, LooksUp):
            raise NothingToCompareError("its provider cannot look items up by id")
        check_identity(endpoint.name, doors.read_as, identity_in_use(provider))
        stamped = provider.continuous
        rows = Verification(database, endpoint_id, endpoint.selection, doors.clock.now(), stamped=stamped)
        yield Comparison(rows, provider, doors.stop, stamped)
    finally:
        database.close()
