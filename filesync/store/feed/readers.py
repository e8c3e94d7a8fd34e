"""Readers of the change feed: how far each has come, so that nothing is dropped that one of them has not seen.

The table `feed_positions` holds all of them, whatever they are: a `consumer` is a program that reads with
`filesync changes --consumer`, `notify` a receiver that is notified of changes. Each has a row from the moment on from
which nothing may be lost for it; `filesync.store.upkeep.pruning` drops no change behind the slowest one. A reader's
name is unique over all kinds; a consumer's holds no colon, so `notify:…` is free for receivers.
"""

from dataclasses import dataclass
from typing import Literal

from filesync.core.timestamps import Timestamp
from filesync.store.engine import Database
from filesync.store.feed import lineage
from filesync.store.feed.lineage import Lineage

Kind = Literal["consumer", "notify"]


@dataclass(frozen=True, slots=True)
class Position:
    """A reader and the last `seq` that it has seen; `updated_at` is when that was written."""

    reader: str
    kind: str
    seq: int
    updated_at: str


@dataclass(frozen=True, slots=True)
class Span:
    """What the feed holds: everything after `floor_seq`, up to the `lineage`'s end."""

    floor_seq: int
    lineage: Lineage

    @property
    def last_seq(self) -> int:
        """The last `seq` that this feed gave out."""
        return self.lineage.end.seq


def feed_span(database: Database) -> Span:
    """Tell where the feed begins and ends, and which it is."""
    with database.reading() as connection:
        return Span(database.table("retention").get(1)["floor_seq"], lineage.read(connection))


def count_unseen(database: Database, seq: int) -> int:
    """Count the changes after that one."""
    with database.reading():
        return database.table("changes").count_where("seq > ?", [seq])


def load_positions(database: Database) -> list[Position]:
    """Give every reader, in the order of their names."""
    with database.reading():
        return [Position(**row) for row in database.table("feed_positions").rows_where(order_by="reader")]


def find_position(database: Database, reader: str) -> Position | None:
    """Give one reader; None when there is none of that name."""
    with database.reading():
        return _find(database, reader)


def put_position(database: Database, reader: str, kind: Kind, seq: int, now: Timestamp) -> None:
    """Write where a reader is, forward or back; a new name becomes a reader."""
    with database.transaction():
        _put(database, reader, kind, seq, now)


def advance(database: Database, reader: str, kind: Kind, seq: int, now: Timestamp) -> None:
    """Write that a reader has seen everything up to `seq`; one that is further already stays there."""
    with database.transaction():
        known = _find(database, reader)
        _put(database, reader, kind, max(seq, known.seq) if known else seq, now)


def forget_reader(database: Database, reader: str) -> bool:
    """Let a reader's row go, so that nothing is kept for it; False when there is none."""
    with database.transaction():
        is_known = _find(database, reader) is not None
        database.table("feed_positions").delete_where("reader = ?", [reader])
        return is_known


def _find(database: Database, reader: str) -> Position | None:
    row = next(database.table("feed_positions").rows_where("reader = ?", [reader]), None)
    return Position(**row) if row else None


def _put(database: Database, reader: str, kind: Kind, seq: int, now: Timestamp) -> None:
    row = {"reader": reader, "kind": kind, "seq": seq, "updated_at": now}
    database.table("feed_positions").upsert(row)
