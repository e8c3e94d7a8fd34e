"""`filesync logs`: past and running syncs; reads the database only."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import chosen_ids
from filesync.app.home import Home
from filesync.cli.options import AsJson, AsJsonLines, EndpointNames
from filesync.cli.output.columns import ENDPOINT, utc
from filesync.cli.output.rows import Row, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core.durations import length
from filesync.store.read import queries

_PAST = 20  # syncs that are shown when no limit is given


def logs(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most this many.")] = _PAST,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    json: AsJson = False,
    jsonl: AsJsonLines = False,
) -> None:
    """Show past and running syncs, the newest first.

    \b
    Examples:
      filesync logs --failed
      filesync logs --endpoint "Project 0001" --limit 100 --jsonl
    """  # noqa: D301  \b is Typer's mark
    form = choose(json=json, jsonl=jsonl)
    home, terminal = home_and_terminal(ctx)
    with home.reading() as database:
        rows = queries.logs(database, chosen_ids(database, endpoint), limit=limit, only_failed=failed)
    show(terminal, form, _LOGS, _without_the_dead(home, rows))


def _without_the_dead(home: Home, rows: Iterable[Row]) -> Iterator[Row]:
    """Show a sync whose process died as interrupted; the next start of `sync` writes it so."""
    for row in rows:
        if row["status"] == "running" and not home.is_running(row["endpoint_id"]):
            yield {**row, "status": "interrupted", "error_type": "died", "error_message": "its process died"}
        else:
            yield row


def _counts(row: Row) -> str:
    return f"+{row['files_added']} ~{row['files_updated']} -{row['files_removed']}"


def _mood(row: Row) -> str | None:
    return {"success": "good", "failed": "bad", "partial": "warn", "interrupted": "warn"}.get(row["status"])


_LOGS = View(
    "logs",
    (
        Column("ID", lambda row: str(row["id"]), rank=4, right=True),
        utc("STARTED UTC", "started_at"),
        ENDPOINT,
        Column("STATUS", lambda row: row["status"], mood=_mood),
        Column("MODE", lambda row: row["mode"], rank=6),
        Column("TRIGGER", lambda row: row["trigger"], rank=5),
        Column("TOOK", lambda row: length(row["duration_seconds"]) if row["duration_seconds"] is not None else ""),
        Column("CHANGES", _counts, rank=3),
        Column("REQUESTS", lambda row: str(row["api_requests"]), rank=2, right=True),
        Column("ERROR", lambda row: row["error_message"] or "", least=16, spare=True),
    ),
    nothing="no such sync is known",
)
