"""The timers that a home can have: whom they run as, what they may write, and where their files are."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filesync.app.home import Home
from filesync.core.errors import ConfigError, SchedulerError
from filesync.runtime.database_url import beside
from filesync.runtime.ownership import user_name
from filesync.runtime.settings import DEFAULTS, Settings, expanded
from filesync.scheduling.commands import Crontab, Systemctl
from filesync.scheduling.crontab import CronTimer
from filesync.scheduling.systemd import ServiceUnit, SystemdTimer
from filesync.scheduling.timer import ScheduledCall, Timer

WRITTEN = {"data": 0o755, "logs": 0o755, "tokens": 0o700}  # folders of a home, with their modes
_SYSTEM_UNITS = Path("/etc/systemd/system")


class Timers:
    """Every kind of timer that this home can have."""

    def __init__(self, home: Home, every: int) -> None:
        self._home = home
        self._every = every
        config = home.config_path if home.options.config else None
        self._call = ScheduledCall(tuple(home.program), home.path, config)

    def __iter__(self) -> Iterator[Timer]:
        yield self.cron()
        with contextlib.suppress(SchedulerError):  # an account without a home has no units of its own
            yield self.of_user()
        yield self.of_system()

    def cron(self) -> Timer:
        return CronTimer(self._call, self._every, Crontab(self._home.environ))

    def of_user(self) -> Timer:
        environ = self._home.environ
        folder = _config_folder(environ) / "systemd" / "user"
        return SystemdTimer(self._call, self._every, folder, Systemctl(environ, of_user=True))

    def of_system(self) -> Timer:
        manager = Systemctl(self._home.environ, of_user=False)
        return SystemdTimer(self._call, self._every, _SYSTEM_UNITS, manager, _service(self._home))


def _config_folder(environ: Mapping[str, str]) -> Path:
    """Find where this account's programs keep their settings. Raises SchedulerError for an account without a home."""
    given = environ.get("XDG_CONFIG_HOME")
    if given:
        return Path(given)
    return expanded(environ.get("HOME") or "~", "the folder of your units", SchedulerError) / ".config"


def _service(home: Home) -> ServiceUnit:
    """Return the user and the paths of a system service of this home."""
    user = user_name(owner_of(home.path).st_uid)
    writes, reads = [home.path / name for name in WRITTEN], [home.config_path]
    with contextlib.suppress(ConfigError):  # `install` has said it; what is there can be looked at and removed
        place = beside(home.settings.database_address).parent
        writes += [] if any(place.is_relative_to(folder) for folder in writes) else [place]
        reads += _named_files(home.settings)
    interpreter = Path(sys.executable)
    program = (Path(home.program[0]), interpreter, interpreter.resolve(), Path(sys.base_prefix))
    return ServiceUnit(user, writes, [*program, *reads])


def _named_files(settings: Settings) -> Iterator[Path]:
    """Name the files that variables point to, such as keys."""
    for name in settings.variables:
        if name.removesuffix("_FILE") in DEFAULTS and name.endswith(("_FILE", "_PATH")):
            yield settings.path(settings.variables[name])


def owner_of(home: Path) -> os.stat_result:
    """Return the status of a home, of one that is gone that of its place."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    return there.stat()


def place_of(timer: Timer) -> str:
    """Say where a timer is installed."""
    if isinstance(timer, SystemdTimer):
        return str(timer.folder / f"{timer.name}.timer")
    return "your crontab"


def option_of(timer: Timer) -> str:
    """Return the options of `filesync schedule` that name a timer."""
    if isinstance(timer, SystemdTimer):
        return "--systemd --system" if timer.service else "--systemd"
    return "--cron"


def only_here(environ: Mapping[str, str], written: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Name the variables that are set in a shell and stand in no file that a timer's start would read."""
    ours = [name for each in names for name in (each, f"{each}_FILE") if environ.get(name)]
    return [name for name in ours if name not in written]
