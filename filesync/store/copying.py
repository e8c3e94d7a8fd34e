"""Copying an inventory to another database: every row with its number, so that readers and cursors go on.

Table after table, page after page; each page is one commit. What is there already is compared and left alone, so that a
copy that was stopped goes on, and one that is done can be brought up to date. The source is read in one transaction.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from filesync.core.errors import StoreError
from filesync.runtime.database_url import Address, PostgresAddress
from filesync.store.database import open_for_reading, open_for_writing
from filesync.store.engine import Database, Delete, Insert, SqlConnection, Update
from filesync.store.feed import lineage
from filesync.store.postgres.dialect import column_types
from filesync.store.row_codec import from_json, without_surrogates_and_nul

Row = tuple[Any, ...]
Ask = Callable[[str, Sequence[Any]], list[Any]]
OnPage = Callable[[str, int, int], None]  # table, rows done, of how many

# What the rows of each table are found by, parents before children. The feed's name comes first: it tells whose copy
# the target is.
TABLES: Mapping[str, tuple[str, ...]] = {
    "feeds": ("number",),
    "retention": ("id",),
    "endpoints": ("id",),
    "folders": ("id",),
    "files": ("id",),
    "withheld_files": ("id",),
    "sync_logs": ("id",),
    "sync_totals": ("endpoint_id", "status"),  # behind sync_logs, whose trigger writes them
    "changes": ("seq",),
    "sync_state": ("endpoint_id",),
    "candidates": ("endpoint_id", "external_id"),
    "seen": ("endpoint_id", "external_id"),
    "owed": ("endpoint_id", "folder_id"),
    "odd_entries": ("endpoint_id", "external_id"),
    "scheduler": ("id",),
    "set_sources": ("id",),
    "set_members": ("source_id", "external_id"),
    "feed_positions": ("reader",),
    "notifications": ("id",),
    "notify_told": ("endpoint_id", "target", "event", "cause"),
    "notify_targets": ("target",),
}
DERIVED = ("search_words",)  # columns that the engine fills by itself
_JSON = {
    *("before", "after", "extra", "endpoint_details", "schedule", "provider_state", "last_counts", "left_out"),
    *("identity", "details", "payload"),
}
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_PAGE = 2_000  # rows of one commit
_FROM_THE_START = ("feeds", "retention")  # have a row in an inventory that nobody has used


@dataclass(slots=True)
class CopiedTable:
    """What became of one table; `written` are the rows that were not in the target as they are in the source."""

    table: str
    rows: int = 0
    written: int = 0
    dropped: int = 0
    replaced: int = 0  # values that PostgreSQL cannot hold as they were
    total: int = 0  # of the hashes of all rows

    def add(self, row: Row) -> None:
        self.rows += 1
        self.total = (self.total + _hash(row)) % (1 << 128)

    @property
    def checksum(self) -> str:
        """Give the rows' checksum, whatever their order."""
        return f"{self.total:032x}"


@dataclass(frozen=True, slots=True)
class _Layout:
    table: str
    key: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return *self.key, *self.others

    def key_of(self, row: Row) -> Row:
        return row[: len(self.key)]


def copy(source: Address, target: Address, on_page: OnPage = lambda *_: None) -> list[CopiedTable]:
    """Copy an inventory into an empty database, or bring an earlier copy up to date.

    Raises StoreError where the target has another inventory, or has gone on by itself.
    """
    with closing(open_for_reading(source)) as read, closing(open_for_writing(target)) as write, read.reading() as state:
        is_fresh = _is_fresh(write)
        if not is_fresh:
            _refuse_another(state, write)
        return _Copying(state, write, on_page, is_fresh=is_fresh).run()


def compare(copied: Sequence[CopiedTable], target: Address, on_page: OnPage = lambda *_: None) -> list[str]:
    """Name the tables of which the target does not hold exactly what was copied."""
    with closing(open_for_reading(target)) as written, written.reading() as state:
        found = [_summed(state, _layout(each.table), each.rows, on_page) for each in copied]
    return [each.table for each, there in zip(copied, found, strict=True) if (each.rows, each.total) != there]


def position(database: Database) -> Row:
    """Tell how far an inventory has come: something else as soon as a sync has written to it."""
    with database.reading() as connection:
        logs = connection.execute("SELECT count(*), max(id), max(heartbeat_at), max(finished_at) FROM sync_logs")
        return connection.last_seq(), *logs.fetchone()


class _Copying:
    """One copy under way: `source` is one state, `target` an open database."""

    def __init__(self, source: SqlConnection, target: Database, on_page: OnPage, *, is_fresh: bool) -> None:
        self._source = source
        self._ask: Ask = lambda sql, values: source.execute(sql, values).fetchall()
        self._target = target
        self._on_page = on_page
        self._is_fresh = is_fresh
        self._cleans = isinstance(target.address, PostgresAddress)

    def run(self) -> list[CopiedTable]:
        last = self._source.last_seq()
        self._give_numbers(last)  # also now: a copy that is stopped must give out no number twice
        done = {table: CopiedTable(table) for table in TABLES}
        if not self._is_fresh:
            for table in reversed([*TABLES]):  # children before parents
                self._drop_what_is_gone(_layout(table), done[table])
        for table in TABLES:
            self._copy_table(_layout(table), done[table])
        self._give_numbers(last)
        return [*done.values()]

    def _give_numbers(self, last: int) -> None:
        with self._target.transaction() as writing:
            writing.numbers_given(last)

    def _drop_what_is_gone(self, layout: _Layout, done: CopiedTable) -> None:
        for there in _pages(self._target.fetch, layout, layout.key):
            kept = {*_between(self._ask, layout, layout.key, there[0], there[-1])}
            gone = [key for key in there if key not in kept]
            if gone:
                with self._target.transaction() as writing:
                    writing.write_many(Delete(layout.table, layout.key), gone)
                done.dropped += len(gone)

    def _copy_table(self, layout: _Layout, done: CopiedTable) -> None:
        of = _count(self._ask, layout)
        for page in _pages(self._ask, layout, layout.columns):
            rows = [self._storable(layout, row, done) for row in page]
            for row in rows:
                done.add(row)
            self._write(layout, rows, done)
            self._on_page(layout.table, done.rows, of)

    def _write(self, layout: _Layout, rows: list[Row], done: CopiedTable) -> None:
        first, last = layout.key_of(rows[0]), layout.key_of(rows[-1])
        is_new = self._is_fresh and layout.table not in _FROM_THE_START
        there = [] if is_new else _between(self._target.fetch, layout, layout.columns, first, last)
        known = {layout.key_of(row): row for row in there}
        changed = [row for row in rows if known.get(layout.key_of(row), row) != row]
        new = [row for row in rows if layout.key_of(row) not in known]
        if new or changed:
            with self._target.transaction() as writing:
                _change(writing, layout, changed)
                _add(writing, layout, new)
            done.written += len(new) + len(changed)

    def _storable(self, layout: _Layout, row: Row, done: CopiedTable) -> Row:
        if not self._cleans:
            return row
        clean = tuple(_clean(name, value) for name, value in zip(layout.columns, row, strict=True))
        done.replaced += sum(a is not b for a, b in zip(row, clean, strict=True))
        return clean


def _is_fresh(target: Database) -> bool:
    used = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in TABLES if table not in _FROM_THE_START)  # noqa: S608  our own words
    return not target.fetch(f"SELECT {used}")[0][0]


def _refuse_another(source: SqlConnection, target: Database) -> None:
    """Refuse a target that is no earlier state of the source."""
    with target.reading() as connection:
        theirs = lineage.read(connection)
        newest = connection.execute(
            "SELECT id, endpoint_id, started_at, host, pid FROM sync_logs ORDER BY id DESC LIMIT 1"
        ).fetchone()
    ours = lineage.read(source)
    if theirs.feed not in {each.feed for each in ours.lives}:
        raise StoreError(f"{target.address}: has another inventory; copy into an empty database or schema")
    found = (
        newest
        and source.execute(
            "SELECT 1 FROM sync_logs WHERE id = ? AND endpoint_id = ? AND started_at = ? AND host = ? AND pid = ?",
            tuple(newest),
        ).fetchone()
    )
    if theirs.given > ours.given or (newest and not found):
        raise StoreError(
            f"{target.address}: syncs have written to this copy since it was made, and copying would take that back; "
            "copy into an empty database or schema"
        )


def _layout(table: str) -> _Layout:
    key = TABLES[table]
    return _Layout(table, key, tuple(name for name in column_types()[table] if name not in (*key, *DERIVED)))


def _pages(ask: Ask, layout: _Layout, columns: Sequence[str]) -> Iterator[list[Row]]:
    """Read a table in the order of its key, which its columns begin with."""
    key, bound, values = ", ".join(layout.key), "", Row()
    while True:
        sql = f"SELECT {_listed(columns)} FROM {layout.table} {bound} ORDER BY {key} LIMIT {_PAGE}"  # noqa: S608  our own words
        page = [_plain(row) for row in ask(sql, values)]
        if page:
            yield page
        if len(page) < _PAGE:
            return
        bound, values = f"WHERE ({key}) > ({_places(layout)})", layout.key_of(page[-1])


def _between(ask: Ask, layout: _Layout, columns: Sequence[str], first: Row, last: Row) -> list[Row]:
    key = ", ".join(layout.key)
    where = f"({key}) >= ({_places(layout)}) AND ({key}) <= ({_places(layout)})"
    sql = f"SELECT {_listed(columns)} FROM {layout.table} WHERE {where}"  # noqa: S608  our own words
    return [_plain(row) for row in ask(sql, (*first, *last))]


def _count(ask: Ask, layout: _Layout) -> int:
    return int(ask(f"SELECT count(*) FROM {layout.table}", ())[0][0])  # noqa: S608  our own words


def _summed(state: SqlConnection, layout: _Layout, of: int, on_page: OnPage) -> tuple[int, int]:
    found = CopiedTable(layout.table)
    for page in _pages(lambda sql, values: state.execute(sql, values).fetchall(), layout, layout.columns):
        for row in page:
            found.add(row)
        on_page(f"comparing {layout.table}", found.rows, of)
    return found.rows, found.total


def _change(connection: SqlConnection, layout: _Layout, rows: Sequence[Row]) -> None:
    key = len(layout.key)
    if rows:
        bulk = Update(layout.table, layout.others, layout.key)
        connection.write_many(bulk, [(*row[key:], *row[:key]) for row in rows])


def _add(connection: SqlConnection, layout: _Layout, rows: Sequence[Row]) -> None:
    bulk = Insert(layout.table, layout.columns)
    if layout.table == "files" and rows:
        connection.add_files(bulk, rows)
    elif rows:
        connection.write_many(bulk, rows)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)  # `trigger` is a word of SQL's


def _places(layout: _Layout) -> str:
    return ", ".join("?" * len(layout.key))


def _plain(row: Sequence[Any]) -> Row:
    """Write a row as both engines would: SQLite has numbers for yes and no."""
    return tuple(int(value) if isinstance(value, bool) else value for value in row)


def _hash(row: Row) -> int:
    """Hash a row; sums of these do not depend on the order, which a replaced character in a key changes."""
    return int.from_bytes(blake2b(orjson.dumps(row), digest_size=16).digest(), "big")


def _clean(column: str, value: Any) -> Any:
    """Replace what PostgreSQL cannot hold, also where JSON has it escaped: views read that."""
    if not isinstance(value, str):
        return value
    if column in _JSON and _ESCAPED.search(value):
        held = from_json(value)
        clean = without_surrogates_and_nul(held)
        return value if clean == held else orjson.dumps(clean).decode()
    return value.replace("\0", "\ufffd") if "\0" in value else value
