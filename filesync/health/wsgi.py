"""Who may ask what: the host that was meant, the method, the token, the path, in this order; a WSGI application."""

import base64
import binascii
import hmac
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from filesync.health.facts import CachedSnapshot, Facts, to_health, to_status
from filesync.health.metrics import to_openmetrics, to_text
from filesync.health.page import POLICY, to_page

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[^\s:/?#@\[\]]{1,255}?)\.?)(?::\d{1,5})?")
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_PLAIN = "text/plain; charset=utf-8"
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class AccessRules:
    """`hosts` are answered beside this machine's own names; `any_address` also lets addresses in numbers pass.

    A page elsewhere that points its own name to this machine can send neither. Without a `token` everybody may look.
    """

    hosts: frozenset[str] = frozenset()
    any_address: bool = False
    token: str = ""

    def is_meant(self, host: str) -> bool:
        """Return whether a Host header, with or without a port, means this server."""
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return False
        name = found["six"] or found["name"]
        return name in _LOCAL or name in self.hosts or (self.any_address and _is_address(name))

    def lets_in(self, authorization: str) -> bool:
        """Return whether the token came along: as a bearer token, or from a browser as the password of any user."""
        if not self.token:
            return True
        scheme, _, given = authorization.partition(" ")
        secret = {"bearer": _bearer, "basic": _password}.get(scheme.lower(), lambda _: None)(given.strip())
        return secret is not None and hmac.compare_digest(secret, self.token.encode())


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    body: bytes
    kind: str = _PLAIN
    more: tuple[tuple[str, str], ...] = ()


class HealthApplication:
    """The application."""

    def __init__(self, window: CachedSnapshot, rules: AccessRules) -> None:
        self._window = window
        self._rules = rules

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._answer(environ)
        length = ("Content-Length", str(len(answer.body)))
        start_response(answer.status, [("Content-Type", answer.kind), length, *_ALWAYS, *answer.more])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> _Answer:
        if not self._rules.is_meant(environ.get("HTTP_HOST", "")):
            return _Answer("421 Misdirected Request", b"this host name is not served here: see --allow-host\n")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _Answer("405 Method Not Allowed", b"only GET and HEAD\n", more=(("Allow", "GET, HEAD"),))
        if not self._rules.lets_in(environ.get("HTTP_AUTHORIZATION", "")):
            return _Answer("401 Unauthorized", b"a token is needed: FILESYNC_HEALTH_TOKEN\n", more=_CHALLENGE)
        return self._facts(environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", ""))

    def _facts(self, path: str, accepted: str) -> _Answer:
        match path:
            case "/health":
                facts, body = self._window.show(_health)
                return _Answer("503 Service Unavailable" if facts.overview is None else "200 OK", body, _JSON)
            case "/status":
                return _Answer("200 OK", self._window.show(_status)[1], _JSON)
            case "/metrics" if "application/openmetrics-text" in accepted:
                return _Answer("200 OK", self._window.show(to_openmetrics)[1], _OPENMETRICS)
            case "/metrics":
                return _Answer("200 OK", self._window.show(to_text)[1], _METRICS)
            case "/":
                return _Answer("200 OK", self._window.show(to_page)[1], _HTML)
        return _Answer("404 Not Found", b"there are /, /health, /status and /metrics\n")


_CHALLENGE = (
    ("WWW-Authenticate", 'Basic realm="filesync", charset="UTF-8"'),
    ("WWW-Authenticate", 'Bearer realm="filesync"'),
)


def _health(facts: Facts) -> bytes:
    return f"{json.dumps(to_health(facts))}\n".encode()


def _status(facts: Facts) -> bytes:
    return f"{json.dumps(to_status(facts))}\n".encode()


def _bearer(given: str) -> bytes:
    return given.encode("latin-1")  # WSGI's way to hold the bytes of a header


def _password(given: str) -> bytes | None:
    try:
        return base64.b64decode(given.encode("latin-1"), validate=True).partition(b":")[2]
    except binascii.Error:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
