"""A sync in a process of its own that is killed with SIGKILL in the middle.

The processes are forked from a small one that has everything imported and no threads, so one costs some milliseconds.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from filesync.simulators.clock import SimulatedClock
from filesync.sync import endpoint as _endpoint  # noqa: F401  imported once, in the process that is forked
from filesync.sync.options import SyncOptions
from tests.homes import Home

LONGEST = 60  # seconds


@dataclass(frozen=True)
class Death:
    """When to die: before the n-th `request` is sent, or before the n-th `commit` of the database, or after it."""

    at: Literal["request", "commit", "committed"]
    nth: int


def sync_and_die(home: Home, choice: SyncOptions, death: Death) -> bool:
    """Start as `filesync sync` does, in another process; tell whether it was killed before its end."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.model.killing"])
    about = (home.path, dict(home.environ), home.clock.now(), choice, death)
    child = context.Process(target=_sync, args=about, daemon=True)
    child.start()
    child.join(LONGEST)
    code = child.exitcode
    child.close()
    assert code in (0, -signal.SIGKILL), code
    return code == -signal.SIGKILL


def _sync(path: Path, environ: Mapping[str, str], now: datetime, choice: SyncOptions, death: Death) -> None:
    home = Home(path, clock=SimulatedClock(now, frozen=True))
    home.environ = dict(environ)
    reaper = _Reaper(death)
    sys.addaudithook(reaper.look)
    sqlite3.connect = partial(reaper.connect, sqlite3.connect)  # type: ignore[assignment]
    home.start(choice)


class _Reaper:
    """Counts what the process does, by Python's own audit events and SQLite's trace, and kills it."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._left = death.nth
        self._dies_next = False

    def look(self, event: str, _: tuple[Any, ...]) -> None:
        if event == "http.client.send" and self._death.at == "request":
            self._count()

    def connect(self, connect: Callable[..., sqlite3.Connection], *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Connect, and look at every statement; Python 3.11 tells of a connection before it can be traced."""
        connection = connect(*args, **kwargs)
        if self._death.at != "request":
            connection.set_trace_callback(self._trace)
        return connection

    def _trace(self, statement: str) -> None:
        if self._dies_next:
            self._kill()
        if statement.startswith("COMMIT"):
            self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            if self._death.at == "committed":
                self._dies_next = True
            else:
                self._kill()

    def _kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
