"""The inventory: files, the feed of their changes, and the log of syncs; reads the database only."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import chosen_endpoints, chosen_ids
from filesync.app.feed_reader import begin, finish
from filesync.app.home import Home
from filesync.cli.options import AsCsv, AsJson, AsJsonLines, EndpointNames, Limit
from filesync.cli.output.rows import Form, Row, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.durations import length, minute, parse_moment
from filesync.core.errors import UsageError
from filesync.core.globs import Glob, check_glob
from filesync.store.engine import Database
from filesync.store.feed import lineage
from filesync.store.feed.lineage import parse_place
from filesync.store.read import queries
from filesync.store.read.queries import ChangeFilter
from filesync.store.read.search import FILE_COLUMNS, FileFilter, find

_LATEST = 50  # changes that a table shows when it is not told where to begin
_PAST = 20  # syncs that `logs` shows


class ChangeKind(StrEnum):
    """What `changes --kind` takes."""

    CREATED = "created"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = "moved"
    RENAMED = "renamed"
    MODIFIED = "modified"
    TOUCHED = "touched"


def files(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    name: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only names that match, such as 'A-1*.rvt'; case counts.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only names or paths with all these words, or their beginnings; case-blind."),
    ] = None,
    type: Annotated[  # noqa: A002  the option's name
        list[str] | None, typer.Option(metavar="EXT", help="Only this file type, such as pdf; may be repeated.")
    ] = None,
    modified_since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE|TIME|AGE", help="Only what its service says was modified since: 2026-01-31, 7d, 12h."
        ),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted files instead of the live ones.")] = False,
    pending_removal: Annotated[
        bool, typer.Option("--pending-removal", help="Only files that are missing and not yet marked as deleted.")
    ] = False,
    limit: Limit = None,
    json: AsJson = False,
    jsonl: AsJsonLines = False,
    csv: AsCsv = False,
) -> None:
    """List the files of the inventory, by endpoint and path.

    Without --endpoint: those of active endpoints. All filters given must hold.

    \b
    Examples:
      filesync files --type rvt --modified-since 7d
      filesync files --endpoint "Project 0001" --name '*.ifc' --csv > ifc.csv
      filesync files --jsonl | jq -r .file_path
    """  # noqa: D301  \b is Typer's mark
    form = choose(json=json, jsonl=jsonl, csv=csv)
    if deleted and pending_removal:
        raise UsageError("--deleted and --pending-removal exclude each other: what is pending is not deleted yet")
    home, terminal = home_and_terminal(ctx)
    since = None if modified_since is None else parse_moment("--modified-since", modified_since, home.clock.now())
    wanted = FileFilter(
        name=None if name is None else _name_glob(name),
        search=None if search is None else _words(search),
        file_types=tuple(each.strip().lstrip("*").lstrip(".").lower() for each in type or ()),
        modified_since=since,
        deleted=deleted,
        pending_removal=pending_removal,
    )
    with home.reading() as database:
        rows = find(database, chosen_endpoints(database, endpoint), wanted, limit)
        show(terminal, form, _files_view(wanted), islice(rows, limit))


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
            help="Only these; may be repeated. modified: whenever the content changed. touched: only if asked."
        ),
    ] = None,
    consumer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this reader has not seen; its place is remembered.")
    ] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="With --consumer: it has seen what was written, once all of it is.")
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


def logs(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most so many.")] = _PAST,
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


def _name_glob(text: str) -> Glob:
    try:
        pattern = check_glob(text)
    except ValueError as exc:
        raise UsageError(f"--name {text[:80]!r}: {exc}") from exc
    if "/" in pattern:
        raise UsageError(f"--name {text[:80]!r}: a name holds no /; words of a path are found with --search")
    return Glob(pattern)


def _words(text: str) -> str:
    if not any(char.isalnum() for char in text):
        raise UsageError(f"--search {text[:80]!r}: a word is needed")
    return text


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


def _without_the_dead(home: Home, rows: Iterable[Row]) -> Iterator[Row]:
    """Show a sync whose process died as interrupted; the next start of `sync` writes it so."""
    for row in rows:
        if row["status"] == "running" and not home.is_running(row["endpoint_id"]):
            yield {**row, "status": "interrupted", "error_type": "died", "error_message": "its process died"}
        else:
            yield row


def _files_view(wanted: FileFilter) -> View:
    more: tuple[str, ...] = ()
    if wanted.deleted:
        columns = (
            *_FILE_COLUMNS,
            _column("DELETED UTC", "deleted_at"),
            Column("WHY", lambda row: row["deleted_reason"]),
        )
    elif wanted.pending_removal:
        columns = (*_FILE_COLUMNS, _column("MISSING UTC", "missing_since"), Column("WHY", _pending_reason))
        more = ("pending_reason", "missing_since")
    else:
        columns = (*_FILE_COLUMNS, _column("MODIFIED UTC", "updated_at", spare=True), _MODIFIED_BY)
    return View("files", (*columns, _PATH), ("endpoint", *FILE_COLUMNS, *more), "no such file is known")


def _pending_reason(row: Row) -> str:
    return row["pending_reason"] or "not looked up yet"


def _size(row: Row) -> str:
    return "" if row["file_size"] is None else f"{row['file_size']:,}"


def _column(heading: str, name: str, *, spare: bool = False) -> Column:
    return Column(heading, lambda row: minute(row[name]), spare=spare)


def _counts(row: Row) -> str:
    return f"+{row['files_added']} ~{row['files_updated']} -{row['files_removed']}"


def _mood(row: Row) -> str | None:
    return {"success": "good", "failed": "bad", "partial": "warn", "interrupted": "warn"}.get(row["status"])


_ENDPOINT = Column("ENDPOINT", lambda row: row["endpoint"], rank=1, least=10)
_PATH = Column("PATH", lambda row: row["file_path"], least=24)
_FILE_COLUMNS = (_ENDPOINT, Column("BYTES", _size, rank=2, right=True))
_MODIFIED_BY = Column("BY", lambda row: row["modified_by"] or "", rank=3, least=12, spare=True)
_CHANGES = View(
    "changes",
    (
        Column("SEQ", lambda row: str(row["seq"]), right=True),
        Column("DETECTED UTC", lambda row: minute(row["detected_at"]), rank=1),
        _ENDPOINT,
        Column("KIND", lambda row: row["kind"]),
        Column("CAUSE", lambda row: row["cause"], rank=3),
        _PATH,
    ),
    nothing="no such change is known",
)
_LOGS = View(
    "logs",
    (
        Column("ID", lambda row: str(row["id"]), rank=4, right=True),
        Column("STARTED UTC", lambda row: minute(row["started_at"])),
        _ENDPOINT,
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
