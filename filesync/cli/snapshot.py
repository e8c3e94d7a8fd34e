"""`filesync snapshot`: a consistent copy of the database, and the way back."""

from pathlib import Path
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home
from filesync.cli.options import AsJson
from filesync.cli.output.rows import Form, choose, show_document
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.errors import UsageError
from filesync.runtime.settings import expanded
from filesync.store.sqlite import snapshots
from filesync.store.sqlite.succession import Succession


def snapshot(
    ctx: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The copy; a relative path counts from the current folder.")
    ],
    *,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Put this copy in the database's place; the present one is kept beside it."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing file: PATH, or an earlier .before-restore.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Write a consistent copy of the database, also while a sync runs; or restore one.

    The copy is one compact file. It appears whole, under its name, or not at all. A restore is refused while anything
    writes to the database.

    \b
    Examples:
      filesync snapshot /backup/connector.db
      filesync snapshot --restore /backup/connector.db
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    form = choose(json=json)
    file = home.cwd / expanded(path, "PATH")
    (_restore if restore else _take)(home, terminal, file, form, force=force)


def _take(home: Home, terminal: Terminal, file: Path, form: Form, *, force: bool) -> None:
    copy = snapshots.take(_file_of(home), file, mode=home.settings.file_mode, replace=force)
    if form is Form.JSON:
        show_document(terminal, {"path": str(copy.path), "feed": copy.feed, "seq": copy.seq, "bytes": copy.size})
    else:
        terminal.write(f"{copy.path}: {copy.size:,} bytes, the feed up to seq {copy.seq}\n")


def _file_of(home: Home) -> Path:
    """Return the database's file. Raises UsageError for one on a server."""
    if isinstance(home.database_address, Path):
        return home.database_address
    raise UsageError(f"{home.database_address}: a server's backups are its own: use pg_dump, or filesync db copy")


def _restore(home: Home, terminal: Terminal, file: Path, form: Form, *, force: bool) -> None:
    done = snapshots.restore(file, _file_of(home), replace=force)
    home.keep_others_out()  # the copy may have been anybody's
    feed, before = done.feed, str(done.before) if done.before else None
    facts = {"feed": feed.feed, "seq": feed.seq, "next_seq": feed.next_seq, "before": before}
    home.log.info("restore", **facts)
    if form is Form.JSON:
        shown = {"path": str(home.database_address), **facts}
        show_document(terminal, {**shown, "is_shorter": feed.is_shorter, "must_reload": feed.astray})
        return
    terminal.write(f"{home.database_address}: restored, the feed up to seq {feed.seq}; the next is {feed.next_seq}\n")
    if done.before:
        terminal.note(f"the former database is in {done.before}")
    if feed.is_shorter:
        _tell_readers(terminal, feed)


def _tell_readers(terminal: Terminal, feed: Succession) -> None:
    """Say who must read the inventory afresh, and how each goes on."""
    place = feed.seq if feed.feed is None else f"{feed.feed}:{feed.seq}"
    terminal.note(
        f"whoever has read the feed beyond seq {feed.seq}, by changes --since, SQL or notifications: read the "
        f"inventory afresh, drop what is not in it, then go on with --since {place}"
    )
    for name in feed.astray:
        terminal.note(
            f"consumer {name} has, or may have: when it has read afresh, filesync consumers set {name} {place}"
        )
