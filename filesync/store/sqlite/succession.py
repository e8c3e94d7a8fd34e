"""What a restore makes of the change feed: another one, that goes on behind every `seq` that was ever given out.

Readers may have seen changes that are not in the copy. The database that was there says which numbers those were, and
how far each remembered reader had come. Where it cannot (it is gone, damaged, or was begun anew), numbers are left out
and consumers are put among the lost ones, so that all of them read afresh.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from filesync.store.feed import lineage
from filesync.store.sqlite.database import SqliteConnection

_LEAP = 100_000_000  # numbers left out where nobody can tell which were given out
_Reader = tuple[str, str, int, str]  # as in `feed_positions`


@dataclass(frozen=True, slots=True)
class FeedKnowledge:
    """What a database can tell of its feed: the names it had, its end, the last `seq` it gave out, its readers."""

    feeds: tuple[str, ...] = ()
    end: int = 0
    given: int = 0
    readers: Sequence[_Reader] = ()

    @property
    def feed(self) -> str | None:
        """Its name; None where there was no database to ask."""
        return self.feeds[-1] if self.feeds else None


@dataclass(frozen=True, slots=True)
class Succession:
    """The feed after a restore: its name, what it shares with the one before, its next `seq`, who read lost ones."""

    feed: str
    seq: int
    next_seq: int
    astray: tuple[str, ...]

    @property
    def is_shorter(self) -> bool:
        """Tell whether changes may have been lost that somebody has read."""
        return self.next_seq > self.seq + 1


def ask(connection: SqliteConnection) -> FeedKnowledge:
    """Ask a database what it can tell of its feed."""
    known = lineage.read(connection)
    return FeedKnowledge(
        tuple(each.feed for each in known.lives), known.end.seq, known.given, connection.execute(_READERS).fetchall()
    )


def succeed(copy: SqliteConnection, present: FeedKnowledge) -> Succession:
    """Make the copy's feed the one that follows what is present."""
    known = ask(copy)
    is_told = known.feed in present.feeds
    # Numbers that may have been given out are left out: no reader may take a new change for one that it has seen.
    last = max(known.given, present.given) + (0 if is_told else _LEAP)
    copy.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
    copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)", (last,))
    copy.execute(
        "INSERT INTO feeds (feed, shared_seq, next_seq) VALUES (lower(hex(randomblob(8))), ?, ?)",
        (known.end, last + 1),
    )
    readers = present.readers if is_told else _unsure(known.readers, present.readers, last)
    copy.execute("DELETE FROM feed_positions")
    copy.executemany("INSERT INTO feed_positions (reader, kind, seq, updated_at) VALUES (?, ?, ?, ?)", [*readers])
    astray = tuple(reader for reader, kind, seq, _ in readers if kind == "consumer" and seq > known.end)
    return Succession(lineage.current(copy), known.end, last + 1, astray)


def _unsure(known: Iterable[_Reader], present: Iterable[_Reader], last: int) -> list[_Reader]:
    """Put consumers of whom nobody can tell what they have seen among what was lost.

    Receivers of notifications stay where the copy has them: each message names the feed, and twice is better than
    never.
    """
    consumers = {each[0]: each for each in (*present, *known) if each[1] == "consumer"}
    others = [each for each in known if each[1] != "consumer"]
    return [*others, *((reader, kind, last, at) for reader, kind, _, at in consumers.values())]


_READERS = "SELECT reader, kind, seq, updated_at FROM feed_positions ORDER BY 1"
