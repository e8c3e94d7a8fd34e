"""An inventory in PostgreSQL: few connections, short transactions, and as few round trips as can be.

Statements of a transaction are sent without waiting for their answers (libpq's pipeline); only a question waits, and
the commit. A lost connection loses the transaction that was open, never one that was committed.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filesync.core.errors import StoppedError, StoreError
from filesync.core.globs import Glob
from filesync.runtime.database_url import PostgresAddress
from filesync.store.engine import Bulk, Cursor, Insert, Matching, Parameters, PathOrder, Question, Rows, Update
from filesync.store.postgres.connection import connect
from filesync.store.postgres.dialect import bulk_sql, changes_sql, rows_json, translate
from filesync.store.postgres.errors import commit_named, problems_named
from filesync.store.postgres.rows import PostgresRows
from filesync.store.postgres.words import matching, searchable

if TYPE_CHECKING:
    import psycopg  # noqa: TID251  for its types

    Raw = psycopg.Connection[tuple[Any, ...]]

MOST_CONNECTIONS = 2  # of one process: a pooler in session mode has few
_WAIT = 0.5  # seconds between two looks whether a connection is free, or somebody said stop
_BEGIN = "BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
_NUMBERED = {
    **dict.fromkeys(
        ("endpoints", "folders", "files", "withheld_files", "sync_logs", "set_sources", "notifications"), "id"
    ),
    "feeds": "number",
}
_PATIENCE = "20s"  # for what a diagnosis asks


class Pool:
    """The connections of this process to one database."""

    def __init__(self, address: PostgresAddress, most: int = MOST_CONNECTIONS) -> None:
        self.address = address
        self._free: list[Raw] = []
        self._room = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._users = 0

    @contextlib.contextmanager
    def borrowed(self, is_stopped: Callable[[], bool]) -> "Iterator[Raw]":
        """Lend a connection; wait for one while all are lent. Raises StoppedError, StoreError."""
        while not self._room.acquire(timeout=_WAIT):
            if is_stopped():
                raise StoppedError(f"{self.address.label}: stopped by a signal while all connections were in use")
        try:
            raw = self._taken() or connect(self.address)
            try:
                yield raw
            finally:
                self._give_back(raw)
        finally:
            self._room.release()

    def joined(self) -> None:
        """Take note that one more uses it."""
        with self._lock:
            self._users += 1

    def left(self) -> None:
        """Take note that one fewer uses it; with the last one the connections are closed."""
        with self._lock:
            self._users -= 1
        self.close_unless_used()

    def close_unless_used(self) -> None:
        """Close the connections when nobody has the database open."""
        if not self._users:
            self.close()

    def close(self) -> None:
        while (raw := self._taken()) is not None:
            raw.close()

    def _taken(self) -> "Raw | None":
        with self._lock:
            return self._free.pop() if self._free else None

    def _give_back(self, raw: "Raw") -> None:
        if raw.closed or raw.info.transaction_status != 0:  # it is broken, or in a state that nobody knows
            raw.close()
            return
        with self._lock:
            self._free.append(raw)


class PostgresConnection:
    """What one thread says to the database: in the transaction that it has open, or else each statement by itself."""

    # An index holds the beginnings of paths, for an entry must stay below 2.7 kB.
    path_order = PathOrder(
        "left(f.file_path, 500) >= left(:path, 500) AND (f.file_path, f.id) > (:path, :id)",
        "left(f.file_path, 500), f.file_path, f.id",
    )

    def __init__(self, pool: Pool, is_stopped: Callable[[], bool]) -> None:
        self._pool = pool
        self._schema = pool.address.schema
        self._is_stopped = is_stopped
        self._raw: Raw | None = None
        self._changes: list[tuple[Insert, Sequence[Sequence[Any]]]] = []
        self._ahead: dict[tuple[str, object], Cursor] = {}

    def execute(self, sql: str, parameters: Parameters = (), /) -> Cursor:
        """Run one statement."""
        if self._ahead and (answer := self._ahead.pop((sql, _key(parameters)), None)) is not None:
            return answer
        text = translate(sql, self._schema)
        if self._raw is not None:
            return _Pending(self._raw, self._raw.execute(text, parameters))
        with problems_named(self._pool.address), self._pool.borrowed(self._is_stopped) as raw:
            return raw.execute(text, parameters)

    asks_ahead = True

    def ask_ahead(self, questions: Iterable[Question], /) -> None:
        """Send questions at once that `execute` is about to ask: it then gives the answer as of now."""
        for sql, parameters in questions:
            self._ahead[sql, _key(parameters)] = self.execute(sql, parameters)

    def write_many(self, bulk: Bulk, rows: Iterable[Sequence[Any]], /) -> None:
        """Write many rows by one statement, in their order."""
        if bulk.table == "files" and isinstance(bulk, Update) and "file_path" in bulk.columns:
            bulk, rows = _with_words(bulk, rows)
        listed, count = rows_json(rows)
        if count:
            self._write(bulk_sql(bulk, self._schema), (listed,))

    def add_files(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to `files`, and let the search find them."""
        path = bulk.columns.index("file_path")
        extended = Insert(bulk.table, (*bulk.columns, "search_words"), bulk.conflict)
        listed, _ = rows_json((*row, searchable(row[path])) for row in rows)
        self._write(bulk_sql(extended, self._schema), (listed,))

    def append_changes(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to the feed when the transaction ends, so that no later number is visible before them."""
        self._changes.append((bulk, rows))

    def matching(self, search: str | None, name: Glob | None, /) -> Matching:
        """Return the conditions that find files by words, each a word's beginning, and by the pattern of a name."""
        return matching(search, name)

    def ask(self, sql: str, is_over: Callable[[], bool], parameters: Sequence[Any] = (), /) -> list[Any] | None:
        """Read what takes long to find out; None when time was over first."""
        from psycopg.errors import QueryCanceled  # noqa: PLC0415, TID251  imported by whoever has a connection

        if is_over():
            return None
        self._write(f"SET LOCAL statement_timeout = '{_PATIENCE}'", ())
        try:
            return self.execute(sql, parameters).fetchall()
        except QueryCanceled:
            return None

    def numbers_given(self, last_seq: int, /) -> None:
        """Take note that rows were written with their numbers: new ones, and new changes, get higher ones."""
        self.execute("UPDATE feed_counter SET last_seq = ?", (last_seq,))
        for table, key in _NUMBERED.items():
            name = f'"{self._schema}".{table}'
            self._write(
                f"SELECT setval(pg_get_serial_sequence(%s, %s), greatest(1, (SELECT max({key}) FROM {name})))",  # noqa: S608  our own words
                (name, key),
            )

    def last_seq(self) -> int:
        """Return the last number that the feed gave out; 0 for none."""
        return int(self.execute("SELECT last_seq FROM feed_counter").fetchone()[0])

    @contextlib.contextmanager
    def begun(self, begin: str, end: str) -> "Iterator[PostgresConnection]":
        """Open a transaction, and end it that way; one that fails is rolled back."""
        if self._raw is not None:
            raise RuntimeError("a transaction is open already")
        with self._pool.borrowed(self._is_stopped) as raw:
            self._raw, self._changes, self._ahead = raw, [], {}
            try:
                with contextlib.ExitStack() as stack:
                    stack.enter_context(raw.pipeline())
                    for statement in begin.split("; "):
                        raw.execute(statement)
                    yield self
                    self._write_changes()
                    with commit_named(self._pool.address):
                        ended = raw.execute(end)
                        stack.close()  # waits for the answers to all that was sent
                if ended.statusmessage != end:  # COMMIT of a transaction that failed says ROLLBACK, and raises nothing
                    raise StoreError(f"{self._pool.address.label}: the transaction was not committed; nothing was lost")
            finally:
                self._raw, self._changes, self._ahead = None, [], {}
                if not raw.closed and raw.info.transaction_status != 0:
                    with contextlib.suppress(Exception):
                        raw.execute("ROLLBACK")

    def _write(self, sql: str, parameters: Sequence[Any]) -> None:
        if self._raw is None:
            raise RuntimeError("rows are written in a transaction of the store's, and none is open")
        self._raw.execute(sql, parameters)

    def _write_changes(self) -> None:
        """Add the changes last: from their numbers to the commit nobody else gets one (decision 76)."""
        rows = [row for _, each in self._changes for row in each]
        if rows:
            listed, count = rows_json(rows)
            self._write(changes_sql(self._changes[0][0], self._schema), (count, count, listed))


class _Pending:
    """The answer to a statement in a pipeline, which is waited for when somebody looks at it."""

    def __init__(self, raw: "Raw", cursor: "psycopg.Cursor[tuple[Any, ...]]") -> None:
        self._raw = raw
        self._cursor = cursor

    @property
    def description(self) -> Any:
        self._rows  # noqa: B018  the answer tells
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        if self._raw.pgconn.pipeline_status:
            with self._raw.pipeline() as pipeline:
                pipeline.sync()
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return [*self._rows]

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    @cached_property
    def _rows(self) -> Iterator[Any]:
        return iter(self._cursor.fetchall())


class PostgresDatabase:
    """The database as one thread has it open; `pool` is closed with the last one that uses it."""

    def __init__(self, pool: Pool, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self.address = pool.address
        self._pool = pool
        pool.joined()
        self.connection = PostgresConnection(pool, is_stopped)

    def close(self) -> None:
        self._pool.left()

    def sizes(self) -> tuple[int, int]:
        """Return how many bytes its tables and indexes take; there is no log of its own."""
        sql = """SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r'"""
        return int(self.connection.execute(sql, (self.address.schema,)).fetchone()[0]), 0

    def schema_version(self) -> int:
        """Return the version of its schema."""
        return int(self.connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()[0])

    def fetch(self, sql: str, parameters: Parameters = (), /) -> list[Any]:
        """Read all rows of one question, in no transaction, which would cost round trips of its own."""
        return self.connection.execute(sql, parameters).fetchall()

    def table(self, name: str) -> Rows:
        """Give a table whose rows are read, and inside of `transaction` written, one by one."""
        return self._rows(name)

    def insert(self, name: str, row: Mapping[str, object]) -> int:
        """Add a row to a table that numbers its rows; give its number."""
        return self._rows(name).insert_numbered(row)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[PostgresConnection]:
        """Write as one commit, or not at all. Raises StoreError; StoppedError."""
        with problems_named(self.address), self.connection.begun(_BEGIN, "COMMIT") as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresConnection]:
        """Read one consistent state of the database."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        with problems_named(self.address), self.connection.begun(begin, "ROLLBACK") as connection:
            yield connection

    def _rows(self, name: str) -> PostgresRows:
        return self._tables.setdefault(name, PostgresRows(self.connection, name))

    @cached_property
    def _tables(self) -> dict[str, PostgresRows]:
        return {}


def _key(parameters: Parameters) -> object:
    return tuple(parameters.items()) if isinstance(parameters, Mapping) else tuple(parameters)


def _with_words(bulk: Update, rows: Iterable[Sequence[Any]]) -> tuple[Update, list[Sequence[Any]]]:
    """Let an update of files keep what the search looks at in step with the path."""
    path, number = bulk.columns.index("file_path"), len(bulk.columns)
    extended = Update(bulk.table, (*bulk.columns, "search_words"), bulk.key)
    return extended, [(*row[:number], searchable(row[path]), *row[number:]) for row in rows]
