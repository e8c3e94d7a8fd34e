"""Consumers: who reads the change feed by name, and how far each has come."""

from collections.abc import Iterator
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.feed_reader import check_given, check_name, commit
from filesync.cli.options import AsJson
from filesync.cli.output.rows import Row, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core.durations import minute
from filesync.core.errors import UsageError
from filesync.store.engine import Database
from filesync.store.feed import lineage, readers
from filesync.store.feed.lineage import FeedPlace

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def consumers(ctx: typer.Context, *, json: AsJson = False) -> None:
    """List who reads the change feed: consumers of `changes --consumer`, and receivers of notifications.

    What one of them has not seen is not dropped.
    """
    if ctx.invoked_subcommand is not None:
        return
    home, terminal = home_and_terminal(ctx)
    with home.reading() as database:
        show(terminal, choose(json=json), _VIEW, [*_rows(database)])


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new consumer or an existing one.")],
    seq: Annotated[str, typer.Argument(metavar="SEQ|FEED:SEQ", help="The last seq that it has seen.")],
) -> None:
    """Move a consumer to a seq, forward or back; a new name creates one.

    So a consumer can be asked without --commit, do its work, and then say how far it came.

    \b
    Examples:
      filesync consumers set bi 1842
      filesync consumers set bi 5b1c0e9a7d24f683:1842
    """  # noqa: D301  \b is Typer's mark
    home, _ = home_and_terminal(ctx)
    check_name(name)
    place = lineage.parse_place(seq)
    if place is None:
        raise UsageError(f"{seq[:80]!r}: a seq is needed, alone or behind its feed: 1842, 5b1c0e9a7d24f683:1842")
    with home.reading() as database:
        check_given(readers.feed_span(database), place, "seq")
    commit(home, name, place.seq, forward_only=False)


@app.command("forget")
def forget(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that `filesync consumers` shows.")],
) -> None:
    """Forget a consumer, so that nothing is kept for it any more."""
    home, _ = home_and_terminal(ctx)
    with home.reading() as database:
        known = [each.reader for each in readers.load_positions(database)]
    if name not in known:
        raise UsageError(f"no consumer is named {name[:80]!r}; filesync consumers lists them")
    with home.writing() as database:
        readers.forget_reader(database, name)


def _rows(database: Database) -> Iterator[Row]:
    known = lineage.load(database)
    for each in readers.load_positions(database):
        yield {
            "reader": each.reader,
            "kind": each.kind,
            "seq": each.seq,
            "unseen": readers.count_unseen(database, each.seq),
            "must_reload": each.kind == "consumer" and not known.holds(FeedPlace(each.seq)),
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
