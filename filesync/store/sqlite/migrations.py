"""The schema's history, and bringing a database to its present end: one process does it, the others wait.

Each step is one SQL file in `schema/`, applied once by sqlite-utils, which notes it in `_sqlite_migrations`; that table
is the one record of the schema's version. All steps that are missing are one transaction. A step that rewrites tables
(copies, changes or drops rows that are there) says so in its head, `-- rewrites: files`. Then the database is kept as
it was before, nobody else may write to it meanwhile, and foreign keys are checked at the end instead of at each
statement, so that a table may be dropped and put back.
"""

import contextlib
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from filesync.core.errors import StoppedError, StoreError
from filesync.runtime.clock import SystemClock
from filesync.runtime.locks import FileLock, SharedLock
from filesync.store.sqlite import backup
from filesync.store.sqlite.lock_paths import migration_lock, use_lock

if TYPE_CHECKING:
    from sqlite_utils import Database  # noqa: TID251  the store is the only room that knows SQLite

_STEPS = ("0001_initial.sql",)
CURRENT = len(_STEPS)
PATIENCE = 30.0  # seconds, for those who still write with an older program
_SET = "filesync"  # in _sqlite_migrations, which other programs may use, too
_REWRITES = "-- rewrites:"
_OLDEST_SQLITE = (3, 39)  # IS DISTINCT FROM
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
        raise StoreError(f"{path}: needs SQLite 3.39 or newer, this Python has {sqlite3.sqlite_version}")
    with _waited_for(FileLock(migration_lock(path)), is_stopped):
        version = version_of(connection)
        if version >= CURRENT:
            return
        rewrites = bool(version and rewriting(version))
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
    """Count the steps that a database has had; 0 for a new one, and for one of another program."""
    table = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    if not connection.execute(table).fetchone()[0]:
        return 0
    row = connection.execute("SELECT count(*) FROM _sqlite_migrations WHERE migration_set = ?", (_SET,)).fetchone()
    return int(row[0])


def _migrate(
    path: Path, connection: sqlite3.Connection, version: int, on_upgrade: OnUpgrade, *, rewrites: bool
) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # it stays with the file; switching waits for nobody
    kept = backup.keep(connection, path, CURRENT) if rewrites else None
    if version:
        on_upgrade(Upgrade(path, version, CURRENT, kept))
    try:
        migrate(connection)
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


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the current schema, or leave it as it is. Raises StoreError when its rows do not fit.

    The connection is in no transaction.
    """
    from sqlite_utils import Migrations  # noqa: PLC0415, TID251  only a new schema needs it

    from filesync.store.sqlite.tables import Tables  # noqa: PLC0415  likewise

    steps = Migrations(_SET)
    for name in _STEPS:
        steps(name=name)(_step(name))
    rewrites = bool(rewriting(version_of(connection)))
    connection.execute(f"PRAGMA foreign_keys = {'OFF' if rewrites else 'ON'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        steps.apply(Tables(connection))
        if rewrites and connection.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError("rows refer to others that are not there, so it cannot be migrated; nothing was changed")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends one by itself when the disk fails
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def rewriting(version: int) -> list[str]:
    """Name the steps behind that version which rewrite tables."""
    return [name for name in _STEPS[version:] if is_rewriting(_read(name))]


def is_rewriting(script: str) -> bool:
    """Tell whether a step says in its head that it rewrites tables."""
    head = script.split("\n\n", 1)[0]
    return any(line.startswith(_REWRITES) for line in head.splitlines())


def _step(name: str) -> "Callable[[Database], None]":
    def apply(database: "Database") -> None:
        for statement in _statements(_read(name)):  # executescript takes seconds to find where each one ends
            database.execute(statement)

    return apply


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("schema", name).read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements; a trigger's body stays whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
