"""`filesync prune`: drop old rows by `retention`, now or in passing; or tell what would go."""

from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.auto_prune import breathe, log_pruned
from filesync.auth.leftovers import leftovers, remove
from filesync.cli.options import AsJson
from filesync.cli.output.rows import Form, View, choose, show, show_document
from filesync.cli.output.table import Column
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.store.upkeep import pruning
from filesync.store.upkeep.pruning import Pruned


def prune(
    ctx: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be dropped; change nothing.")] = False,
    ignore_consumers: Annotated[
        bool, typer.Option("--ignore-consumers", help="Also drop changes that a consumer or a webhook has not seen.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Drop what `retention` in connector.yaml says is too old.

    `sync` does the same by itself, once a day. What is dropped makes room in the file for new rows; to make the file
    itself smaller, take a snapshot and restore it.

    \b
    Examples:
      filesync prune --dry-run
      filesync prune --json
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    form = choose(json=json)
    policy, now = home.config.retention, home.clock.now()
    with home.reading() as database:
        pruned = pruning.plan(database, policy, now, ignore_readers=ignore_consumers)
    token_files = len(leftovers(home.settings.path("tokens"), now))
    if not dry_run:
        with home.writing() as database:
            pruned = pruning.prune(database, policy, now, ignore_readers=ignore_consumers, go_on=lambda: breathe(home))
        token_files = remove(home.settings.path("tokens"), now)
        log_pruned(home, pruned, token_files)
    _show(terminal, form, pruned, token_files, dry_run=dry_run)
    _name_readers(terminal, form, pruned, ignored=ignore_consumers)


def _show(terminal: Terminal, form: Form, pruned: Pruned, token_files: int, *, dry_run: bool) -> None:
    counts = {**pruned.rows, "token_files": token_files}
    if form is Form.JSON:
        held = [
            {"reader": each.reader, "kind": each.kind, "seq": each.seq, "changes": each.changes}
            for each in pruned.held_by
        ]
        show_document(terminal, {"dry_run": dry_run, **counts, "held_by": held})
        return
    show(terminal, form, _VIEW, [{"table": table, "rows": rows} for table, rows in counts.items()])
    if dry_run:
        terminal.note("nothing was changed: --dry-run")


def _name_readers(terminal: Terminal, form: Form, pruned: Pruned, *, ignored: bool) -> None:
    """Say who has not seen everything that the policy lets go, and what that means for it."""
    for holder in pruned.held_by if form is Form.TABLE else ():
        seen = f"{holder.kind} {holder.reader} has seen the feed up to seq {holder.seq}"
        if ignored:
            terminal.note(f"{seen}: it will not see {holder.changes:,} changes after that")
        else:
            terminal.note(f"{seen}, so {holder.changes:,} more changes stay; --ignore-consumers lets them go")


_VIEW = View(
    "pruned",
    (Column("TABLE", lambda row: row["table"]), Column("ROWS", lambda row: f"{row['rows']:,}", right=True)),
)
