"""Consumers: who reads the change feed by name, and how far each has come."""

import re
from collections.abc import Iterator
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.cli.options import AsJson
from filesync.cli.output import Row, View, choose, show
from filesync.cli.table import Column
from filesync.cli.world import World
from filesync.durations import minute
from filesync.errors import UsageError
from filesync.store import lineage, positions
from filesync.store.database import Database
from filesync.store.lineage import Place
from filesync.store.positions import Span
from filesync.timestamps import to_timestamp

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@app.callback(invoke_without_command=True)
def consumers(ctx: typer.Context, *, json: AsJson = False) -> None:
    """List who reads the change feed: consumers of `changes --consumer`, and receivers of notifications.

    What one of them has not seen is not dropped.
    """
    if ctx.invoked_subcommand is not None:
        return
    world: World = ctx.obj
    with world.reading() as database:
        show(world, choose(json=json), _VIEW, [*_rows(database)])


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new one, or one that is there.")],
    seq: Annotated[str, typer.Argument(metavar="SEQ|FEED:SEQ", help="The last seq that it has seen.")],
) -> None:
    """Put a consumer at a seq, forward or back; a new name becomes one.

    So a consumer can be asked without --commit, do its work, and then say how far it came.

    \b
    Examples:
      filesync consumers set bi 1842
      filesync consumers set bi 5b1c0e9a7d24f683:1842
    """  # noqa: D301  \b is Typer's mark
    world: World = ctx.obj
    check_name(name)
    place = lineage.parse_place(seq)
    if place is None:
        raise UsageError(f"{seq[:80]!r}: a seq is needed, alone or behind its feed: 1842, 5b1c0e9a7d24f683:1842")
    with world.reading() as database:
        check_given(positions.feed_span(database), place, "seq")
    commit(world, name, place.seq, forward_only=False)


@app.command("forget")
def forget(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="As `filesync consumers` shows it.")]
) -> None:
    """Let a consumer go, so that nothing is kept for it any more."""
    world: World = ctx.obj
    with world.reading() as database:
        known = [each.reader for each in positions.load_positions(database)]
    if name not in known:
        raise UsageError(f"no consumer is named {name[:80]!r}; filesync consumers lists them")
    with world.writing() as database:
        positions.forget_reader(database, name)


def check_name(name: str) -> str:
    """Check a consumer's name; it is in scripts and messages."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r}: a consumer's name is made of letters, digits, '.', '_' and '-', at most 64")
    return name


def check_given(span: Span, place: Place, what: str) -> None:
    """Check the place at which a consumer is to be put."""
    if place.feed is None and place.seq > span.last_seq:
        raise UsageError(f"{what} {place} is not in the feed yet: its last seq is {span.last_seq}")
    lineage.check(span.lineage, place, what, "seq")


def commit(world: World, name: str, seq: int, *, forward_only: bool = True) -> None:
    """Remember that a consumer has seen everything up to `seq`."""
    write = positions.advance if forward_only else positions.put_position
    with world.writing() as database:
        write(database, name, "consumer", seq, to_timestamp(world.clock.now()))


def _rows(database: Database) -> Iterator[Row]:
    known = lineage.load(database)
    for each in positions.load_positions(database):
        yield {
            "reader": each.reader,
            "kind": each.kind,
            "seq": each.seq,
            "unseen": positions.count_unseen(database, each.seq),
            "must_reload": each.kind == "consumer" and not known.holds(Place(each.seq)),
            "updated_at": each.updated_at,
        }


_VIEW = View(
    "consumers",
    (
        Column("READER", lambda row: row["reader"]),
        Column("KIND", lambda row: row["kind"]),
        Column("SEQ", lambda row: str(row["seq"]), right=True),
        Column("UNSEEN", lambda row: "reload" if row["must_reload"] else f"{row['unseen']:,}", right=True),
        Column("SINCE UTC", lambda row: minute(row["updated_at"])),
    ),
    nothing="nobody reads the feed by name",
)
