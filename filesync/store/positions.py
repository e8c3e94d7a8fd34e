"""Readers of the change feed: how far each has come, so that nothing is dropped that one of them has not seen.

The table `feed_positions` holds all of them, whatever they are: a `consumer` is a program that reads with
`filesync changes --consumer`, `notify` a receiver that is told of changes. Each has a row from the moment on from
which nothing may be lost for it; `filesync.store.pruning` drops no change behind the slowest one. A reader's name is
unique over all kinds; a consumer's holds no colon, so `notify:…` is free for receivers.
"""

from dataclasses import dataclass
from typing import Literal

from filesync.store import lineage
from filesync.store.database import Database
from filesync.store.lineage import Lineage
from filesync.timestamps import Timestamp

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
        floor = connection.execute("SELECT floor_seq FROM retention").fetchone()[0]
        return Span(floor, lineage.read(connection))


def count_unseen(database: Database, seq: int) -> int:
    """Count the changes after that one."""
    with database.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM changes WHERE seq > ?", (seq,)).fetchone()[0])


def load_positions(database: Database) -> list[Position]:
    """Give every reader, in the order of their names."""
    with database.reading() as connection:
        rows = connection.execute("SELECT reader, kind, seq, updated_at FROM feed_positions ORDER BY reader")
        return [Position(*row) for row in rows]


def find_position(database: Database, reader: str) -> Position | None:
    """Give one reader; None when there is none of that name."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT reader, kind, seq, updated_at FROM feed_positions WHERE reader = ?", (reader,)
        ).fetchone()
        return Position(*row) if row else None


def put_position(database: Database, reader: str, kind: Kind, seq: int, now: Timestamp) -> None:
    """Write where a reader is, forward or back; a new name becomes a reader."""
    with database.transaction() as connection:
        connection.execute(
            """INSERT INTO feed_positions (reader, kind, seq, updated_at) VALUES (?, ?, ?, ?)
               ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at""",
            (reader, kind, seq, now),
        )


def advance(database: Database, reader: str, kind: Kind, seq: int, now: Timestamp) -> None:
    """Write that a reader has seen everything up to `seq`; one that is further already stays there."""
    with database.transaction() as connection:
        connection.execute(
            """INSERT INTO feed_positions (reader, kind, seq, updated_at) VALUES (?, ?, ?, ?)
               ON CONFLICT (reader) DO UPDATE SET seq = max(seq, excluded.seq), updated_at = excluded.updated_at""",
            (reader, kind, seq, now),
        )


def forget_reader(database: Database, reader: str) -> bool:
    """Let a reader's row go, so that nothing is kept for it; False when there is none."""
    with database.transaction() as connection:
        return connection.execute("DELETE FROM feed_positions WHERE reader = ?", (reader,)).rowcount > 0
