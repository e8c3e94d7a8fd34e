"""`filesync changes`: the feed of changes; reads the database, and remembers a consumer's place."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import chosen_ids
from filesync.app.feed_reader import begin, finish
from filesync.app.home import Home
from filesync.cli.options import AsJson, AsJsonLines, EndpointNames, Limit
from filesync.cli.output.columns import ENDPOINT, PATH, utc
from filesync.cli.output.rows import Form, Row, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.durations import parse_moment
from filesync.core.errors import UsageError
from filesync.store.engine import Database
from filesync.store.feed import lineage
from filesync.store.feed.lineage import parse_place
from filesync.store.read import queries
from filesync.store.read.queries import ChangeFilter

_LATEST = 50  # changes that a table shows when it is not told where to begin


class ChangeKind(StrEnum):
    """What `changes --kind` takes."""

    CREATED = "created"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = "moved"
    RENAMED = "renamed"
    MODIFIED = "modified"
    TOUCHED = "touched"


def changes(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="SEQ|FEED:SEQ|TIME|AGE", help="After this seq, or detected since then: 1842, 2026-01-31, 2d."
        ),
    ] = None,
    endpoint: EndpointNames = None,
    kind: Annotated[
        list[ChangeKind] | None,
        typer.Option(
            help="Only these; may be repeated. modified: every change of content. touched: shown only on request."
        ),
    ] = None,
    consumer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this reader has not seen; its place is remembered.")
    ] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="With --consumer: once everything is written, remember it as seen.")
    ] = False,
    limit: Limit = None,
    json: AsJson = False,
    jsonl: AsJsonLines = False,
) -> None:
    """Show the change feed, ascending by seq.

    A reader resumes with --since and the last feed and seq that it read. A table without --since and --limit shows the
    latest 50 changes; --limit counts from the beginning, or from --since. Exits 1 when the feed was cut behind --since,
    or does not hold any more what was read, since a snapshot was restored.

    \b
    Examples:
      filesync changes --since 1d
      filesync changes --since 5b1c0e9a7d24f683:1842 --jsonl
      filesync changes --consumer bi --commit --jsonl > new.jsonl
      filesync changes --kind deleted --kind moved --endpoint "Project 0001"
    """  # noqa: D301  \b is Typer's mark
    form = choose(json=json, jsonl=jsonl)
    if commit and consumer is None:
        raise UsageError("--commit needs --consumer: say whose place is to be remembered")
    home, terminal = home_and_terminal(ctx)
    with home.reading() as database:
        wanted = _change_filter(home, since, chosen_ids(database, endpoint), kind or ())
        facts = _feed_facts(database) if form is Form.JSON else None
        if consumer is not None:
            turn = begin(home, database, consumer, wanted)
            show(terminal, form, _CHANGES, turn.rows(queries.changes(database, turn.wanted, limit), limit), facts)
        elif form is Form.TABLE and since is None and limit is None:
            show(terminal, form, _CHANGES, _latest(terminal, database, wanted))
        else:
            show(terminal, form, _CHANGES, islice(queries.changes(database, wanted, limit), limit), facts)
    if consumer is not None and commit:
        terminal.flush()
        finish(home, turn)


def _change_filter(
    home: Home, since: str | None, endpoint_ids: tuple[int, ...] | None, kinds: Sequence[ChangeKind]
) -> ChangeFilter:
    words = tuple(kind.value for kind in kinds)
    place = None if since is None else parse_place(since)
    if place is not None:
        return ChangeFilter(place, endpoint_ids=endpoint_ids, kinds=words)
    moment = None if since is None else parse_moment("--since", since, home.clock.now())
    return ChangeFilter(detected_since=moment, endpoint_ids=endpoint_ids, kinds=words)


def _feed_facts(database: Database) -> Row:
    end = lineage.load(database).end
    return {"feed": end.feed, "last_seq": end.seq}


def _latest(terminal: Terminal, database: Database, wanted: ChangeFilter) -> list[Row]:
    rows = queries.latest_changes(database, wanted, _LATEST + 1)
    if len(rows) > _LATEST:
        terminal.note(f"the latest {_LATEST} changes; more with --since or --limit")
    return [*rows[-_LATEST:]]


_CHANGES = View(
    "changes",
    (
        Column("SEQ", lambda row: str(row["seq"]), right=True),
        utc("DETECTED UTC", "detected_at", rank=1),
        ENDPOINT,
        Column("KIND", lambda row: row["kind"]),
        Column("CAUSE", lambda row: row["cause"], rank=3),
        PATH,
    ),
    nothing="no such change is known",
)
