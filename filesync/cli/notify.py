"""`filesync notify`: test messages to targets, and the state of deliveries."""

import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home
from filesync.app.notify_targets import desk, target_rows
from filesync.cli.options import AsJson
from filesync.cli.output.rows import View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core import alerts
from filesync.core.alerts import PING, TEST, Ping
from filesync.core.errors import DeliveryError, StoppedError, UsageError
from filesync.core.sanitize import did_you_mean
from filesync.core.timestamps import to_timestamp
from filesync.runtime.clock import Stop
from filesync.runtime.signals import stopping

if TYPE_CHECKING:
    from filesync.core.alerts import Target
    from filesync.notify.messages import Message

app = typer.Typer(
    help="Send test messages to targets, and see how deliveries go.", add_completion=False, rich_markup_mode=None
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
    home, terminal = home_and_terminal(ctx)
    stop = Stop(home.clock)
    with stopping(stop.request) as caught:
        rows = [_tried(home, stop, name, each) for name, each in _chosen(home, target) if not stop.requested]
    if json:
        show(terminal, choose(json=True), _VIEW, rows)
    for row in rows:
        if row["error"]:
            terminal.complain(f"{row['target']}: {row['error']}")
        elif not json:
            terminal.note(f"{row['target']}: delivered")
    if not rows:
        terminal.note(_VIEW.nothing)
    raise typer.Exit(caught.exit_code or int(any(row["error"] for row in rows)))


@app.command("status")
def status(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show what waits for each target, and how the last delivery went."""
    home, terminal = home_and_terminal(ctx)
    show(terminal, choose(json=json), _VIEW, target_rows(home))


def _tried(home: Home, stop: Stop, name: str, target: "Target") -> Mapping[str, Any]:
    from filesync.notify.sender import try_once  # noqa: PLC0415  HTTP only when something is sent

    error = None
    try:
        try_once(desk(home, stop, home.clock.now()), target, _letter(home, name, target))
    except (DeliveryError, StoppedError) as problem:
        error = home.redactor.scrub(str(problem))
    return {"target": name, "delivered": error is None, "error": error}


def _letter(home: Home, name: str, target: "Target") -> "Message":
    from filesync.notify.messages import Message  # noqa: PLC0415  as above

    text = f"a test of {name} from filesync on {socket.gethostname()}"
    if isinstance(target.way, Ping):
        return Message("test", PING, {"result": "success", "rid": alerts.to_rid(home.run_id), "text": text})
    now = to_timestamp(home.clock.now())
    return Message(f"{home.run_id}-test", TEST, alerts.payload(TEST, now, text, home.run_id, host=socket.gethostname()))


def _chosen(home: Home, wanted: str | None) -> "Sequence[tuple[str, Target]]":
    everybody = {each.name: each for each in home.config.notify}
    everybody |= {f"{each.name}/{own.name}": own for each in home.endpoints() for own in each.notify if own.own}
    if wanted is None:
        return list(everybody.items())
    if wanted not in everybody:
        allowed = ", ".join(everybody) or "there is none"
        raise UsageError(f"no target {wanted!r}; {did_you_mean(wanted, everybody)}targets: {allowed}")
    return [(wanted, everybody[wanted])]


def _shown(value: object) -> str:
    return "" if value is None else str(value)
