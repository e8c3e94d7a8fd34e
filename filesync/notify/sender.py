"""One message, sent once: by the way that its target has, in a thread that can be left when it hangs."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from filesync.core.alerts import Command, Ping, Target, Webhook
from filesync.core.errors import NoAnswerError
from filesync.core.url_policy import without_path
from filesync.notify.messages import Message, ping_address, signed
from filesync.runtime.background import BackgroundTask
from filesync.runtime.clock import Clock, Stop
from filesync.runtime.database_url import Address
from filesync.runtime.log import Log

_GRACE = 1.0  # seconds that a stopped delivery has to kill its program
_SLACK = 0.5  # seconds beyond its timeout after which a request is left to itself
_SLACK_OF_PROGRAMS = 5.0  # likewise: they are killed at their timeout
_GLANCE = 0.05  # seconds between two looks at the delivery


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """Everything that deliveries of one start are given; `began_at`: what changed before is no news to a new target."""

    database_address: Address
    home: Path
    clock: Clock
    stop: Stop
    log: Log
    scrub: Callable[[str], str]
    environ: Mapping[str, str]
    run_id: str
    host: str
    began_at: datetime
    left: list[threading.Thread] = field(default_factory=list)  # threads that hang in a request
    silent: frozenset[str] = frozenset()  # keys of targets that just took all their time and gave no answer


def send(desk: DeliveryContext, target: Target, letter: Message) -> None:
    """Send one message once. Raises DeliveryError (NoAnswerError when that took all its time), or StoppedError."""
    content, way = letter.content(desk.scrub), target.way
    if isinstance(way, Command):
        from filesync.notify.program import ProgramCall, run  # noqa: PLC0415  only who needs it

        environ = {**desk.environ, "FILESYNC_HOME": str(desk.home), "FILESYNC_EVENT": letter.event}
        run(ProgramCall(way.argv, content, environ, desk.home, target.timeout), desk.clock, desk.stop)
        return
    from filesync.notify.webhook import Post, post  # noqa: PLC0415  a start with nothing to tell needs no HTTP

    match way:
        case Webhook(url, secret, allow_http):
            headers = signed(letter, content, secret.reveal(), desk.clock.now())
            post(Post(url.reveal(), content, headers, target.timeout, allow_http), desk.environ, desk.clock.now())
        case Ping(url, allow_http):
            address = ping_address(url.reveal(), letter.facts["result"], letter.facts["rid"])
            kind = {"Content-Type": "text/plain; charset=utf-8"}
            post(Post(address, content, kind, target.timeout, allow_http), desk.environ, desk.clock.now())


def begin(desk: DeliveryContext, target: Target, letter: Message) -> BackgroundTask[None]:
    """Begin one attempt in a thread of its own: a request cannot be interrupted, only left."""
    return BackgroundTask(partial(send, desk, target, letter), f"notify {target.name}")


def try_once(desk: DeliveryContext, target: Target, letter: Message) -> None:
    """Send one message once, and leave it to itself when it hangs. Raises as `send`, after a stop within a second."""
    sending = begin(desk, target, letter)
    clock = desk.clock
    slack = _SLACK_OF_PROGRAMS if isinstance(target.way, Command) else _SLACK
    until = clock.monotonic() + target.timeout + slack
    while not sending.is_over(_GLANCE) and clock.monotonic() < until:
        if desk.stop.requested:
            sending.is_over(_GRACE)
            break
    if not sending.is_over():
        desk.left.append(sending.thread)
        desk.stop.check()
        raise NoAnswerError(f"{_where(target)}: no whole answer in time")
    sending.result()


def _where(target: Target) -> str:
    return target.way.argv[0] if isinstance(target.way, Command) else without_path(target.way.url.reveal())
