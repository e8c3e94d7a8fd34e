"""`changes --consumer`: a reader that is remembered. It has seen what was written out whole, and nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from filesync.app.home import World
from filesync.cli.consumers import check_given, check_name, commit
from filesync.cli.output.rows import Row
from filesync.errors import UsageError
from filesync.store import lineage, positions
from filesync.store.database import Database
from filesync.store.lineage import Place
from filesync.store.queries import ChangeFilter


@dataclass
class Turn:
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


def begin(world: World, database: Database, name: str, wanted: ChangeFilter) -> Turn:
    """Find where a consumer goes on: where --since says, else after its position, else at the feed's beginning."""
    check_name(name)
    world.check_owner()
    span = positions.feed_span(database)  # what is written later than this is for the next turn, or among its rows
    known = positions.find_position(database, name)
    if wanted.detected_since is not None:
        raise UsageError("--consumer goes on by seq: give --since a seq, or leave it out")
    if wanted.after is not None:
        check_given(span, wanted.after, "--since")
        return Turn(name, wanted, span.last_seq, is_put_back=True)
    start = span.floor_seq if known is None else known.seq
    lineage.check(span.lineage, Place(start), f"{name}'s seq", f"filesync consumers set {name}")
    if known is None and start:
        world.note(f"{name} is new here; the feed begins after seq {start}, what was before is in the inventory")
    return Turn(name, replace(wanted, after=Place(start)), span.last_seq, is_put_back=False)


def finish(world: World, turn: Turn) -> None:
    """Remember how far a consumer came, once everything has left this process."""
    world.flush()
    commit(world, turn.name, turn.seen, forward_only=not turn.is_put_back)
