"""The timers that a home can have: whom they run as, what they may write, and where their files are."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from filesync.cli.world import World
from filesync.errors import ConfigError, SchedulerError
from filesync.ownership import user_name
from filesync.settings import DEFAULTS, Settings, expanded
from filesync.timers.call import Call, Timer
from filesync.timers.commands import Crontab, Systemctl
from filesync.timers.cron_timer import CronTimer
from filesync.timers.systemd import Service
from filesync.timers.systemd_timer import SystemdTimer

WRITTEN = {"data": 0o755, "logs": 0o755, "tokens": 0o700}  # folders of a home, with their modes
_SYSTEM_UNITS = Path("/etc/systemd/system")


class Timers:
    """Every kind of timer that this home can have."""

    def __init__(self, world: World, every: int) -> None:
        self._world = world
        self._every = every
        config = world.config_path if world.options.config else None
        self._call = Call(tuple(world.program), world.home, config)

    def __iter__(self) -> Iterator[Timer]:
        yield self.cron()
        with contextlib.suppress(SchedulerError):  # an account without a home has no units of its own
            yield self.of_user()
        yield self.of_system()

    def cron(self) -> Timer:
        return CronTimer(self._call, self._every, Crontab(self._world.environ))

    def of_user(self) -> Timer:
        environ = self._world.environ
        folder = _config_folder(environ) / "systemd" / "user"
        return SystemdTimer(self._call, self._every, folder, Systemctl(environ, of_user=True))

    def of_system(self) -> Timer:
        manager = Systemctl(self._world.environ, of_user=False)
        return SystemdTimer(self._call, self._every, _SYSTEM_UNITS, manager, _service(self._world))


def _config_folder(environ: Mapping[str, str]) -> Path:
    """Find where this account's programs keep their settings. Raises SchedulerError for an account without a home."""
    given = environ.get("XDG_CONFIG_HOME")
    if given:
        return Path(given)
    return expanded(environ.get("HOME") or "~", "the folder of your units", SchedulerError) / ".config"


def _service(world: World) -> Service:
    """Tell whom a system service of this home runs as, and what of the disk it needs."""
    user = user_name(owner_of(world.home).st_uid)
    writes, reads = [world.home / name for name in WRITTEN], [world.config_path]
    with contextlib.suppress(ConfigError):  # `install` has said it; what is there can be looked at and removed
        beside = world.settings.database_path.parent
        writes += [] if any(beside.is_relative_to(folder) for folder in writes) else [beside]
        reads += _named_files(world.settings)
    interpreter = Path(sys.executable)
    program = (Path(world.program[0]), interpreter, interpreter.resolve(), Path(sys.base_prefix))
    return Service(user, writes, [*program, *reads])


def _named_files(settings: Settings) -> Iterator[Path]:
    """Name the files that variables point to, such as keys."""
    for name in settings.variables:
        if name.removesuffix("_FILE") in DEFAULTS and name.endswith(("_FILE", "_PATH")):
            yield settings.path(settings.variables[name])


def owner_of(home: Path) -> os.stat_result:
    """Tell whose a home is; of one that is gone, whose its place is."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    return there.stat()
