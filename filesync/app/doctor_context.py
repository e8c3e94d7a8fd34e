"""The home that is examined: its facts, each found once, and none of them hidden by the trouble with another."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from filesync.app.home import ErrorsOnly, Home
from filesync.app.logins import LoginState, login_states
from filesync.app.timers import Timers, option_of, place_of
from filesync.config import Config, Endpoint
from filesync.config.file import service_of
from filesync.core.errors import ConfigError, FilesyncError, SchedulerError, StoreError
from filesync.core.schedule import ManualSchedule
from filesync.core.timestamps import to_timestamp
from filesync.doctor.permissions import Runner, nearest, runner_of
from filesync.doctor.scheduler import LONGEST_SLOT, Installed, Starts
from filesync.doctor.syncs import Held
from filesync.runtime.database_url import Address, beside
from filesync.runtime.environment import Variables, is_secret, read_variables
from filesync.runtime.locks import holders
from filesync.runtime.log import nowhere
from filesync.runtime.settings import KEY_FILES, Settings, inspect_settings
from filesync.scheduling.systemd import SystemdTimer
from filesync.scheduling.timer import Timer
from filesync.store.database import damage_named, open_for_reading
from filesync.store.engine import Database
from filesync.store.read import diagnostics
from filesync.store.write.endpoints import last_start
from filesync.sync.endpoint_locks import EndpointLocks

_BUSY_SECONDS = 5.0


@dataclass
class DoctorContext:
    """A home as it is, whatever is wrong with it; what cannot be found out is None or empty."""

    given: Home
    config_error: ConfigError | None = None
    mistakes: list[str] = field(default_factory=list)  # of the variables, once `settings` were read

    @property
    def home(self) -> Path:
        return self.given.path

    @property
    def env(self) -> Path:
        return self.home / ".env"

    @property
    def tokens(self) -> Path:
        return self.home / "tokens"

    @property
    def address(self) -> Address:
        return self.settings.database_address

    @property
    def database(self) -> Path:
        """Return the database's file, or where its locks lie when it is on a server."""
        return beside(self.address)

    @property
    def locks(self) -> Path:
        return EndpointLocks(self.database, slots=1).folder

    @cached_property
    def quiet_home(self) -> Home:
        """Return the home saying nothing but errors, logging nothing, with settings whatever the variables say."""
        home = replace(self.given, messages=ErrorsOnly(self.given.messages))
        home.busy_seconds, home.log, home.settings = _BUSY_SECONDS, nowhere(), self.settings
        return home

    @cached_property
    def settings(self) -> Settings:
        """Read the variables; those that are wrong count as their defaults."""
        variables = self._read_variables(self.given.environ)
        for secret in variables.secrets():
            self.given.redactor.hide(secret)
        settings, mistakes = inspect_settings(self.home, variables)
        self.mistakes += mistakes
        for secret in settings.secrets():
            self.given.redactor.hide(secret)
        return settings

    def _read_variables(self, environ: Mapping[str, str]) -> Variables:
        try:
            return read_variables(self.home, environ)
        except ConfigError as error:
            self._note(str(error))
        except OSError as error:
            self._note(f"{self.env}: {error.strerror}")
        return Variables(environ, self.home)

    def _note(self, mistake: str) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    @cached_property
    def config(self) -> Config | None:
        try:
            return self.quiet_home.config
        except ConfigError as error:
            self.config_error = error
            return None

    @cached_property
    def active(self) -> Sequence[Endpoint]:
        """Return the active endpoints that the file names, and what the active sets have in common."""
        declared = [*self.config.endpoints, *(each.template for each in self.config.sets)] if self.config else []
        return [each for each in declared if each.is_active]

    @cached_property
    def runner(self) -> Runner:
        return runner_of(nearest(self.home))

    @cached_property
    def written(self) -> Mapping[str, str]:
        """Read `.env` alone; nothing where it cannot be read."""
        return self._read_variables({})

    @cached_property
    def logins(self) -> Sequence[LoginState]:
        """Look at the logins that active endpoints need; where nobody knows which, at those that are there."""
        found = [state for service in ("autodesk", "google") for state in login_states(self.quiet_home, service)]
        used = {(service_of(each.kind), each.credentials) for each in self.active}
        if self.config is None:
            return [state for state in found if not state.problem]
        return [state for state in found if (state.service, state.credentials) in used]

    @property
    def login_problems(self) -> list[str]:
        return [state.problem for state in self.logins if state.problem]

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database | None]:
        """Open the database, where there is one that this program can read; what is wrong with it is said elsewhere."""
        opened: Database | None = None
        with contextlib.suppress(StoreError, OSError), damage_named(self.address):
            opened = open_for_reading(self.address, busy_seconds=_BUSY_SECONDS)
        try:
            yield opened
        finally:
            if opened:
                opened.close()

    def may_have_database(self) -> bool:
        """Return whether there is an inventory, or may be: where nobody can look, nobody knows."""
        return not isinstance(self.address, Path) or may_be_there(self.address)

    @cached_property
    def open_syncs(self) -> Sequence[diagnostics.Open]:
        with self.reading() as found:
            return diagnostics.open_syncs(found) if found else ()

    @cached_property
    def running(self) -> frozenset[int]:
        """Name the endpoints that a process reads now."""
        return frozenset(each.endpoint_id for each in self.open_syncs if self.quiet_home.is_running(each.endpoint_id))

    @property
    def held(self) -> list[Held]:
        files = [*self.locks.glob("*.lock"), *self.tokens.glob("*.lock")]
        return [Held(path, pid) for path, pid in holders(files)]

    @cached_property
    def timers(self) -> Sequence[Installed]:
        return [*_installed(self.quiet_home)]

    @cached_property
    def starts(self) -> Starts:
        last: tuple[str | None, int | None] = (None, None)
        scheduled, now = 0, self.given.clock.now()
        with self.reading() as found:
            is_known = found is not None or not self.may_have_database()
            if found:
                since = to_timestamp(now - LONGEST_SLOT)
                last, scheduled = last_start(found), diagnostics.scheduled_starts(found, since)
        by_itself = any(not isinstance(each.schedule, ManualSchedule) for each in self.active)
        return Starts(
            *last,
            scheduled,
            is_busy=bool(self.running),
            needed=by_itself or self.config is None,
            now=now,
            is_known=is_known,
        )

    def key_files(self) -> Iterator[Path]:
        """Name the files that hold a secret: in credentials/, and those that variables and sets of credentials name."""
        folder = self.home / "credentials"
        yield from folder.iterdir() if folder.is_dir() else ()
        config = self.config
        sets = [config.settings_for(name) for name in ("", *config.credentials)] if config else [self.settings]
        for settings in sets:
            yield from map(settings.path, _named_files(settings.variables))


def may_be_there(path: Path) -> bool:
    """Return whether a path is there, or may be: in a folder that cannot be entered nobody knows."""
    try:
        return path.exists()
    except OSError:
        return True


def _named_files(variables: Variables) -> Iterator[str]:
    for name in KEY_FILES:
        with contextlib.suppress(ConfigError):  # a NAME_FILE that cannot be read was said before
            yield from filter(None, [variables.get(name, "").strip()])
    for name in variables:
        if name.endswith("_FILE") and is_secret(name.removesuffix("_FILE")) and variables[name]:
            yield variables[name]


def _installed(home: Home) -> Iterator[Installed]:
    """Find the timers of this home that are installed; one that cannot be used here starts nothing."""
    for timer in Timers(home, every=5):
        with contextlib.suppress(FilesyncError):
            text = timer.installed()
            if text is not None:
                yield Installed(timer.kind, place_of(timer), option_of(timer), text, _problem(timer))


def _problem(timer: Timer) -> str:
    if not isinstance(timer, SystemdTimer):
        return ""
    try:
        timer.manager("is-active", "--quiet", f"{timer.name}.timer")
    except SchedulerError:
        return "its timer is not active"
    return ""
