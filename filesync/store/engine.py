"""What the store needs of a database engine, so that its modules are written once; SQL here is what all engines read.

Placeholders are `?` or `:name`. Lists of texts are given as JSON to `json_each`. Booleans are TRUE and FALSE, and a
column that may be NULL is compared by IS [NOT] DISTINCT FROM. Nothing else of one engine's own stands outside its room.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from filesync.runtime.database_url import Address

if TYPE_CHECKING:
    from filesync.core.globs import Glob


Parameters = Sequence[Any] | Mapping[str, Any]
Question = tuple[str, Parameters]


class Cursor(Protocol):
    """The rows that a statement gives."""

    @property
    def description(self) -> Any: ...
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Insert:
    """Rows to be added; `conflict` is what becomes of those that are there (they are `excluded`)."""

    table: str
    columns: tuple[str, ...]
    conflict: str = ""

    @cached_property
    def sql(self) -> str:
        values = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES ({values}) {self.conflict}"  # noqa: S608  our own words


@dataclass(frozen=True)
class Update:
    """Rows to be changed: the values of `columns`, then those of `key`, which finds the row."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @cached_property
    def sql(self) -> str:
        changes = ", ".join(f"{name} = ?" for name in self.columns)
        return f"UPDATE {self.table} SET {changes} WHERE {_found_by(self.key)}"  # noqa: S608  our own words


@dataclass(frozen=True)
class Delete:
    """Rows to be dropped, each found by the values of `key`."""

    table: str
    key: tuple[str, ...]

    @cached_property
    def sql(self) -> str:
        return f"DELETE FROM {self.table} WHERE {_found_by(self.key)}"  # noqa: S608  our own words


Bulk = Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Matching:
    """How files `f` are found by words and by the pattern of a name: conditions, '' where nothing was asked for.

    `ids` asks for the ids of all files with those words, by an index.
    """

    ids: str
    words: str
    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PathOrder:
    """How files `f` of one endpoint are walked along their paths by an index, behind `:path` and `:id`."""

    behind: str
    order: str


class SqlConnection(Protocol):
    """One connection, for one thread at a time."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor:
        """Run one statement."""
        ...

    @property
    def asks_ahead(self) -> bool:
        """Tell whether each wait for an answer costs, so that `ask_ahead` saves something."""
        ...

    def ask_ahead(self, questions: Iterable[Question], /) -> None:
        """Send questions at once that `execute` is about to ask: it then gives the answer as of now."""
        ...

    def write_many(self, bulk: Bulk, rows: Iterable[Sequence[Any]], /) -> None:
        """Write many rows by one statement, in their order."""
        ...

    def add_files(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to `files`, and let the search find them."""
        ...

    def append_changes(self, bulk: Insert, rows: Sequence[Sequence[Any]], /) -> None:
        """Add rows to the feed, numbered in the order of commits and without a gap."""
        ...

    @property
    def path_order(self) -> PathOrder: ...

    def matching(self, search: str | None, name: "Glob | None", /) -> Matching:
        """Return the conditions that find files by words, each a word's beginning, and by the pattern of a name."""
        ...

    def ask(self, sql: str, is_over: Callable[[], bool], parameters: Sequence[Any] = ..., /) -> list[Any] | None:
        """Read what takes long to find out; None when time was over first."""
        ...

    def numbers_given(self, last_seq: int, /) -> None:
        """Take note that rows were written with their numbers: new ones, and new changes, get higher ones."""
        ...

    def last_seq(self) -> int:
        """Return the last number that the feed gave out; 0 for none."""
        ...


class Rows(Protocol):
    """A table whose rows are read and written one by one, as dictionaries."""

    def get(self, key: Any, /) -> dict[str, Any]:
        """Return the row with that primary key; LookupError where there is none."""
        ...

    def rows_where(
        self,
        where: str | None = None,
        where_args: Parameters | None = None,
        order_by: str | None = None,
        select: str = "*",
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Return the rows of which a condition holds."""
        ...

    def count_where(self, where: str | None = None, where_args: Parameters | None = None) -> int:
        """Count the rows of which a condition holds."""
        ...

    def insert(self, row: dict[str, Any], /) -> Any:
        """Add a row."""
        ...

    def upsert(self, row: dict[str, Any], /) -> Any:
        """Add a row, or change the one with that primary key."""
        ...

    def update(self, key: Any, row: dict[str, Any], /) -> Any:
        """Change the row with that primary key."""
        ...

    def delete(self, key: Any, /) -> Any:
        """Drop the row with that primary key."""
        ...

    def delete_where(self, where: str, where_args: Parameters, /) -> Any:
        """Drop the rows of which a condition holds."""
        ...


class Database(Protocol):
    """An open inventory, for one thread at a time."""

    @property
    def address(self) -> Address: ...
    @property
    def connection(self) -> SqlConnection: ...
    def close(self) -> None: ...

    def sizes(self) -> tuple[int, int]:
        """Return how many bytes it takes, and how many a log of writes beside it does."""
        ...

    def schema_version(self) -> int:
        """Return the version of its schema."""
        ...

    def transaction(self) -> AbstractContextManager[SqlConnection]:
        """Write as one commit, or not at all. Raises StoppedError when that would outlast a request to stop."""
        ...

    def reading(self) -> AbstractContextManager[SqlConnection]:
        """Read one consistent state of the database."""
        ...

    def fetch(self, sql: str, parameters: Parameters = ..., /) -> list[Any]:
        """Read all rows of one question."""
        ...

    def table(self, name: str) -> Rows:
        """Give a table whose rows are read, and inside of `transaction` written, one by one."""
        ...

    def insert(self, name: str, row: Mapping[str, object]) -> int:
        """Add a row to a table that numbers its rows; give its number."""
        ...


def _found_by(key: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)
