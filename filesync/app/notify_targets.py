"""The targets of notifications: whom the configuration names, what waits for each, and what deliveries are given."""

import os
import socket
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from filesync.app.home import Home
from filesync.core.alerts import Command, Ping, Webhook
from filesync.runtime.clock import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filesync.config import Endpoint
    from filesync.core.alerts import Target
    from filesync.notify.delivery import Recipient
    from filesync.notify.sender import DeliveryContext
    from filesync.store.feed.outbox import TargetState


KEPT_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")  # of a command's environment


def desk(home: Home, stop: Stop, began_at: datetime) -> "DeliveryContext":
    """Gather what deliveries need."""
    from filesync.notify.sender import DeliveryContext  # noqa: PLC0415  as above

    return DeliveryContext(
        database_address=home.database_address,
        home=home.path,
        clock=home.clock,
        stop=stop,
        log=home.log,
        scrub=home.redactor.scrub,
        environ=_environment(home.environ),
        run_id=home.run_id,
        host=socket.gethostname(),
        began_at=began_at,
    )


def addressees(home: Home, endpoints: "Sequence[Endpoint]") -> "list[Recipient]":
    """Name every target as the database knows it; an endpoint's own once the endpoint has a row."""
    from filesync.notify.delivery import Recipient  # noqa: PLC0415  as above

    ids = endpoint_ids(home)
    known = [(each, ids[each.name]) for each in endpoints if each.name in ids]
    everywhere = [
        Recipient(target.name, target, target.name, frozenset(id_ for each, id_ in known if target in each.notify))
        for target in home.config.notify
    ]
    own = [
        Recipient(target.key(id_), target, f"{each.name}/{target.name}", frozenset({id_}))
        for each, id_ in known
        for target in each.notify
        if target.own
    ]
    return [*everywhere, *own]


def endpoint_ids(home: Home) -> Mapping[str, int]:
    from filesync.store.read import queries  # noqa: PLC0415  not every command needs SQLite

    if not home.has_database():
        return {}
    with home.reading() as database:
        return {each.name: each.id for each in queries.endpoints(database)}


def _environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Keep what programs need to run, and no secret."""
    kept = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
    return {"PATH": os.defpath, **kept}


def target_rows(home: Home) -> Iterator[Mapping[str, Any]]:
    """Describe every target as `notify status --json` does."""
    from filesync.store.feed import outbox, readers  # noqa: PLC0415  not every command needs SQLite

    targets = addressees(home, home.endpoints())
    if not home.has_database():  # then nothing was told yet
        yield from (_row(each, outbox.TargetState(), 0, None) for each in targets)
        return
    with home.reading() as database:
        waiting = outbox.look(database, home.clock.now())
        for each in targets:
            position = waiting.positions.get(each.key)
            behind = None if position is None else readers.count_unseen(database, position)
            yield _row(each, outbox.state_of(database, each.key), outbox.count(database, each.key), behind)


def _row(each: "Recipient", state: "TargetState", waiting: int, behind: int | None) -> Mapping[str, Any]:
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
