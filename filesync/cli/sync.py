"""`filesync sync`: run what is due, or what was named, once; and say about it only what helps."""

import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import check_names
from filesync.app.home import Home
from filesync.app.keep_alive import has_logins, keep_logins_alive
from filesync.app.start_log import StartLog
from filesync.cli.options import AsJson, EndpointNames
from filesync.cli.output.sync_report import show_json, show_report, to_news
from filesync.cli.quick_start import forget_targets, read_source, record_idle
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.errors import StoppedError, StoreError, UsageError
from filesync.runtime.clock import Stop
from filesync.runtime.signals import SIGNALLED, Caught, stopping
from filesync.runtime.streams import settle
from filesync.store.database import copy_to
from filesync.sync.options import SyncOptions
from filesync.sync.session import RunningEndpoint, SyncReport, SyncSession, SyncWatcher, exit_code
from filesync.sync.workers import sync_due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from filesync.app.notifier import Notifier
    from filesync.config import Endpoint, EndpointSet
    from filesync.core.model import Member
    from filesync.http.counters import Counters
    from filesync.providers.base import Provider
    from filesync.runtime.database_url import Address
    from filesync.store.sqlite.migrations import Upgrade
    from filesync.sync.provider_factory import ProviderFactory


def sync(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    everything: Annotated[bool, typer.Option("--all", help="Every active endpoint, due or not.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="List everything afresh; without --endpoint every active one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would change; works on a copy.")] = False,
    max_files: Annotated[
        int | None,
        typer.Option("--max-files", min=1, metavar="N", help="A trial that stops after N files; it removes nothing."),
    ] = None,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", help="Let a mass deletion through, once; needs --endpoint.")
    ] = False,
    accept_identity: Annotated[
        bool,
        typer.Option(
            "--accept-identity", help="Read with the present login from now on, and list everything; needs --endpoint."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Run every endpoint that is due, once, and exit.

    Exit codes: 0 done, or nothing due, or another run holds the endpoint; 1 an endpoint failed; 3 one was only
    partly listed; 75 every failure was temporary; 77 a login is needed; 78 the configuration is wrong;
    129/130/143 stopped by a signal.
    """
    home, terminal = home_and_terminal(ctx)
    names = tuple(dict.fromkeys(endpoint or ()))
    choice = SyncOptions(
        names=names,
        everything=everything or (not names and (full or max_files is not None)),
        full=full,
        max_files=max_files,
        accept_deletions=accept_deletions,
        accept_identity=accept_identity,
    )
    _check(choice)
    raise typer.Exit(_start(home, terminal, choice, dry_run=dry_run, as_json=json))


def _start(home: Home, terminal: Terminal, choice: SyncOptions, *, dry_run: bool, as_json: bool) -> int:
    """Sync what was chosen, and do what follows a sync. Return the exit code."""
    source = read_source(home)
    with StartLog(home, by_hand=choice.by_hand, dry_run=dry_run) as start_log:
        if not home.config.sets:  # else more names are known once the sets were asked for
            check_names(choice.names, [e.name for e in home.config.endpoints])
        notifier = _notifier(home, choice, dry_run=dry_run)
        with notifier.watching(), _database_for(home, terminal, dry_run=dry_run) as path:
            watcher = _Watcher(home, choice.names, notifier, start_log.began)
            report, code = _run(home, terminal, choice, path, watcher)
        show_report(terminal, choice, report, dry_run=dry_run)
        if not dry_run and code < SIGNALLED:
            code = keep_logins_alive(home) or code
        code = notifier.finish(report, code)
        if not dry_run and code < SIGNALLED:
            _settle_idle(home, choice, source)
            if report.outcomes:
                _prune(home, terminal)
        if as_json:  # at the very end: whatever becomes of the output, the work is done, and people were told
            code = show_json(terminal, report, code, dry_run=dry_run)
        start_log.ended(report, code)
    if report.abandoned or notifier.abandoned:
        settle()
        os._exit(code)  # a thread hangs in a request; everything is committed and closed
    return code


class _NullNotifier:
    """Stands where a Notifier would when nobody is to be notified."""

    abandoned = False

    def watching(self) -> "AbstractContextManager[None]":
        return nullcontext()

    def begin_endpoint(self, endpoint: "Endpoint", endpoint_id: int) -> None:
        """Notify nobody."""

    def finish(self, _report: SyncReport, code: int) -> int:
        return code


def _notifier(home: Home, choice: SyncOptions, *, dry_run: bool) -> "Notifier | _NullNotifier":
    """Choose who notifies about this start; a dry run and a trial notify nobody."""
    if dry_run or choice.max_files is not None or not home.config.targets():
        return _NullNotifier()
    from filesync.app.notifier import Notifier  # noqa: PLC0415  most starts have nobody to tell

    return Notifier(home, choice)


def _settle_idle(home: Home, choice: SyncOptions, source: bytes) -> None:
    """Forget who is no longer to be notified, and let the starts that follow end at once while nothing is due."""
    if choice.max_files is None and not home.config.targets():
        forget_targets(home)
        if not choice.by_hand:
            record_idle(home, source)


def _prune(home: Home, terminal: Terminal) -> None:
    """Drop old rows now and then; that it fails is said, and fails no sync."""
    from filesync.app.auto_prune import prune_now_and_then  # noqa: PLC0415  a start with nothing due has nothing to drop

    try:
        prune_now_and_then(home)
    except StoreError as exc:
        terminal.complain(f"old rows could not be dropped: {exc}")


def _check(choice: SyncOptions) -> None:
    """Refuse options that contradict each other."""
    if choice.names and choice.everything:
        raise UsageError("--endpoint and --all exclude each other")
    if choice.accept_deletions and not choice.names:
        raise UsageError("--accept-deletions needs --endpoint: say whose deletions are right")
    if choice.accept_identity and not choice.names:
        raise UsageError("--accept-identity needs --endpoint: say which one is read by another login now")
    if choice.accept_deletions and choice.max_files is not None:
        raise UsageError("--accept-deletions and --max-files exclude each other: a trial never removes")
    if choice.accept_identity and choice.max_files is not None:
        raise UsageError("--accept-identity and --max-files exclude each other: a trial changes nothing that lasts")


@contextmanager
def _database_for(home: Home, terminal: Terminal, *, dry_run: bool) -> "Iterator[Address]":
    """Name the database to work on; a dry run gets a private copy."""
    if not dry_run:
        if home.left_behind and not home.has_database():
            terminal.note(f"{home.database_address}: a new inventory begins here, but {home.left_behind}")
        home.keep_others_out()
        yield home.database_address
        return
    import tempfile  # noqa: PLC0415  only a dry run needs it

    with tempfile.TemporaryDirectory(prefix="filesync-dry-run-") as folder:
        copy = Path(folder) / "connector.db"
        if home.has_database():
            copy_to(home.database_address, copy)
        yield copy


class _Watcher(SyncWatcher):
    """Follow a session of this command: on its terminal, in its log, and for whom it notifies."""

    def __init__(
        self,
        home: Home,
        names: "Sequence[str]",
        notifier: "Notifier | _NullNotifier",
        began: "Callable[[], None]",
    ) -> None:
        self.began = began
        self._home = home
        self._names = names
        self._notifier = notifier
        self.caught = Caught()
        self.display: Callable[[Sequence[RunningEndpoint]], None] = lambda _: None

    def upgrading(self, upgrade: "Upgrade") -> None:
        self._home.tell_upgrade(upgrade)

    def check_names(self, known: "Sequence[str]") -> None:
        check_names(self._names, known)

    def begin_endpoint(self, endpoint: "Endpoint", endpoint_id: int) -> None:
        self._notifier.begin_endpoint(endpoint, endpoint_id)

    def show(self, running: "Sequence[RunningEndpoint]") -> None:
        self.display(running)

    def exit_code(self, report: SyncReport) -> int:
        return exit_code(report) if self.caught.exit_code is None else self.caught.exit_code


def _run(
    home: Home, terminal: Terminal, choice: SyncOptions, path: "Address", watcher: _Watcher
) -> tuple[SyncReport, int]:
    stop, opener = Stop(home.clock), _LazyOpener(home, watcher.began)
    with stopping(stop.request) as watcher.caught, _progress(home, terminal) as watcher.display:
        session = SyncSession(
            endpoints=home.config.endpoints,
            sets=home.config.sets,
            database_address=path,
            choice=choice,
            clock=home.clock,
            stop=stop,
            open_provider=opener,
            find_members=opener.members,
            concurrency=home.settings.max_concurrent_syncs,
            watcher=watcher,
            log=home.log,
            run_id=home.run_id,
        )
        try:
            report = sync_due(session)
        except StoppedError as exc:
            exc.exit_code = watcher.caught.exit_code or exc.exit_code
            raise
        if opener.was_used:
            _log(home, report)
        return report, watcher.exit_code(report)


def _log(home: Home, report: SyncReport) -> None:
    """Leave a line for each set that was asked for, and for each login that ends soon."""
    for expansion in report.expansions:
        write = home.log.error if expansion.error_type else home.log.info
        write("set_asked", **to_news(expansion))
    if not has_logins(home):
        return
    from filesync.app.logins import login_warnings  # noqa: PLC0415  only a person's login can end

    for warning in login_warnings(home).values():
        home.log.warning("login_warning", message=warning)


class _LazyOpener:
    """The opener of this start, made when something is really opened: until then no library of the network is."""

    def __init__(self, home: Home, began: "Callable[[], None]") -> None:
        self._home = home
        self._began = began
        self._made: ProviderFactory | None = None
        self._lock = Lock()

    def __call__(self, endpoint: "Endpoint", stop: Stop, counters: "Counters") -> "Provider":
        return self._opener()(endpoint, stop, counters)

    def members(self, wanted: "EndpointSet", stop: Stop) -> "Sequence[Member]":
        return self._opener().members(wanted, stop)

    @property
    def was_used(self) -> bool:
        return self._made is not None

    def _opener(self) -> "ProviderFactory":
        with self._lock:
            if self._made is None:
                from filesync.sync.provider_factory import provider_factory as opener  # noqa: PLC0415  a start with nothing due needs no HTTP

                self._began()
                home = self._home
                self._made = opener(home.config, home.clock, home.random, home.redactor, home.log)
            return self._made


def _progress(home: Home, terminal: Terminal) -> "AbstractContextManager[Callable[[Sequence[RunningEndpoint]], None]]":
    if not terminal.has_progress:
        return nullcontext(lambda _: None)
    from filesync.cli.output.progress import live_progress  # noqa: PLC0415  Rich only on a terminal

    return live_progress(terminal, home.clock)
