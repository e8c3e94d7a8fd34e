"""`filesync schedule`: what starts `filesync sync` by itself, shown, installed and removed."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home
from filesync.app.timers import WRITTEN, Timers, only_here, option_of, owner_of, place_of
from filesync.cli.options import AsJson
from filesync.cli.output.rows import show_document
from filesync.cli.terminal import home_and_terminal
from filesync.core.durations import ago, minute
from filesync.core.errors import ConfigError, SchedulerError, StoreError, UsageError
from filesync.runtime.environment import read_variables
from filesync.runtime.settings import DEFAULTS
from filesync.scheduling.commands import try_out
from filesync.scheduling.systemd import ServiceUnit, SystemdTimer
from filesync.scheduling.timer import Timer, check_length

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Let the system start `filesync sync` by itself.")

_OF_THE_NETWORK = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")  # .env does not set these

WithCron = Annotated[bool, typer.Option("--cron", help="A line in your crontab.")]
WithSystemd = Annotated[bool, typer.Option("--systemd", help="A systemd service and timer.")]
Every = Annotated[int, typer.Option("--every", min=1, metavar="MINUTES", help="How often to check what is due.")]
OfUser = Annotated[bool, typer.Option("--user", help="systemd: your own timer, while you are logged in; the default.")]
OfSystem = Annotated[
    bool, typer.Option("--system", help="systemd: the machine's timer, run as the home's owner; needs root.")
]


@app.command("show")
def show(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    cron: WithCron = False,
    systemd: WithSystemd = False,
    every: Every = 5,
    user: OfUser = False,
    system: OfSystem = False,
    json: AsJson = False,
) -> None:
    """Print what would be installed; say whether it is, and when sync last ran.

    Without --cron and --systemd: what is installed, else cron where that is there.
    """
    home, terminal = home_and_terminal(ctx)
    timer = _chosen(Timers(home, check_length(every)), cron=cron, systemd=systemd, user=user, system=system)
    installed, problem = _look(timer)
    last = _last_start(home)
    if json:
        show_document(terminal, _to_document(timer, installed, problem, last))
        return
    terminal.write(timer.text())
    terminal.note(_said_of(timer, installed, problem))
    terminal.note(_said_of_start(home, last))


@app.command("install")
def install(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    cron: WithCron = False,
    systemd: WithSystemd = False,
    every: Every = 5,
    user: OfUser = False,
    system: OfSystem = False,
) -> None:
    """Let cron or systemd start `filesync sync`. Running it again changes nothing.

    Of a crontab only the line of this home is touched. Without --cron and --systemd: what is installed already,
    else cron where that is there.
    """
    home, terminal = home_and_terminal(ctx)
    timers = Timers(home, check_length(every))
    timer = _chosen(timers, cron=cron, systemd=systemd, user=user, system=system)
    if not home.config_path.exists():
        raise ConfigError(f"{home.config_path}: is not there, so there is nothing to start; see: filesync init --help")
    _ = home.settings  # a variable that is wrong stops here
    if not (isinstance(timer, SystemdTimer) and timer.service):
        home.check_owner()  # what this timer starts is refused at every start, as this is
    try_out(home.program)
    if isinstance(timer, SystemdTimer) and timer.service:
        _make_folders(home, timer.service)
    was_new = timer.install()
    terminal.note(f"{'installed' if was_new else 'installed already'}: {place_of(timer)}, every {_in_words(every)}")
    for line in (*_warnings(home, timer), *_others(timers, timer)):
        terminal.note(f"note: {line}")


@app.command("uninstall")
def uninstall(
    ctx: typer.Context,
    *,
    cron: WithCron = False,
    systemd: WithSystemd = False,
    user: OfUser = False,
    system: OfSystem = False,
) -> None:
    """Remove what `schedule install` installed for this home, and nothing else; without options wherever it is."""
    home, terminal = home_and_terminal(ctx)
    timers = Timers(home, every=5)
    if cron or systemd or user or system:
        chosen = [_chosen(timers, cron=cron, systemd=systemd, user=user, system=system)]
    else:
        chosen = [timer for timer in timers if _look(timer)[0] is not None]
    removed = [timer for timer in chosen if timer.uninstall()]
    for timer in removed:
        terminal.note(f"removed: {place_of(timer)}")
    if not removed:
        terminal.note("nothing is installed for this home")


def _named(timers: Timers, *, cron: bool, systemd: bool, user: bool, system: bool) -> Timer | None:
    """Return the timer that the options name; None when they name none."""
    for one, other, names in ((cron, systemd, "--cron and --systemd"), (user, system, "--user and --system")):
        if one and other:
            raise UsageError(f"{names} exclude each other")
    if cron and (user or system):
        raise UsageError(f"{'--user' if user else '--system'} goes with --systemd; a crontab is always a user's own")
    if cron:
        return timers.cron()
    if system:
        return timers.of_system()
    return timers.of_user() if systemd or user else None


def _chosen(timers: Timers, *, cron: bool, systemd: bool, user: bool, system: bool) -> Timer:
    """Return the timer that is named, else the one that is installed, else the one that can be."""
    named = _named(timers, cron=cron, systemd=systemd, user=user, system=system)
    if named is not None:
        return named
    found = next((timer for timer in timers if _look(timer)[0] is not None), None)
    return found or next(_ready(timers))


def _ready(timers: Timers) -> Iterator[Timer]:
    """Return what can be installed without being asked for by name, the likeliest first; at last what says why not."""
    if _look(timers.cron())[1]:
        with contextlib.suppress(SchedulerError):  # an account without a home has no units of its own
            yield from (timer for timer in [timers.of_user()] if not _look(timer)[1])
    yield timers.cron()


def _look(timer: Timer) -> tuple[str | None, str | None]:
    """Return what is installed, and what hinders us to know, or to install anything."""
    try:
        installed = timer.installed()
        if isinstance(timer, SystemdTimer):
            timer.manager.check()
    except SchedulerError as exc:
        return None, str(exc)
    return installed, None


def _make_folders(home: Home, service: ServiceUnit) -> None:
    """Make what the service writes into, as its user's: systemd lets it write nowhere else, so it could not."""
    owner = owner_of(home.path)
    for folder in service.writes:
        if folder.exists():
            continue
        folder.mkdir(parents=True, mode=WRITTEN.get(folder.name, 0o755))
        if os.geteuid() == 0:
            # its owner may have put a link there meanwhile
            os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _warnings(home: Home, timer: Timer) -> Iterator[str]:
    """Say what holds in this shell and will not hold where the scheduler starts programs."""
    owner = owner_of(home.path).st_uid
    if owner != os.geteuid() and not (isinstance(timer, SystemdTimer) and timer.service):
        yield f"{home.path} belongs to user {owner}, and sync would run as user {os.geteuid()}: use --system, as root"
    missing = only_here(home.environ, read_variables(home.path, {}), [*DEFAULTS])
    if missing:
        yield f"only this shell knows {', '.join(missing)}: put it into {home.path / '.env'}"
    network = [name for name in _OF_THE_NETWORK if home.environ.get(name) or home.environ.get(name.lower())]
    if network:
        how = "a line NAME=value above ours in the crontab"
        if isinstance(timer, SystemdTimer):
            how = f"Environment=, with: systemctl {'' if timer.service else '--user '}edit {timer.name}.service"
        yield f"only this shell knows {', '.join(network)}: set it by {how}"
    if isinstance(timer, SystemdTimer) and not timer.service:
        yield "your timers stop when you log out, unless: loginctl enable-linger"


def _others(timers: Timers, chosen: Timer) -> Iterator[str]:
    for timer in timers:
        if place_of(timer) != place_of(chosen) and _look(timer)[0] is not None:
            remove = f"filesync schedule uninstall {option_of(timer)}"
            yield f"{place_of(timer)} starts this home, too; remove it with: {remove}"


def _last_start(home: Home) -> tuple[str | None, int | None]:
    """Return when `filesync sync` was last started here, and its exit code (None while it runs, or when it died)."""
    from filesync.store.write.endpoints import last_start  # noqa: PLC0415  only `show` needs SQLite

    if home.has_database():
        with contextlib.suppress(StoreError), home.reading() as database:  # `sync` says what is wrong with it
            return last_start(database)
    return None, None


def _to_document(
    timer: Timer, installed: str | None, problem: str | None, last: tuple[str | None, int | None]
) -> Mapping[str, Any]:
    return {
        "kind": timer.kind,
        "scope": "system" if isinstance(timer, SystemdTimer) and timer.service else "user",
        "text": timer.text(),
        "installed": None if problem else installed is not None,
        "installed_text": installed,
        "up_to_date": installed == timer.text(),
        "problem": problem,
        "last_start_at": last[0],
        "last_exit_code": last[1],
    }


def _said_of(timer: Timer, installed: str | None, problem: str | None) -> str:
    if problem:
        return f"cannot be installed: {problem}"
    if installed is None:
        return f"not installed; install it with: filesync schedule install {option_of(timer)}"
    if installed == timer.text():
        return f"installed: {place_of(timer)}"
    return f"installed, but differently: {place_of(timer)}\n{installed.rstrip()}"


def _said_of_start(home: Home, last: tuple[str | None, int | None]) -> str:
    started, code = last
    if started is None:
        return "no sync has run in this home yet"
    how = "it has not ended" if code is None else f"exit code {code}"
    return f"sync last started {minute(started)} UTC, {ago(started, home.clock.now())}; {how}"


def _in_words(every: int) -> str:
    if every < 60:
        return "minute" if every == 1 else f"{every} minutes"
    return "hour" if every == 60 else f"{every // 60} hours"
