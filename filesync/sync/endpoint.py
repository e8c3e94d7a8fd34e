"""One endpoint's sync: pull statements from its provider, put them in the store, decide removals, conclude."""

import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from filesync.config import Endpoint
from filesync.core.errors import FilesyncError, MassDeleteError, StoppedError, StoreError
from filesync.core.model import Batch, Candidate, Changed, FolderListed, Page, Resolved
from filesync.core.schedule import History, decide, gap_between_starts
from filesync.http.counters import Counters
from filesync.providers.base import Known, Provider, identity_in_use
from filesync.runtime.clock import Stop
from filesync.store.database import problems_named
from filesync.store.engine import Database
from filesync.store.write.endpoints import EndpointRow
from filesync.store.write.mass_delete_guard import Guard
from filesync.store.write.provider_view import ReconcilePace
from filesync.store.write.sync_log import Outcome, Usage
from filesync.store.write.sync_writer import SyncPlan, SyncWriter
from filesync.sync.options import SyncOptions
from filesync.sync.session import SyncSession

if TYPE_CHECKING:
    from filesync.core.alerts import Audience

_NAMED_GAPS = 5
_ANSWERS = 200  # of look-ups, stored in one commit
OpenProvider = Callable[[Endpoint, Stop, Counters], Provider]


@dataclass(frozen=True, slots=True)
class ActiveSync:
    """A sync under way: what was asked for, what others may look at, and how it is stopped."""

    endpoint: Endpoint
    choice: SyncOptions
    run: SyncWriter
    counters: Counters
    stop: Stop

    def usage(self) -> Usage:
        return Usage(
            self.counters.requests,
            self.counters.retries,
            self.counters.throttled_seconds,
            self.counters.waiting_for,
            self.counters.waiting_until,
        )


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the reading ended, before the row is closed."""

    status: str
    error_type: str | None = None
    error_message: str | None = None
    listed: bool = False
    removals: bool = False


def sync_endpoint(  # noqa: PLR0913  what one sync adds to its session
    session: SyncSession,
    endpoint: Endpoint,
    stored: EndpointRow,
    database: Database,
    stop: Stop,
    watch: Callable[[ActiveSync], None],
) -> Outcome:
    """Run one endpoint once; its lock is held by the caller.

    Every failure that a FilesyncError can name becomes the outcome; a bug is raised after its row is closed.
    """
    now = session.clock.now
    started = now()
    counters = Counters()
    provider = _open(session.open_provider, endpoint, stop, counters)
    plan = _plan(session, endpoint, stored, provider, started)
    run = SyncWriter(database, plan, now, socket.gethostname(), os.getpid(), stop.check)
    counters.sync_log_id = run.log_id
    attempt = ActiveSync(endpoint, session.choice, run, counters, stop)
    watch(attempt)
    try:
        ending = _read_and_decide(attempt, provider, database)
    except BaseException as exc:
        bug = _Ending("failed", "bug", f"{type(exc).__name__}: this is a defect of filesync; please report it")
        _conclude(attempt, stored, bug, started, now())
        raise
    return _conclude(attempt, stored, ending, started, now())


def _read_and_decide(attempt: ActiveSync, provider: Provider, database: Database) -> _Ending:
    choice = attempt.choice
    try:
        with problems_named(database.address):
            attempt.run.read_as(identity_in_use(provider), attempt.endpoint.name, accepted=choice.accept_identity)
            attempt.run.apply_filters()
            attempt.run.work_off()
            _pull(provider.read(attempt.run.known), attempt, choice.max_files)
            if choice.max_files is not None:
                return _Ending("partial", "trial", f"a trial: stopped after {attempt.run.tally.files_seen} files")
            # What failed by itself may be an outage as well: nothing is removed before it is known which.
            if doubt := _doubt(attempt.run):
                return doubt
            _decide_removals(attempt, provider)
            ending = _doubt(attempt.run) or _success_or_gaps(attempt.run.unread(), attempt.run.unanswered())
            if ending.listed:
                attempt.run.note_left_out(provider.left_out())
            if ending.removals:
                attempt.run.remove(accepted=choice.accept_deletions)
            return ending
    except FilesyncError as exc:
        return _failure(exc)


def _pull(batches: Iterator[Batch], attempt: ActiveSync, max_files: int | None) -> None:
    """Store each statement before the next is asked for; stop after max_files files."""
    try:
        for batch in batches:
            attempt.run.put(_cut(batch, max_files, attempt.run.tally.files_seen))
            attempt.stop.check()
            if max_files is not None and attempt.run.tally.files_seen >= max_files:
                return
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def _decide_removals(attempt: ActiveSync, provider: Provider) -> None:
    run, endpoint = attempt.run, attempt.endpoint
    run.weigh()  # decision 22: the guard counts before files are looked up
    if not attempt.choice.accept_deletions and run.guard(endpoint.max_delete_percent).trips:
        # what hangs in a folder that only moved is not vanishing: folders are few, and their look-ups settle it
        _look_up(attempt, provider, folders_only=True)
        guard = run.guard(endpoint.max_delete_percent)
        if guard.trips:
            raise MassDeleteError(_blocked(endpoint, guard))
    _look_up(attempt, provider)
    if run.weigh_again():
        _look_up(attempt, provider)


def _look_up(attempt: ActiveSync, provider: Provider, *, folders_only: bool = False) -> None:
    """Ask what became of candidates, and of what the answers make doubtful in turn."""
    run, asked_below = attempt.run, set[str]()
    while candidates := run.undecided(folders_only=folders_only) or _unasked_below(run, asked_below, folders_only):
        _pull_answers(_resolve(provider, candidates, run.known), attempt)
        run.note_asked(candidates)
        asked_below.update(each.id for each in candidates if each.is_folder)


def _unasked_below(run: SyncWriter, asked: set[str], folders_only: bool) -> list[Candidate]:
    below = [each for each in run.below_gone() if each.id not in asked and (each.is_folder or not folders_only)]
    asked.update(each.id for each in below)
    return below


def _pull_answers(batches: Generator[Batch, None, None], attempt: ActiveSync) -> None:
    """Store what look-ups say; answers that name nothing new are stored together."""
    answers: list[Resolved] = []
    try:
        with closing(batches):
            for batch in batches:
                if isinstance(batch, Resolved):
                    answers.append(batch)
                    if len(answers) < _ANSWERS:
                        continue  # whoever is to stop takes the answers that have come: requests end by themselves
                    attempt.run.resolve(answers)
                    answers = []
                else:
                    attempt.run.put(batch)
                attempt.stop.check()
    except StoppedError:
        attempt.run.resolve(answers)  # look-ups are dear: the next sync goes on behind them
        raise
    attempt.run.resolve(answers)


def _resolve(provider: Provider, candidates: Sequence[Candidate], known: Known) -> Generator[Batch, None, None]:
    yield from provider.resolve(candidates, known)


def _conclude(
    attempt: ActiveSync, stored: EndpointRow, ending: _Ending, started: datetime, finished: datetime
) -> Outcome:
    outcome = Outcome(
        endpoint=attempt.endpoint.name,
        status=ending.status,
        mode=attempt.run.mode,
        trigger=attempt.choice.trigger,
        started_at=started,
        finished_at=finished,
        tally=attempt.run.tally,
        usage=replace(attempt.usage(), waiting_for=None, waiting_until=None),
        error_type=ending.error_type,
        error_message=ending.error_message,
    )
    try:
        attempt.run.conclude(
            outcome,
            listed=ending.listed,
            removals=ending.removals,
            accepted=attempt.choice.accept_deletions and ending.removals,
            next_due_at=_next_due(attempt.endpoint, stored, outcome),
        )
    except StoreError as exc:
        if outcome.status == "failed":
            return outcome
        return replace(outcome, status="failed", error_type=exc.error_type, error_message=str(exc))
    return outcome


def _next_due(endpoint: Endpoint, stored: EndpointRow, outcome: Outcome) -> datetime | None:
    failures = stored.failures_in_a_row + 1 if outcome.status == "failed" else 0
    history = History(
        outcome.started_at, outcome.started_at, outcome.finished_at, outcome.status, outcome.error_type, failures
    )
    return decide(endpoint.schedule, history, outcome.finished_at).next_due_at


def _plan(session: SyncSession, endpoint: Endpoint, stored: EndpointRow, provider: Provider, now: datetime) -> SyncPlan:
    return SyncPlan(
        endpoint_id=stored.id,
        selection=endpoint.selection,
        pace=ReconcilePace(endpoint.reconcile_every, gap_between_starts(endpoint.schedule, now, stored.started())),
        stamped=provider.continuous,
        trigger=session.choice.trigger,
        full=session.choice.lists_all,
        expected_unreadable=endpoint.expected_unreadable,
        audience=_audience(session, endpoint),
    )


def _audience(session: SyncSession, endpoint: Endpoint) -> "Audience | None":
    if not endpoint.notify:
        return None
    from filesync.core.alerts import Audience  # noqa: PLC0415  most syncs have nobody to tell

    return Audience(endpoint.notify, session.run_id)


def _open(open_provider: OpenProvider, endpoint: Endpoint, stop: Stop, counters: Counters) -> Provider:
    try:
        return open_provider(endpoint, stop, counters)
    except FilesyncError as exc:
        return _Unopened(exc)


class _Unopened:
    """Stands for a provider that could not be made, so that the failure is logged like any other."""

    continuous = True

    def __init__(self, error: FilesyncError) -> None:
        self._error = error

    def read(self, known: Known) -> Iterator[Batch]:  # noqa: ARG002  the contract's signature
        raise self._error

    def resolve(self, candidates: Sequence[Candidate], known: Known) -> Iterator[Batch]:  # noqa: ARG002  as above
        raise self._error

    def left_out(self) -> Sequence[str]:
        return ()


def _cut(batch: Batch, max_files: int | None, seen: int) -> Batch:
    if max_files is None or not isinstance(batch, Page | FolderListed | Changed):
        return batch
    return replace(batch, files=batch.files[: max_files - seen])


def _failure(exc: FilesyncError) -> _Ending:
    status = "interrupted" if isinstance(exc, StoppedError) else "failed"
    return _Ending(status, exc.error_type, str(exc), listed=isinstance(exc, MassDeleteError))


def _doubt(run: SyncWriter) -> _Ending | None:
    """Return how a sync ends in which something failed by itself for the first times."""
    unsettled = run.unsettled()
    if unsettled is None:
        return None
    path, failed = unsettled
    message = (
        f"{path} (id {failed.id}): {failed.error}; the service answered for the rest, which is written; when this "
        "fails by itself in several syncs, it is left out and named"
    )
    return _Ending("failed", failed.error.error_type, message)


def _success_or_gaps(unread: Sequence[tuple[str, str]], unanswered: Sequence[tuple[str, str]]) -> _Ending:
    gaps = [_gaps(unread, "folder", "could not be read"), _gaps(unanswered, "missing item", "could not be looked up")]
    said = "; ".join(gap for gap in gaps if gap)
    if not said:
        return _Ending("success", listed=True, removals=True)
    return _Ending("partial", "unreadable", said, listed=True, removals=True)


def _gaps(gaps: Sequence[tuple[str, str]], noun: str, what: str) -> str:
    if not gaps:
        return ""
    named = "; ".join(f"{path} ({reason})" if reason else path for path, reason in gaps[:_NAMED_GAPS])
    more = f"; and {len(gaps) - _NAMED_GAPS} more" if len(gaps) > _NAMED_GAPS else ""
    return f"{len(gaps)} {noun if len(gaps) == 1 else f'{noun}s'} {what}: {named}{more}"


def _blocked(endpoint: Endpoint, guard: Guard) -> str:
    return (
        f"{guard.vanishing} of {guard.of} files would be removed, more than max_delete_percent "
        f"{endpoint.max_delete_percent:g}; look at them: filesync files --pending-removal --endpoint "
        f'"{endpoint.name}"; if that is right, run: filesync sync --endpoint "{endpoint.name}" --accept-deletions'
    )
