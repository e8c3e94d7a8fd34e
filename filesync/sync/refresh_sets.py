"""Expansion: asking the services what the sets are made of, at most hourly, and what that changed."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from filesync.config import Endpoint, EndpointSet
from filesync.config.endpoint import KnownMembers, expand
from filesync.core.durations import format_duration
from filesync.core.errors import FilesyncError, MassDeleteError, StoppedError, TimeLimitError
from filesync.core.identity import check_identity
from filesync.core.model import Member, Members, SetSource
from filesync.core.schedule import TEMPORARY, spacing
from filesync.core.timestamps import Timestamp, to_timestamp
from filesync.runtime.clock import Clock, Stop
from filesync.store.engine import Database
from filesync.store.write import sets as stored
from filesync.store.write.sets import Answered
from filesync.sync.endpoint_locks import EndpointLocks
from filesync.sync.options import SyncOptions

FindMembers = Callable[[EndpointSet, Stop], Sequence[Member]]

_EVERY = timedelta(hours=1)
_LONGEST = timedelta(minutes=1)  # that a scheduled start waits for an answer before it syncs what is known
_LOOK_AGAIN = 0.1  # seconds between two looks at another start's lock


@dataclass(frozen=True, slots=True)
class SetRefresh:
    """What a start learned about one set; names are those of its endpoints. An error leaves everything as it was."""

    set_name: str
    new: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    error_type: str | None = None
    error_message: str | None = None


def next_due_at(answered: Answered | None, now: datetime) -> datetime:
    """Return when to ask: an hour after the last answer; after a failure sooner, as with endpoints.

    Only the first of several failures in a row is repeated by the very next start: every start waits for the answer.
    """
    if answered is None or answered.asked_at is None or answered.asked_at > now:
        return now
    if answered.error_type is None:
        return answered.asked_at + _EVERY
    if answered.error_type in TEMPORARY and answered.failures_in_a_row <= 1:
        return now
    return answered.asked_at + spacing(answered.failures_in_a_row)


def refresh_sets(
    explicit: Sequence[Endpoint],
    sets: Sequence[EndpointSet],
    choice: SyncOptions,
    database: Database,
    asking: "SetRefresher | None",
) -> tuple[Sequence[Endpoint], Sequence[SetRefresh]]:
    """Return every endpoint, after asking for the sets that matter and are due; and what that changed.

    Without `asking` nobody is asked.
    """
    before = expand(explicit, sets, known_members(database))
    asked = asking.ask(_sets_to_ask(sets, choice.names, before), choice) if asking else set()
    answered = stored.load(database)
    after = expand(explicit, sets, known_members(database))
    return after, news([each for each in sets if each.source in asked], before, after, answered)


def known_members(database: Database) -> KnownMembers:
    """Read who was in the answers so far."""
    return {source: each.members for source, each in stored.load(database).items()}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A set whose members are wanted, and what a person said about it."""

    wanted: EndpointSet
    choice: SyncOptions

    @property
    def limit(self) -> timedelta:
        own = self.wanted.template.time_limit
        return own if self.choice.by_hand else min(own, _LONGEST)

    @property
    def accepts_emptiness(self) -> bool:
        return self.choice.accept_deletions and self.wanted.name in self.choice.names

    @property
    def accepts_identity(self) -> bool:
        return self.choice.accept_identity and self.wanted.name in self.choice.names

    @property
    def accepts(self) -> bool:
        return self.accepts_emptiness or self.accepts_identity

    def is_due(self, answered: Answered | None, now: datetime) -> bool:
        """Return whether to ask now: a person after a failure, or with a wish for everything afresh, need not wait."""
        failed = answered is not None and answered.error_type is not None
        afresh = self.choice.by_hand and (failed or self.choice.full)
        return afresh or self.accepts or next_due_at(answered, now) <= now


class SetRefresher:
    """Asks for the sets of one start, each source once."""

    def __init__(self, database: Database, locks: EndpointLocks, clock: Clock, stop: Stop, find: FindMembers) -> None:
        self._database = database
        self._locks = locks
        self._clock = clock
        self._stop = stop
        self._find = find

    def ask(self, sets: Sequence[EndpointSet], choice: SyncOptions) -> set[SetSource]:
        """Ask for what is due of these, and what a person accepts; gives the sources that were asked."""
        answered = stored.load(self._database)
        wishes = {each.source: _Wish(each, choice) for each in sorted(sets, key=lambda each: each.name in choice.names)}
        due = [wish for source, wish in wishes.items() if wish.is_due(answered.get(source), self._now())]
        return {wish.wanted.source for wish in due if self._ask_once(wish)}

    def _ask_once(self, wish: "_Wish") -> bool:
        """Ask unless another start did meanwhile, or still does."""
        began, limit = to_timestamp(self._now()), wish.limit
        stop = Stop(self._clock, deadline=self._clock.monotonic() + limit.total_seconds(), parent=self._stop)
        try:
            with self._exclusive(wish.wanted.source, stop):
                answered = stored.load(self._database).get(wish.wanted.source)
                if not wish.is_due(answered, self._now()) or self._is_answered_since(began, wish, answered):
                    return False
                self._ask(wish, answered, stop)
        except StoppedError:
            return False  # whoever starts next asks
        return True

    def _ask(self, wish: "_Wish", before: Answered | None, stop: Stop) -> None:
        """Ask and remember what came of it; only a signal leaves no trace."""
        source = wish.wanted.source
        try:
            found = self._find(wish.wanted, stop)
            members = found if isinstance(found, Members) else Members(found)
            known = before.identity if before else None
            check_identity(wish.wanted.name, known, members.identity, accepted=wish.accepts_identity)
            self._check_emptiness(wish, members)
        except TimeLimitError as exc:
            message = f"no whole answer within {format_duration(wish.limit)}; its endpoints stay as they are"
            stored.note_failure(self._database, source, exc.error_type, message, to_timestamp(self._now()))
        except StoppedError:
            raise
        except FilesyncError as exc:  # decision 42: half an answer would archive the rest
            stored.note_failure(self._database, source, exc.error_type, str(exc), to_timestamp(self._now()))
        else:
            stored.note_answer(self._database, source, members, to_timestamp(self._now()))

    def _check_emptiness(self, wish: "_Wish", members: Members) -> None:
        """Raise MassDeleteError when all members are gone at once, unless a person said that this is right."""
        # decision 43
        gone = 0 if members or wish.accepts_emptiness else stored.present(self._database, wish.wanted.source)
        if gone:
            raise MassDeleteError(
                f"the service names none of the {gone} members that were there, so nothing changes; if that is right, "
                f'run: filesync sync --endpoint "{wish.wanted.name}" --accept-deletions'
            )

    @contextlib.contextmanager
    def _exclusive(self, source: SetSource, stop: Stop) -> Iterator[None]:
        lock = self._locks.source(source)
        try:
            while not lock.acquire(blocking=False):
                stop.wait(_LOOK_AGAIN)
            yield
        finally:
            lock.release()

    def _is_answered_since(self, began: Timestamp, wish: _Wish, answered: Answered | None) -> bool:
        """Return whether another start got the answer while this one waited; a person's consent needs a fresh one."""
        if answered is None or answered.asked_at is None or answered.error_type is not None or wish.accepts:
            return False
        return began <= to_timestamp(answered.asked_at) <= to_timestamp(self._now())

    def _now(self) -> datetime:
        return self._clock.now()


def news(
    sets: Sequence[EndpointSet],
    before: Sequence[Endpoint],
    after: Sequence[Endpoint],
    answered: Mapping[SetSource, Answered],
) -> list[SetRefresh]:
    """Return what the answers changed, set by set."""
    return [_news_of(each, _members_of(each, before), _members_of(each, after), answered) for each in sets]


def _news_of(
    each: EndpointSet,
    before: Mapping[str, Endpoint],
    after: Mapping[str, Endpoint],
    answered: Mapping[SetSource, Answered],
) -> SetRefresh:
    answer = answered.get(each.source, Answered(each.source))
    both = [(before[id_], now) for id_, now in after.items() if id_ in before]
    return SetRefresh(
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
