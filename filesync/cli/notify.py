"""`filesync notify`: try the targets out, and see how telling them goes."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync import alerts
from filesync.alerts import PING, TEST, Command, Ping, Webhook
from filesync.cli.notifying import addressees, desk
from filesync.cli.options import AsJson
from filesync.cli.output import View, choose, show
from filesync.cli.table import Column
from filesync.cli.world import World
from filesync.clock import Stop
from filesync.errors import DeliveryError, StoppedError, UsageError
from filesync.sanitize import did_you_mean
from filesync.signals import stopping
from filesync.timestamps import to_timestamp

if TYPE_CHECKING:
    from filesync.alerts import Target
    from filesync.notify.delivery import Addressee
    from filesync.notify.messages import Letter
    from filesync.store.outbox import TargetState

app = typer.Typer(
    help="Try out who is told, and see how telling them goes.", add_completion=False, rich_markup_mode=None
)
_VIEW = View(
    "targets",
    (
        Column("TARGET", lambda row: row["target"], least=8),
        Column("TYPE", lambda row: row["type"]),
        Column("WAITING", lambda row: str(row["waiting"]), right=True),
        Column("CHANGES BEHIND", lambda row: _shown(row["changes_behind"]), rank=1, right=True),
        Column("LAST DELIVERED", lambda row: _shown(row["last_delivered_at"]), rank=2),
        Column("FAILURES", lambda row: str(row["failures_in_a_row"] or ""), rank=1, right=True, spare=True),
        Column("LAST ERROR", lambda row: _shown(row["last_error"]), least=8, spare=True),
    ),
    nothing="connector.yaml has no notify:",
)


@app.command("test")
def send_test(
    ctx: typer.Context,
    target: Annotated[str | None, typer.Argument(help="Only this one: its name, or ENDPOINT/NAME.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """Send a test message to every target, or to one; exit 1 when one did not arrive."""
    world: World = ctx.obj
    stop = Stop(world.clock)
    with stopping(stop.request) as caught:
        rows = [_tried(world, stop, name, each) for name, each in _chosen(world, target) if not stop.requested]
    if json:
        show(world, choose(json=True), _VIEW, rows)
    for row in rows:
        if row["error"]:
            world.complain(f"{row['target']}: {row['error']}")
        elif not json:
            world.note(f"{row['target']}: delivered")
    if not rows:
        world.note(_VIEW.nothing)
    raise typer.Exit(caught.exit_code or int(any(row["error"] for row in rows)))


@app.command("status")
def status(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show what waits for each target, and how the last delivery went."""
    world: World = ctx.obj
    show(world, choose(json=json), _VIEW, target_rows(world))


def _tried(world: World, stop: Stop, name: str, target: "Target") -> Mapping[str, Any]:
    from filesync.notify.sending import try_once  # noqa: PLC0415  HTTP only when something is sent

    error = None
    try:
        try_once(desk(world, stop, world.clock.now()), target, _letter(world, name, target))
    except (DeliveryError, StoppedError) as problem:
        error = world.redactor.scrub(str(problem))
    return {"target": name, "delivered": error is None, "error": error}


def _letter(world: World, name: str, target: "Target") -> "Letter":
    from filesync.notify.messages import Letter  # noqa: PLC0415  as above

    text = f"a test of {name} from filesync on {socket.gethostname()}"
    if isinstance(target.way, Ping):
        return Letter("test", PING, {"result": "success", "rid": alerts.to_rid(world.run_id), "text": text})
    now = to_timestamp(world.clock.now())
    return Letter(
        f"{world.run_id}-test", TEST, alerts.payload(TEST, now, text, world.run_id, host=socket.gethostname())
    )


def _chosen(world: World, wanted: str | None) -> "Sequence[tuple[str, Target]]":
    everybody = {each.name: each for each in world.config.notify}
    everybody |= {f"{each.name}/{own.name}": own for each in world.endpoints() for own in each.notify if own.own}
    if wanted is None:
        return list(everybody.items())
    if wanted not in everybody:
        allowed = ", ".join(everybody) or "there is none"
        raise UsageError(f"no target {wanted!r}; {did_you_mean(wanted, everybody)}targets: {allowed}")
    return [(wanted, everybody[wanted])]


def target_rows(world: World) -> Iterator[Mapping[str, Any]]:
    """Describe every target as `notify status --json` does."""
    from filesync.store import outbox, positions  # noqa: PLC0415  not every command needs SQLite

    targets = addressees(world, world.endpoints())
    if not world.database_path.exists():  # then nothing was told yet
        yield from (_row(each, outbox.TargetState(), 0, None) for each in targets)
        return
    with world.reading() as database:
        waiting = outbox.look(database, world.clock.now())
        for each in targets:
            position = waiting.positions.get(each.key)
            behind = None if position is None else positions.count_unseen(database, position)
            yield _row(each, outbox.state_of(database, each.key), outbox.count(database, each.key), behind)


def _row(each: "Addressee", state: "TargetState", waiting: int, behind: int | None) -> Mapping[str, Any]:
    return {
        "target": each.shown,
        "type": _type_of(each.target),
        "events": sorted(event.value for event in each.target.events),
        "waiting": waiting,
        "changes_behind": behind,
        "failures_in_a_row": state.failures_in_a_row,
        "next_try_at": state.next_try_at,
        "last_error": state.last_error,
        "last_delivered_at": state.last_delivered_at,
    }


def _type_of(target: "Target") -> str:
    return {Ping: "ping", Webhook: "webhook", Command: "command"}[type(target.way)]


def _shown(value: object) -> str:
    return "" if value is None else str(value)
