"""Expansion: asking the services what the sets are made of, at most hourly, and what that changed."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.clock import Clock, Stop, to_timestamp
from filesync.config import Endpoint, EndpointSet
from filesync.config.sets import KnownMembers, expand
from filesync.errors import FilesyncError, StoppedError
from filesync.model import Member, SetSource
from filesync.schedule import TEMPORARY, spacing
from filesync.store import sets as stored
from filesync.store.database import Database
from filesync.store.sets import Answered
from filesync.sync.slots import Locks

FindMembers = Callable[[EndpointSet, Stop], Sequence[Member]]

_EVERY = timedelta(hours=1)
_LOOK_AGAIN = 0.1  # seconds between two looks at another start's lock


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a start learned about one set; names are those of its endpoints. An error leaves everything as it was."""

    set_name: str
    new: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    error_type: str | None = None
    error_message: str | None = None


def is_due(answered: Answered | None, now: datetime, *, by_hand: bool) -> bool:
    """Tell whether to ask: an hour after the last answer; after a failure sooner, as with endpoints."""
    if answered is None or answered.asked_at is None or answered.asked_at > now:
        return True
    age = now - answered.asked_at
    if answered.error_type is None:
        return age >= _EVERY
    return by_hand or answered.error_type in TEMPORARY or age >= spacing(answered.failures_in_a_row)


def expanded(
    explicit: Sequence[Endpoint],
    sets: Sequence[EndpointSet],
    choice: tuple[Sequence[str], bool],
    database: Database,
    asking: "Asking | None",
) -> tuple[Sequence[Endpoint], Sequence[Expansion]]:
    """Give every endpoint, after asking for the sets that matter and are due; and what that changed.

    `choice` are the names that a person gave, and whether a person started this at all. Without `asking` nobody
    is asked.
    """
    names, by_hand = choice
    before = expand(explicit, sets, known_members(database))
    asked = asking.ask(_sets_to_ask(sets, names, before), by_hand=by_hand) if asking else set()
    answered = stored.load(database)
    after = expand(explicit, sets, known_members(database))
    return after, news([each for each in sets if each.source in asked], before, after, answered)


def known_members(database: Database) -> KnownMembers:
    """Read who was in the answers so far."""
    return {source: each.members for source, each in stored.load(database).items()}


class Asking:
    """Asks for the sets of one start, each source once."""

    def __init__(self, database: Database, locks: Locks, clock: Clock, stop: Stop, find: FindMembers) -> None:
        self._database = database
        self._locks = locks
        self._clock = clock
        self._stop = stop
        self._find = find

    def ask(self, sets: Sequence[EndpointSet], *, by_hand: bool) -> set[SetSource]:
        """Ask for what is due of these; gives the sources that were asked."""
        answered = stored.load(self._database)
        due = {each.source: each for each in sets if is_due(answered.get(each.source), self._now(), by_hand=by_hand)}
        return {source for source, each in due.items() if self._ask_once(each, by_hand=by_hand)}

    def _ask_once(self, each: EndpointSet, *, by_hand: bool) -> bool:
        """Ask unless another start did meanwhile."""
        try:
            with self._exclusive(each.source):
                answered = stored.load(self._database).get(each.source)
                if not is_due(answered, self._now(), by_hand=by_hand):
                    return False
                self._ask(each)
        except StoppedError:
            return False  # whoever starts next asks
        return True

    def _ask(self, each: EndpointSet) -> None:
        deadline = self._clock.monotonic() + each.template.time_limit.total_seconds()
        try:
            members = self._find(each, Stop(self._clock, deadline=deadline, parent=self._stop))
        except StoppedError:
            raise
        except FilesyncError as exc:
            stored.note_failure(self._database, each.source, exc.error_type, str(exc), to_timestamp(self._now()))
            return
        stored.note_answer(self._database, each.source, members, to_timestamp(self._now()))

    @contextlib.contextmanager
    def _exclusive(self, source: SetSource) -> Iterator[None]:
        lock = self._locks.source(source)
        try:
            while not lock.acquire(blocking=False):
                self._stop.wait(_LOOK_AGAIN)
            yield
        finally:
            lock.release()

    def _now(self) -> datetime:
        return self._clock.now()


def news(
    sets: Sequence[EndpointSet],
    before: Sequence[Endpoint],
    after: Sequence[Endpoint],
    answered: Mapping[SetSource, Answered],
) -> list[Expansion]:
    """Tell what the answers changed, set by set."""
    return [_news_of(each, _members_of(each, before), _members_of(each, after), answered) for each in sets]


def _news_of(
    each: EndpointSet,
    before: Mapping[str, Endpoint],
    after: Mapping[str, Endpoint],
    answered: Mapping[SetSource, Answered],
) -> Expansion:
    answer = answered.get(each.source, Answered(each.source))
    both = [(before[id_], now) for id_, now in after.items() if id_ in before]
    return Expansion(
        each.name,
        new=tuple(now.name for id_, now in after.items() if id_ not in before),
        archived=tuple(now.name for old, now in both if now.archived_at and not old.archived_at),
        back=tuple(now.name for old, now in both if old.archived_at and not now.archived_at),
        renamed=tuple((old.name, now.name) for old, now in both if old.name != now.name),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _members_of(each: EndpointSet, endpoints: Sequence[Endpoint]) -> Mapping[str, Endpoint]:
    return {
        endpoint.membership.member_id: endpoint
        for endpoint in endpoints
        if endpoint.membership and endpoint.membership.set_name == each.name
    }


def _sets_to_ask(sets: Sequence[EndpointSet], names: Sequence[str], known: Sequence[Endpoint]) -> Sequence[EndpointSet]:
    """Choose the sets whose members matter: all active ones, or those that the names lead to."""
    if not names:
        return [each for each in sets if each.template.is_active]
    homes = {each.name: each.membership.set_name if each.membership else "" for each in known}
    homes |= {each.name: each.name for each in sets}
    if not set(names) <= homes.keys():
        return sets  # a name that nobody knows may be a new member's
    return [each for each in sets if each.name in {homes[name] for name in names}]
