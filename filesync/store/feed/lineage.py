"""Which change feed this is, and whether a reader's place is still in it.

A restore takes changes back that readers may have seen. From then on it is another feed, with a name of its own and a
row in `feeds`, which says how much of it the earlier ones have had. No number is given out twice, so that a bare `seq`
also tells: those that were taken back are in no feed any more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from filesync.core.errors import FeedLostError
from filesync.store.engine import Database, SqlConnection

_PLACE = re.compile(r"(?:([0-9a-f]{16}):)?([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """How far somebody has read: the last `seq`, and of which feed where that is known."""

    seq: int
    feed: str | None = None

    def __str__(self) -> str:
        return str(self.seq) if self.feed is None else f"{self.feed}:{self.seq}"  # decision 32


@dataclass(frozen=True, slots=True)
class Life:
    """One row of `feeds`."""

    feed: str
    shared_seq: int
    next_seq: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """The feed and those that it came from, the oldest first; `given` is the last `seq` that was given out."""

    lives: Sequence[Life]
    given: int

    @property
    def feed(self) -> str:
        return self.lives[-1].feed

    @property
    def end(self) -> FeedPlace:
        """Where a reader is that has seen everything."""
        present = self.lives[-1]
        return FeedPlace(self.given if self.given >= present.next_seq else present.shared_seq, present.feed)

    def took_back(self, seq: int) -> bool:
        """Tell whether a restore took that one back."""
        return any(each.shared_seq < seq < each.next_seq for each in self.lives)

    def holds(self, place: FeedPlace) -> bool:
        """Tell whether everything that was seen up to there is what this feed says, too."""
        if place.seq > self.end.seq or self.took_back(place.seq):
            return False
        if place.feed is None:
            return True
        later: list[int] = []
        for each in reversed(self.lives):
            if each.feed == place.feed:
                return place.seq <= min(later, default=place.seq)
            later.append(each.shared_seq)
        return False


def parse_place(text: str) -> FeedPlace | None:
    """Read `SEQ` or `FEED:SEQ`; None when it is neither."""
    match = _PLACE.fullmatch(text.strip())
    return FeedPlace(int(match[2]), match[1]) if match else None


def read(connection: SqlConnection) -> Lineage:
    lives = connection.execute("SELECT feed, shared_seq, next_seq FROM feeds ORDER BY number").fetchall()
    return Lineage([Life(*row) for row in lives], connection.last_seq())


def current(connection: SqlConnection) -> str:
    """Name the feed."""
    return str(connection.execute("SELECT feed FROM feeds ORDER BY number DESC LIMIT 1").fetchone()[0])


def load(database: Database) -> Lineage:
    """Read which feed this is."""
    with database.reading() as connection:
        return read(connection)


def check(lineage: Lineage, place: FeedPlace, who: str, then: str) -> None:
    """Make sure that somebody can go on from there; `then` is what to give a place to afterwards.

    Raises FeedLostError, which says how to go on.
    """
    if not lineage.holds(place):
        raise FeedLostError(
            f"{who} {place} is no place in this feed: the inventory was restored from a snapshot, or begun anew; "
            f"read it afresh, drop what is not in it, then go on with {then} {lineage.end}"
        )
