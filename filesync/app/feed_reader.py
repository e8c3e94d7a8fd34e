"""`changes --consumer`: a reader that is remembered. It has seen what was written out whole, and nothing else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from filesync.app.home import Home
from filesync.core.errors import UsageError
from filesync.core.timestamps import to_timestamp
from filesync.store.engine import Database
from filesync.store.feed import lineage, readers
from filesync.store.feed.lineage import FeedPlace
from filesync.store.feed.readers import Span
from filesync.store.read.queries import ChangeFilter

Row = Mapping[str, Any]


@dataclass
class ReaderTurn:
    """One turn of a consumer at the feed.

    `seen` is how far it has come once the rows are written: the last of them, or the feed's end when nothing kept
    rows back, since what the filters leave out counts as seen.
    """

    name: str
    wanted: ChangeFilter
    seen: int
    is_put_back: bool

    def rows(self, rows: Iterable[Row], limit: int | None) -> Iterator[Row]:
        """Pass rows on, at most `limit`, and note how far they lead."""
        end = self.seen
        self.seen = self.wanted.after.seq if self.wanted.after else 0
        for count, row in enumerate(rows):
            if count == limit:
                return
            yield row
            self.seen = row["seq"]
        self.seen = max(self.seen, end)


def begin(home: Home, database: Database, name: str, wanted: ChangeFilter) -> ReaderTurn:
    """Find where a consumer goes on: where --since says, else after its position, else at the feed's beginning."""
    check_name(name)
    home.check_owner()
    span = readers.feed_span(database)  # what is written later than this is for the next turn, or among its rows
    known = readers.find_position(database, name)
    if wanted.detected_since is not None:
        raise UsageError("--consumer goes on by seq: give --since a seq, or leave it out")
    if wanted.after is not None:
        check_given(span, wanted.after, "--since")
        return ReaderTurn(name, wanted, span.last_seq, is_put_back=True)
    start = span.floor_seq if known is None else known.seq
    lineage.check(span.lineage, FeedPlace(start), f"{name}'s seq", f"filesync consumers set {name}")
    if known is None and start:
        home.messages.note(
            f"{name} is new here; the feed begins after seq {start}; earlier changes are only in the inventory"
        )
    return ReaderTurn(name, replace(wanted, after=FeedPlace(start)), span.last_seq, is_put_back=False)


def finish(home: Home, turn: ReaderTurn) -> None:
    """Remember how far a consumer came; to be called once everything has left this process."""
    commit(home, turn.name, turn.seen, forward_only=not turn.is_put_back)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """Check a consumer's name; it is in scripts and messages."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r}: a consumer's name is made of letters, digits, '.', '_' and '-', at most 64")
    return name


def check_given(span: Span, place: FeedPlace, what: str) -> None:
    """Check the place at which a consumer is to be put."""
    if place.feed is None and place.seq > span.last_seq:
        raise UsageError(f"{what} {place} is not in the feed yet: its last seq is {span.last_seq}")
    lineage.check(span.lineage, place, what, "seq")


def commit(home: Home, name: str, seq: int, *, forward_only: bool = True) -> None:
    """Remember that a consumer has seen everything up to `seq`."""
    write = readers.advance if forward_only else readers.put_position
    with home.writing() as database:
        write(database, name, "consumer", seq, to_timestamp(home.clock.now()))
