"""Endpoints: what is configured, and whether each works against the live service."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import set_of
from filesync.cli.options import AsJson
from filesync.cli.output.rows import Form, View, choose, show
from filesync.cli.output.table import Column, cut_rows
from filesync.config import Endpoint, EndpointSet
from filesync.core.durations import format_duration
from filesync.core.errors import UsageError
from filesync.core.filters import Bound, Selection
from filesync.sync.status import schedule_in_words, schedule_to_json, type_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filesync.app.home import Home
from filesync.cli.terminal import home_and_terminal

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def endpoints(ctx: typer.Context, *, json: AsJson = False) -> None:
    """List the configured endpoints."""
    if ctx.invoked_subcommand is not None:
        return
    home, terminal = home_and_terminal(ctx)
    form = choose(json=json)
    show(terminal, form, _VIEW, _rows(home))


@app.command("check")
def check(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Endpoints to check; every active one by default.")
    ] = None,
    *,
    max_files: Annotated[
        int, typer.Option(min=1, metavar="N", help="Stop after the page that reaches this many files.")
    ] = 5,
    json: AsJson = False,
) -> None:
    """Check endpoints against the live service: login, access, one real listing. Nothing is stored.

    Exits as `sync` would: 0 all is well, 77 a login is needed, 78 the configuration is wrong, 75 it was temporary,
    3 partly unreadable, else 1.

    \b
    Examples:
      filesync endpoints check
      filesync endpoints check "Project 0001" --json
    """  # noqa: D301  \b is Typer's mark
    from filesync.app.endpoint_check import proofs  # noqa: PLC0415  listing the endpoints needs no network
    from filesync.sync.session import first_code  # noqa: PLC0415  the same

    home, terminal = home_and_terminal(ctx)
    form = choose(json=json)
    proven = [*proofs(home, names or (), max_files)]
    rows = [row for proof in proven for row in proof.rows()]
    show(terminal, form, _PROOF, rows)
    for row in cut_rows(_PROOF.columns, rows, terminal.width) if form is Form.TABLE else ():
        if row["ok"] is False:
            terminal.complain(f"{row['endpoint']}: {row['step']}: {row['detail']}")
    raise typer.Exit(first_code({proof.exit_code for proof in proven}))


@app.command("forget")
def forget(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that `filesync status` shows.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only show what would be done.")] = False,
) -> None:
    """Forget an endpoint that is no longer in connector.yaml.

    Its files are recorded as deleted (out of scope), in the change feed too; `status` no longer shows it. The rows go
    by `retention`, as those of every deleted file. Declared again, it is a new endpoint.

    \b
    Example:
      filesync endpoints forget "Project 0001" --yes
    """  # noqa: D301  \b is Typer's mark
    from filesync.app import endpoint_forget  # noqa: PLC0415  listing the endpoints needs no SQLite

    home, terminal = home_and_terminal(ctx)
    leaving = endpoint_forget.find_leaving(home, name)
    files = f"{leaving.files:,} {'file' if leaving.files == 1 else 'files'}"
    if not yes:
        raise UsageError(f"{name}: {files} would be recorded as deleted; to do so, add --yes")
    former = endpoint_forget.forget(home, leaving)
    terminal.note(f"{name}: forgotten; {files} recorded as deleted; files, changes and logs know it as {former!r} now")


def _rows(home: "Home") -> "Iterator[Mapping[str, Any]]":
    """Return the endpoints that the file names, then each set with those that its service named last."""
    endpoints = home.endpoints()
    yield from (to_row(each) for each in endpoints if each.membership is None)
    for declared in home.config.sets:
        yield set_to_row(declared)
        yield from (to_row(each) for each in endpoints if set_of(each) == declared.name)


def set_to_row(declared: EndpointSet) -> Mapping[str, Any]:
    """Write a set as its effective settings."""
    ability = declared.ability
    names = {"include": [*declared.names.include], "exclude": [*declared.names.exclude]}
    details = {**declared.template.details_text, ability.set_key: names}
    return {**to_row(declared.template), "is_set": True, "endpoint_details": details}


def to_row(endpoint: Endpoint) -> Mapping[str, Any]:
    """Write an endpoint as its effective settings; details stay as written, so no secret is in them."""
    return {
        "name": endpoint.name,
        "endpoint_type": endpoint.endpoint_type,
        "project_id": endpoint.project_id,
        "user_id": endpoint.user_id,
        "credentials": endpoint.credentials or None,
        "is_active": endpoint.is_active,
        "schedule": schedule_to_json(endpoint.schedule),
        "reconcile_every": format_duration(endpoint.reconcile_every),
        "max_delete_percent": endpoint.max_delete_percent,
        "time_limit": format_duration(endpoint.time_limit),
        "expected_unreadable": list(endpoint.expected_unreadable),
        "endpoint_details": dict(endpoint.details_text),
        "is_set": False,
        "set": set_of(endpoint),
        "schedule_in_words": schedule_in_words(endpoint.schedule),
        "filters_in_words": filters_in_words(endpoint.selection),
    }


def filters_in_words(selection: Selection) -> str:
    """Say which files an endpoint keeps; '' for all."""
    parts = [
        ", ".join(sorted(selection.file_types)),
        f"from {_bound(selection.modified_after)}" if selection.modified_after else "",
        f"before {_bound(selection.modified_before)}" if selection.modified_before else "",
        f"only {', '.join(selection.include)}" if selection.include else "",
        f"without {', '.join(selection.exclude)}" if selection.exclude else "",
    ]
    return "; ".join(part for part in parts if part)


def _bound(bound: Bound) -> str:
    if isinstance(bound, datetime):
        return f"{bound:%Y-%m-%d}" if bound.time() == datetime.min.time() else f"{bound:%Y-%m-%d %H:%M} UTC"
    return f"{format_duration(bound)} ago"


def _scope_in_words(row: Mapping[str, Any]) -> str:
    """Name the service's ids that the endpoint is read by."""
    details = row["endpoint_details"]
    named = [f"{key}={value}" for key, value in details.items() if key.endswith("_id") or key == "subject"]
    wanted = [f"{key}={_wanted(names)}" for key, names in details.items() if row["is_set"] and isinstance(names, dict)]
    return " ".join([*named, *(["shared_with_me"] if details.get("shared_with_me") else []), *wanted])


def _wanted(names: Mapping[str, Any]) -> str:
    """Say which members a set has."""
    without = f" without {', '.join(names['exclude'])}" if names["exclude"] else ""
    return f"{', '.join(names['include'])}{without}"


_RESULTS = {True: "ok", False: "failed", None: "-"}
_PROOF = View(
    "checks",
    (
        Column("ENDPOINT", lambda row: row["endpoint"], least=12),
        Column("STEP", lambda row: row["step"]),
        Column(
            "RESULT",
            lambda row: _RESULTS[row["ok"]],
            mood=lambda row: {True: "good", False: "bad", None: "dim"}[row["ok"]],
        ),
        Column("DETAIL", lambda row: row["detail"], least=24),
    ),
    nothing="no endpoint is active",
)
_VIEW = View(
    "endpoints",
    (
        Column("ENDPOINT", lambda row: row["name"], least=12),
        Column("TYPE", lambda row: type_in_words(row["endpoint_type"]), rank=3, least=5),
        Column("SCHEDULE", lambda row: row["schedule_in_words"], rank=1),
        Column("ACTIVE", lambda row: "yes" if row["is_active"] else "no", rank=2),
        Column("SCOPE", _scope_in_words, least=20),
        Column("FILTERS", lambda row: row["filters_in_words"], rank=4, least=16, spare=True),
    ),
    nothing="no endpoint is configured",
)
