"""HTTP for messages: one request, no redirects, no answer read, never to where machines keep their secrets.

It is apart from `filesync.http`, which only reads: nothing of a service's login can get here, and no address of a
message can get there.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
import requests.adapters
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions

import filesync
from filesync.core.errors import DeliveryError, NoAnswerError, causes
from filesync.core.url_policy import address_problem, is_forbidden, without_path
from filesync.http import tls

_CONNECT = 5.0  # seconds
_OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Post:
    """One request; `timeout` in seconds, of each of its steps."""

    url: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    allow_http: bool = False


def post(what: Post, environ: Mapping[str, str], now: datetime) -> None:
    """Send it once. Raises DeliveryError unless the answer is a 2xx; its text shows no path, which may be a secret.

    `environ` and `now` are for telling why TLS failed.
    """
    shown = without_path(what.url)
    problem = address_problem(what.url, allow_http=what.allow_http)
    if problem:
        raise DeliveryError(f"{shown}: {problem}")
    headers = {"User-Agent": f"filesync/{filesync.__version__}", "Accept": "*/*", **what.headers}
    try:
        with _session() as session:
            status = _status(session, what, headers)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        kind = NoAnswerError if isinstance(error, requests.Timeout) else DeliveryError
        reason = _reason(error, tls.authorities(environ), now)
        raise kind(f"{shown}: {reason}") from None  # their texts hold the address
    if status not in _OK:
        raise DeliveryError(f"{shown}: answered {status}")


def _status(session: requests.Session, what: Post, headers: Mapping[str, str]) -> int:
    with session.post(
        what.url,
        data=what.content,
        headers={**headers},
        timeout=(min(_CONNECT, what.timeout), what.timeout),
        stream=True,  # nobody reads the body
        allow_redirects=False,
    ) as response:
        return response.status_code


def _session() -> requests.Session:
    session = requests.Session()
    session.mount("https://", _Adapter(max_retries=0))
    session.mount("http://", _Adapter(max_retries=0))
    session.auth = _as_it_is
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding a password of ~/.netrc."""
    return request


class _ForbiddenPeerError(OSError):
    """A name that led to an address where nothing may be sent."""


def _check_peer(sock: socket.socket | None) -> None:
    if sock is not None and is_forbidden(str(sock.getpeername()[0])):
        sock.close()
        raise _ForbiddenPeerError


class _Plain(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self.sock)


class _Tls(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self.sock)


class _PlainPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(requests.adapters.HTTPAdapter):
    """Looks at whom it reached before anything is sent: a name can lead anywhere. A proxy's reach is its own."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


_REASONS: tuple[tuple[type[BaseException], str], ...] = (  # the first that applies
    (_ForbiddenPeerError, "its name leads to an address of link-local or metadata services, which is not allowed"),
    (requests.exceptions.ProxyError, "the proxy of HTTPS_PROXY or HTTP_PROXY does not let the request through"),
    (requests.Timeout, "no answer in time"),
    (socket.gaierror, "the name of the host is not known"),
    (ConnectionRefusedError, "the connection was refused"),
)


def _reason(error: BaseException, trusted: tls.Authorities, now: datetime) -> str:
    """Say what went wrong in words of our own: those of the libraries hold addresses."""
    found = causes(error)
    if tls.is_final(error) or any(type(cause) is OSError for cause in found):  # so `requests` says a missing bundle
        problem = trusted.problem()
        if problem:
            return problem
    if tls.is_final(error):
        at_proxy = any(isinstance(cause, requests.exceptions.ProxyError) for cause in found)
        return tls.explain(error, trusted, now, at_proxy=at_proxy)
    known = (words for kind, words in _REASONS if any(isinstance(cause, kind) for cause in found))
    return next(known, "no usable answer")
