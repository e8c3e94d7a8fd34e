"""What can go wrong on the way, and at which request it does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    STATUS = "status"
    TOO_MANY = "too many requests"  # in the service's own words
    DROP = "connection dropped before the answer"
    RESET = "connection reset in the body"
    TRUNCATED = "JSON cut in the middle, correctly framed"
    WRONG_TYPE = "the right body as text/plain"
    LOGIN_PAGE = "HTML with status 200"
    HANG = "no answer"
    ENDLESS = "a next link or page token that leads back here"
    ALTERED = "the right JSON with something changed in it"
    RAW = "bytes as they are, from the status line on"


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    status: int = 0
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None  # HANG: None until the server stops; TOO_MANY: Retry-After, None for no header
    alter: Callable[[Any], Any] = lambda answer: answer  # ALTERED
    times: int = 1  # RAW: how often `body` follows `head`
    head: bytes = b""


def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    return Fault(Kind.STATUS, status=code, body=body, headers=headers or {})


def too_many(retry_after: float | None = None) -> Fault:
    """Answer as over the limit, with Retry-After in seconds or without that header."""
    return Fault(Kind.TOO_MANY, seconds=retry_after)


def hang(seconds: float | None = None) -> Fault:
    """Keep the client waiting that long, then answer as usual; None: until the server stops."""
    return Fault(Kind.HANG, seconds=seconds)


def altered(alter: Callable[[Any], Any]) -> Fault:
    """Answer as usual, but with what `alter` makes of the answer's JSON: another value, or bytes instead of JSON."""
    return Fault(Kind.ALTERED, alter=alter)


def raw(head: bytes, body: bytes = b"", *, times: int = 1) -> Fault:
    """Write these bytes instead of an answer, `body` that many times, and close the connection."""
    return Fault(Kind.RAW, head=head, body=body, times=times)


DROP = Fault(Kind.DROP)
RESET = Fault(Kind.RESET)
TRUNCATED = Fault(Kind.TRUNCATED)
WRONG_TYPE = Fault(Kind.WRONG_TYPE)
LOGIN_PAGE = Fault(Kind.LOGIN_PAGE)
ENDLESS = Fault(Kind.ENDLESS)


@dataclass(slots=True, eq=False)
class Rule:
    fault: Fault
    first: int
    times: int | None
    route: str | None
    path_contains: str
    seen: int = 0

    def applies(self, route: str, target: str, *, token: bool) -> bool:
        if self.path_contains not in target:
            return False
        return route == self.route if self.route is not None else not token

    def is_due(self) -> bool:
        """Return whether it would strike the next request that it applies to."""
        return self.seen + 1 >= self.first and (self.times is None or self.seen + 1 < self.first + self.times)


class FaultPlan:
    """The rules in force. Of those that are due at a request the oldest strikes; the others wait for the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self.struck: list[Fault] = []

    def fail(
        self,
        fault: Fault,
        *,
        nth: int = 1,
        times: int | None = 1,
        route: str | None = None,
        path_contains: str = "",
    ) -> None:
        """Strike the nth matching request from now on, and the `times` - 1 after it (None: all).

        Without `route` every request matches except those of the login; `path_contains` is
        looked for in the path and query as they were sent.
        """
        with self._lock:
            self._rules.append(Rule(fault, nth, times, route, path_contains))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def strike(self, route: str, target: str, *, token: bool) -> Fault | None:
        """Return what is to go wrong with this request."""
        with self._lock:
            applying = [rule for rule in self._rules if rule.applies(route, target, token=token)]
            due = [rule for rule in applying if rule.is_due()]
            for rule in applying:
                rule.seen += rule not in due[1:]
            self.struck += [rule.fault for rule in due[:1]]
            return due[0].fault if due else None
