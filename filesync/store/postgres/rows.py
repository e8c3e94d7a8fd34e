"""Tables whose rows are read and written one by one, as dictionaries: what sqlite-utils is for SQLite."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from filesync.store.engine import Parameters, SqlConnection

# The primary keys of the tables that are used so.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "sync_state": ("endpoint_id",),
    "feed_positions": ("reader",),
    "notify_targets": ("target",),
    "notify_told": ("endpoint_id", "target", "event", "cause"),
    "set_members": ("source_id", "external_id"),
}


class PostgresRows:
    """One table."""

    def __init__(self, connection: SqlConnection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._key = _KEYS.get(name, ("id",))

    def get(self, key: Any, /) -> dict[str, Any]:
        """Return the row with that primary key; LookupError where there is none."""
        row = next(self.rows_where(self._is_key(), _values(key)), None)
        if row is None:
            raise LookupError(f"{self._name}: no row {key!r}")
        return row

    def rows_where(
        self,
        where: str | None = None,
        where_args: Parameters | None = None,
        order_by: str | None = None,
        select: str = "*",
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Return the rows of which a condition holds."""
        sql = f"SELECT {select} FROM {self._name}"  # noqa: S608  our own words
        sql += f" WHERE {where}" if where else ""
        sql += f" ORDER BY {order_by}" if order_by else ""
        sql += f" LIMIT {limit}" if limit is not None else ""
        cursor = self._connection.execute(sql, where_args or ())
        values = cursor.fetchall()
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, each, strict=True)) for each in values)

    def count_where(self, where: str | None = None, where_args: Parameters | None = None) -> int:
        """Count the rows of which a condition holds."""
        sql = f"SELECT count(*) FROM {self._name}" + (f" WHERE {where}" if where else "")  # noqa: S608  as above
        return int(self._connection.execute(sql, where_args or ()).fetchone()[0])

    def insert(self, row: dict[str, Any], /) -> None:
        """Add a row."""
        self._connection.execute(self._insertion(row), tuple(row.values()))

    def insert_numbered(self, row: Mapping[str, Any]) -> int:
        """Add a row to a table that numbers its rows; give its number."""
        sql = f"{self._insertion(row)} RETURNING {self._key[0]}"
        return int(self._connection.execute(sql, tuple(row.values())).fetchone()[0])

    def upsert(self, row: dict[str, Any], /) -> None:
        """Add a row, or change the one with that primary key."""
        others = [name for name in row if name not in self._key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        then = f"DO UPDATE SET {changes}" if others else "DO NOTHING"
        sql = f"{self._insertion(row)} ON CONFLICT ({', '.join(self._key)}) {then}"
        self._connection.execute(sql, tuple(row.values()))

    def update(self, key: Any, row: dict[str, Any], /) -> None:
        """Change the row with that primary key."""
        if not row:
            return
        changes = ", ".join(f"{name} = ?" for name in row)
        sql = f"UPDATE {self._name} SET {changes} WHERE {self._is_key()}"  # noqa: S608  as above
        self._connection.execute(sql, (*row.values(), *_values(key)))

    def delete(self, key: Any, /) -> None:
        """Drop the row with that primary key."""
        self.delete_where(self._is_key(), _values(key))

    def delete_where(self, where: str, where_args: Parameters, /) -> None:
        """Drop the rows of which a condition holds."""
        self._connection.execute(f"DELETE FROM {self._name} WHERE {where}", where_args)  # noqa: S608  as above

    def _insertion(self, row: Mapping[str, Any]) -> str:
        columns = ", ".join(f'"{name}"' for name in row)  # `trigger` is a word of SQL's
        return f"INSERT INTO {self._name} ({columns}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608  as above

    def _is_key(self) -> str:
        return " AND ".join(f"{name} = ?" for name in self._key)


def _values(key: Any) -> Sequence[Any]:
    return key if isinstance(key, tuple) else (key,)
