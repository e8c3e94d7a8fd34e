"""Endpoints: what is configured, and whether each works against the live service."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_names import check_names
from filesync.cli.options import AsJson
from filesync.cli.output.rows import Form, View, choose, show
from filesync.cli.output.table import Column, cut_rows
from filesync.clock import Stop
from filesync.config import Endpoint, EndpointSet
from filesync.durations import format_duration
from filesync.errors import StoreError
from filesync.selection import Bound, Selection
from filesync.status import schedule_in_words, schedule_to_json, type_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filesync.app.endpoint_check import Proof
    from filesync.app.home import World
    from filesync.model import Identity, KnownMember, SetSource
    from filesync.sync.opening import Opener

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def endpoints(ctx: typer.Context, *, json: AsJson = False) -> None:
    """List the configured endpoints."""
    if ctx.invoked_subcommand is not None:
        return
    world: World = ctx.obj
    form = choose(json=json)
    show(world, form, _VIEW, _rows(world))


@app.command("check")
def check(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Else every active endpoint.")] = None,
    *,
    max_files: Annotated[
        int, typer.Option(min=1, metavar="N", help="Stop after the page that reaches so many files.")
    ] = 5,
    json: AsJson = False,
) -> None:
    """Prove endpoints against the live service: login, reach, one real listing. Nothing is stored.

    Exits as `sync` would: 0 all is well, 77 a login is needed, 75 it was temporary, 3 partly unreadable, else 1.

    \b
    Examples:
      filesync endpoints check
      filesync endpoints check "Project 0001" --json
    """  # noqa: D301  \b is Typer's mark
    world: World = ctx.obj
    form = choose(json=json)
    proven = [*proofs(world, names or (), max_files)]
    rows = [row for proof in proven for row in proof.rows()]
    show(world, form, _PROOF, rows)
    for row in cut_rows(_PROOF.columns, rows, world.stdout_width) if form is Form.TABLE else ():
        if row["ok"] is False:
            world.complain(f"{row['endpoint']}: {row['step']}: {row['detail']}")
    codes = {proof.exit_code for proof in proven}
    raise typer.Exit(next((code for code in (77, 1, 75, 3) if code in codes), 0))


def _rows(world: "World") -> "Iterator[Mapping[str, Any]]":
    """Give the endpoints that the file names, then each set with those that its service named last."""
    endpoints = world.endpoints()
    yield from (to_row(each) for each in endpoints if each.membership is None)
    for declared in world.config.sets:
        yield set_to_row(declared)
        yield from (to_row(each) for each in endpoints if _set_of(each) == declared.name)


def _set_of(endpoint: Endpoint) -> str | None:
    return endpoint.membership.set_name if endpoint.membership else None


def proofs(
    world: "World",
    names: Sequence[str],
    max_files: int,
    *,
    opened: "Opener | None" = None,
    of_each_set: int | None = None,
) -> "Iterator[Proof]":
    """Prove what was named, else every active endpoint; sets are asked for now, and nothing of it is kept.

    `of_each_set` are the members of a set that are proven at most, unless they or the set are named.
    """
    from filesync.app.endpoint_check import prove, prove_set  # noqa: PLC0415  listing the endpoints needs no network
    from filesync.sync.opening import opener  # noqa: PLC0415  the same

    config = world.config
    opened = opened or opener(config, world.clock, world.random, world.redactor, world.log)
    explicit = {endpoint.name for endpoint in config.endpoints}
    sets = [each for each in config.sets if each.template.is_active or each.name in names]
    found: dict[SetSource, Sequence[KnownMember]] = {}
    for each in sets if not names or not explicit.issuperset(names) else ():
        if each.source not in found:
            proof, members = prove_set(each, opened, world.clock, _asked_as(world, each))
            yield from [proof] if proof else []
            answered = world.answered().get(each.source)
            found[each.source] = members or (answered.members if proof and answered else ())
    endpoints = config.expanded(found)
    check_names(names, [*(each.name for each in sets), *(endpoint.name for endpoint in endpoints)])
    left: dict[str, int | None] = {each.name: of_each_set for each in sets}
    for endpoint in endpoints:
        if {endpoint.name, _set_of(endpoint)} & {*names} if names else endpoint.is_active and _has_turn(endpoint, left):
            world.detail(f"{endpoint.name}: asking the service")
            yield prove(endpoint, opened, world.clock, Stop(world.clock), max_files, world.identity_of(endpoint))


def _has_turn(endpoint: Endpoint, left: "dict[str, int | None]") -> bool:
    """Tell whether an endpoint is among the first of its set; `left` counts down."""
    name = _set_of(endpoint)
    number = left.get(name) if name else None
    if name is None or number is None:
        return True
    left[name] = max(0, number - 1)
    return number > 0


def _asked_as(world: "World", declared: EndpointSet) -> "Identity | None":
    """Tell as whom a set's members were asked for last; None where that cannot be told."""
    try:
        answered = world.answered().get(declared.source)
    except StoreError:  # of an older version, say; `sync` says what about it
        return None
    return answered.identity if answered else None


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
        "set": _set_of(endpoint),
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
