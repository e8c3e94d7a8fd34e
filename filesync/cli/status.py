"""Status: how every endpoint is doing, for people, for dashboards, and for monitoring."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import check_names
from filesync.app.endpoint_status import endpoint_statuses, login_warnings_by_endpoint, to_documents
from filesync.app.home import Home
from filesync.cli.options import AsJson, EndpointNames
from filesync.cli.output.rows import Form, View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.durations import ago, length, minute, until
from filesync.core.schedule import ManualSchedule
from filesync.sync.status import Status, schedule_in_words, type_in_words

_ERROR_WIDTH = 36  # of the table; a longer error is said in full below it
_MOODS: Mapping[str, str] = {
    "ok": "good", "manual": "good", "running": "good", "never": "dim", "inactive": "dim", "waiting": "warn",
    "partial": "warn", "stale": "warn", "archived": "dim", "failed": "bad", "blocked": "bad", "login": "bad",
}  # fmt: skip


def status(
    ctx: typer.Context,
    *,
    endpoint: EndpointNames = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 1 when an active endpoint has failed, is blocked, needs a login or is overdue."
        ),
    ] = False,
    why: Annotated[bool, typer.Option("--why", help="Say why each endpoint is due or not.")] = False,
    json: AsJson = False,
) -> None:
    """Show how every endpoint is doing.

    \b
    States:
      never     no sync went through yet       failed   the last sync failed
      running   a sync is under way            blocked  too many files vanished at once
      waiting   it waits for a service's limit login    a login is needed
      ok        all is well                    stale    nothing fresh came for too long
      partial   some folder could not be read  manual   runs only when it is named, and is fine
      inactive  switched off, or no longer in connector.yaml
      archived  of a set: its project is closed or no longer listed; it rests until it is back

    COMPLETE is the age of the oldest listing that the inventory rests on.

    \b
    Examples:
      filesync status
      filesync status --check --quiet || echo "look at filesync"
      filesync status --json | jq '.endpoints[] | {name, state, complete_as_of}'
    """  # noqa: D301  \b is Typer's mark
    form = choose(json=json)
    home, terminal = home_and_terminal(ctx)
    statuses = _chosen(endpoint_statuses(home), endpoint)
    now, warnings = home.clock.now(), login_warnings_by_endpoint(home)
    documents = to_documents(statuses, warnings)
    rows = [{**row, "_schedule": each.schedule} for row, each in zip(documents, statuses, strict=True)]
    view = _WHY if why and not json else View("endpoints", _columns(now), nothing="no endpoint is configured")
    show(terminal, form, view, documents if json else rows)
    if form is Form.TABLE:
        for warning in sorted(set(warnings.values())):
            terminal.complain(warning)
    if terminal.width is not None and form is Form.TABLE and not (why or check):
        _spell_out(terminal, rows)
    if check and not _all_well(home, terminal, statuses):
        raise typer.Exit(1)


def _chosen(statuses: Sequence[Status], names: Sequence[str] | None) -> list[Status]:
    if not names:
        return [*statuses]
    check_names(names, [each.name for each in statuses])
    return [each for each in statuses if each.name in names]


def _spell_out(terminal: Terminal, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say errors in full that the table may have cut."""
    for row in rows:
        if len(_trouble(row)) > _ERROR_WIDTH:
            terminal.note(f"{row['name']}: {_trouble(row)}")


def _all_well(home: Home, terminal: Terminal, statuses: Sequence[Status]) -> bool:
    """Name on stderr whatever a person should look at."""
    alarming = [each for each in statuses if each.alarming]
    for each in alarming:
        reason = each.late if each.state in {"stale", "never"} else each.facts["error_message"]
        terminal.complain(f"{each.name}: {each.state}: {_cut(reason or 'no reason is known')}")
    if not home.has_database() and any(_runs_by_itself(each) for each in statuses):
        terminal.complain(
            "no sync has run in this home yet" + (f", but {home.left_behind}" if home.left_behind else "")
        )
        return False
    return not alarming


def _runs_by_itself(status: Status) -> bool:
    return status.state not in {"inactive", "archived"} and not isinstance(status.schedule, ManualSchedule)


def _cut(text: str) -> str:
    """Keep a line readable; --json has all of it."""
    return text if len(text) <= 300 else f"{text[:299]}…"


def _trouble(row: Mapping[str, Any]) -> str:
    if row["state"] == "waiting":
        return f"waits for {row['waiting_for'] or 'a limit'} until {row['waiting_until'][11:19]} UTC"
    if row["state"] == "running":
        progress = f"{row['running_files_seen']:,} files, {row['running_folders_listed']:,} folders so far"
        return f"since {minute(row['running_since'])} UTC: {progress}"
    if row["state"] in {"ok", "manual", "inactive", "archived"} and row["error_type"] != "died":
        return ""
    return _cut(row["late"] or row["error_message"] or "")


def _counts(row: Mapping[str, Any]) -> str:
    if row["files_added"] is None:
        return ""
    counts = (("+", row["files_added"]), ("~", row["files_updated"]), ("-", row["files_removed"]))
    return " ".join(f"{sign}{count}" for sign, count in counts if count) or "none"


def _files(row: Mapping[str, Any]) -> str:
    found = row["running_files_seen"] if row["state"] in {"running", "waiting"} and not row["files"] else row["files"]
    return "" if found is None else f"{found:,}"


def _took(row: Mapping[str, Any]) -> str:
    return "" if row["last_duration_seconds"] is None else length(row["last_duration_seconds"])


def _type(row: Mapping[str, Any]) -> str:
    name = str(row["endpoint_type"])
    return type_in_words(name)


def _mood(row: Mapping[str, Any]) -> str:
    return _MOODS.get(row["state"], "warn")


def _columns(now: datetime) -> Sequence[Column]:
    """Lay the table out; what can be found elsewhere is dropped first on a narrow terminal."""
    return (
        Column("ENDPOINT", lambda row: row["name"], least=12),
        Column("TYPE", _type, rank=6, least=5),
        Column("SCHEDULE", lambda row: schedule_in_words(row["_schedule"]), rank=7, least=10),
        Column("STATE", lambda row: row["state"], mood=_mood),
        Column("SUCCESS", lambda row: ago(row["last_success_at"], now), rank=1),
        Column("COMPLETE", lambda row: ago(row["complete_as_of"], now), rank=4),
        Column("TOOK", _took, rank=8, right=True),
        Column("FILES", _files, rank=2, right=True),
        Column("CHANGES", _counts, rank=5),
        Column("NEXT", lambda row: until(row["next_due_at"], now), rank=3),
        Column("ERROR", _trouble, least=_ERROR_WIDTH, spare=True),
    )


_WHY = View(
    "endpoints",
    (
        Column("ENDPOINT", lambda row: row["name"], least=12),
        Column("DUE", lambda row: "yes" if row["due"] else "no", mood=lambda row: "good" if row["due"] else "dim"),
        Column("NEXT", lambda row: minute(row["next_due_at"]), rank=1),
        Column("WHY", lambda row: row["reason"], least=60),
    ),
)
