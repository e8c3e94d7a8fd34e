"""Who is told about this start, and when: pings as it begins, everything else once its syncs have ended."""

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from filesync.alerts import PING, Event, Ping, Target, to_rid
from filesync.cli.world import World
from filesync.clock import Stop
from filesync.errors import DeliveryError, FilesyncError, NoAnswerError, StoppedError, StoreError, TransientError
from filesync.signals import SIGNALLED, stopping
from filesync.timestamps import to_timestamp

if TYPE_CHECKING:
    from filesync.config import Endpoint
    from filesync.notify.delivery import Addressee, Result
    from filesync.notify.messages import Letter
    from filesync.notify.overdue import Watch
    from filesync.notify.sending import Desk
    from filesync.status import Status
    from filesync.store.database import Database
    from filesync.store.notices import Note
    from filesync.sync.choice import Choice
    from filesync.sync.start import Report

KEPT_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")  # of a command's environment
_FAILURES_TOLD = 3  # deliveries to one target in a row that failed, before stderr says so
_GLANCE = 0.05  # seconds between two looks at a ping


class Notifier:
    """Tells about one start those whom the configuration names."""

    def __init__(self, world: World, choice: "Choice") -> None:
        self._world = world
        self._is_scheduled = not choice.by_hand
        self._began_at = world.clock.now()
        self._start_pings: list[_StartPing] = []
        self._targets = world.config.targets()
        self._silent: dict[str, str] = {}  # by key, switches that gave no answer to their start ping
        self.abandoned = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tell the dead-man switches of the home that a scheduled start begins, and that it broke when it does."""
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
        """Tell an endpoint's own dead-man switches that its sync began; waits for nobody."""
        own = [each for each in endpoint.notify if isinstance(each.way, Ping) and each.own]
        failing = self._failing() if own else frozenset()
        for target in own:
            if target.key(endpoint_id) not in failing:
                self._ping_start(target, target.key(endpoint_id))

    def finish(self, report: "Report", code: int) -> int:
        """Write what no sync told by itself, deliver everything that waits, and give the exit code of this process.

        A start that was stopped delivers nothing: the next one does.
        """
        if code >= SIGNALLED:
            return code
        stop = Stop(self._world.clock)
        with stopping(stop.request) as caught:
            self._await_start_pings(stop)
            with suppress(StoppedError):
                self._tell(report, code, stop)
        return code if caught.exit_code is None else caught.exit_code

    def _switches(self) -> Sequence[Target]:
        """Give the dead-man switches that are told of every scheduled start."""
        all_of_home = [each for each in self._targets if isinstance(each.way, Ping) and not each.own]
        return all_of_home if self._is_scheduled else ()

    def _failing(self) -> frozenset[str]:
        """Name the targets that did not hear the last message: what says how a start ended tries them, nothing else."""
        from filesync.store import outbox  # noqa: PLC0415  as everywhere
        from filesync.store.database import open_for_reading  # noqa: PLC0415  as everywhere

        try:
            database = open_for_reading(self._world.database_path, busy_seconds=_GLANCE)
        except StoreError:  # of the first start, or of an older version
            return frozenset()
        try:
            return outbox.failing(database)
        except StoreError:
            return frozenset()
        finally:
            database.close()

    def _broke(self, error: FilesyncError) -> None:
        from filesync.notify.messages import Letter  # noqa: PLC0415  as everywhere
        from filesync.notify.sending import try_once  # noqa: PLC0415  as everywhere

        world, stop = self._world, Stop(self._world.clock)
        facts = {"result": "fail", "rid": to_rid(world.run_id), "text": str(error)}
        with stopping(stop.request):
            self._await_start_pings(stop)
            for target in self._switches():
                if target.name in self._silent:
                    continue
                with suppress(DeliveryError, StoppedError):  # then its silence tells
                    try_once(desk(world, stop, self._began_at), target, Letter("fail", PING, facts))

    def _tell(self, report: "Report", code: int, stop: Stop) -> None:
        from filesync.notify.delivery import deliver  # noqa: PLC0415  only who has somebody to tell

        try:
            endpoints = self._world.endpoints()
            self._write(report, code, endpoints, stop)
            given = replace(desk(self._world, stop, self._began_at), silent=frozenset(self._silent))
            result = deliver(given, addressees(self._world, endpoints))
        except (FilesyncError, OSError) as error:  # the syncs are done and their outcome stands
            self._world.complain(f"nobody could be told: {error}")
            return
        self.abandoned = self.abandoned or result.abandoned
        self._complain(result)

    def _write(self, report: "Report", code: int, endpoints: "Sequence[Endpoint]", stop: Stop) -> None:
        """Put into the outbox what this start alone knows."""
        from filesync.store import notices  # noqa: PLC0415  as above
        from filesync.store.database import open_for_writing  # noqa: PLC0415  as above

        database = open_for_writing(self._world.database_path, lambda: stop.requested)
        try:
            found = [*self._notes(database, report, endpoints)]
            if found:
                notices.write(database, found)
            self._put_pings(database, report, code)
            self._note_silence(database)
        finally:
            database.close()

    def _notes(self, database: "Database", report: "Report", endpoints: "Sequence[Endpoint]") -> "Iterator[Note]":
        from filesync.notify.overdue import Watch  # noqa: PLC0415  as above
        from filesync.store import notices  # noqa: PLC0415  as above

        world, wanted = self._world, {event for target in self._targets for event in target.events}
        now = to_timestamp(world.clock.now())
        told = notices.load_told(database, (Event.STALE, Event.LOGIN_EXPIRING, Event.FAILURE))
        watch = Watch(told, now, world.run_id, socket.gethostname())
        asked = {each.set_name for each in report.expansions}
        if asked:
            answered = world.answered()
            sets = [each for each in world.config.sets if each.name in asked and each.source in answered]
            yield from watch.sets([(each, answered[each.source]) for each in sets])
        if Event.STALE in wanted:
            yield from watch.stale(_statuses(world, database, endpoints), endpoints)
        if Event.LOGIN_EXPIRING in wanted and report.outcomes:
            yield from _login_notes(world, watch, endpoints)

    def _put_pings(self, database: "Database", report: "Report", code: int) -> None:
        from filesync.store.notices import put_ping  # noqa: PLC0415  as above

        result = {0: "success", 3: "success", 1: "fail", 77: "fail"}.get(code)
        if result is None:
            return  # a temporary failure is silence, so that the switch's own patience counts
        bad = [f"{each.endpoint}: {each.error_message}" for each in report.outcomes if each.error_message]
        message = {"result": result, "rid": to_rid(self._world.run_id), "text": "\n".join(bad) or f"exit code {code}"}
        for target in self._switches():
            put_ping(database, target.name, message, to_timestamp(self._world.clock.now()))

    def _note_silence(self, database: "Database") -> None:
        """Let switches rest that gave no answer: what waits for them is sent by a later start."""
        from filesync.store import outbox  # noqa: PLC0415  as above

        for key, error in self._silent.items():
            outbox.note_failed(database, key, error, self._world.clock.now())

    def _ping_start(self, target: Target, key: str) -> None:
        from filesync.notify.messages import Letter  # noqa: PLC0415  as above

        world = self._world
        facts = {"result": "start", "rid": to_rid(world.run_id), "text": "began"}
        ping = _StartPing(
            world, desk(world, Stop(world.clock), self._began_at), target, key, Letter("start", PING, facts)
        )
        self._start_pings.append(ping)

    def _await_start_pings(self, stop: Stop) -> None:
        """Let what says that the start began arrive before what says that it ended; a ping that hangs is left."""
        for ping in self._start_pings:
            while ping.is_under_way() and not stop.requested:
                ping.thread.join(_GLANCE)
            self.abandoned = self.abandoned or ping.thread.is_alive()
            if ping.silence:
                self._silent[ping.key] = self._world.redactor.scrub(ping.silence)

    def _complain(self, result: "Result") -> None:
        for failure in result.failures:
            say = self._world.complain if failure.in_a_row == _FAILURES_TOLD else self._world.detail
            say(f"notify: {failure.shown}: could not be told, {failure.in_a_row} in a row: {failure.error}")
        for each in result.dropped:
            self._world.complain(f"notify: {each}, and is given up")


class _StartPing:
    """One ping that says that a start began, in a thread of its own: it holds up no sync."""

    def __init__(self, world: World, given: "Desk", target: Target, key: str, letter: "Letter") -> None:
        self.key = key
        self._clock = world.clock
        self._log = world.log
        self._until = world.clock.monotonic() + target.timeout
        self._target = target
        self._no_answer: str | None = None
        self.thread = threading.Thread(target=self._send, args=(given, letter), name=f"ping {target.name}", daemon=True)
        self.thread.start()

    def is_under_way(self) -> bool:
        return self.thread.is_alive() and self._clock.monotonic() < self._until

    @property
    def silence(self) -> str | None:
        """Say that the switch took all its time; None when it answered, or refused at once."""
        return "no answer in time" if self.thread.is_alive() else self._no_answer

    def _send(self, given: "Desk", letter: "Letter") -> None:
        from filesync.notify.sending import send  # noqa: PLC0415  as above

        try:
            send(given, self._target, letter)
        except NoAnswerError as error:
            self._no_answer = str(error)
            self._log.debug("notification_failed", target=self._target.name, error_message=str(error))
        except DeliveryError as error:
            self._log.debug("notification_failed", target=self._target.name, error_message=str(error))


def desk(world: World, stop: Stop, began_at: datetime) -> "Desk":
    """Gather what deliveries need."""
    from filesync.notify.sending import Desk  # noqa: PLC0415  as above

    return Desk(
        database_path=world.database_path,
        home=world.home,
        clock=world.clock,
        stop=stop,
        log=world.log,
        scrub=world.redactor.scrub,
        environ=_environment(world.environ),
        run_id=world.run_id,
        host=socket.gethostname(),
        began_at=began_at,
    )


def addressees(world: World, endpoints: "Sequence[Endpoint]") -> "list[Addressee]":
    """Name every target as the database knows it; an endpoint's own once the endpoint has a row."""
    from filesync.notify.delivery import Addressee  # noqa: PLC0415  as above

    ids = _endpoint_ids(world)
    known = [(each, ids[each.name]) for each in endpoints if each.name in ids]
    everywhere = [
        Addressee(target.name, target, target.name, frozenset(id_ for each, id_ in known if target in each.notify))
        for target in world.config.notify
    ]
    own = [
        Addressee(target.key(id_), target, f"{each.name}/{target.name}", frozenset({id_}))
        for each, id_ in known
        for target in each.notify
        if target.own
    ]
    return [*everywhere, *own]


def _login_notes(world: World, watch: "Watch", endpoints: "Sequence[Endpoint]") -> "Iterator[Note]":
    """Tell global targets of every login that ends soon, and an endpoint's own of the one that it uses."""
    from filesync.cli.idle import has_logins  # noqa: PLC0415  as above
    from filesync.config.file import service_of  # noqa: PLC0415  as above
    from filesync.store.notices import NO_ENDPOINT  # noqa: PLC0415  as above

    warnings, ids = _login_warnings(world) if has_logins(world) else {}, _endpoint_ids(world)
    for target in world.config.notify:
        yield from watch.logins(target, NO_ENDPOINT, [*warnings.values()])
    for each in endpoints:
        own = warnings.get((service_of(each.kind), each.credentials))
        for target in each.notify if each.name in ids else ():
            if target.own:
                yield from watch.logins(target, ids[each.name], [own] if own else [])


def _login_warnings(world: World) -> Mapping[tuple[str | None, str], str]:
    from filesync.cli.logins import login_warnings  # noqa: PLC0415  only a person's login can end

    return login_warnings(world)


def _statuses(world: World, database: "Database", endpoints: "Sequence[Endpoint]") -> "Sequence[Status]":
    from filesync.status import describe  # noqa: PLC0415  as above
    from filesync.store import queries  # noqa: PLC0415  as above

    rows = queries.statuses(database)
    ids = (row["endpoint_id"] for row in rows if row["running_since"] is not None)
    return describe(endpoints, rows, frozenset(id_ for id_ in ids if world.is_running(id_)), world.clock.now())


def _endpoint_ids(world: World) -> Mapping[str, int]:
    from filesync.store import queries  # noqa: PLC0415  not every command needs SQLite

    if not world.database_path.exists():
        return {}
    with world.reading() as database:
        return {each.name: each.id for each in queries.endpoints(database)}


def _environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Keep what programs need to run, and no secret."""
    kept = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
    return {"PATH": os.defpath, **kept}
