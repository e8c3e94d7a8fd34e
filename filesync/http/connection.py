"""Connections: one service as one client, and the order in which a request passes its stages."""

import json
import re
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from filesync.core.errors import ConfigError, ResponseError
from filesync.core.redaction import Redactor
from filesync.core.url_policy import is_loopback
from filesync.http.budget import RateLimit, lane_path, share
from filesync.http.counters import Counters
from filesync.http.middleware import authorised, logged, retried
from filesync.http.pace import Pace, paced, to_date
from filesync.http.response_check import ResponseCheck
from filesync.http.transport import Transport
from filesync.http.types import Answer, Authoriser, Explain, HttpCall, Randomness, RequestLog, Route, Send
from filesync.runtime.clock import Clock, Stop

CLOUD_METADATA = "169.254.169.254"  # a virtual machine's own cloud; link-local, and speaks no https


class Connection:
    """One service, one client id, for one sync; safe to share between threads.

    `url` is absolute, or a path joined to the base URL. Every method raises:
    ForbiddenError, NotFoundError, RefusedError (other 4xx); AuthError (401 with a fresh token, too);
    RateLimitedError, ServiceDownError, NetworkError, StalledError (after the retries);
    ResponseError (no JSON object, too large, redirected, broken off, a route that is not published);
    StoppedError, TimeLimitError.
    """

    def __init__(self, base_url: str, routes: Sequence[Route], send: Send, redactor: Redactor) -> None:
        self._base = base_url.rstrip("/")
        self._origin = _origin(self._base)
        self._base_path = urllib.parse.urlsplit(self._base).path
        self._routes = tuple(routes)
        self._send = send
        self._redactor = redactor

    def get(self, route: Route, url: str, params: Mapping[str, str] | None = None) -> Answer:
        return self._ask(self._call(route, "GET", url, params))

    def post(
        self, route: Route, url: str, json: Mapping[str, Any], *, content_type: str = "application/json"
    ) -> Answer:
        call = self._call(route, "POST", url)
        call.content = _to_bytes(json)
        call.headers = {"Content-Type": content_type}
        return self._ask(call)

    def post_form(
        self, route: Route, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask a token endpoint: no token goes with it, and a 401 is a RefusedError."""
        form_headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.log_in(route, "POST", url, urllib.parse.urlencode(form).encode(), form_headers)

    def log_in(self, route: Route, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Ask for a part of a login: no token of this connection goes with it, and a 401 is a RefusedError."""
        call = self._call(route, method, url)
        call.is_login = True
        call.content = content
        call.headers = headers
        return self._ask(call)

    def next_link(self, href: str, *, after: str, seen: set[str]) -> str:
        """Check a link that came with an answer and give its absolute form; the token goes nowhere else.

        It must lead to the base URL's scheme, host and port, and not be in `seen`, to which it is added.
        """
        link = _join(after, href)
        where = self._redactor.line(without_query(after))
        if _origin(link) != self._origin:
            raise ResponseError(f"{where}: its next link leads to another address; not followed")
        seen.add(after)
        if link in seen:
            raise ResponseError(f"{where}: its next link leads to a page that was read before; not followed")
        seen.add(link)
        return link

    def _ask(self, call: HttpCall) -> Answer:
        reply = self._send(call)
        return Answer(
            without_query(call.url),
            reply.status,
            reply.body,
            reply.headers,
            to_date(reply.headers.get("Date")),
            reply.content,
        )

    def _call(self, route: Route, method: str, url: str, params: Mapping[str, str] | None = None) -> HttpCall:
        address = self._address(url, params)
        where = f"{route.name}: {method} {self._redactor.line(without_query(address))}"
        if not self._is_published(route, method, address):
            raise ResponseError(f"{where}: not on the list of requests that filesync sends; not sent")
        return HttpCall(route, address, where)

    def _address(self, url: str, params: Mapping[str, str] | None) -> str:
        whole = url if url.startswith(("https://", "http://")) else f"{self._base}/{url.lstrip('/')}"
        request = requests.PreparedRequest()
        try:
            request.prepare_url(whole, params)
        except (ValueError, requests.RequestException) as error:
            raise ResponseError(f"{self._redactor.line(without_query(whole))}: not an address") from error
        return request.url or ""

    def _is_published(self, route: Route, method: str, address: str) -> bool:
        path = urllib.parse.urlsplit(address).path
        if route not in self._routes or route.method != method or _origin(address) != self._origin:
            return False
        if not path.startswith(self._base_path) or _climbs(path):
            return False
        return bool(re.fullmatch(route.pattern, path.removeprefix(self._base_path)))


@dataclass(frozen=True, slots=True)
class _Lanes:
    """The lanes of one service and client."""

    folder: Path
    percent: int
    clock: Clock
    names: tuple[str, str]
    known: dict[Route, RateLimit]
    lock: threading.Lock

    def of(self, route: Route) -> RateLimit:
        with self.lock:
            if route not in self.known:
                path = lane_path(self.folder, *self.names, route.name)
                self.known[route] = RateLimit(path, share(route.per_minute, self.percent), self.clock)
            return self.known[route]


class Connector:
    """Makes the connections of one sync: they share the stop, the counters, the budgets and the open sockets."""

    def __init__(  # noqa: PLR0913  the doors to the world, once per sync
        self,
        *,
        clock: Clock,
        stop: Stop,
        counters: Counters,
        limits_folder: Path,
        percent: int,
        random: Randomness,
        log: RequestLog = lambda _attempt: None,
        redactor: Redactor | None = None,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.clock = clock
        self.stop = stop
        self.counters = counters
        self.redactor = redactor or Redactor()
        self._limits_folder = limits_folder
        self._percent = percent
        self._random = random
        self._log = log
        self._transport = Transport(clock, stop, environ)

    def connect(
        self,
        *,
        base_url: str,
        routes: Sequence[Route],
        client_key: str,
        authoriser: Authoriser | None,
        explain: Explain,
    ) -> Connection:
        """Make a connection; no request yet. ConfigError when the base URL would show secrets to the network."""
        check_base_url(base_url)
        lanes = self._lanes(base_url, client_key)
        pace = Pace(self.clock, self.stop, self.counters, self._random)
        judge = ResponseCheck(explain, self.redactor, self.clock)
        # The order, outermost first. The token is fetched before a place in the lane is taken, so that a slow login
        # cannot bunch up requests whose places were taken earlier; a request that goes out again with a new token
        # takes a place of its own. The log sees what the wire saw: every attempt.
        send = logged(self._transport.send, self._log, self.counters, self.clock)
        send = paced(send, pace, lanes.of)
        send = authorised(send, authoriser)
        send = retried(judge.judged(send), self.stop, self._random)
        return Connection(base_url, routes, send, self.redactor)

    def close(self) -> None:
        self._transport.close()

    def _lanes(self, base_url: str, client_key: str) -> _Lanes:
        host = urllib.parse.urlsplit(base_url).netloc.lower()
        return _Lanes(self._limits_folder, self._percent, self.clock, (host, client_key), {}, threading.Lock())


def check_base_url(url: str) -> None:
    """Refuse an address that is not https, or http on this machine or to its own cloud's. Raises ConfigError."""
    origin = _origin(url)
    if origin is None:
        raise ConfigError(f"{without_query(url)}: not the address of a service; it must look like https://host")
    scheme, host, _ = origin
    if scheme != "https" and not is_loopback(host) and host != CLOUD_METADATA:
        raise ConfigError(f"{scheme}://{host}: must be https: logins would be readable on the network")


def without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what is no plain web address."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or "\\" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


def _join(base: str, href: str) -> str:
    """Resolve a link; '' for what is none."""
    try:
        return urllib.parse.urldefrag(urllib.parse.urljoin(base, href)).url
    except ValueError:
        return ""


def _climbs(path: str) -> bool:
    """Return whether the path sent would be another one: urllib3 resolves dots, which a link may have hidden as %2e."""
    return not {".", ".."}.isdisjoint(path.split("/"))


def _to_bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
