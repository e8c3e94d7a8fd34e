"""The wire: one `requests` session, and what its failures mean.

Each attempt runs in a thread of its own that its caller can leave: `requests` cannot be interrupted, and a service that
trickles or a name server that is silent must hold up neither a signal nor a time limit. Sent in the caller's thread, an
answer that hangs holds up a stop until its own timeout (tests/unit/http/test_http.py); the thread costs 60 us of CPU.
"""

import errno
import http.cookiejar
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import requests
import urllib3.exceptions

import filesync
from filesync.core.errors import ConfigError, NetworkError, ResponseError, StalledError, TlsError, causes
from filesync.http import tls
from filesync.http.middleware import FEW_TRIES, MOST_TRIES
from filesync.http.tls import TrustingAdapter
from filesync.http.types import HttpCall, Reply, RetryableError
from filesync.runtime.background import BackgroundTask
from filesync.runtime.clock import Clock, Stop, is_left

WORKERS = 16  # connections kept open per host
TIMEOUT = (5.0, 60.0)  # seconds to connect, and between two packets of an answer
LONGEST_SILENCE = 600.0  # seconds without an answer
LOGIN_GRACE = 3.0  # seconds that a login's answer is awaited after a stop; shorter than what a stopped start waits
LARGEST_BODY = 32 * 2**20  # bytes, decoded: ten times a page of 1,000 items with names of 1,000 characters
LARGEST_REFUSAL = 2**20  # bytes, decoded, of an answer whose status says enough

_HEADERS = {
    # Drive compresses only for a User-Agent that contains "gzip":
    # https://developers.google.com/workspace/drive/api/guides/performance
    "User-Agent": f"filesync/{filesync.__version__} (gzip)",
    "Accept": "application/json, application/vnd.api+json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}
_PIECE = 64 * 2**10  # bytes
_SAY_ENOUGH = {401, 408, 429}  # and those from 500 on: statuses that need no body
_GLANCE = 0.1  # seconds between two looks at the stop while an answer is awaited


class Transport:
    """Sends a call once. Safe to share between threads."""

    def __init__(self, clock: Clock, stop: Stop, environ: Mapping[str, str]) -> None:
        self._clock = clock
        self._stop = stop
        self._wire = _Wire(clock, environ)

    def send(self, call: HttpCall) -> Reply:
        """Raise Again for what may pass, FilesyncError for what will not."""
        self._stop.check()
        started = self._clock.monotonic()
        try:
            with BackgroundTask(lambda: _exchange(self._wire, call), f"filesync {call.route.name}") as attempt:
                reply = self._await(attempt, call, started)
        except RetryableError:
            call.silent += self._clock.monotonic() - started
            raise
        call.silent = 0.0
        return reply

    def close(self) -> None:
        self._wire.close()

    def _await(self, attempt: BackgroundTask[Reply], call: HttpCall, started: float) -> Reply:
        patience = _Patience(self._clock, self._stop)
        while not attempt.is_over(_GLANCE):
            if call.is_login:
                patience.check()
            else:
                self._stop.check()
            if call.silent + self._clock.monotonic() - started >= LONGEST_SILENCE:
                raise StalledError(f"{call.where}: no whole answer for ten minutes")
        return attempt.result()


class _Patience:
    """Waits for a login's answer a little beyond a stop: a single-use token is spent once the service has read it."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock = clock
        self._stop = stop
        self._since: float | None = None

    def check(self) -> None:
        """Raise StoppedError some seconds after a stop was requested; a deadline alone ends nothing."""
        if not self._stop.requested:
            return
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= LOGIN_GRACE:
            self._stop.check()


def _exchange(wire: "_Wire", call: HttpCall) -> Reply:
    """Make one attempt, to its end unless it is left."""
    try:
        with wire.open(call) as response:
            return Reply(response.status_code, response.headers, _read(response, call))
    except (requests.exceptions.InvalidHeader, UnicodeError):  # their texts hold the header: from None
        raise ResponseError(f"{call.where}: a header cannot be sent") from None
    except ValueError:  # our own address was parsed before; this text holds the proxy's password
        raise ConfigError(f"{call.where}: HTTPS_PROXY or HTTP_PROXY names no usable proxy") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise wire.meaning(error, call) from error
    except OSError as error:  # the authorities
        problem = wire.trusted.problem() or "the certificate authorities cannot be read"
        raise ConfigError(f"{call.where}: {problem}") from error


def _read(response: requests.Response, call: HttpCall) -> bytes:
    try:
        return b"".join(_pieces(response, LARGEST_BODY if response.ok else LARGEST_REFUSAL, call))
    except ResponseError:
        if response.ok:
            raise
        return b""  # the status says enough
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        # What was refused, and why, stands in the body: a folder or the login, for now or for good.
        if response.status_code not in _SAY_ENOUGH and response.status_code < 500:
            raise
        return b""


def _pieces(response: requests.Response, most: int, call: HttpCall) -> Iterator[bytes]:
    _check_size(_declared_size(response), most, call)
    size = 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        _check_size(size, most, call)
        if is_left():
            return
        yield piece


def _check_size(size: int, most: int, call: HttpCall) -> None:
    if size > most:
        raise ResponseError(f"{call.where}: the answer is larger than {most >> 20} MiB")


def _declared_size(response: requests.Response) -> int:
    """Return how many bytes the head promises, so that too many are not waited for; 0 when it does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


class _Wire:
    """The open sockets of one session, and the ways to each host; safe to share between threads.

    The requests are prepared and sent as `Session.request` would, but without what it looks up again each time: the
    environment, which stays as it is, and a line of ~/.netrc, which would replace our Authorization header.
    """

    def __init__(self, clock: Clock, environ: Mapping[str, str]) -> None:
        self._clock = clock
        self._environ = environ
        self._session = requests.Session()
        adapter = TrustingAdapter(WORKERS, self._bundle)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._ways: dict[str, Mapping[str, Any]] = {}  # decision 6: looked up once per host

    def open(self, call: HttpCall) -> requests.Response:
        request = requests.PreparedRequest()
        headers = {**_HEADERS, **call.headers, **call.authorisation}
        request.prepare(call.route.method, call.url, headers=headers, data=call.content)
        way = self._way(call.url)
        return self._session.send(request, timeout=TIMEOUT, allow_redirects=False, **way)

    def close(self) -> None:
        self._session.close()

    @property
    def trusted(self) -> tls.Authorities:
        return tls.authorities(self._environ, self._bundle())

    def meaning(self, error: Exception, call: HttpCall) -> Exception:
        """Return what is to be raised for a failure of the libraries: Again for what may pass."""
        # decision 58
        if tls.is_final(error):
            if problem := self.trusted.problem():  # a wrong variable, whatever OpenSSL made of it
                return ConfigError(f"{call.where}: {problem}")
            at_proxy = any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes(error))
            said = tls.explain(error, self.trusted, self._clock.now(), at_proxy=at_proxy)
            return TlsError(f"{call.where}: {said}")
        if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
            return RetryableError(ResponseError(f"{call.where}: the answer's compression is broken"), tries=FEW_TRIES)
        return RetryableError(NetworkError(f"{call.where}: {_drop_text(error)}"), tries=MOST_TRIES)

    def _bundle(self) -> str:
        """Return the path of the authorities that the environment names; '' for the usual ones."""
        found = self._session.merge_environment_settings("https://", {}, True, None, None)["verify"]
        return "" if found is True else str(found)

    def _way(self, url: str) -> Mapping[str, Any]:
        """Return the proxy and the certificates that the environment names for a host."""
        host = url[: url.index("/", url.index("://") + 3)]
        if host not in self._ways:
            self._ways[host] = {**self._session.merge_environment_settings(url, {}, True, None, None)}
        return self._ways[host]


def _drop_text(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        reason = next((reason for cause in causes(error) if (reason := _system_reason(cause))), None)
        wrong = f"cannot be reached ({reason})" if reason else "does not let the request through"
        return f"the proxy of HTTPS_PROXY or HTTP_PROXY {wrong}"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {TIMEOUT[0]:.0f} s"
    if _is_timeout(error):
        return f"no answer within {TIMEOUT[1]:.0f} s"
    reasons = [reason for cause in causes(error) if (reason := _system_reason(cause))]
    return (
        f"no usable answer ({reasons[0]}); check network, proxy and base URL"
        if reasons
        else "the connection was dropped"
    )


def _system_reason(error: BaseException) -> str | None:
    """Return the operating system's words for an error; texts of libraries may carry addresses and passwords."""
    if isinstance(error, socket.gaierror):
        return "the name of the host is not known"
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):  # OpenSSL has numbers of its own
        return None
    return os.strerror(error.errno) if error.errno and error.errno in errno.errorcode else None


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(cause, requests.Timeout | urllib3.exceptions.ReadTimeoutError) for cause in causes(error))
