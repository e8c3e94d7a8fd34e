"""Consumers: who reads the change feed by name, and how far each has come."""

import re
from collections.abc import Iterator
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.cli.moments import minute
from filesync.cli.options import AsJson
from filesync.cli.output import Row, View, choose, show
from filesync.cli.table import Column
from filesync.cli.world import World
from filesync.clock import to_timestamp
from filesync.errors import UsageError
from filesync.store import positions
from filesync.store.database import Database

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
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=0, help="The last seq that it has seen.")],
) -> None:
    """Put a consumer at a seq, forward or back; a new name becomes one.

    So a consumer can be asked without --commit, do its work, and then say how far it came.

    \b
    Examples:
      filesync consumers set bi 1842
    """  # noqa: D301  \b is Typer's mark
    world: World = ctx.obj
    check_name(name)
    with world.reading() as database:
        last = positions.feed_span(database).last_seq
    if seq > last:
        raise UsageError(f"{seq} is not in the feed yet: its last seq is {last}")
    commit(world, name, seq, forward_only=False)


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


def commit(world: World, name: str, seq: int, *, forward_only: bool = True) -> None:
    """Remember that a consumer has seen everything up to `seq`."""
    write = positions.advance if forward_only else positions.put_position
    with world.writing() as database:
        write(database, name, "consumer", seq, to_timestamp(world.clock.now()))


def _rows(database: Database) -> Iterator[Row]:
    for each in positions.load_positions(database):
        yield {
            "reader": each.reader,
            "kind": each.kind,
            "seq": each.seq,
            "unseen": positions.count_unseen(database, each.seq),
            "updated_at": each.updated_at,
        }


_VIEW = View(
    "consumers",
    (
        Column("READER", lambda row: row["reader"]),
        Column("KIND", lambda row: row["kind"]),
        Column("SEQ", lambda row: str(row["seq"]), right=True),
        Column("UNSEEN", lambda row: f"{row['unseen']:,}", right=True),
        Column("SINCE UTC", lambda row: minute(row["updated_at"])),
    ),
    nothing="nobody reads the feed by name",
)
