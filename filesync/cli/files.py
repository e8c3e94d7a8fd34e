"""`filesync files`: the files of the inventory; reads the database only."""

from itertools import islice
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import chosen_endpoints
from filesync.cli.options import AsCsv, AsJson, AsJsonLines, EndpointNames, Limit
from filesync.cli.output.columns import ENDPOINT, PATH, utc
from filesync.cli.output.rows import Form, Row, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core.durations import parse_moment
from filesync.core.errors import UsageError
from filesync.core.globs import Glob, check_glob
from filesync.store.read.search import FILE_COLUMNS, FileFilter, find


def files(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    name: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only names that match, such as 'A-1*.rvt'; case-sensitive.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only names or paths with all these words or word beginnings; ignores case."),
    ] = None,
    type: Annotated[  # noqa: A002  the option's name
        list[str] | None, typer.Option(metavar="EXT", help="Only this file type, such as pdf; may be repeated.")
    ] = None,
    modified_since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE|TIME|AGE", help="Only files that the service says were modified since: 2026-01-31, 7d, 12h."
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
        rows = find(database, chosen_endpoints(database, endpoint), wanted, None if limit is None else limit + 1)
        show(terminal, form, _files_view(wanted), islice(rows, limit))
        if limit and form is Form.TABLE and next(rows, None):
            terminal.note(f"the first {limit:,}; there are more")


def _name_glob(text: str) -> Glob:
    try:
        pattern = check_glob(text)
    except ValueError as exc:
        raise UsageError(f"--name {text[:80]!r}: {exc}") from exc
    if "/" in pattern:
        raise UsageError(f"--name {text[:80]!r}: a name has no / in it; find words of a path with --search")
    return Glob(pattern)


def _words(text: str) -> str:
    if not any(char.isalnum() for char in text):
        raise UsageError(f"--search {text[:80]!r}: a word is needed")
    return text


def _files_view(wanted: FileFilter) -> View:
    more: tuple[str, ...] = ()
    if wanted.deleted:
        columns = (
            *_FILE_COLUMNS,
            utc("DELETED UTC", "deleted_at"),
            Column("WHY", lambda row: row["deleted_reason"]),
        )
    elif wanted.pending_removal:
        columns = (*_FILE_COLUMNS, utc("MISSING UTC", "missing_since"), Column("WHY", _pending_reason))
        more = ("pending_reason", "missing_since")
    else:
        columns = (*_FILE_COLUMNS, utc("MODIFIED UTC", "updated_at", spare=True), _MODIFIED_BY)
    return View("files", (*columns, PATH), ("endpoint", *FILE_COLUMNS, *more), "no such file is known")


def _pending_reason(row: Row) -> str:
    return row["pending_reason"] or "not looked up yet"


def _size(row: Row) -> str:
    return "" if row["file_size"] is None else f"{row['file_size']:,}"


_FILE_COLUMNS = (ENDPOINT, Column("BYTES", _size, rank=2, right=True))
_MODIFIED_BY = Column("BY", lambda row: row["modified_by"] or "", rank=3, least=12, spare=True)
