"""What the database may hold of keys that were written into it before they were hidden; nothing is changed or shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from filesync.core.key_material import ENCODED_TRACES, PLAIN_TRACES, traces
from filesync.store.engine import Database, SqlConnection

_AT_ONCE = 5_000  # rows of one question
_MOST_NAMED = 50  # rows that a command names
_MASK = "'**redacted**'"

# Where messages, and what people wrote into connector.yaml, are kept: table, key, columns and what cleans them; the
# feed, which is the longest, last. JSON stays JSON.
_PLACES: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = (
    ("sync_state", "endpoint_id", (("last_error_message", _MASK),)),
    ("set_sources", "id", (("error_message", _MASK),)),
    ("notify_targets", "rowid", (("last_error", _MASK),)),
    ("endpoints", "id", (("endpoint_details", "'{}'"),)),
    ("notifications", "id", (("payload", "'{}'"),)),
    ("sync_logs", "id", (("error_message", _MASK),)),
    ("changes", "seq", (("before", "'{}'"), ("after", "'{}'"))),
)
_NO_ROWID = {"notify_targets": "target"}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A column in which keys stand: in how many rows, and the statement that puts something else there."""

    table: str
    column: str
    rows: int
    clean: str


def leftovers(database: Database, is_over: Callable[[], bool]) -> tuple[Sequence[Leftover], bool]:
    """Find rows with key material, the newest first, and tell whether there was time to look at all of them."""
    found: list[Leftover] = []
    try:
        for table, key, columns in _PLACES:
            for column, instead in columns:
                keys = [*_rows(database.connection, (table, _NO_ROWID.get(table, key), column), is_over)]
                if keys:
                    found.append(Leftover(table, column, len(keys), _cleaning(table, key, column, instead, keys)))
    except TimeoutError:
        return found, False
    return found, True


def _rows(connection: SqlConnection, place: tuple[str, str, str], is_over: Callable[[], bool]) -> Iterator[object]:
    """Give the keys of rows in which a trace is one indeed; a part of the table at a time. Raises TimeoutError."""
    table, key, column = place
    needle = " OR ".join(f"instr({column}, ?) > 0" for _ in (*PLAIN_TRACES, *ENCODED_TRACES))
    needles = (*PLAIN_TRACES, *ENCODED_TRACES)
    if table in _NO_ROWID:
        sql = f"SELECT {key}, {column} FROM {table} WHERE {needle}"  # noqa: S608  names of ours only
        yield from (row[0] for row in connection.execute(sql, needles) if any(traces(row[1])))
        return
    highest = connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0]  # noqa: S608  as above
    sql = f"SELECT {key}, {column} FROM {table} WHERE {key} > ? AND {key} <= ? AND ({needle})"  # noqa: S608  as above
    while highest > 0:
        if is_over():
            raise TimeoutError
        for row in connection.execute(sql, (highest - _AT_ONCE, highest, *needles)):
            if any(traces(row[1])):
                yield row[0]
        highest -= _AT_ONCE


def _cleaning(table: str, key: str, column: str, instead: str, keys: Sequence[object]) -> str:
    """Write the statement; of many rows from the first to the last, since a message in between is no loss."""
    if table in _NO_ROWID:
        return f"UPDATE {table} SET {column} = {instead}"  # noqa: S608  shown, not run; names of ours only
    numbers = sorted(each for each in keys if isinstance(each, int))
    few = f"{key} IN ({', '.join(map(str, numbers))})"
    where = few if len(numbers) <= _MOST_NAMED else f"{key} BETWEEN {numbers[0]} AND {numbers[-1]}"
    return f"UPDATE {table} SET {column} = {instead} WHERE {where}"  # noqa: S608  as above
