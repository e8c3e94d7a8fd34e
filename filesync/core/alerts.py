"""What is worth a notification, and for whom: pure rules over ended syncs and earlier notifications."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from filesync.core.redaction import Secret

VERSION = 1  # of the payload: fields may be added under the same number, none renamed or removed
PATIENCE = timedelta(minutes=15)  # of failing, before anybody is notified
FAILURES = 3  # in a row, before anybody is notified
MOST_CAUSES = 20  # of one row of failures, or of partial syncs, that are notified


class Event(StrEnum):
    """What a target can ask to be notified of."""

    FAILURE = "failure"
    RECOVERED = "recovered"
    PARTIAL = "partial"
    STALE = "stale"
    LOGIN_EXPIRING = "login_expiring"
    CHANGES = "changes"


TROUBLES = (Event.FAILURE, Event.PARTIAL, Event.STALE)  # what one can recover from
TEST = "test"  # the event of `filesync notify test`
PING = "ping"  # the event of a dead-man ping


@dataclass(frozen=True, slots=True)
class Ping:
    """A dead-man switch: who hears nothing for too long raises the alarm. Its address is a secret."""

    url: Secret
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that messages are posted to; the secret signs them."""

    url: Secret
    secret: Secret = field(default_factory=lambda: Secret(""))
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A program that gets messages on its stdin; no shell. Arguments that came from variables may be secrets."""

    argv: tuple[str, ...]
    secrets: frozenset[str] = frozenset()  # those of argv


@dataclass(frozen=True, slots=True)
class Target:
    """Who is notified; `own`: only about the endpoint that names it.

    `timeout` is that of one delivery, in seconds; `keep` is how long a message is tried again.
    """

    name: str
    way: Ping | Webhook | Command
    events: frozenset[Event] = frozenset()
    timeout: float = 10.0
    keep: timedelta = timedelta(days=3)
    own: bool = False

    def key(self, endpoint_id: int) -> str:
        """Name the target in the database: one that an endpoint names is another one for each endpoint."""
        return f"{endpoint_id}/{self.name}" if self.own else self.name


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is notified of one endpoint's sync, and the run it belongs to."""

    targets: tuple[Target, ...] = ()
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a sync ended; `failures` counts those in a row, this one too, since `failing_since`."""

    status: str
    at: datetime
    error_type: str | None = None
    error_message: str | None = None
    failures: int = 0
    failing_since: datetime | None = None

    @property
    def is_lasting(self) -> bool:
        """Return whether a failure is more than a hiccup."""
        since = self.failing_since or self.at
        return self.failures >= FAILURES or self.at - since >= PATIENCE


@dataclass(frozen=True, slots=True)
class Notified:
    """A notification whose trouble has not ended yet."""

    event: Event
    cause: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to write; `recovered_from` are the troubles that are over."""

    event: Event
    cause: str = ""
    recovered_from: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The notifications for one target, and the events whose earlier notification may be forgotten."""

    alerts: tuple[Alert, ...] = ()
    over: frozenset[Event] = frozenset()


def judge(ended: Ended, notified: Collection[Notified], events: Collection[Event]) -> Verdict:
    """Decide what a target that wants these events is notified of after a sync.

    Each cause is notified once in a row of failures (or of partial syncs), and the end of a notified row once.
    """
    match ended.status:
        case "failed" if ended.is_lasting:
            new = _new(Alert(Event.FAILURE, ended.error_type or "error"), notified, events)
            return Verdict(new, frozenset({Event.STALE}) if new else frozenset())
        case "partial":
            over = frozenset({Event.FAILURE})
            new = _new(Alert(Event.PARTIAL, (ended.error_message or "")[:500]), notified, events)
            return Verdict((*recovery(notified, over, events), *new), over)
        case "success":
            over = frozenset({Event.FAILURE, Event.PARTIAL})
            return Verdict(tuple(recovery(notified, over, events)), over)
    return Verdict()


def recovery(notified: Collection[Notified], over: Collection[Event], events: Collection[Event]) -> Iterator[Alert]:
    """Yield an alert that the trouble is over, once, for those who were notified of it."""
    known = {each.event for each in notified}
    ended = tuple(event for event in TROUBLES if event in over and event in known)
    if ended and Event.RECOVERED in events:
        yield Alert(Event.RECOVERED, recovered_from=ended)


def ping_result(status: str, error_type: str | None, *, is_temporary: bool) -> str | None:
    """Return what a dead-man switch hears of an end: `success`, `fail`, or nothing.

    A temporary failure and a stop are silence: the switch's own grace time tells a hiccup from an outage.
    """
    if status in {"success", "partial"}:
        return "success"
    return "fail" if status == "failed" and not is_temporary and error_type != "archived" else None


def to_rid(run_id: str) -> str:
    """Write a run's id as the UUID that dead-man switches want; the log's `run_id` is its end."""
    return f"00000000-0000-4000-8000-{run_id:0>12.12}"


def payload(event: str, at: str, text: str, run_id: str, **facts: Any) -> Mapping[str, Any]:
    """Lay a message out; its `id` is added when it is sent."""
    return {"version": VERSION, "event": event, "created_at": at, "text": text, "run_id": run_id, **facts}


def sentence(alert: Alert, endpoint: str, ended: Ended) -> str:
    """Return an alert about a sync in one line."""
    match alert.event:
        case Event.FAILURE:
            since = f"{ended.failing_since or ended.at:%Y-%m-%d %H:%M} UTC"
            return f"{endpoint}: fails since {since}, {ended.failures} in a row: {ended.error_message}"
        case Event.PARTIAL:
            return f"{endpoint}: only partly listed: {ended.error_message}"
    return f"{endpoint}: well again after: {', '.join(alert.recovered_from)}"


def _new(alert: Alert, notified: Collection[Notified], events: Collection[Event]) -> tuple[Alert, ...]:
    same = [each for each in notified if each.event == alert.event]
    if alert.event not in events or len(same) >= MOST_CAUSES or any(each.cause == alert.cause for each in same):
        return ()
    return (alert,)
