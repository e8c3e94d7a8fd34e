"""The log of one start of `filesync sync`: its beginning, its exit code, or the error that ended it."""

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from filesync import __version__
from filesync.app.home import Home
from filesync.core.errors import ConfigError, FilesyncError, UsageError
from filesync.runtime.log import Level

if TYPE_CHECKING:
    from filesync.sync.session import SyncReport

_BUG = 1  # the exit code of a traceback


class StartLog:
    """Logs one start; one that had nothing to do at DEBUG only, for it happens hundreds of times a day.

    As a context it also logs an error that ends the start, and lets it go on.
    """

    def __init__(self, home: Home, *, by_hand: bool, dry_run: bool) -> None:
        self._home = home
        self._dry_run = dry_run
        self._trigger = "manual" if by_hand else "schedule"
        self._started = home.clock.monotonic()
        self._began = False

    def __enter__(self) -> Self:
        if self._dry_run:
            self._home.log = self._home.log.about(dry_run=True)
        return self

    def began(self) -> None:
        """There is something to do."""
        self._began = True
        self._home.log.info("start_began", trigger=self._trigger, version=__version__, pid=os.getpid())

    def ended(self, report: "SyncReport", code: int) -> None:
        skipped = [{"endpoint": name, "reason": why} for name, why in report.skipped]
        level = Level.INFO if self._began else Level.DEBUG
        self._write(level, exit_code=code, syncs=len(report.outcomes), skipped=skipped)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UsageError) or not self._has_home():
            return  # a caller's slip is no event of the home, and where there is no home nothing is to be created
        if isinstance(error, FilesyncError):
            self._write(Level.ERROR, exit_code=error.exit_code, error_type=error.error_type, error_message=str(error))
        elif isinstance(error, Exception):
            self._write(Level.ERROR, exit_code=_BUG, error_type="bug", error_message=type(error).__name__)

    def _has_home(self) -> bool:
        try:
            return self._home.config_path.exists() and self._home.log.path is not None
        except (ConfigError, OSError):
            return False  # then it is not known where and how to log

    def _write(self, level: Level, **facts: Any) -> None:
        seconds = round(self._home.clock.monotonic() - self._started, 3)
        self._home.log.write(level, "start_ended", trigger=self._trigger, duration_seconds=seconds, **facts)
