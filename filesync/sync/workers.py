"""The workers of a session: ask for the members of sets, choose what is due, run side by side, and stop on request."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filesync.config import Endpoint, EndpointSet
from filesync.core.errors import FilesyncError, LocalFileError, StoppedError, StoreError
from filesync.core.schedule import CronSchedule, IntervalSchedule, Schedule, decide
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Stop
from filesync.runtime.database_url import Address
from filesync.runtime.locks import FileLock
from filesync.runtime.malloc import use_one_arena
from filesync.store.database import open_for_writing, problems_named, shared
from filesync.store.engine import Database
from filesync.store.write import sets as stored_sets
from filesync.store.write import sync_log
from filesync.store.write.endpoints import Declared, EndpointRow, bring_in_line, find, load, note_end, note_start
from filesync.sync.endpoint_locks import EndpointLocks
from filesync.sync.refresh_sets import SetRefresh, SetRefresher, next_due_at, refresh_sets
from filesync.sync.session import RunningEndpoint, SyncReport, SyncSession

if TYPE_CHECKING:
    from filesync.store.postgres.database import Pool
    from filesync.store.write.sync_log import Outcome
    from filesync.sync.endpoint import ActiveSync

_TICK = 0.2  # seconds between two looks at the running syncs
_HEARTBEAT = 5.0  # seconds between two notes of progress
_NEVER = datetime.max.replace(tzinfo=UTC)
_GRACE = 3.5  # seconds that a stopped sync has to commit its batch


def sync_due(session: SyncSession) -> SyncReport:
    """Run every endpoint that is chosen, or due, and record when the session began and how it ended.

    Raises StoreError when the database cannot be used at all.
    """
    turn = shared(session.database_address)
    database = open_for_writing(
        session.database_address, lambda: session.stop.requested, session.watcher.upgrading, turn
    )
    try:
        began = to_timestamp(session.clock.now())
        note_start(database, began)
        try:
            with _problems_named(session.database_address):
                report = SyncWorkers(session, database, turn).work()
        except FilesyncError as exc:
            note_end(database, began, exc.exit_code)
            raise
        note_end(database, began, session.watcher.exit_code(report))
        return report
    finally:
        database.close()


class SyncWorkers:
    """The threads of one session."""

    def __init__(self, session: SyncSession, database: Database, turn: "threading.Lock | Pool") -> None:
        self._session = session
        self._database = database
        self._turn = turn
        self._locks = EndpointLocks(session.database_address, session.concurrency)
        self._queue: list[tuple[Endpoint, EndpointRow, RunningEndpoint]] = []
        self._queue_lock = threading.Lock()
        self._all: list[RunningEndpoint] = []
        self._endpoints: Sequence[Endpoint] = session.endpoints
        self._expansions: Sequence[SetRefresh] = ()

    def work(self) -> SyncReport:
        session = self._session
        here = None if isinstance(session.database_address, Path) else socket.gethostname()
        sync_log.close_stale(self._database, self._locks.is_running, session.clock.now(), others_than=here)
        if session.sets:
            self._expand()
        session.watcher.check_names([*(each.name for each in session.sets), *(each.name for each in self._endpoints)])
        now = to_timestamp(session.clock.now())
        stored = bring_in_line(self._database, [to_declared(e) for e in self._endpoints], now)
        for endpoint in self._chosen(stored):
            running = RunningEndpoint(endpoint.name)
            self._all.append(running)
            self._queue.append((endpoint, stored[endpoint.name], running))
        self._queue.sort(key=lambda entry: entry[1].completed_at is None)  # newcomers last
        if self._queue:
            use_one_arena()
        threads = [
            threading.Thread(target=self._serve, name=f"sync-{number}", daemon=True)
            for number in range(min(session.concurrency, len(self._queue)))
        ]
        for thread in threads:
            thread.start()
        self._attend(threads)
        return self._report()

    def _elsewhere(self, database: Database) -> dict[int, str]:
        """Return the endpoints that another host syncs now; only an inventory on a server has other hosts."""
        if isinstance(database.address, Path):
            return {}
        return sync_log.running_elsewhere(database, socket.gethostname(), self._session.clock.now())

    def _expand(self) -> None:
        """Ask for the sets that are due, and make their endpoints of what is known then."""
        session, asking = self._session, None
        if session.find_members:
            asking = SetRefresher(self._database, self._locks, session.clock, session.stop, session.find_members)
        self._endpoints, self._expansions = refresh_sets(
            session.endpoints, session.sets, session.choice, self._database, asking
        )

    def _chosen(self, stored: dict[str, EndpointRow]) -> list[Endpoint]:
        choice, now = self._session.choice, self._session.clock.now()
        active = [endpoint for endpoint in self._endpoints if endpoint.is_active and not endpoint.archived_at]
        if choice.names:
            in_set = [e for e in active if e.membership and e.membership.set_name in choice.names]
            named = [e for e in self._endpoints if e.name in choice.names]
            return [e for e in self._endpoints if e in named or e in in_set]
        if choice.everything:
            return active
        return [e for e in active if decide(e.schedule, stored[e.name].history(), now).due]

    def _serve(self) -> None:
        """Take endpoints from the queue until it is empty, all with one connection; one thread of the session."""
        with _kept(self._open_database) as database:
            while True:
                with self._queue_lock:
                    if not self._queue:
                        return
                    endpoint, stored, running = self._queue.pop(0)
                try:
                    with _problems_named(self._session.database_address):
                        self._run_one(endpoint, stored, running, database)
                except BaseException as exc:  # noqa: BLE001  a bug is raised by the main thread, after the others ended
                    self._note_bug(running, exc)
                running.done = True
                running.attempt = None  # what it knows of its folders is no longer needed

    def _open_database(self) -> Database:
        session = self._session
        return open_for_writing(session.database_address, lambda: session.stop.requested, turn=self._turn)

    def _note_bug(self, running: RunningEndpoint, bug: BaseException) -> None:
        running.bug = bug
        kind, message = "bug", type(bug).__name__
        if isinstance(bug, FilesyncError):  # the database or a lock failed where no outcome could be made of it
            kind, message = bug.error_type, str(bug)
        running.log.error("sync_ended", status="failed", error_type=kind, error_message=message)

    def _run_one(
        self, endpoint: Endpoint, stored: EndpointRow, running: RunningEndpoint, database: Callable[[], Database]
    ) -> None:
        try:
            slot = self._wait_for_slot(stored, running)
        except StoppedError:
            running.skipped = "stopped before it began"
            return
        if slot is None:
            running.skipped = "all slots are taken by another start"
            return
        lock = self._locks.endpoint(stored.id)
        try:
            if not lock.acquire(blocking=False):
                running.skipped = "another run holds this endpoint"
                return
            self._run_locked(endpoint, stored, running, database())
        finally:
            lock.release()
            with self._queue_lock:
                slot.release()
                running.has_slot = False

    def _wait_for_slot(self, stored: EndpointRow, running: RunningEndpoint) -> FileLock | None:
        """Take a slot; wait while this start itself fills them, or when a person asked."""
        while True:
            with self._queue_lock:
                we_hold_some = any(other.has_slot for other in self._all)
                slot = self._locks.take_slot(newcomer=stored.completed_at is None)
                running.has_slot = slot is not None
            if slot is not None:
                return slot
            if not we_hold_some and not self._session.choice.by_hand:
                return None
            self._session.stop.wait(_TICK)

    def _run_locked(
        self, endpoint: Endpoint, stored: EndpointRow, running: RunningEndpoint, database: Database
    ) -> None:
        from filesync.sync.endpoint import sync_endpoint  # noqa: PLC0415  a start with nothing due needs no HTTP

        session = self._session
        stored = find(database, stored.id)
        if host := self._elsewhere(database).get(stored.id):
            running.skipped = f"{host} syncs it"
            return
        if not session.choice.by_hand and not decide(endpoint.schedule, stored.history(), session.clock.now()).due:
            running.skipped = "another start has just run it"
            return
        deadline = None
        if not session.choice.by_hand:
            deadline = session.clock.monotonic() + endpoint.time_limit.total_seconds()
        stop = Stop(session.clock, deadline=deadline, parent=session.stop)
        session.watcher.begin_endpoint(endpoint, stored.id)
        running.outcome = sync_endpoint(
            session, endpoint, stored, database, stop, lambda attempt: self._begin(running, attempt)
        )
        running.outcome = self._archived_or_not(endpoint, stored, running, database)
        self._report_ending(running)

    def _begin(self, running: RunningEndpoint, attempt: "ActiveSync") -> None:
        from filesync.sync.event_log import log_beginning  # noqa: PLC0415  as above

        running.attempt = attempt
        running.log = log_beginning(self._session.log, running.name, attempt.run.plan.trigger, attempt.run.log_id)

    def _report_ending(self, running: RunningEndpoint) -> None:
        from filesync.sync.event_log import MOST_ODD, log_ending  # noqa: PLC0415  as above

        if running.outcome is not None and running.attempt is not None:
            run = running.attempt.run
            is_partial = running.outcome.status == "partial" and running.outcome.trigger != "trial"
            unread = [*run.unread(), *run.unanswered()] if is_partial else []
            log_ending(running.log, running.outcome, unread, run.newly_odd(MOST_ODD))

    def _archived_or_not(
        self, endpoint: Endpoint, stored: EndpointRow, running: RunningEndpoint, database: Database
    ) -> "Outcome | None":
        """Let a set's member rest whose project is archived, which is no failure; or wake one that could be read."""
        outcome, member = running.outcome, endpoint.membership
        if outcome is None or member is None or outcome.trigger == "trial":
            return outcome
        if outcome.error_type == "archived" and running.attempt is not None:
            now = to_timestamp(self._session.clock.now())
            stored_sets.mark_archived(database, member.source, member.member_id, stored.id, now)
            sync_log.note_archived(database, running.attempt.run.log_id)
            return replace(outcome, status="interrupted")
        if member.archived_at and outcome.status in {"success", "partial"}:
            stored_sets.mark_archived(database, member.source, member.member_id, stored.id, None)
        return outcome

    def _attend(self, threads: Sequence[threading.Thread]) -> None:
        """Watch the threads: show progress, note heartbeats, and once stopped give them a moment to commit."""
        clock = self._session.clock
        heartbeat = clock.monotonic() + _HEARTBEAT
        grace: float | None = None
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(_TICK / len(threads))
            self._session.watcher.show(self._all)
            if clock.monotonic() >= heartbeat:
                self._note_progress()
                heartbeat = clock.monotonic() + _HEARTBEAT
            if self._session.stop.requested:
                grace = grace if grace is not None else clock.monotonic() + _GRACE
                if clock.monotonic() >= grace:
                    self._abandon()
                    return
        self._session.watcher.show(self._all)

    def _note_progress(self) -> None:
        """Write that the syncs live; a database that somebody else holds is for them to say, when they write."""
        for running, attempt in self._under_way():
            try:
                sync_log.note_usage(self._database, attempt.run.log_id, attempt.usage(), self._session.clock.now())
            except (StoreError, StoppedError) as exc:
                running.log.debug("heartbeat_missed", error_message=str(exc))

    def _abandon(self) -> None:
        """Close the rows of syncs that hang in a request; what they committed stays, the next start goes on."""
        for running, attempt in self._under_way():
            sync_log.close_interrupted(self._database, attempt.run.log_id, self._session.clock.now())
            running.log.warning("sync_ended", status="interrupted", error_type="signal")

    def _under_way(self) -> "list[tuple[RunningEndpoint, ActiveSync]]":
        pairs = ((running, running.attempt) for running in self._all if not running.done)
        return [(running, attempt) for running, attempt in pairs if attempt is not None]

    def _report(self) -> SyncReport:
        bug = next((running.bug for running in self._all if running.bug is not None), None)
        if bug is not None:
            raise bug
        return SyncReport(
            tuple(running.outcome for running in self._all if running.outcome),
            tuple((running.name, running.skipped) for running in self._all if running.skipped),
            abandoned=bool(self._under_way()),
            expansions=tuple(self._expansions),
        )


@contextmanager
def _kept(opened: Callable[[], Database]) -> Iterator[Callable[[], Database]]:
    """Yield a function that opens a database at its first call, and returns the same one from then on."""
    found: list[Database] = []

    def once() -> Database:
        if not found:
            found.append(opened())
        return found[0]

    try:
        yield once
    finally:
        for database in found:
            database.close()


@contextmanager
def _problems_named(database_address: Address) -> Iterator[None]:
    """Turn what the system says of the database or of a lock into one line about that file."""
    try:
        with problems_named(database_address):
            yield
    except OSError as exc:
        if exc.filename is None:
            raise
        raise LocalFileError(f"{exc.filename}: {exc.strerror}") from exc


def idle_until(
    endpoints: Sequence[Endpoint], sets: Sequence[EndpointSet], database: Database, now: datetime
) -> datetime:
    """Return when the first endpoint or set is due, `now` when one is; endpoints without a row are due."""
    rows = {row.name: row for row in load(database)}
    answers = stored_sets.load(database) if sets else {}
    times = [next_due_at(answers.get(each.source), now) for each in sets if each.template.is_active]
    for each in endpoints:
        if each.is_active and not each.archived_at:
            if each.name not in rows:
                return now
            decision = decide(each.schedule, rows[each.name].history(), now)
            times.append(now if decision.due else decision.next_due_at or _NEVER)
    return min(times, default=_NEVER)


def to_declared(endpoint: Endpoint) -> Declared:
    """Write an endpoint as the table has it."""
    return Declared(
        endpoint.name,
        endpoint.endpoint_type,
        endpoint.scope,
        endpoint.project_id,
        endpoint.user_id,
        endpoint.details_text,
        _schedule_columns(endpoint.schedule),
        endpoint.is_active,
        is_member=endpoint.membership is not None,
        archived_at=endpoint.archived_at,
        state=endpoint.membership.state if endpoint.membership else {},
    )


def _schedule_columns(schedule: Schedule) -> dict[str, Any]:
    match schedule:
        case IntervalSchedule(every):
            return {"type": "interval", "interval_minutes": every.total_seconds() / 60}
        case CronSchedule(expression, timezone):
            return {"type": "cron", "cron": expression, "timezone": timezone}
        case _:
            return {"type": "manual"}
