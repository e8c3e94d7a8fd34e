"""Endpoints: what is configured, and whether each works against the live service."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer  # noqa: TID251  the command layer

from filesync.cli.options import AsJson
from filesync.cli.output import View, choose, show
from filesync.cli.table import Column
from filesync.config import Endpoint
from filesync.durations import format_duration
from filesync.selection import Bound, Selection
from filesync.status import schedule_in_words, schedule_to_json

if TYPE_CHECKING:
    from filesync.cli.world import World

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def endpoints(ctx: typer.Context, *, json: AsJson = False) -> None:
    """List the configured endpoints."""
    if ctx.invoked_subcommand is not None:
        return
    world: World = ctx.obj
    form = choose(json=json)
    rows = [to_row(endpoint) for endpoint in world.config.endpoints]
    show(world, form, _VIEW, rows)


def to_row(endpoint: Endpoint) -> Mapping[str, Any]:
    """Write an endpoint as its effective settings; details stay as written, so no secret is in them."""
    return {
        "name": endpoint.name,
        "endpoint_type": endpoint.endpoint_type,
        "project_id": endpoint.project_id,
        "user_id": endpoint.user_id,
        "is_active": endpoint.is_active,
        "schedule": schedule_to_json(endpoint.schedule),
        "reconcile_every": format_duration(endpoint.reconcile_every),
        "max_delete_percent": endpoint.max_delete_percent,
        "time_limit": format_duration(endpoint.time_limit),
        "expected_unreadable": list(endpoint.expected_unreadable),
        "endpoint_details": dict(endpoint.details_text),
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
    return " ".join([*named, *(["shared_with_me"] if details.get("shared_with_me") else [])])


_VIEW = View(
    "endpoints",
    (
        Column("ENDPOINT", lambda row: row["name"], least=12),
        Column("TYPE", lambda row: row["endpoint_type"], rank=3, least=6),
        Column("SCHEDULE", lambda row: row["schedule_in_words"], rank=1),
        Column("ACTIVE", lambda row: "yes" if row["is_active"] else "no", rank=2),
        Column("FILTERS", lambda row: row["filters_in_words"], rank=4, least=16, spare=True),
        Column("SCOPE", _scope_in_words, least=20),
    ),
    nothing="no endpoint is configured",
)
