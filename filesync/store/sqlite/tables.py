"""sqlite-utils on our connection and in our transactions; imported by the first who asks for a table."""

import sqlite3  # noqa: TID251  the store is the only room that knows SQLite
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property

from sqlite_utils import Database  # noqa: TID251  as above
from sqlite_utils.db import Column, Table  # noqa: TID251  as above


class _OurTable(Table):
    """A table of the present schema, which nobody changes while it is open: sqlite-utils would ask with each call."""

    @cached_property
    def columns(self) -> list[Column]:
        """Tell what columns there are."""
        return super().columns

    def exists(self) -> bool:
        """Tell that it is there, as the schema's version says."""
        return True


class Tables(Database):
    """The tables of one connection, for rows that are read and written one by one.

    sqlite-utils would make every write a transaction of its own, or a savepoint in one. Here a write belongs to the
    transaction that is open (BEGIN IMMEDIATE, one commit for what belongs together), and without one it is refused.
    """

    _supports_on_conflict = True  # SQLite 3.37 does; sqlite-utils would make a table in the user's file to find out

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, recursive_triggers=False, execute_plugins=False)
        self._asked: dict[str, _OurTable] = {}

    @contextmanager
    def atomic(self) -> Generator[Database, None, None]:
        """Leave it to the open transaction to commit, or to take back."""
        if not self.conn.in_transaction:
            raise sqlite3.ProgrammingError("rows are written in a transaction of the store's, and none is open")
        yield self

    def rows_of(self, name: str) -> Table:
        """Give a table of the present schema."""
        if name not in self._asked:
            self._asked[name] = _OurTable(self, name)
        return self._asked[name]
