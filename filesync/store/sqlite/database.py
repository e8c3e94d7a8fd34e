"""Opening the file: pragmas, short write transactions, and SQLite's errors in the user's words."""

import contextlib
import json
import os
import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from filesync.core.errors import StoppedError, StoreError
from filesync.runtime import processes
from filesync.runtime.locks import NO_LINK, FileLock, SharedLock, is_held, narrowed, refuse_foreign_link
from filesync.store.engine import Bulk, Insert, Matching, Parameters, PathOrder, Question, Rows
from filesync.store.sqlite import migrations, wal
from filesync.store.sqlite.lock_paths import migration_lock, use_lock
from filesync.store.sqlite.matching import matching
from filesync.store.sqlite.migrations import OnUpgrade, restoring, stoppable, upgrade, version_of, wait_for_another

if TYPE_CHECKING:
    from filesync.core.globs import Glob
    from filesync.store.sqlite.tables import Tables

BUSY_SECONDS = 30
_LOOK_SECONDS = 0.5  # for the lock of a writer elsewhere; only between two looks is a signal heard
_STEPS = 50_000  # of SQLite's machine between two looks at the time
_LAST_LOOKS = 2  # of one connection, once it was told to stop
_WRITING = (
    "synchronous = NORMAL",
    "cache_size = -8000",  # KiB: a batch touches pages all over the indexes, since ids are random
    "wal_autocheckpoint = 4000",  # pages, 16 MB: so that not every batch is copied into the file at once
    "journal_size_limit = 64000000",  # bytes: what a long reader made grow is given back once it ended
)
_MAGIC = b"SQLite format 3\0"
_KNOWN_PROBLEMS = {
    "SQLITE_NOTADB": "is not a SQLite database; set DATABASE_URL to another file, or move this one away",
    "SQLITE_CORRUPT": "is damaged; restore a backup, or move it away and sync afresh",
    "SQLITE_FULL": "cannot grow: the disk is full; free some space, nothing was lost",
    "SQLITE_READONLY": "cannot be written: the file or its folder is read-only",
    "SQLITE_CANTOPEN": "cannot be opened or created; check the path and its permissions",
    "SQLITE_BUSY": "was locked by another program{who} for too long; {what}",
    "SQLITE_IOERR": "could not be read or written: the disk reported an error",
    "SQLITE_PERM": "cannot be opened: permission denied",
}


# The search index takes a batch's new files at once: fed by a trigger, it is flushed after each of them, which costs
# more than everything else that is written of a file. New rows have the highest ids.
_MAKE_SEARCHABLE = """
    INSERT INTO files_search (rowid, file_name, file_path) SELECT id, file_name, file_path FROM files WHERE id > ?
"""
_MAKE_THESE_SEARCHABLE = """
    INSERT INTO files_search (rowid, file_name, file_path)
    SELECT id, file_name, file_path FROM files WHERE id IN (SELECT value FROM json_each(?))
"""


class SqliteConnection(sqlite3.Connection):
    """A connection as the store wants it; each statement is SQLite's own."""

    path_order = PathOrder("(f.file_path, f.id) > (:path, :id)", "f.file_path, f.id")

    asks_ahead = False  # there is nobody to wait for

    def ask_ahead(self, questions: Iterable[Question], /) -> None:
        """Leave it to `execute`."""

    def write_many(self, bulk: Bulk, rows: Iterable[Sequence[Any]], /) -> None:
        """Write many rows by one statement, in their order."""
        self.executemany(bulk.sql, rows)

    def add_files(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to `files`, and let the search find them."""
        if "id" in bulk.columns:  # those of a copy, which need not be the highest
            self.executemany(bulk.sql, rows)
            place = bulk.columns.index("id")
            self.execute(_MAKE_THESE_SEARCHABLE, (json.dumps([row[place] for row in rows]),))
            return
        newest = self.execute("SELECT coalesce(max(id), 0) FROM files").fetchone()
        self.executemany(bulk.sql, rows)
        self.execute(_MAKE_SEARCHABLE, newest)

    def append_changes(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to the feed: SQLite has one writer at a time, so numbers have the order of commits."""
        self.executemany(bulk.sql, rows)

    def matching(self, search: str | None, name: "Glob | None", /) -> Matching:
        """Return the conditions that find files by words, each a word's beginning, and by the pattern of a name."""
        if name is not None:  # at the end of a path, which the index has; a `/` in a name is no `/` there
            self.create_function(
                "glob_matches", 1, lambda path: name.matches(path[path.rfind("/") + 1 :]), deterministic=True
            )
        return matching(search, name)

    def ask(self, sql: str, is_over: Callable[[], bool], parameters: Sequence[Any] = (), /) -> list[Any] | None:
        """Read what takes long to find out; None when time was over first."""
        self.set_progress_handler(lambda: int(is_over()), _STEPS)
        try:
            return self.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
        finally:
            self.set_progress_handler(None, 0)

    def numbers_given(self, last_seq: int, /) -> None:
        """Take it that rows were written with their numbers: SQLite looks at the rows, but for those of the feed."""
        self.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
        self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)", (last_seq,))

    def last_seq(self) -> int:
        """Return the last number that the feed gave out; 0 for none."""
        row = self.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return int(row[0] or 0)


class SqliteDatabase:
    """One connection to the database file, for one thread at a time; `lock` is held as long as it is open.

    Once `is_stopped`, whoever else holds the database is no longer waited for than a moment.
    """

    def __init__(
        self,
        path: Path,
        connection: SqliteConnection,
        lock: FileLock | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        turn: "threading.Lock | None" = None,
    ) -> None:
        self.address = path
        self.connection = connection
        self._lock = lock
        self._is_stopped = is_stopped
        self._turn = turn or threading.Lock()
        self._last_looks = _LAST_LOOKS

    def close(self) -> None:
        self.connection.close()
        if self._lock is not None:
            self._lock.release()

    def sizes(self) -> tuple[int, int]:
        """Return how many bytes the file and its log take."""
        return _size(self.address), _size(self.address.with_name(f"{self.address.name}-wal"))

    def schema_version(self) -> int:
        """Return the version of its schema."""
        return version_of(self.connection)

    def fetch(self, sql: str, parameters: Parameters = (), /) -> list[Any]:
        """Read all rows of one question."""
        with problems_named(self.address):
            return self.connection.execute(sql, parameters).fetchall()

    def table(self, name: str) -> Rows:
        """Give a table whose rows are read, and inside of `transaction` written, one by one."""
        return cast("Rows", self._tables.rows_of(name))

    def insert(self, name: str, row: Mapping[str, object]) -> int:
        """Add a row to a table that numbers its rows; gives its number."""
        return int(str(self.table(name).insert(dict(row)).last_pk))

    @cached_property
    def _tables(self) -> "Tables":
        from filesync.store.sqlite.tables import Tables  # noqa: PLC0415  a start with nothing due needs no sqlite-utils

        return Tables(self.connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[SqliteConnection]:
        """Write as one commit, or not at all. Raises StoppedError when that would outlast a request to stop."""
        with problems_named(self.address), self._in_turn():
            try:
                self._begin_writing()
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """Read one consistent state of the database."""
        with problems_named(self.address):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                self._roll_back()

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait for the other threads that write: SQLite would let each sleep and look, by and by."""
        has_turn = self._took_turn()
        try:
            yield
        finally:
            if has_turn:
                self._turn.release()

    def _took_turn(self) -> bool:
        """Tell whether it is our turn by now; False when that took too long, and SQLite is to say so."""
        for _ in range(int(BUSY_SECONDS / _LOOK_SECONDS)):
            if self._turn.acquire(timeout=_LOOK_SECONDS):
                return True
            self._give_up_when_stopped()
        return False

    def _begin_writing(self) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {_LOOK_SECONDS * 1000:.0f}")
        try:
            for _ in range(int(BUSY_SECONDS / _LOOK_SECONDS) - 1):
                if self._tried_to_begin():
                    return
                self._give_up_when_stopped()
            self.connection.execute("BEGIN IMMEDIATE")
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def _tried_to_begin(self) -> bool:
        """Tell whether it began; False when somebody else is writing."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        return True

    def _give_up_when_stopped(self) -> None:
        if not self._is_stopped():
            return
        if self._last_looks == 0:
            raise StoppedError(f"{self.address}: stopped by a signal while another program locked it")
        self._last_looks -= 1

    def _roll_back(self) -> None:
        if self.connection.in_transaction:  # SQLite ends one by itself when the disk fails
            self.connection.execute("ROLLBACK")


def open_for_writing(
    path: Path,
    is_stopped: Callable[[], bool] = lambda: False,
    on_upgrade: OnUpgrade = lambda _: None,
    turn: "threading.Lock | None" = None,
) -> SqliteDatabase:
    """Open the database, create it when it is missing, and migrate it forward: then `on_upgrade` hears of it before.

    Threads that write through connections of their own share a `turn`.

    Raises StoreError: not a database, read-only, newer than this program, about to be replaced; StoppedError.
    """
    make_file(path)
    while True:
        lock = _take_part(path, is_stopped)
        try:
            connection, is_current = _open_for_writing(path)
            if is_current:
                return SqliteDatabase(path, connection, lock, is_stopped, turn)
        except BaseException:
            lock.release()
            raise
        lock.release()  # a migration may need to be alone
        with problems_named(path), contextlib.closing(connection), stoppable(connection, is_stopped):
            upgrade(path, connection, is_stopped, on_upgrade)


def make_file(path: Path, mode: int = 0o600) -> None:
    """Make the file of a new database, so that nobody else can read it from its first byte on.

    SQLite would make it 0644, less the umask; what it puts beside a database gets the mode that this one has.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_foreign_link(path)
        if os.path.lexists(path):  # a link of ours to nothing, too: SQLite follows it, and makes the file
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, mode)
    except FileExistsError:
        return
    except OSError as exc:
        raise StoreError(f"{exc.filename or path}: cannot be created: {exc.strerror}") from exc
    try:
        os.fchmod(fd, mode)  # whatever the umask
    finally:
        os.close(fd)


def keep_closed(path: Path, mode: int) -> int | None:
    """Close a database, and what SQLite put beside it, to whom a mode leaves out; tell the mode before, if another.

    By name: to close a descriptor of a database takes the locks from every connection that this process has to it.
    """
    before = None
    if not _is_open_otherwise(path, mode):
        return None
    for each in beside(path):
        with contextlib.suppress(OSError):  # not there, or not ours: the doctor says so
            status = each.stat()
            found = stat.S_IMODE(status.st_mode)
            if stat.S_ISREG(status.st_mode) and narrowed(found, mode) != found:
                each.chmod(narrowed(found, mode))
                before = before or found
    return before


def _is_open_otherwise(path: Path, mode: int) -> bool:
    """Tell whether a database has another mode; a file that is none is somebody else's, and left alone.

    Only the first start that finds another mode reads it, before anything is written to it.
    """
    try:
        found = stat.S_IMODE(path.stat().st_mode)
        if narrowed(found, mode) == found or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) in {_MAGIC, b""}
    except OSError:
        return False


def beside(path: Path) -> Sequence[Path]:
    """Name the files of a database: itself, and those that SQLite keeps beside it while it is used."""
    return [path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm")]


def _take_part(path: Path, is_stopped: Callable[[], bool]) -> SharedLock:
    lock = SharedLock(use_lock(path))
    try:
        while not lock.acquire(blocking=False):
            if not is_held(migration_lock(path)):
                raise StoreError(restoring(path))
            wait_for_another(path, is_stopped)
    except OSError as exc:
        raise StoreError(f"{lock.path}: cannot be written: {exc.strerror}") from exc
    return lock


def _open_for_writing(path: Path) -> tuple[SqliteConnection, bool]:
    """Connect, and tell whether the schema is the present one; else it is older."""
    with problems_named(path):
        connection = _connect(path.as_uri())
        try:
            version = version_of(connection)
            if version > migrations.CURRENT:
                raise StoreError(newer(path, version))
            for setting in _WRITING:
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
    return connection, version == migrations.CURRENT


def open_for_reading(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> SqliteDatabase:
    """Open an existing database without ever writing to it; one that is locked is waited for that long.

    Raises StoreError: missing, not a database, older or newer than this program.
    """
    database, version = open_as_it_is(path, busy_seconds=busy_seconds)
    if version == migrations.CURRENT:
        return database
    database.close()
    if version > migrations.CURRENT:
        raise StoreError(newer(path, version))
    if is_held(migration_lock(path)):
        if not version:
            raise StoreError(f"{path}: there is no database yet, it is just being created; try again in a moment")
        raise StoreError(f"{path}: is just being migrated to this filesync's schema; try again in a moment")
    if not path.stat().st_size:
        raise StoreError(
            f"{path}: there is no database yet, the file is empty; try again in a moment, or: filesync sync"
        )
    database, version = open_as_it_is(path, busy_seconds=busy_seconds)  # it may have been migrated meanwhile
    if version == migrations.CURRENT:
        return database
    database.close()
    raise StoreError(f"{path}: has schema version {version}, older than this filesync; run: filesync sync")


def open_as_it_is(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> tuple[SqliteDatabase, int]:
    """Open an existing database of any schema version without ever writing to it, and tell that version.

    Raises StoreError: missing, not a database, locked.
    """
    if not path.exists():
        raise StoreError(f"{path}: there is no database yet; run: filesync sync (or name another home with --home)")
    with problems_named(path):
        connection = _connect(f"{path.as_uri()}?mode=ro", busy_seconds)
        try:
            return SqliteDatabase(path, connection), version_of(connection)
        except BaseException:
            connection.close()
            raise


def copy_to(source: Path, target: Path) -> None:
    """Write a consistent copy of a database that may be in use."""
    database = open_for_reading(source)
    try:
        with problems_named(target), contextlib.closing(sqlite3.connect(target)) as copy:
            database.connection.backup(copy)  # decision 24: dry runs and `verify` work on this copy
    finally:
        database.close()


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise StoreError for what a damaged or foreign file makes of reading it: errors of SQLite, odd values."""
    try:
        yield
    except (sqlite3.Error, ValueError) as exc:
        raise StoreError(f"{path}: cannot be read, it may be damaged: {exc}") from exc


@contextlib.contextmanager
def problems_named(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into one line that says what to do; let bugs pass."""
    try:
        yield
    except sqlite3.Error as exc:
        code = (getattr(exc, "sqlite_errorname", None) or "").split("_")
        problem = _KNOWN_PROBLEMS.get("_".join(code[:2]))
        if str(exc).startswith("Could not decode to UTF-8"):  # Python's own, without a code
            problem = _KNOWN_PROBLEMS["SQLITE_CORRUPT"]
        if problem is None:
            raise
        if problem is _KNOWN_PROBLEMS["SQLITE_BUSY"]:
            who = processes.named(wal.lockers(path))
            what = "end it, or wait for it" if who else "see which one holds it"
            problem = problem.format(who=f" ({who})" if who else "", what=what)
        if path.is_dir():  # SQLite speaks of the disk then
            problem = "is a folder; set DATABASE_URL to a file in it, or move it away"
        raise StoreError(f"{path}: {problem}") from exc


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # no writer is at work: there is no log beside it
        return 0


def _connect(uri: str, busy_seconds: float = BUSY_SECONDS) -> SqliteConnection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=SqliteConnection,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def newer(path: Path, version: int) -> str:
    return f"{path}: has schema version {version}, newer than this filesync; upgrade filesync"
