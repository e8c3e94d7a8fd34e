"""Bringing a database to the present schema: one process does it, the others wait, and what was there can be kept."""

import contextlib
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filesync.clock import SystemClock
from filesync.errors import StoppedError, StoreError
from filesync.locks import FileLock, SharedLock
from filesync.store import copies, migrations
from filesync.store.places import migration_lock, use_lock

PATIENCE = 30.0  # seconds, for those who still write with an older program
_OLDEST_SQLITE = (3, 37)  # STRICT tables
_LOOK = 0.1  # seconds between two looks at a lock
_STEPS_UNHEARD = 100_000  # of SQLite's machine, some milliseconds: then a request to stop is heard


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A database that is about to get another schema, and the copy that was kept of it, if tables are rewritten."""

    database: Path
    before: int
    after: int
    kept: Path | None


OnUpgrade = Callable[[Upgrade], None]


def upgrade(path: Path, connection: sqlite3.Connection, is_stopped: Callable[[], bool], on_upgrade: OnUpgrade) -> None:
    """Migrate, one process at a time; whoever comes second finds it done. New databases are no upgrade.

    Raises StoreError when others write for too long, or there is no room; StoppedError. Then nothing was changed.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(f"{path}: needs SQLite 3.37 or newer, this Python has {sqlite3.sqlite_version}")
    with _waited_for(FileLock(migration_lock(path)), is_stopped):
        version = version_of(connection)
        if version >= migrations.CURRENT:
            return
        rewrites = bool(version and migrations.rewriting(version))
        with _used(path, is_stopped, alone=rewrites):
            if version_of(connection) == version:  # else one was restored just now, and is looked at again
                _migrate(path, connection, version, on_upgrade, rewrites=rewrites)


def wait_for_another(path: Path, is_stopped: Callable[[], bool]) -> None:
    """Wait until nobody migrates."""
    with _waited_for(FileLock(migration_lock(path)), is_stopped):
        pass


@contextlib.contextmanager
def stoppable(connection: sqlite3.Connection, is_stopped: Callable[[], bool]) -> Iterator[None]:
    """Let long statements of a block hear a request to stop: raises StoppedError."""
    connection.set_progress_handler(is_stopped, _STEPS_UNHEARD)
    try:
        yield
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise StoppedError("stopped by a signal during a migration; nothing was changed") from exc
    finally:
        connection.set_progress_handler(None, 0)


def version_of(connection: sqlite3.Connection) -> int:
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def _migrate(
    path: Path, connection: sqlite3.Connection, version: int, on_upgrade: OnUpgrade, *, rewrites: bool
) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # it stays with the file; switching waits for nobody
    kept = copies.keep(connection, path, migrations.CURRENT) if rewrites else None
    if version:
        on_upgrade(Upgrade(path, version, migrations.CURRENT, kept))
    try:
        migrations.migrate(connection)
    except StoreError as exc:
        raise StoreError(f"{path}: {exc}") from exc


@contextlib.contextmanager
def _used(path: Path, is_stopped: Callable[[], bool], *, alone: bool) -> Iterator[None]:
    """Take part in writing; alone when nobody who knows the older schema may write meanwhile."""
    busy = f"{path}: must be rewritten for this filesync, and somebody still writes to it; try again when that is done"
    if alone:
        with _waited_for(FileLock(use_lock(path)), is_stopped, PATIENCE, busy):
            yield
        return
    with _waited_for(SharedLock(use_lock(path)), is_stopped, 0, restoring(path)):
        yield


def restoring(path: Path) -> str:
    return f"{path}: a snapshot is being restored; try again when that is done"


@contextlib.contextmanager
def _waited_for(
    lock: FileLock, is_stopped: Callable[[], bool], patience: float = float("inf"), otherwise: str = ""
) -> Iterator[None]:
    clock = SystemClock()
    until = clock.monotonic() + patience
    try:
        while not lock.acquire(blocking=False):
            if is_stopped():
                raise StoppedError(f"{lock.path}: stopped by a signal while another process held it")
            if clock.monotonic() >= until:
                raise StoreError(otherwise)
            clock.wait(threading.Event(), _LOOK)
    except OSError as exc:
        raise StoreError(f"{lock.path}: cannot be written: {exc.strerror}") from exc
    try:
        yield
    finally:
        lock.release()
