"""The notifications of one start: pings as it begins, everything else once its syncs have ended."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from filesync.app.home import Home
from filesync.app.notify_targets import addressees, desk, endpoint_ids
from filesync.core.alerts import PING, Event, Ping, Target, to_rid
from filesync.core.errors import DeliveryError, FilesyncError, NoAnswerError, StoppedError, StoreError, TransientError
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Stop
from filesync.runtime.signals import SIGNALLED, stopping

if TYPE_CHECKING:
    from filesync.config import Endpoint
    from filesync.notify.delivery import Result
    from filesync.notify.messages import Message
    from filesync.notify.sender import DeliveryContext
    from filesync.notify.stale_watch import StaleWatch
    from filesync.store.engine import Database
    from filesync.store.write.notices import Note
    from filesync.sync.options import SyncOptions
    from filesync.sync.session import SyncReport

_FAILURES_TOLD = 3  # deliveries to one target in a row that failed, before stderr says so
_GLANCE = 0.05  # seconds between two looks at a ping


class Notifier:
    """Notifies the targets of the configuration about one start."""

    def __init__(self, home: Home, choice: "SyncOptions") -> None:
        self._home = home
        self._is_scheduled = not choice.by_hand
        self._began_at = home.clock.now()
        self._start_pings: list[_StartPing] = []
        self._targets = home.config.targets()
        self._silent: dict[str, str] = {}  # by key, switches that gave no answer to their start ping
        self.abandoned = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Notify the dead-man switches of the home that a scheduled start begins, and of the error that ends it."""
        failing = self._failing()
        for target in self._switches():
            if target.name not in failing:
                self._ping_start(target, target.name)
        try:
            yield
        except (StoppedError, TransientError):
            raise  # silence, as after syncs that failed so
        except FilesyncError as error:
            self._broke(error)
            raise

    def begin_endpoint(self, endpoint: "Endpoint", endpoint_id: int) -> None:
        """Notify an endpoint's own dead-man switches that its sync began; wait for none."""
        own = [each for each in endpoint.notify if isinstance(each.way, Ping) and each.own]
        failing = self._failing() if own else frozenset()
        for target in own:
            if target.key(endpoint_id) not in failing:
                self._ping_start(target, target.key(endpoint_id))

    def finish(self, report: "SyncReport", code: int) -> int:
        """Write what no sync reported by itself, deliver what waits, and return the exit code of this process.

        A start that was stopped delivers nothing: the next one does.
        """
        if code >= SIGNALLED:
            return code
        stop = Stop(self._home.clock)
        with stopping(stop.request) as caught:
            self._await_start_pings(stop)
            with suppress(StoppedError):
                self._tell(report, code, stop)
        return code if caught.exit_code is None else caught.exit_code

    def _switches(self) -> Sequence[Target]:
        """Return the dead-man switches that are notified of every scheduled start."""
        all_of_home = [each for each in self._targets if isinstance(each.way, Ping) and not each.own]
        return all_of_home if self._is_scheduled else ()

    def _failing(self) -> frozenset[str]:
        """Return the targets whose last message failed: only the message about the end of a start tries them again."""
        from filesync.store.database import open_for_reading  # noqa: PLC0415  as everywhere
        from filesync.store.feed import outbox  # noqa: PLC0415  as everywhere

        try:
            database = open_for_reading(self._home.database_address, busy_seconds=_GLANCE)
        except StoreError:  # of the first start, or of an older version
            return frozenset()
        try:
            return outbox.failing(database)
        except StoreError:
            return frozenset()
        finally:
            database.close()

    def _broke(self, error: FilesyncError) -> None:
        from filesync.notify.messages import Message  # noqa: PLC0415  as everywhere
        from filesync.notify.sender import try_once  # noqa: PLC0415  as everywhere

        home, stop = self._home, Stop(self._home.clock)
        facts = {"result": "fail", "rid": to_rid(home.run_id), "text": str(error)}
        with stopping(stop.request):
            self._await_start_pings(stop)
            for target in self._switches():
                if target.name in self._silent:
                    continue
                with suppress(DeliveryError, StoppedError):  # then its silence tells
                    try_once(desk(home, stop, self._began_at), target, Message("fail", PING, facts))

    def _tell(self, report: "SyncReport", code: int, stop: Stop) -> None:
        from filesync.notify.delivery import deliver  # noqa: PLC0415  only who has somebody to tell

        try:
            endpoints = self._home.endpoints()
            self._write(report, code, endpoints, stop)
            given = replace(desk(self._home, stop, self._began_at), silent=frozenset(self._silent))
            result = deliver(given, addressees(self._home, endpoints))
        except (FilesyncError, OSError) as error:  # the syncs are done and their outcome stands
            self._home.messages.complain(f"no notification could be sent: {error}")
            return
        self.abandoned = self.abandoned or result.abandoned
        self._complain(result)

    def _write(self, report: "SyncReport", code: int, endpoints: "Sequence[Endpoint]", stop: Stop) -> None:
        """Put into the outbox what this start alone knows."""
        from filesync.store.database import open_for_writing  # noqa: PLC0415  as above
        from filesync.store.write import notices  # noqa: PLC0415  as above

        database = open_for_writing(self._home.database_address, lambda: stop.requested)
        try:
            found = [*self._notes(database, report, endpoints)]
            if found:
                notices.write(database, found)
            self._put_pings(database, report, code)
            self._note_silence(database)
        finally:
            database.close()

    def _notes(self, database: "Database", report: "SyncReport", endpoints: "Sequence[Endpoint]") -> "Iterator[Note]":
        from filesync.notify.stale_watch import StaleWatch  # noqa: PLC0415  as above
        from filesync.store.write import notices  # noqa: PLC0415  as above

        home, wanted = self._home, {event for target in self._targets for event in target.events}
        now = to_timestamp(home.clock.now())
        told = notices.load_notified(database, (Event.STALE, Event.LOGIN_EXPIRING, Event.FAILURE))
        watch = StaleWatch(told, now, home.run_id, socket.gethostname())
        asked = {each.set_name for each in report.expansions}
        if asked:
            answered = home.answered()
            sets = [each for each in home.config.sets if each.name in asked and each.source in answered]
            yield from watch.sets([(each, answered[each.source]) for each in sets])
        if Event.STALE in wanted:
            from filesync.app.endpoint_status import endpoint_statuses  # noqa: PLC0415  as above

            yield from watch.stale(endpoint_statuses(home), endpoints)
        if Event.LOGIN_EXPIRING in wanted and report.outcomes:
            yield from _login_notes(home, watch, endpoints)

    def _put_pings(self, database: "Database", report: "SyncReport", code: int) -> None:
        from filesync.store.write.notices import put_ping  # noqa: PLC0415  as above

        result = {0: "success", 3: "success", 1: "fail", 77: "fail", 78: "fail"}.get(code)
        if result is None:
            return  # a temporary failure is silence, so that the switch's own patience counts
        bad = [f"{each.endpoint}: {each.error_message}" for each in report.outcomes if each.error_message]
        message = {"result": result, "rid": to_rid(self._home.run_id), "text": "\n".join(bad) or f"exit code {code}"}
        for target in self._switches():
            put_ping(database, target.name, message, to_timestamp(self._home.clock.now()))

    def _note_silence(self, database: "Database") -> None:
        """Let switches rest that gave no answer: what waits for them is sent by a later start."""
        from filesync.store.feed import outbox  # noqa: PLC0415  as above

        for key, error in self._silent.items():
            outbox.note_failed(database, key, error, self._home.clock.now())

    def _ping_start(self, target: Target, key: str) -> None:
        from filesync.notify.messages import Message  # noqa: PLC0415  as above

        home = self._home
        facts = {"result": "start", "rid": to_rid(home.run_id), "text": "began"}
        ping = _StartPing(
            home, desk(home, Stop(home.clock), self._began_at), target, key, Message("start", PING, facts)
        )
        self._start_pings.append(ping)

    def _await_start_pings(self, stop: Stop) -> None:
        """Let what says that the start began arrive before what says that it ended; a ping that hangs is left."""
        for ping in self._start_pings:
            while ping.is_under_way() and not stop.requested:
                ping.thread.join(_GLANCE)
            self.abandoned = self.abandoned or ping.thread.is_alive()
            if silence := ping.silence():
                self._silent[ping.key] = self._home.redactor.scrub(silence)

    def _complain(self, result: "Result") -> None:
        for failure in result.failures:
            say = self._home.messages.complain if failure.in_a_row == _FAILURES_TOLD else self._home.messages.detail
            say(f"notify: {failure.shown}: could not be notified, {failure.in_a_row} in a row: {failure.error}")
        for each in result.dropped:
            self._home.messages.complain(f"notify: {each}, and is given up")


class _StartPing:
    """One ping that reports the beginning of a start, in a thread of its own: it holds up no sync."""

    def __init__(self, home: Home, given: "DeliveryContext", target: Target, key: str, letter: "Message") -> None:
        from filesync.notify.sender import begin  # noqa: PLC0415  as above

        self.key = key
        self._home = home
        self._target = target
        self._until = home.clock.monotonic() + target.timeout
        self._sending = begin(given, target, letter)
        self.thread = self._sending.thread

    def is_under_way(self) -> bool:
        return self.thread.is_alive() and self._home.clock.monotonic() < self._until

    def silence(self) -> str | None:
        """Say that the switch took all its time; None when it answered, or refused at once."""
        if not self._sending.is_over():
            return "no answer in time"
        try:
            self._sending.result()
        except DeliveryError as error:
            self._home.log.debug("notification_failed", target=self._target.name, error_message=str(error))
            return str(error) if isinstance(error, NoAnswerError) else None
        return None


def _login_notes(home: Home, watch: "StaleWatch", endpoints: "Sequence[Endpoint]") -> "Iterator[Note]":
    """Notify global targets of every login that ends soon, and an endpoint's own of the one that it uses."""
    from filesync.app.keep_alive import has_logins  # noqa: PLC0415  as above
    from filesync.app.logins import login_warnings  # noqa: PLC0415  as above
    from filesync.config.file import service_of  # noqa: PLC0415  as above
    from filesync.store.write.notices import NO_ENDPOINT  # noqa: PLC0415  as above

    warnings, ids = login_warnings(home) if has_logins(home) else {}, endpoint_ids(home)
    for target in home.config.notify:
        yield from watch.logins(target, NO_ENDPOINT, [*warnings.values()])
    for each in endpoints:
        own = warnings.get((service_of(each.kind), each.credentials))
        for target in each.notify if each.name in ids else ():
            if target.own:
                yield from watch.logins(target, ids[each.name], [own] if own else [])
